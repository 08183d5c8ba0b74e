"""Photo files in and out: path or bytes -> Photo -> bytes or file, within limits, with all that the photo carries.

What every decoder raises is folded into the errors of `colorizegan.errors`; originals are opened for reading only, and
a result appears under its name only when it is whole.
"""

from __future__ import annotations

import io
import logging
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyvips
from pyvips import vips_lib

from colorizegan.carried import read_metadata
from colorizegan.decoders import HARMLESS_IN_JPEG, open_image, sniff
from colorizegan.encoders import Page, encode
from colorizegan.errors import ColorizeGANError, DecodeError, InputError, OutputError, TooLargeError
from colorizegan.formats import NEAREST, WRITABLE, format_of_name
from colorizegan.limits import Limits
from colorizegan.luminance import Light, read_luminance
from colorizegan.metadata import Metadata, xmp_with_note
from colorizegan.tiff import TiffWriter, find_pages
from colorizegan.tone import Tone, judge_tone
from colorizegan.whole import whole_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Limits", "Photo", "encode_pages", "encode_photo", "read_photo", "write_photo"]

log = logging.getLogger(__name__)

HEAD = 512  # bytes that `sniff` sees
LONGEST_MESSAGE = 200  # characters of a decoder's own words
CLASSIC_TIFF = 3_500_000_000  # bytes of pixels from which on a result is a BigTIFF


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo in memory, upright, as the network and the merge need it."""

    gray: NDArray[Any]
    """sRGB-encoded luminance (H, W), uint8 or, of a photo with 16 bits, uint16."""
    alpha: NDArray[Any] | None = None
    """Opacity (H, W) of the same dtype, or None."""
    is_color: bool = False
    """It has colours of its own; sepia and other tones do not count."""
    format: str = "png"
    """What the file was: a name in `colorizegan.decoders.FORMATS`."""
    metadata: Metadata = field(default_factory=Metadata)
    """What is carried over to the result."""
    pages: int = 1
    """How many photos a TIFF holds, or frames an animation; this is one of them."""
    rgb: NDArray[Any] | None = None
    """Its own colours (H, W, 3), where `read_photo` was asked for them."""
    remarks: tuple[str, ...] = ()
    """What the user should know: damage that was put up with, a tint, a profile that could not be used."""


def read_photo(
    source: str | os.PathLike[str] | bytes,
    *,
    limits: Limits | None = None,
    allow_truncated: bool = False,
    page: int | None = None,
    colors_too: bool = False,
    admit: Callable[[int], None] | None = None,
) -> Photo:
    """Read a photo; without `page`, of several pages or frames the first, with a warning in the log.

    It is decoded in this process: a fault in a decoder's library would end it. `colorizegan.reader` decodes elsewhere.

    Args:
        source: a file, or the bytes of one. JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF, BMP or PNM, whatever its name.
        limits: default `Limits()`.
        allow_truncated: take what can be read of a damaged file, with a warning in the log.
        page: of a TIFF with several photos, 0 .. `Photo.pages` - 1. Smaller copies and masks do not count as photos.
        colors_too: fill `Photo.rgb`.
        admit: called with width times height before pixels are allocated; it may wait until there is memory.

    Raises:
        InputError: the file is missing, is no regular file, or may not be read.
        DecodeError: it is no photo, or damaged.
        TooLargeError: it is over a limit.
    """
    limits = limits or Limits()
    path = None if isinstance(source, bytes) else Path(source)
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else _open(Path(source)) as stream:
            photo = _read(stream, limits, allow_truncated, page, colors_too, admit)
    except MemoryError:
        raise TooLargeError("does not fit in memory", path=path) from None
    except ColorizeGANError as error:
        error.path = error.path or (None if path is None else str(path))
        raise
    except Exception as error:  # decoders raise whatever they please: OSError, ValueError, SyntaxError, struct.error
        raise DecodeError(f"cannot be decoded ({_words(error)})", path=path, remedy=_REMEDY) from error
    if page is None and photo.pages > 1:
        what = "pages" if photo.format == "tiff" else "frames"
        log.warning("the photo has %d %s: the first is read", photo.pages, what)
    for remark in photo.remarks:
        log.warning("the photo: %s", remark)
    return photo


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
        format: a name in `colorizegan.formats.WRITABLE`; default that of the original, or the nearest that can be
            written: JPEG for HEIC, PNG for GIF. JPEG, WebP, AVIF and BMP hold 8 bits, JPEG and BMP no transparency.
        quality: 1 .. 100 of JPEG, WebP and AVIF.
        strip: leave EXIF, XMP, IPTC and comments out.
        note: how it was made, for the XMP packet (see `colorizegan.metadata.xmp_with_note`).

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
            what = f"{width} x {height} px cannot be written as {format} ({_words(error)})"
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
        with whole_file(target) as file:
            alone = replace(photo, pages=1)
            lost = encode_pages(file, [(rgb, alone)], format=format, quality=quality, strip=strip, note=note)
        for loss in lost:
            log.warning("%s: %s", target, loss)
    except OutputError as error:
        error.path = str(target)
        raise
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", path=target) from None


_REMEDY = "the file may be damaged; --allow-truncated takes what can be read"


def _open(path: Path) -> BinaryIO:
    """Open a regular file; a pipe or device could block for ever or never end."""
    try:
        # Non-blocking, so that a pipe put there in the meantime does not hold us up either.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise InputError("does not exist", path=path, remedy="check the name") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be opened ({why})", path=path) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        what = "is a folder" if path.is_dir() else "is no regular file"
        raise InputError(what, path=path, remedy="name a photo")
    return os.fdopen(descriptor, "rb")


def _read(
    stream: BinaryIO,
    limits: Limits,
    allow_truncated: bool,
    page: int | None,
    colors_too: bool,
    admit: Callable[[int], None] | None,
) -> Photo:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if size == 0:
        raise DecodeError("is empty", remedy="copy it anew from where it came")
    if limits.bytes is not None and size > limits.bytes:
        raise TooLargeError(f"has {size:,} bytes, over the limit of {limits.bytes:,}")
    format = sniff(stream.read(HEAD))
    pages = find_pages(stream, limits.pages) if format == "tiff" else None
    frames = 1 if pages is None else len(pages.numbers)
    page = page or 0
    if pages is not None and page >= frames:
        raise DecodeError(f"has {frames} pages, no page {page + 1}")

    def check(width: int, height: int, count: int) -> None:
        nonlocal frames
        if min(width, height, count) < 1:
            raise DecodeError("holds a picture of no size")
        if width * height > limits.pixels:
            limit = f"over the limit of {limits.pixels / 1e6:.0f} Mpx"
            raise TooLargeError(f"has {width} x {height} px, {limit}", remedy="make it smaller first")
        most, what = (limits.pages, "pages") if format == "tiff" else (limits.frames, "frames")
        if count > most:
            raise TooLargeError(f"has {count:,} {what}, over the limit of {most:,}", remedy="split it first")
        if pages is None:
            frames = count
        if admit is not None:
            admit(width * height)

    def decode(fail_on: str) -> tuple[pyvips.Image, Light]:
        stream.seek(0)
        vips_lib.vips_error_clear()  # what earlier photos left there is no news of this one
        image = open_image(stream, format, check, fail_on, 0 if pages is None else pages.numbers[page])
        if pages is not None and pages.premultiplied[page] and image.hasalpha():
            top = 65535 if image.format == "ushort" else 255
            image = image.unpremultiply(max_alpha=top).rint().cast(image.format)
        return image, read_luminance(image, colors_too=colors_too)

    remarks: list[str] = []
    # In JPEG libvips counts missing and wrong pixels as warnings; in other formats those are about metadata.
    strict = "warning" if format == "jpeg" else "error"
    try:
        image, light = decode(strict)
    except (TooLargeError, MemoryError):
        raise
    except Exception as error:
        if format == "jpeg" and isinstance(error, pyvips.Error) and _is_harmless(error):
            image, light = decode("error")
        elif allow_truncated:
            image, light = decode("none")
            remarks.append(f"damaged ({_words(error)}): what can be read is taken")
        else:
            raise

    metadata, orientation = read_metadata(image, stream, format, pages, page)
    tone = Tone(False, 0.0) if light.sample is None else judge_tone(light.sample)
    if light.useless_profile:
        remarks.append("its ICC profile is damaged or does not fit it: taken as sRGB")
    if tone.tinted:
        remarks.append(f"{tone.tinted:.0%} of it has a tint of its own (by hand, or stains), which is replaced")
    if pages is not None and pages.left_out and page == 0:
        remarks.append(f"{pages.left_out} of its pages are smaller copies or masks, which are left out")
    return Photo(
        gray=_turned(light.gray, orientation),
        alpha=None if light.alpha is None else _turned(light.alpha, orientation),
        is_color=tone.is_color,
        format=format,
        metadata=metadata,
        pages=frames,
        rgb=None if light.rgb is None else _turned(light.rgb, orientation),
        remarks=tuple(remarks),
    )


def _turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Pixels (H, W) or (H, W, C) as stored -> upright, by the EXIF orientation 1 .. 8 (CIPA DC-008, tag 274)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return np.ascontiguousarray(pixels[rows, columns])


def _is_harmless(error: pyvips.Error) -> bool:
    lines = _lines(error.detail)
    return bool(lines) and all(HARMLESS_IN_JPEG.search(line) for line in lines)


def _words(error: Exception) -> str:
    """The decoder's own words, as short as they say something: the last of its messages is what ended it."""
    text = (error.detail or "its data are damaged") if isinstance(error, pyvips.Error) else str(error)
    lines = _lines(text) or [type(error).__name__]
    return re.sub(r"^\w+: ", "", lines[-1])[:LONGEST_MESSAGE]


def _lines(text: str) -> list[str]:
    """The messages of a decoder without the echoes of libvips."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(("vips_", "source: bad seek"))] or lines[:1]
