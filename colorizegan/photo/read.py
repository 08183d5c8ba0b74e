"""A photo file or bytes -> Photo, within limits, with all that it carries. Originals are opened for reading only.

What every decoder raises is folded into the errors of `colorizegan.errors`.
"""

import io
import logging
import os
import re
import stat
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from traceback import clear_frames
from typing import Any, BinaryIO

import numpy as np
import pyvips
from numpy.typing import NDArray

from colorizegan.errors import ColorizeGANError, DecodeError, InputError, TooLargeError
from colorizegan.photo.complaints import complaints
from colorizegan.photo.decode import is_harmless, open_image, words_of
from colorizegan.photo.formats import sniff
from colorizegan.photo.heif.damage import damage_by_decoder
from colorizegan.photo.luminance import Light, read_luminance
from colorizegan.photo.metadata.containers import count_frames
from colorizegan.photo.metadata.metadata import read_metadata
from colorizegan.photo.photo import Limits, Photo
from colorizegan.photo.scan.negative import is_color_negative
from colorizegan.photo.scan.scan import look_at
from colorizegan.photo.scan.tone import Tone, judge_tone
from colorizegan.photo.size import Size, check_size
from colorizegan.photo.tiff.checksums import damage_by_checksum
from colorizegan.photo.tiff.lab import as_plain_channels, lab_to_srgb
from colorizegan.photo.tiff.pages import find_pages
from colorizegan.photo.tiff.unread import refuse_unread, unread_kind

log = logging.getLogger(__name__)

HEAD = 512  # bytes that `sniff` sees


def read_photo(
    source: str | os.PathLike[str] | bytes,
    *,
    limits: Limits | None = None,
    allow_truncated: bool = False,
    page: int | None = None,
    colors_too: bool = False,
    keep_color: bool = False,
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
        keep_color: fill it where the photo is in colour.
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
            photo = _read(stream, limits, allow_truncated, page, colors_too, keep_color, admit)
    except MemoryError:
        raise TooLargeError("does not fit in memory", path=path) from None
    except ColorizeGANError as error:
        # Its frames hold the picture. Left to Python's search for garbage, that may be closed while libvips speaks to
        # the log, and then speaks once more, which ends the process.
        clear_frames(error.__traceback__)
        error.path = error.path or (None if path is None else str(path))
        raise
    except Exception as error:  # decoders raise whatever they please: OSError, ValueError, SyntaxError, struct.error
        clear_frames(error.__traceback__)
        raise DecodeError(_reason(error), path=path, remedy=NOT_READ) from error
    if page is None and photo.pages > 1:
        what = {"tiff": "pages", "heic": "pictures"}.get(photo.format, "frames")
        which = "main one" if photo.format == "heic" else "first"
        log.warning("the photo has %d %s: the %s is read", photo.pages, what, which)
    for remark in photo.remarks:
        log.warning("the photo: %s", remark)
    return photo


PARTLY_READ = "the file may be damaged; --allow-truncated takes what can be read"
NOT_READ = "nothing can be read of it: copy it anew from its source"
CODES_OF_ANY_LENGTH = {2, 3, 4, 32771, 50001}  # CCITT and WebP in TIFF: a plain picture of any size in a few bytes
UNREAD = re.compile("not (configured|implemented|supported)|[Uu]nknown compression(?! method)")  # of libtiff, libvips


def check_is_there(path: Path) -> None:
    """InputError where a file is missing, or is none; it is not opened."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise _not_opened(path, error) from None
    if not stat.S_ISREG(mode):
        raise _no_file(path)


def _not_opened(path: Path, error: OSError | ValueError) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError("does not exist", path=path, remedy="check the name")
    return InputError(f"cannot be opened ({getattr(error, 'strerror', None) or error})", path=path)


def _no_file(path: Path) -> InputError:
    return InputError("is a folder" if path.is_dir() else "is no regular file", path=path, remedy="name a photo")


def _open(path: Path) -> BinaryIO:
    """Open a regular file; a pipe or device could block for ever or never end."""
    try:
        # Non-blocking, so that a pipe put there in the meantime does not hold us up either.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        raise _not_opened(path, error) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_file(path)
    return os.fdopen(descriptor, "rb")


def _read(
    stream: BinaryIO,
    limits: Limits,
    allow_truncated: bool,
    page: int | None,
    colors_too: bool,
    keep_color: bool,
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
    listed = count_frames(stream, format)
    frames = listed if pages is None else len(pages.photos)
    page = page or 0
    if page >= frames and pages is not None:
        raise DecodeError(f"has {frames} pages, no page {page + 1}")
    this = None if pages is None else pages.photos[page]
    if this is not None:
        refuse_unread(this)
    pixels = stream if this is None or this.lab is None else as_plain_channels(stream, this)

    def check(claimed: Size) -> None:
        nonlocal frames
        boundless = this is not None and this.compression in CODES_OF_ANY_LENGTH
        check_size(claimed, limits, "webp" if boundless else format, size)
        if pages is None:
            frames = max(claimed.pages, listed)
        if admit is not None:
            admit(claimed.pixels)

    def decode(fail_on: str, colors_too: bool = colors_too) -> tuple[pyvips.Image, Light]:
        pixels.seek(0)
        with complaints() if format == "tiff" else nullcontext() as heard:
            image = open_image(pixels, format, check, fail_on, this)
            if heard is not None:
                heard.opened()
            if this is not None and this.lab is not None:
                image = lab_to_srgb(image, this)
            opacity, lenient = 0 if this is None else this.opacity, fail_on == "none" and format == "tiff"
            light = read_luminance(image, colors_too=colors_too, opacity=opacity, lenient=lenient)
            found = [] if heard is None else heard.about_pixels
        if fail_on != "none":
            if not found and pages is not None and this is not None:
                found = damage_by_checksum(stream, pages, this)
            elif format == "heic":
                found = damage_by_decoder(stream, image.width * image.height)
            if found:
                raise pyvips.Error("", found[-1])
        return image, light

    remarks: list[str] = []
    # In JPEG libvips counts missing and wrong pixels as warnings; in other formats those are about metadata.
    fail_on = "warning" if format == "jpeg" else "error"
    try:
        image, light = decode(fail_on)
    except (TooLargeError, MemoryError):
        raise
    except Exception as error:
        clear_frames(error.__traceback__)
        if pages is not None and UNREAD.search(str(error)):
            raise unread_kind(pages, page, words_of(error)) from None
        if format == "jpeg" and isinstance(error, pyvips.Error) and is_harmless(error):
            fail_on = "error"
            image, light = decode(fail_on)
        elif isinstance(error, DecodeError) and error.remedy:
            raise
        else:
            reason, fail_on = _reason(error), "none"
            try:
                image, light = decode(fail_on)
            except (TooLargeError, MemoryError):
                raise
            except Exception as second:
                clear_frames(second.__traceback__)
                raise DecodeError(reason, remedy=NOT_READ) from error
            if light.gray.min() == light.gray.max():
                raise DecodeError(reason, remedy=NOT_READ) from error
            if not allow_truncated:
                raise DecodeError(reason, remedy=PARTLY_READ) from error
            why = error.reason if isinstance(error, ColorizeGANError) else words_of(error)
            remarks.append(f"damaged ({why}): what can be read is taken")

    metadata, orientation = read_metadata(image, stream, format, pages, page)
    gray = _turned(light.gray, orientation)
    scan, tone = look_at(gray), Tone(False, 0.0)
    if scan.blank:
        remarks.append(f"is {scan.blank} all over: there is nothing to colour, and the scan may have failed")
    if light.sample is not None:
        sample = _turned(light.sample, orientation)
        inside = scan.window.scaled(gray.shape, sample.shape).of(sample)
        tone = judge_tone(sample)
        if tone.is_color and scan.has_border:
            tone = judge_tone(inside)
            if not tone.is_color:
                remarks.append("its colours lie in the border, beside the photo")
        if is_color_negative(inside):
            remarks.append("looks like a colour negative: invert it first, in the scanner's program or an editor")
    if keep_color and tone.is_color and light.rgb is None:  # seldom, so that others do without three times the memory
        light = decode(fail_on, colors_too=True)[1]
    if light.useless_profile:
        remarks.append("its ICC profile is damaged or does not fit it: taken as sRGB")
    if tone.tinted:
        remarks.append(f"{tone.tinted:.0%} of it has a tint of its own (by hand, or stains), which is replaced")
    if scan.text:
        remarks.append("looks like a page of text, which stays gray; where a hint is given it is taken for a photo")
    if this is not None and this.extra:
        what = "a channel" if this.extra == 1 else f"{this.extra} channels"
        remarks.append(f"it has {what} beside colour and opacity (infrared, spot colours), left out")
    if pages is not None and pages.left_out and page == 0:
        remarks.append(f"{pages.left_out} of its pages are smaller copies or masks, which are left out")
    return Photo(
        gray=gray,
        alpha=None if light.alpha is None else _turned(light.alpha, orientation),
        is_color=tone.is_color,
        format=format,
        metadata=metadata,
        pages=frames,
        scan=scan,
        rgb=None if light.rgb is None else _turned(light.rgb, orientation),
        remarks=tuple(remarks),
    )


def _reason(error: Exception) -> str:
    """What a decoder raised, in words."""
    return error.reason if isinstance(error, ColorizeGANError) else f"cannot be decoded ({words_of(error)})"


def _turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Pixels (H, W) or (H, W, C) as stored -> upright, by the EXIF orientation 1 .. 8 (CIPA DC-008, tag 274)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return np.ascontiguousarray(pixels[rows, columns])
