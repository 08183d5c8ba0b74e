"""Headers that claim more than their files hold: refused before memory is taken for them."""

import struct
from typing import Any

import numpy as np
import pytest
import pyvips
from command import python
from pictures import encoded, tiff
from PIL import Image
from png_kinds import png_of

from colorizegan.errors import DecodeError, TooLargeError
from colorizegan.photo.photo import Limits
from colorizegan.photo.read import read_photo


def bmp(width: int, height: int, bits: int = 24) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


def short_tiff(width: int, height: int, samples: int, bits: int, compression: int = 1) -> bytes:
    """One strip of which 16 bytes are there."""
    size = width * height * samples * bits // 8
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, compression), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, samples), (278, 4, 1, height), (279, 4, 1, min(size, 2**32 - 1)),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 24) + bytes(16) + struct.pack("<H", len(tags)) + entries + bytes(4)


def pnm(kind: int, width: int, height: int) -> bytes:
    return f"P{kind} {width} {height} {'' if kind in (1, 4) else 255}\n".encode() + b"12"


SHORT = {
    "BMP": bmp(17_000, 17_000),
    "BMP of one bit": bmp(17_000, 17_000, 1),
    "TIFF": short_tiff(17_000, 17_000, 1, 8),
    "TIFF of many channels": short_tiff(17_000, 17_000, 1_000, 16),
    "TIFF in deflate": short_tiff(17_000, 17_000, 3, 16, 8),
    "PNG": png_of(17_000, 17_000),
    "PNG of 16 bits and colours": png_of(17_000, 17_000, 16, 6),
    "PGM": pnm(5, 17_000, 17_000),
    "PPM": pnm(6, 17_000, 17_000),
    "PBM": pnm(4, 17_000, 17_000),
    "GIF": b"GIF89a" + struct.pack("<HHBBB", 17_000, 17_000, 0xF0, 0, 0) + bytes(6) + b",\0\0\0\0"
    + struct.pack("<HHBB", 17_000, 17_000, 0, 2) + b"\2\x4c\1\0;",
}  # fmt: skip


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize("allow_truncated", [False, True])
def test_a_file_far_too_short_for_its_picture_takes_no_memory(name: str, allow_truncated: bool) -> None:
    """289 Mpx are within the limit of pixels; memory is that of a process of its own, which has 400 MB."""
    pytest.importorskip("resource")
    program = """
import resource, sys
from colorizegan.errors import ColorizeGANError
from colorizegan.photo.read import read_photo
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_photo(sys.stdin.buffer.read(), allow_truncated=sys.argv[1] == "True")
except ColorizeGANError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start, error)
"""
    done: Any = python("-c", program, allow_truncated, input=SHORT[name], text=False)
    grown, words = done.stdout.decode().split(maxsplit=1)
    assert int(grown) < 100_000, "KB"
    assert "E_DECODE" in words or "E_TOO_LARGE" in words
    assert "--allow-truncated" not in words or not allow_truncated


def test_channels_and_decoded_bytes_are_limits() -> None:
    for shape, dtype, words in (((8, 8, 70), np.uint8, "70 channels"), ((40, 40, 16), np.uint16, "decoded")):
        raw = tiff(np.zeros(shape, dtype), photometric="minisblack", planarconfig="contig")
        with pytest.raises(TooLargeError, match=words):
            read_photo(raw, limits=Limits(pixels=2_000))


@pytest.mark.parametrize("format", ["PNG", "GIF", "BMP", "TIFF", "WEBP", "JPEG", "AVIF"])
def test_plain_pictures_of_few_bytes_are_read(format: str) -> None:
    """The densest files that encoders make are far from what is refused."""
    options: Any = {"TIFF": {"compression": "tiff_adobe_deflate"}, "WEBP": {"lossless": True}}.get(format, {})
    picture = Image.new("1" if format in ("PNG", "TIFF") else "L", (2500, 2000), 1)
    assert read_photo(encoded(picture, format, **options)).gray.shape == (2000, 2500)


def test_a_blank_fax_page_is_read() -> None:
    blank = pyvips.Image.black(4000, 3000).copy(interpretation="b-w")
    raw = (blank + 255).cast("uchar").tiffsave_buffer(compression="ccittfax4", bitdepth=1)
    assert len(raw) < 2_000
    assert read_photo(raw).gray.shape == (3000, 4000)


@pytest.mark.parametrize(
    "raw",
    [
        b"P2\n2 2\n255\n0 -1 300 7\n", b"P2\n2 2\n100\n0 1 101 7\n", b"P5\n2 1\n100\n\x64\x65",
        b"P3\n1 1\n15\n1 2 99\n", b"P6\n1 1\n300\n" + struct.pack(">3H", 1, 2, 301), b"P1\n2 1\n1 7\n",
    ],
)  # fmt: skip
def test_values_beyond_the_maximum_of_a_pnm_are_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError, match="holds the value"):
        read_photo(raw)


def test_values_beyond_the_maximum_of_a_pnm_are_cut_where_damage_is_put_up_with() -> None:
    photo = read_photo(b"P2\n2 2\n255\n0 -1 300 7\n", allow_truncated=True)
    assert photo.gray.tolist() == [[0, 0], [255, 7]]
    assert any("holds the value" in remark for remark in photo.remarks)


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        (np.float32, "decimal fractions"), (np.uint32, "whole numbers of 32 bits"),
        (np.int32, "signed whole numbers of 32 bits"), (np.int16, "signed whole numbers of 16 bits"),
        (np.int8, "signed whole numbers of 8 bits"),
    ],
)  # fmt: skip
def test_numbers_that_are_no_brightness_are_told_in_words(dtype: Any, words: str) -> None:
    raw = tiff(np.ones((20, 30), dtype), photometric="minisblack")
    with pytest.raises(DecodeError, match=f"stored as {words}.*save it with 8 or 16 bits"):
        read_photo(raw)
