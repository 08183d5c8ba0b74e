"""How many pictures a file holds where libvips sees only the first: APNG, sequences of AVIF and HEIC, MPO.

Sources: PNG (third edition), acTL; ISO/IEC 14496-12, boxes trak, hdlr and stsz; CIPA DC-007, Multi-Picture Format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

MOST_BOXES = 10_000  # and segments and chunks: more are no photo's
DEEPEST = 6  # moov / trak / mdia / minf / stbl / stsz
NESTED = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
THUMBNAIL = 0x010000  # MP type, its first byte: a smaller copy of the first picture


def count_frames(stream: BinaryIO, format: str) -> int:
    """Pictures in a file of a format of `colorizegan.photo.formats`; 1 where it tells of no others, or is damaged."""
    counters = {"png": _png, "jpeg": _jpeg, "avif": _sequence, "heic": _sequence}
    if format not in counters:
        return 1
    stream.seek(0)
    try:
        return max(1, counters[format](stream))
    except (struct.error, IndexError, OverflowError, OSError):
        return 1


def _png(stream: BinaryIO) -> int:
    """The number of frames of the acTL chunk, which stands before the pixels."""
    stream.seek(8)
    for _ in range(MOST_BOXES):
        size, kind = struct.unpack(">I4s", stream.read(8))
        if kind == b"acTL":
            return struct.unpack(">I", stream.read(4))[0]
        if kind in (b"IDAT", b"IEND"):
            return 1
        stream.seek(size + 4, 1)
    return 1


def _jpeg(stream: BinaryIO) -> int:
    """The pictures in the index of the Multi-Picture Format, an APP2 segment, without smaller copies."""
    stream.seek(2)
    for _ in range(MOST_BOXES):
        marker, size = struct.unpack(">HH", stream.read(4))
        if marker < 0xFFC0 or marker == 0xFFDA or size < 2:
            return 1
        if marker != 0xFFE2:
            stream.seek(size - 2, 1)
            continue
        body = stream.read(size - 2)
        if body[:4] == b"MPF\0":
            return sum((kind >> 16) & 0xFF != THUMBNAIL >> 16 for kind in _entries(body[4:]))
    return 1


def _entries(index: bytes) -> Iterator[int]:
    """The attributes of each picture, the first 4 of the 16 bytes of an MP entry."""
    order = "<" if index[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", index, 4)
    (count,) = struct.unpack_from(order + "H", index, at)
    for i in range(count):
        tag, _, size, where = struct.unpack_from(order + "HHII", index, at + 2 + 12 * i)
        if tag == 0xB002:
            for k in range(size // 16):
                yield struct.unpack_from(order + "I", index, where + 16 * k)[0]


def _sequence(stream: BinaryIO) -> int:
    """The samples of the longest track of pictures."""
    return max((count for kind, count in _tracks(stream) if kind in (b"pict", b"vide")), default=1)


def _tracks(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Of each track what it holds, and how many samples."""
    kind = b""
    for name, size in _boxes(stream, 0, stream.seek(0, 2), DEEPEST, [MOST_BOXES]):
        if name == b"hdlr" and size >= 12:
            kind = stream.read(12)[8:12]
        if name == b"stsz" and size >= 12:
            yield kind, struct.unpack(">I", stream.read(12)[8:12])[0]


def _boxes(stream: BinaryIO, start: int, end: int, depth: int, budget: list[int]) -> Iterator[tuple[bytes, int]]:
    """Names and sizes of the boxes between two places, and of those in NESTED; the stream stands at their body."""
    at = start
    while at + 8 <= end and depth and budget[0] > 0:
        budget[0] -= 1
        stream.seek(at)
        size, name = struct.unpack(">I4s", stream.read(8))
        body = at + 8
        if size == 1:
            (size,) = struct.unpack(">Q", stream.read(8))
            body += 8
        stop = end if size == 0 else at + size
        if not body <= stop <= end:
            return
        if name in NESTED:
            yield from _boxes(stream, body, stop, depth - 1, budget)
        else:
            yield name, stop - body
        at = stop
