"""A colorized photo -> a file or bytes, with what the original carried; whole or not at all."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyvips

from colorizegan.errors import OutputError
from colorizegan.files import atomic_file
from colorizegan.photo.decode import words_of
from colorizegan.photo.encode import Page, encode
from colorizegan.photo.formats import NEAREST, WRITABLE, format_of_name
from colorizegan.photo.photo import Photo
from colorizegan.photo.tiff_writer import TiffWriter
from colorizegan.photo.xmp import xmp_with_note

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

CLASSIC_TIFF = 3_500_000_000  # bytes of pixels from which on a result is a BigTIFF


def encode_photo(
    rgb: NDArray[Any],
    photo: Photo,
    *,
    format: str | None = None,
    quality: int = 95,
    strip: bool = False,
    note: Mapping[str, object] | None = None,
) -> bytes:
    """The file of a colorized photo, with what the original carried.

    Args:
        rgb: (H, W, 3), uint8 or uint16, sRGB; as large as `photo.gray`.
        photo: the original.
        format: a name in `colorizegan.photo.formats.WRITABLE`; default that of the original, or the nearest that can be
            written: JPEG for HEIC, PNG for GIF. JPEG, WebP, AVIF and BMP hold 8 bits, JPEG and BMP no transparency.
        quality: 1 .. 100 of JPEG, WebP and AVIF.
        strip: leave EXIF, XMP, IPTC and comments out.
        note: how it was made, for the XMP packet (see `colorizegan.photo.xmp.xmp_with_note`).

    Raises:
        OutputError: the format cannot hold the photo.
    """
    file = io.BytesIO()
    alone = replace(photo, pages=1)
    for loss in encode_pages(file, [(rgb, alone)], format=format, quality=quality, strip=strip, note=note):
        log.warning("the photo: %s", loss)
    return file.getvalue()


def encode_pages(
    file: BinaryIO,
    pages: Iterable[tuple[NDArray[Any], Photo]],
    *,
    format: str | None = None,
    quality: int = 95,
    strip: bool = False,
    note: Mapping[str, object] | None = None,
) -> list[str]:
    """Write the colorized photo, or all of a TIFF's, into a file; what the format cannot hold is returned in words.

    Args:
        file: empty, open for reading and writing.
        pages: (rgb, original) of each page; they are taken one after the other, and only the first where the format
            holds no more.
        format, quality, strip, note: as for `encode_photo`.

    Raises:
        OutputError: the format cannot hold the photo.
        OSError: the file cannot be written.
    """
    lost: list[str] = []
    writer: TiffWriter | None = None
    for rgb, photo in pages:
        format = format or NEAREST.get(photo.format, photo.format)
        if format not in WRITABLE:
            raise OutputError(f"{format!r} cannot be written", remedy=f"use one of {', '.join(WRITABLE)}")
        height, width = rgb.shape[:2]
        kept = photo.metadata.stripped() if strip else photo.metadata
        xmp = xmp_with_note(kept.xmp, note) if note is not None else kept.xmp
        if format == "tiff" and writer is None:
            count = photo.pages if photo.format == "tiff" else 1
            size = (3 + (photo.alpha is not None)) * rgb.dtype.itemsize * height * width * count
            writer = TiffWriter(file, count, big=kept.big or size > CLASSIC_TIFF)
        try:
            encode(Page(rgb, photo.alpha, kept, xmp), format, quality, file, tiff=writer, lost=lost)
        except pyvips.Error as error:
            what = f"{width} x {height} px cannot be written as {format} ({words_of(error)})"
            raise OutputError(what, remedy="use --format png or tiff") from None
        if photo.pages > 1 and (format != "tiff" or photo.format != "tiff"):
            what = "pages" if photo.format == "tiff" else "frames"
            lost.append(f"it has {photo.pages} {what}, of which {format} gets the first")
            break
    return lost


def write_photo(
    rgb: NDArray[Any],
    photo: Photo,
    target: str | os.PathLike[str],
    *,
    format: str | None = None,
    quality: int = 95,
    strip: bool = False,
    note: Mapping[str, object] | None = None,
) -> None:
    """Write a colorized photo to a file; it appears whole or not at all, and replaces one of that name.

    Arguments as for `encode_photo`; without `format` the target's name decides, else the original's format.

    Raises:
        OutputError: the target cannot be written; nothing is left behind.
    """
    target = Path(target)
    format = format or format_of_name(target.suffix)
    try:
        with atomic_file(target) as file:
            alone = replace(photo, pages=1)
            lost = encode_pages(file, [(rgb, alone)], format=format, quality=quality, strip=strip, note=note)
        for loss in lost:
            log.warning("%s: %s", target, loss)
    except OutputError as error:
        error.path = str(target)
        raise
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", path=target) from None
