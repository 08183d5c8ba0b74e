"""Pixels to files: one encoder a format, each with the metadata that the format can hold."""

import errno
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import to_8_bit
from colorizegan.photo.jpeg_parts import save_jpeg
from colorizegan.photo.metadata.containers import (
    jpeg_with_metadata,
    photoshop_block,
    png_with_metadata,
    webp_with_metadata,
)
from colorizegan.photo.metadata.metadata import Metadata
from colorizegan.photo.tiff.writer import TiffWriter

DEEP = ("png", "tiff", "pnm")  # hold 16 bits
OPAQUE = ("jpeg", "bmp", "pnm")  # hold no alpha
LOSSLESS_TIFF = ("none", "lzw", "deflate", "packbits", "zstd")
TILE_SIDES = range(16, 4097, 16)  # px; others are no tiles that readers take
UNKNOWN_DENSITY = (72 / 25.4, 72 / 25.4)  # px per mm, what readers take where a file says nothing
IN_MEMORY = 1 << 26  # bytes of pixels; a page that is larger is encoded into a temporary file
STRIP = 1 << 20  # pixels converted at a time


@dataclass(frozen=True)
class Page:
    """One picture to write."""

    rgb: NDArray[Any]
    """(H, W, 3) uint8 or uint16, sRGB."""
    alpha: NDArray[Any] | None
    """(H, W) of the same dtype; laid on white where the format holds none."""
    metadata: Metadata
    """What goes in beside the pixels."""
    xmp: bytes
    """The XMP packet to write, in place of that in `metadata`."""
    note: bytes
    """The packet to write where `xmp` is too long for the format: it holds the note alone. b"" = none."""


@dataclass(frozen=True)
class _Job:
    image: Any
    """A libvips image, whose stubs know no names of enumerations: sRGB, perhaps with alpha; its density is set."""
    quality: int
    profile: dict[str, Any]
    """Arguments that put the sRGB profile into the file, or leave all metadata out."""
    metadata: Metadata
    xmp: bytes
    note: bytes
    lost: list[str]
    threads: int


def encode(
    page: Page,
    format: str,
    quality: int,
    file: BinaryIO,
    *,
    tiff: TiffWriter | None = None,
    lost: list[str],
    threads: int = 1,
) -> None:
    """Write one picture into a file that is open for reading and writing. OSError; pyvips.Error where it is too large.

    Args:
        format: one of `colorizegan.photo.formats.WRITABLE`.
        quality: 1 .. 100 of JPEG, WebP and AVIF.
        tiff: writer of `file` where the format is TIFF, for one page after the other.
        lost: gets a clause for each thing that the format cannot hold in this case.
        threads: that a large JPEG is encoded on; the result does not depend on it.
    """
    rgb, alpha = page.rgb, page.alpha
    if alpha is not None and format in OPAQUE:
        rgb, alpha = _by_strips(_on_white, rgb, alpha), None
    if rgb.dtype == np.uint16 and format not in DEEP:
        rgb, alpha = _by_strips(to_8_bit, rgb), None if alpha is None else _by_strips(to_8_bit, alpha)
    if format == "bmp":
        return _bmp(rgb, page.metadata, file)
    if format == "pnm":
        return _pnm(rgb, page.metadata, file)
    image: Any = pyvips.Image.new_from_array(rgb)
    if alpha is not None:
        image = image.bandjoin(pyvips.Image.new_from_array(alpha))
    xres, yres = page.metadata.density or UNKNOWN_DENSITY
    image = image.copy(interpretation="rgb16" if rgb.dtype == np.uint16 else "srgb", xres=xres, yres=yres)
    profile: dict[str, Any] = {"keep": "icc", "profile": "srgb"} if page.metadata.profiled else {"keep": "none"}
    job = _Job(image, quality, profile, page.metadata, page.xmp, page.note, lost, threads)
    if format == "tiff":
        return _tiff(job, file, tiff or TiffWriter(file, 1, big=False))
    writers: dict[str, Callable[[_Job], tuple[bytes | memoryview, ...]]] = {
        "jpeg": _jpeg, "png": _png, "webp": _webp, "avif": _avif,
    }  # fmt: skip
    return file.writelines(writers[format](job))


def _jpeg(job: _Job) -> tuple[bytes | memoryview, ...]:
    # Colour at full resolution from quality 90 on; below, halved, as is usual.
    head, pieces = save_jpeg(job.image, job.threads, Q=job.quality, subsample_mode="auto", **job.profile)
    kept = job.metadata
    photoshop = kept.photoshop or photoshop_block(kept.iptc)
    comments = [text.encode("utf-8", "replace") for _, text in kept.comments]
    parts = {"exif": kept.exif, "xmp": job.xmp, "note": job.note, "photoshop": photoshop, "comments": comments}
    return (*jpeg_with_metadata(head, **parts, lost=job.lost), *pieces)


def _png(job: _Job) -> tuple[bytes | memoryview, ...]:
    # Level 3 with adaptive filters: within a few percent of the slowest setting in a fraction of its time.
    raw: bytes = job.image.pngsave_buffer(compression=3, filter="all", **job.profile)
    return png_with_metadata(raw, exif=job.metadata.exif, xmp=job.xmp, texts=list(job.metadata.comments))


def _webp(job: _Job) -> tuple[bytes, ...]:
    image = job.image
    raw: bytes = image.webpsave_buffer(Q=job.quality, **job.profile)
    kept, size = job.metadata, (image.width, image.height)
    return (webp_with_metadata(raw, exif=kept.exif, xmp=job.xmp, size=size, alpha=image.bands == 4),)


def _tiff(job: _Job, file: BinaryIO, writer: TiffWriter) -> None:
    kept = job.metadata
    image = job.image.copy()
    for name, block in (("xmp-data", job.xmp), ("iptc-data", kept.iptc), ("photoshop-data", kept.photoshop)):
        if block:
            image.set_type(pyvips.GValue.blob_type, name, block)
    settings: dict[str, Any] = {"keep": "xmp|iptc|other" + ("|icc" if kept.profiled else "")}
    if kept.profiled:
        settings["profile"] = "srgb"
    # What was compressed with loss, or as black and white, is kept without loss from here on.
    compression = kept.compression if kept.compression in LOSSLESS_TIFF else "deflate"
    predictor = "horizontal" if compression in ("lzw", "deflate", "zstd") else "none"
    if kept.tile is not None and all(side in TILE_SIDES for side in kept.tile):
        settings |= {"tile": True, "tile_width": kept.tile[0], "tile_height": kept.tile[1]}
    # "inch" changes how the density is written down, not the density.
    settings |= {"compression": compression, "predictor": predictor, "resunit": "inch"}
    small = image.width * image.height * image.bands * (2 if image.format == "ushort" else 1) < IN_MEMORY
    if isinstance(file, io.BytesIO) or small:
        page = io.BytesIO(image.tiffsave_buffer(**settings))
        if writer.takes_first_in_place:
            file.write(page.getbuffer())
            page = file
        return writer.add(page, kept.exif)
    if writer.takes_first_in_place:
        _save_tiff(image, file, settings)
        return writer.add(file, kept.exif)
    with tempfile.TemporaryFile() as other:
        _save_tiff(image, other, settings)
        return writer.add(other, kept.exif)


def _save_tiff(image: Any, file: BinaryIO, settings: dict[str, Any]) -> None:
    """Let libvips write into an open file, without a copy of it in memory."""
    try:
        image.tiffsave_target(pyvips.Target.new_to_descriptor(file.fileno()), **settings)
    except pyvips.Error as error:
        if os.strerror(errno.ENOSPC) in str(error.detail):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise


def _avif(job: _Job) -> tuple[bytes, ...]:
    image = job.image.copy()
    for name, block in (("xmp-data", job.xmp), ("exif-data", b"Exif\0\0" + job.metadata.exif)):
        if len(block) > 6:
            image.set_type(pyvips.GValue.blob_type, name, block)
    settings: dict[str, Any] = {"keep": "xmp|exif" + ("|icc" if job.metadata.profiled else "")}
    if job.metadata.profiled:
        settings["profile"] = "srgb"
    return (image.heifsave_buffer(compression="av1", Q=job.quality, **settings),)


def _bmp(rgb: NDArray[Any], metadata: Metadata, file: BinaryIO) -> None:
    dpi = tuple(25.4 * x for x in metadata.density or UNKNOWN_DENSITY)
    raw = io.BytesIO()
    Image.fromarray(rgb).save(raw, "BMP", dpi=dpi)
    file.write(raw.getbuffer())


def _pnm(rgb: NDArray[Any], metadata: Metadata, file: BinaryIO) -> None:
    height, width = rgb.shape[:2]
    lines = [line for _, text in metadata.comments for line in text.splitlines()]
    comments = "".join(f"# {line}\n" for line in lines).encode("utf-8", "replace")
    file.write(b"P6\n" + comments + f"{width} {height}\n{np.iinfo(rgb.dtype).max}\n".encode("ascii"))
    for rows in _strips(rgb):
        file.write(rgb[rows].astype(rgb.dtype.newbyteorder(">")).tobytes())


def _strips(pixels: NDArray[Any]) -> Iterator[slice]:
    rows = max(1, STRIP // pixels.shape[1])
    return (slice(top, top + rows) for top in range(0, len(pixels), rows))


def _by_strips(convert: Callable[..., NDArray[Any]], first: NDArray[Any], *more: NDArray[Any]) -> NDArray[Any]:
    """`convert` of arrays of one height, strip by strip, so that what it needs in between stays small."""
    parts = [convert(*(x[rows] for x in (first, *more))) for rows in _strips(first)]
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _on_white(rgb: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    top = np.float32(np.iinfo(rgb.dtype).max)
    share = alpha[..., None].astype(np.float32) / top
    return np.rint(rgb * share + top * (1 - share)).astype(rgb.dtype)
