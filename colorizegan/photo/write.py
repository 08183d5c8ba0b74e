"""A colorized photo -> a file or bytes, with what the original carried; whole or not at all."""

import io
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pyvips
from numpy.typing import NDArray

from colorizegan.errors import OutputError
from colorizegan.files import atomic_file
from colorizegan.machine import cpu_threads
from colorizegan.photo.decode import words_of
from colorizegan.photo.encode import Page, encode
from colorizegan.photo.formats import NEAREST, WRITABLE, format_of_name
from colorizegan.photo.metadata.seal import PROPERTY, UNSEALED, seal
from colorizegan.photo.metadata.xmp import xmp_with_note
from colorizegan.photo.photo import Photo
from colorizegan.photo.tiff.writer import TiffWriter

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
        note: how it was made, for the XMP packet (see `colorizegan.photo.metadata.xmp.xmp_with_note`).

    Raises:
        OutputError: the format cannot hold the photo.
    """
    file = io.BytesIO()
    format = format or NEAREST.get(photo.format, photo.format)
    _write_alone(PageWriter(file, format, quality, strip=strip, note=note, threads=cpu_threads()), rgb, photo)
    return file.getvalue()


class PageWriter:
    """Writes a colorized photo, or one page after the other of a TIFF, into a file.

    file: empty, open for reading and writing. format: a name in `colorizegan.photo.formats.WRITABLE`, or OutputError;
    only TIFF takes more than one page. quality, strip, note: as for `encode_photo`. threads: of the encoder; the result
    does not depend on it.
    """

    def __init__(
        self,
        file: BinaryIO,
        format: str,
        quality: int = 95,
        *,
        strip: bool = False,
        note: Mapping[str, object] | None = None,
        threads: int = 1,
    ) -> None:
        if format not in WRITABLE:
            raise OutputError(f"{format!r} cannot be written", remedy=f"use one of {', '.join(WRITABLE)}")
        self.file, self.format, self.quality, self.strip, self.threads = file, format, quality, strip, threads
        self.note = None if note is None else {**note, PROPERTY: UNSEALED}
        self.tiff: TiffWriter | None = None
        self.lost: list[str] = []
        """What the format cannot hold, in words."""

    def add(self, rgb: NDArray[Any], photo: Photo) -> None:
        """Write a page, (H, W, 3), of an original. OutputError where the format cannot hold it; OSError."""
        height, width = rgb.shape[:2]
        kept = photo.metadata.stripped() if self.strip else photo.metadata
        xmp, bare = kept.xmp, b""
        if self.note is not None:
            xmp, bare = (xmp_with_note(packet, self.note) for packet in (kept.xmp, b""))
        if self.format == "tiff" and self.tiff is None:
            count = pages_written(photo, self.format)
            size = (3 + (photo.alpha is not None)) * rgb.dtype.itemsize * height * width * count
            self.tiff = TiffWriter(self.file, count, big=kept.big or size > CLASSIC_TIFF)
        page = Page(rgb, photo.alpha, kept, xmp, bare)
        try:
            encode(page, self.format, self.quality, self.file, tiff=self.tiff, lost=self.lost, threads=self.threads)
        except pyvips.Error as error:
            what = f"{width} x {height} px cannot be written as {self.format} ({words_of(error)})"
            raise OutputError(what, remedy="use --format png or tiff") from None
        if photo.pages > pages_written(photo, self.format):
            what = {"tiff": "pages", "heic": "pictures"}.get(photo.format, "frames")
            which = "the main one" if photo.format == "heic" else "the first"
            self.lost.append(f"it has {photo.pages} {what}, of which {self.format} gets {which}")

    def end(self) -> None:
        """Seal the file, after the last page: see `colorizegan.photo.metadata.seal`. OSError."""
        if self.note is not None:
            seal(self.file)


def pages_written(photo: Photo, format: str) -> int:
    """How many pages of an original a result of this format gets: all those of a TIFF in a TIFF, else one."""
    return photo.pages if photo.format == format == "tiff" else 1


def _write_alone(writer: PageWriter, rgb: NDArray[Any], photo: Photo) -> None:
    """Write one page, whatever the original holds beside it; what is lost goes into the log."""
    writer.add(rgb, replace(photo, pages=1))
    writer.end()
    for loss in writer.lost:
        log.warning("the photo: %s", loss)


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

    Arguments as for `encode_photo`; without `format` the target's name decides, else the original's format. OutputError
    where the target cannot be written; nothing is left behind.
    """
    target = Path(target)
    format = format or format_of_name(target.suffix) or NEAREST.get(photo.format, photo.format)
    try:
        with atomic_file(target) as file:
            writer = PageWriter(file, format, quality, strip=strip, note=note, threads=cpu_threads())
            _write_alone(writer, rgb, photo)
    except OutputError as error:
        error.path = str(target)
        raise
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", path=target) from None
