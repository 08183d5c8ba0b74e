"""What a picture takes, checked against the limits and the length of its file before anything is allocated for it."""

from collections.abc import Callable
from dataclasses import dataclass

from colorizegan.errors import DecodeError, TooLargeError
from colorizegan.photo.photo import Limits

# Pixels that a byte of a file can stand for, at the most: plain pictures, under the densest coding of each format
# (deflate 1,032 : 1 and LZW 2,730 : 1 of 8 pixels a byte; runs of 255; arithmetic coding in JPEG). WebP, AVIF, HEIC and
# the codes of fax hold a plain picture of any size in a few bytes.
DENSEST = {"bmp": 128, "gif": 2_800, "jpeg": 25_000, "png": 8_300, "tiff": 22_000}
WITH_A_MAIN_ONE = {"avif", "heic"}  # that one alone is decoded, however many lie beside it
SMALL = 1_000_000  # pixels that may be claimed by any file
LEAST_SHARE = 1 / 100  # of a picture that is not compressed that must be in its file
PIXEL_BYTES = 8  # that a picture as large as the limit may take, decoded: four channels of 16 bits


@dataclass(frozen=True)
class Size:
    """What the header of a picture claims."""

    width: int
    height: int
    channels: int
    bits: int
    """Of a sample, as it is stored."""
    pages: int = 1
    """Pages of a TIFF, frames of an animation."""
    packed: bool = True
    """It is compressed in some way."""

    @property
    def pixels(self) -> int:
        return self.width * self.height


Check = Callable[[Size], None]
"""Raises TooLargeError or DecodeError; called before any pixel is allocated."""


def check_size(size: Size, limits: Limits, format: str, file_bytes: int) -> None:
    """Refuse a picture that is over a limit (TooLargeError), or that its file cannot hold (DecodeError).

    format: one of `colorizegan.photo.formats.FORMATS`; a TIFF that is compressed for fax or with WebP counts as "webp".
    """
    if min(size.width, size.height, size.pages, size.channels) < 1:
        raise DecodeError("holds a picture of no size")
    what = f"{size.width} x {size.height} px"
    if size.pixels > limits.pixels:
        over = f"over the limit of {limits.pixels / 1e6:.0f} Mpx"
        raise TooLargeError(f"has {what}, {over}", remedy="make it smaller first")
    if size.channels > limits.channels:
        raise TooLargeError(f"has {size.channels:,} channels, over the limit of {limits.channels}")
    decoded = size.pixels * size.channels * max(1, -(-size.bits // 8))
    if decoded > limits.pixels * PIXEL_BYTES:
        over = f"over the limit of {limits.pixels * PIXEL_BYTES / 1e9:.1f} GB"
        raise TooLargeError(f"takes {decoded / 1e9:.1f} GB decoded ({what}, {size.channels} channels), {over}")
    most, kind = (limits.pages, "pages") if format == "tiff" else (limits.frames, "frames")
    if size.pages > most and format not in WITH_A_MAIN_ONE:
        raise TooLargeError(f"has {size.pages:,} {kind}, over the limit of {most:,}", remedy="split it first")
    if size.packed:
        held = file_bytes * DENSEST[format] if format in DENSEST else size.pixels
    else:
        held = int(file_bytes * 8 / (size.channels * size.bits) / LEAST_SHARE)
    if size.pixels > max(held, SMALL):
        raise DecodeError(f"is far too short for {what}: {file_bytes:,} bytes", remedy="copy it anew from its source")
