"""A photo file or bytes -> Photo, within limits, with all that it carries. Originals are opened for reading only.

What every decoder raises is folded into the errors of `colorizegan.errors`.
"""

from __future__ import annotations

import io
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyvips
from pyvips import vips_lib

from colorizegan.errors import ColorizeGANError, DecodeError, InputError, TooLargeError
from colorizegan.photo.decode import _is_harmless, _words, open_image
from colorizegan.photo.formats import sniff
from colorizegan.photo.luminance import Light, read_luminance
from colorizegan.photo.metadata import read_metadata
from colorizegan.photo.photo import Limits, Photo
from colorizegan.photo.tiff import find_pages
from colorizegan.photo.tone import Tone, judge_tone

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

HEAD = 512  # bytes that `sniff` sees


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

    It is decoded in this process: a fault in a decoder's library would end it. `colorizegan.photo.reader` decodes in
    others.

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
