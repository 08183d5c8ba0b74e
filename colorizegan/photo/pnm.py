"""PBM, PGM and PPM, plain and binary, of any maximum up to 65535 (netpbm's ppm(5), pgm(5), pbm(5))."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorizegan.errors import DecodeError, TooLargeError
from colorizegan.photo.size import Check, Size

PLAIN_PIXELS = 25_000_000  # numbers as text take 30 times the memory
TOKEN = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])*(\d{1,9})")
COMMENT = re.compile(rb"#[^\n\r]*")
NUMBER = re.compile(rb"-?[0-9]{1,9}")


def read_pnm(data: bytes, check: Check, pad: bool) -> NDArray[Any]:
    """The pixels (H, W, C) of a file, uint8 or uint16.

    Args:
        check: called with the size before anything is allocated.
        pad: zeros for values that lack, and the nearest one for those that are out of range.

    Raises DecodeError, TooLargeError where it is damaged or too large, and what `check` raises.
    """
    kind = int(data[1:2])
    numbers: list[int] = []
    at = 2
    while len(numbers) < (2 if kind in (1, 4) else 3):
        token = TOKEN.match(data, at)
        if token is None:
            raise DecodeError("its PNM header is damaged")
        numbers.append(int(token[1]))
        at = token.end()
    width, height, top = (*numbers, 1)[:3]
    if not 0 < top < 65536:
        raise DecodeError(f"its PNM header names the maximum {top}")
    bands = 3 if kind in (3, 6) else 1
    check(Size(width, height, bands, 1 if kind in (1, 4) else 8 if top < 256 else 16, packed=False))
    needed = width * height * bands
    if kind <= 3:
        if needed > PLAIN_PIXELS:
            raise TooLargeError(f"is a plain-text PNM of {width} x {height} px", remedy="convert it to a binary PNM")
        values = _plain(data[at:], kind, needed, pad)
    else:
        row = (width + 7) // 8 if kind == 4 else width * bands * (1 if top < 256 else 2)
        values = _binary(data, _begin(data, at, row * height), kind, width, height, bands, top, pad)
    values = _padded(values, needed, pad)
    lowest, highest = int(values.min()), int(values.max())
    if lowest < 0 or highest > top:
        if not pad:
            raise DecodeError(f"holds the value {lowest if lowest < 0 else highest}, outside of its 0 .. {top}")
        values = np.clip(values, 0, top)
    if kind in (1, 4):
        values = 1 - values  # 1 is black here
    full = 255 if top < 256 else 65535
    if top != full:
        values = (values.astype(np.uint32) * full + top // 2) // top
    return values.astype(np.uint8 if top < 256 else np.uint16).reshape(height, width, bands)


def _plain(text: bytes, kind: int, needed: int, pad: bool) -> NDArray[Any]:
    """Values as text; those of black and white may stand without space between them."""
    text = COMMENT.sub(b" ", text)
    words = re.findall(rb"\S", text)[:needed] if kind == 1 else text.split(None, needed)[:needed]
    wrong = next((i for i, word in enumerate(words) if not NUMBER.fullmatch(word)), None)
    if wrong is not None and not pad:
        raise DecodeError(f"holds {words[wrong][:20].decode('ascii', 'replace')!r}, which is no number of a PNM")
    return np.array(words[:wrong]).astype(np.int64)


def _begin(data: bytes, at: int, needed: int) -> int:
    """Where binary values begin behind a header: after one white space, or a comment in its place.

    A program that ends lines by CR and LF writes two, which shows by the length.
    """
    comment = COMMENT.match(data, at)
    at = at if comment is None else comment.end()
    return at + (2 if data[at : at + 2] == b"\r\n" and len(data) == at + 2 + needed else 1)


def _binary(data: bytes, at: int, kind: int, width: int, height: int, bands: int, top: int, pad: bool) -> NDArray[Any]:
    if kind == 4:
        row = (width + 7) // 8
        packed = np.frombuffer(data, np.uint8, max(0, min(len(data) - at, row * height)), min(at, len(data)))
        packed = _padded(packed, row * height, pad).reshape(height, -1)
        return np.unpackbits(packed, axis=1)[:, :width].ravel()
    dtype = np.dtype(np.uint8 if top < 256 else ">u2")
    count = min(max(0, len(data) - at) // dtype.itemsize, width * height * bands)
    return np.frombuffer(data, dtype, count, min(at, len(data)))


def _padded(values: NDArray[Any], needed: int, pad: bool) -> NDArray[Any]:
    if len(values) >= needed:
        return values[:needed]
    if not pad:
        raise DecodeError(f"ends too early: {len(values):,} of {needed:,} values")
    return np.concatenate((values, np.zeros(needed - len(values), values.dtype)))
