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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyvips
from pyvips import vips_lib

from colorizegan.containers import photoshop_block, photoshop_iptc, png_density
from colorizegan.decoders import HARMLESS_IN_JPEG, has_field, open_image, sniff
from colorizegan.encoders import encode
from colorizegan.errors import ColorizeGANError, DecodeError, InputError, OutputError, TooLargeError
from colorizegan.exif import exif_from_tiff, upright
from colorizegan.formats import NEAREST, WRITABLE, format_of_name
from colorizegan.luminance import chroma_beyond_tone, read_luminance
from colorizegan.metadata import Metadata, xmp_with_note
from colorizegan.whole import write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Limits", "Photo", "encode_photo", "read_photo", "write_photo"]

log = logging.getLogger(__name__)

HEAD = 512  # bytes that `sniff` sees
COLORED = 4.0  # Lab units of chroma beyond tone; neutral and toned prints stay below, stains and noise included
LONGEST_MESSAGE = 200  # characters of a decoder's own words


@dataclass(frozen=True)
class Limits:
    """What a photo may ask for before anything is allocated for it."""

    pixels: int = 300_000_000
    """Width times height."""
    bytes: int | None = None
    """Size of the file; None = any."""
    pages: int = 1_000
    """Pages of a TIFF file."""
    frames: int = 10_000
    """Frames of an animation."""


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


def read_photo(
    source: str | os.PathLike[str] | bytes,
    *,
    limits: Limits | None = None,
    allow_truncated: bool = False,
    admit: Callable[[int], None] | None = None,
) -> Photo:
    """Read a photo; of several pages or frames the first, with a warning in the log.

    Args:
        source: a file, or the bytes of one. JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF, BMP or PNM, whatever its name.
        limits: default `Limits()`.
        allow_truncated: take what can be read of a damaged file, with a warning in the log.
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
            return _read(stream, limits, allow_truncated, admit)
    except MemoryError:
        raise TooLargeError("does not fit in memory", path=path) from None
    except ColorizeGANError as error:
        error.path = error.path or (None if path is None else str(path))
        raise
    except Exception as error:  # decoders raise whatever they please: OSError, ValueError, SyntaxError, struct.error
        raise DecodeError(f"cannot be decoded ({_words(error)})", path=path, remedy=_REMEDY) from error


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
    format = format or NEAREST.get(photo.format, photo.format)
    if format not in WRITABLE:
        raise OutputError(f"{format!r} cannot be written", remedy=f"use one of {', '.join(WRITABLE)}")
    kept = photo.metadata.stripped() if strip else photo.metadata
    xmp = xmp_with_note(kept.xmp, note) if note is not None else kept.xmp
    try:
        return encode(rgb, photo.alpha, format, quality, kept, xmp)
    except pyvips.Error as error:
        height, width = rgb.shape[:2]
        raise OutputError(
            f"{width} x {height} px cannot be written as {format} ({_words(error)})", remedy="use --format png or tiff"
        ) from None


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
        data = encode_photo(rgb, photo, format=format, quality=quality, strip=strip, note=note)
        write_whole(target, data)
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


def _read(stream: BinaryIO, limits: Limits, allow_truncated: bool, admit: Callable[[int], None] | None) -> Photo:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if size == 0:
        raise DecodeError("is empty", remedy="copy it anew from where it came")
    if limits.bytes is not None and size > limits.bytes:
        raise TooLargeError(f"has {size:,} bytes, over the limit of {limits.bytes:,}")
    format = sniff(stream.read(HEAD))

    def check(width: int, height: int, pages: int) -> None:
        if min(width, height, pages) < 1:
            raise DecodeError("holds a picture of no size")
        if width * height > limits.pixels:
            limit = f"over the limit of {limits.pixels / 1e6:.0f} Mpx"
            raise TooLargeError(f"has {width} x {height} px, {limit}", remedy="make it smaller first")
        most, what = (limits.pages, "pages") if format == "tiff" else (limits.frames, "frames")
        if pages > most:
            raise TooLargeError(f"has {pages:,} {what}, over the limit of {most:,}", remedy="split it first")
        if pages > 1:
            log.warning("the photo has %d %s: the first is read", pages, what)
        if admit is not None:
            admit(width * height)

    def decode(fail_on: str) -> tuple[pyvips.Image, tuple[Any, ...]]:
        stream.seek(0)
        vips_lib.vips_error_clear()  # what earlier photos left there is no news of this one
        image = open_image(stream, format, check, fail_on)
        return image, read_luminance(image)

    # In JPEG libvips counts missing and wrong pixels as warnings; in other formats those are about metadata.
    strict = "warning" if format == "jpeg" else "error"
    try:
        image, (gray, alpha, sample) = decode(strict)
    except (TooLargeError, MemoryError):
        raise
    except Exception as error:
        if format == "jpeg" and isinstance(error, pyvips.Error) and _is_harmless(error):
            image, (gray, alpha, sample) = decode("error")
        elif allow_truncated:
            image, (gray, alpha, sample) = decode("none")
            log.warning("the photo is damaged (%s): what can be read is taken", _words(error))
        else:
            raise

    stored: Any = image.get("orientation") if has_field(image, "orientation") else 1
    orientation = int(stored)
    return Photo(
        gray=_turned(gray, orientation),
        alpha=None if alpha is None else _turned(alpha, orientation),
        is_color=sample is not None and chroma_beyond_tone(sample) > COLORED,
        format=format,
        metadata=_metadata(image, stream, format, orientation),
    )


def _turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Pixels (H, W) as stored -> upright, by the EXIF orientation 1 .. 8 (CIPA DC-008, tag 274)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.T
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return np.ascontiguousarray(pixels[rows, columns])


def _metadata(image: Any, stream: BinaryIO, format: str, orientation: int) -> Metadata:
    def blob(name: str) -> bytes:
        return bytes(image.get(name)) if has_field(image, name) else b""

    exif = exif_from_tiff(stream) if format == "tiff" else blob("exif-data").removeprefix(b"Exif\0\0")
    iptc, photoshop = blob("iptc-data"), blob("photoshop-data")
    if iptc.startswith(b"Photoshop 3.0\0"):  # JPEG keeps the records inside of Photoshop's resources
        photoshop = iptc.removeprefix(b"Photoshop 3.0\0")
        iptc = b""
    elif iptc and not photoshop:
        photoshop = photoshop_block(iptc)
    density = (png_density(stream) if format == "png" else None) or (image.xres, image.yres)
    if orientation in (5, 6, 7, 8):
        density = (density[1], density[0])
    return Metadata(
        exif=upright(exif) if exif else b"",
        xmp=blob("xmp-data"),
        iptc=iptc or photoshop_iptc(photoshop),
        photoshop=photoshop,
        comments=tuple(_comments(image)),
        density=None if density == (1.0, 1.0) else density,  # 1 px per mm stands for "unknown" in libvips
        profiled=has_field(image, "icc-profile-data"),
        compression=str(image.get("compression")) if has_field(image, "compression") else "",
    )


def _comments(image: Any) -> list[tuple[str, str]]:
    """Texts of PNG (png-comment-<n>-<keyword>), comments of JPEG and GIF."""
    found: list[tuple[str, str]] = []
    for name in sorted(image.get_fields()):
        if name.startswith("png-comment-"):
            keyword = name.split("-", 3)[3]
            if keyword != "XML:com.adobe.xmp":
                found.append((keyword, str(image.get(name))))
        elif name.startswith(("jpeg-comment", "gif-comment")):
            value = image.get(name)
            found.append(("Comment", value if isinstance(value, str) else bytes(value).decode("utf-8", "replace")))
    return found


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
