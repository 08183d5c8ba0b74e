"""Pixels to files: one encoder a format, each with the metadata that the format can hold."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvips
from PIL import Image

from colorizegan.containers import (
    jpeg_with_metadata,
    photoshop_block,
    png_with_metadata,
    webp_with_metadata,
)
from colorizegan.exif import tiff_with_exif
from colorizegan.metadata import Metadata

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["encode"]

DEEP = ("png", "tiff", "pnm")  # hold 16 bits
OPAQUE = ("jpeg", "bmp", "pnm")  # hold no alpha
LOSSLESS_TIFF = ("none", "lzw", "deflate", "packbits", "zstd")
UNKNOWN_DENSITY = (72 / 25.4, 72 / 25.4)  # px per mm, what readers take where a file says nothing


@dataclass(frozen=True)
class _Job:
    image: Any
    """A libvips image, whose stubs know no names of enumerations: sRGB, perhaps with alpha; its density is set."""
    quality: int
    profile: dict[str, Any]
    """Arguments that put the sRGB profile into the file, or leave all metadata out."""
    metadata: Metadata
    xmp: bytes


def encode(
    rgb: NDArray[Any], alpha: NDArray[Any] | None, format: str, quality: int, metadata: Metadata, xmp: bytes
) -> bytes:
    """The bytes of a file.

    Args:
        rgb: (H, W, 3) uint8 or uint16, sRGB.
        alpha: (H, W) of the same dtype; laid on white where the format holds none.
        format: one of `colorizegan.formats.WRITABLE`.
        quality: 1 .. 100 of JPEG, WebP and AVIF.
        metadata: what goes in beside the pixels.
        xmp: the XMP packet to write, in place of that in `metadata`.

    Raises:
        pyvips.Error: the format cannot hold a picture of that size.
    """
    if rgb.dtype == np.uint16 and format not in DEEP:
        rgb, alpha = _to_8_bit(rgb), None if alpha is None else _to_8_bit(alpha)
    if alpha is not None and format in OPAQUE:
        rgb, alpha = _on_white(rgb, alpha), None
    if format == "bmp":
        return _bmp(rgb, metadata)
    if format == "pnm":
        return _pnm(rgb)
    pixels = rgb if alpha is None else np.dstack((rgb, alpha))
    pixels = np.ascontiguousarray(pixels)
    height, width, bands = pixels.shape
    wide = pixels.dtype == np.uint16
    image = pyvips.Image.new_from_memory(pixels.data, width, height, bands, "ushort" if wide else "uchar")
    xres, yres = metadata.density or UNKNOWN_DENSITY
    image = image.copy(interpretation="rgb16" if wide else "srgb", xres=xres, yres=yres)
    profile: dict[str, Any] = {"keep": "icc", "profile": "srgb"} if metadata.profiled else {"keep": "none"}
    writers: dict[str, Callable[[_Job], bytes]] = {
        "jpeg": _jpeg, "png": _png, "tiff": _tiff, "webp": _webp, "avif": _avif,
    }  # fmt: skip
    return writers[format](_Job(image, quality, profile, metadata, xmp))


def _jpeg(job: _Job) -> bytes:
    # Colour at full resolution from quality 90 on; below, halved, as is usual.
    raw: bytes = job.image.jpegsave_buffer(Q=job.quality, subsample_mode="auto", **job.profile)
    kept = job.metadata
    photoshop = kept.photoshop or photoshop_block(kept.iptc)
    comments = [text.encode("utf-8") for _, text in kept.comments]
    return jpeg_with_metadata(raw, exif=kept.exif, xmp=job.xmp, photoshop=photoshop, comments=comments)


def _png(job: _Job) -> bytes:
    # Level 3 with adaptive filters: within a few percent of the slowest setting in a fraction of its time.
    raw: bytes = job.image.pngsave_buffer(compression=3, filter="all", **job.profile)
    return png_with_metadata(raw, exif=job.metadata.exif, xmp=job.xmp, texts=list(job.metadata.comments))


def _webp(job: _Job) -> bytes:
    image = job.image
    raw: bytes = image.webpsave_buffer(Q=job.quality, **job.profile)
    return webp_with_metadata(
        raw, exif=job.metadata.exif, xmp=job.xmp, width=image.width, height=image.height, alpha=image.bands == 4
    )


def _tiff(job: _Job) -> bytes:
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
    # "inch" changes how the density is written down, not the density.
    raw: bytes = image.tiffsave_buffer(compression=compression, predictor=predictor, resunit="inch", **settings)
    return tiff_with_exif(raw, kept.exif) if kept.exif else raw


def _avif(job: _Job) -> bytes:
    image = job.image.copy()
    for name, block in (("xmp-data", job.xmp), ("exif-data", b"Exif\0\0" + job.metadata.exif)):
        if len(block) > 6:
            image.set_type(pyvips.GValue.blob_type, name, block)
    settings: dict[str, Any] = {"keep": "xmp|exif" + ("|icc" if job.metadata.profiled else "")}
    if job.metadata.profiled:
        settings["profile"] = "srgb"
    return image.heifsave_buffer(compression="av1", Q=job.quality, **settings)


def _bmp(rgb: NDArray[Any], metadata: Metadata) -> bytes:
    file = io.BytesIO()
    dpi = tuple(25.4 * x for x in metadata.density or UNKNOWN_DENSITY)
    Image.fromarray(rgb).save(file, "BMP", dpi=dpi)
    return file.getvalue()


def _pnm(rgb: NDArray[Any]) -> bytes:
    height, width = rgb.shape[:2]
    head = f"P6\n{width} {height}\n{np.iinfo(rgb.dtype).max}\n".encode("ascii")
    return head + rgb.astype(rgb.dtype.newbyteorder(">")).tobytes()


def _to_8_bit(x: NDArray[Any]) -> NDArray[np.uint8]:
    """uint16 -> uint8, rounded: code c stands for c / 65535."""
    return ((x.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _on_white(rgb: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    top = np.float32(np.iinfo(rgb.dtype).max)
    share = alpha[..., None].astype(np.float32) / top
    return np.rint(rgb * share + top * (1 - share)).astype(rgb.dtype)
