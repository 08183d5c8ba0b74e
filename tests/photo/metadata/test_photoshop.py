"""Photoshop resources: descriptions come along; small pictures, settings and places in the pixels do not."""

import struct

import numpy as np
import pytest
from pictures import encoded, tiff

from colorizegan.photo.read import read_photo
from colorizegan.photo.write import encode_photo

GRAY = np.add.outer(np.arange(24), 4 * np.arange(40)).astype(np.uint8)
RGB = np.dstack([GRAY] * 3)
SETTINGS = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><crs:ConvertToGrayscale>True</crs:ConvertToGrayscale></x:xmpmeta>'
IPTC = b"".join(
    b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(text)) + text
    for number, text in ((5, b"Wedding"), (120, b"Anna and Karl"))
)


def resource(kind: int, data: bytes, name: bytes = b"") -> bytes:
    text = bytes([len(name)]) + name
    text += bytes(len(text) % 2)
    return b"8BIM" + struct.pack(">H", kind) + text + struct.pack(">I", len(data)) + data + bytes(len(data) % 2)


KEPT = {0x0404: IPTC, 0x0425: b"\1" * 16, 0x040A: b"\1", 0x040B: b"https://archive.example"}
GONE = {0x040C: b"GONE small picture", 0x0409: b"GONE", 0x0424: SETTINGS, 0x0422: b"GONE Exif", 0x07D0: b"GONE path"}
RESOURCES = b"".join(
    resource(kind, data, b"Path 1" if kind == 0x07D0 else b"") for kind, data in {**GONE, **KEPT}.items()
)


def jpeg() -> bytes:
    raw, block = encoded(GRAY, "JPEG"), b"Photoshop 3.0\0" + RESOURCES
    return raw[:20] + struct.pack(">HH", 0xFFED, len(block) + 2) + block + raw[20:]


def with_resources(raw: bytes) -> bytes:
    return tiff(GRAY, extratags=[(34377, 7, len(raw), raw, True)])


@pytest.mark.parametrize("raw", [jpeg(), with_resources(RESOURCES)], ids=["jpeg", "tiff"])
@pytest.mark.parametrize("format", ["jpeg", "tiff"])
def test_descriptions_come_along_and_nothing_else(raw: bytes, format: str) -> None:
    photo = read_photo(raw)
    assert photo.metadata.iptc == IPTC
    result = encode_photo(RGB, photo, format=format)
    assert b"GONE" not in result
    assert b"ConvertToGrayscale" not in result
    for data in KEPT.values():
        assert data in result
    assert b"Anna" not in encode_photo(RGB, photo, format=format, strip=True)


@pytest.mark.parametrize("cut", [1, 11, 40, 200])
def test_resources_that_are_cut_are_left_out(cut: int) -> None:
    photo = read_photo(with_resources(RESOURCES[:-cut]))
    assert np.array_equal(photo.gray, GRAY)
    assert RESOURCES.startswith(photo.metadata.photoshop[:4])
    assert len(encode_photo(RGB, photo))
