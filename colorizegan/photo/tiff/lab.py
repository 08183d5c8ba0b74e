"""TIFF in CIELAB (TIFF 6.0, section 23) and ICCLAB (Adobe's technical notes on TIFF), as drum scanners write it."""

import io
from typing import Any, BinaryIO

import pyvips

from colorizegan.photo.tiff.pages import CIELAB, TiffPage

GRAY, RGB = 1, 2  # photometric


def as_plain_channels(stream: BinaryIO, page: TiffPage) -> io.BytesIO:
    """The file as if its page in Lab were RGB, or gray where it has L alone: libvips 8.18 refuses CIELAB of 8 bits."""
    stream.seek(0)
    data = bytearray(stream.read())
    order: Any = "big" if data.startswith(b"MM") else "little"
    data[page.photometric_at : page.photometric_at + 2] = (RGB if page.channels == 3 else GRAY).to_bytes(2, order)
    return io.BytesIO(data)


def lab_to_srgb(image: pyvips.Image, page: TiffPage) -> pyvips.Image:
    """Channels L, a, b as stored -> gray or sRGB of the same depth; channels after them stay.

    Of CIELAB a and b are signed, of ICCLAB they are shifted by half the range; 16 bits are 1/256 of the units of 8.
    """
    wide = image.format == "ushort"
    whole = 65536 if wide else 256
    signed = page.lab == CIELAB
    colors: Any = image[: page.channels].cast("float")
    lightness = colors[0] * (100 / (whole - 1 if signed or not wide else 0xFF00))
    if page.channels == 1:
        ab = pyvips.Image.black(image.width, image.height, bands=2)
    elif signed:
        ab = ((colors[1:3] + whole / 2) % whole - whole / 2) * (256 / whole)
    else:
        ab = (colors[1:3] - whole / 2) * (256 / whole)
    result = lightness.bandjoin(ab).copy(interpretation="lab").colourspace("rgb16" if wide else "srgb")
    if page.channels == 1:
        result = result[1].copy(interpretation="grey16" if wide else "b-w")
    beyond = image.bands - page.channels
    return result.bandjoin(image[page.channels :]) if beyond else result
