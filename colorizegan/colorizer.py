"""Colorizer: a photo in, a colour photo out. The main flow of the runtime, read top to bottom in `colorize_gray`."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from PIL import Image

from colorizegan.arrays import array_like, frame_from_array, frame_from_image, frames_of, image_from_rgb
from colorizegan.bundle import open_bundle
from colorizegan.color import gray_to_lightness
from colorizegan.errors import UsageError
from colorizegan.merge import merge
from colorizegan.photo import Photo, encode_pages, read_photo
from colorizegan.predict import Prediction, Predictor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Colorizer", "colorize", "working_lightness"]

Pixels: TypeAlias = "NDArray[Any]"

log = logging.getLogger(__name__)

GRID = 4  # sides of the network's input are multiples of this: cells of ab and logits then divide the photo evenly
LONGEST = 4  # longer side of the network's input at most this many shorter sides
SIZES = (16, 4096)
KEPT_INFO = ("dpi", "exif", "xmp")  # of a Pillow image; its ICC profile is a gray one and would be wrong


class Colorizer:
    """A model in memory, ready for many photos. Thread-safe; the same input gives the same bytes.

    Args:
        model: None for the bundled default, the name of a bundled model, or a bundle's folder or zip.
        device: "cpu" or "cuda".
        threads: CPU threads; default as many as this process may use. The result does not depend on it.

    Raises:
        ModelError: the bundle is missing or damaged.
    """

    def __init__(
        self, model: str | PathLike[str] | None = None, *, device: str = "cpu", threads: int | None = None
    ) -> None:
        self.bundle = open_bundle(model)
        self.predictor = Predictor(self.bundle, threads=threads, device=device)

    @overload
    def colorize(
        self, x: str | PathLike[str] | Image.Image, *, saturation: float = ..., size: int | None = ...
    ) -> Image.Image: ...
    @overload
    def colorize(self, x: bytes, *, saturation: float = ..., size: int | None = ...) -> bytes: ...
    @overload
    def colorize(self, x: Pixels | Photo, *, saturation: float = ..., size: int | None = ...) -> Pixels: ...
    @overload
    def colorize(
        self, x: list[Any] | tuple[Any, ...], *, saturation: float = ..., size: int | None = ...
    ) -> list[Any]: ...
    def colorize(self, x: Any, *, saturation: float = 1.0, size: int | None = None) -> Any:
        """Colorize a photo, or a list of photos one after the other; the same kind, size and dtype comes back.

        | x | result |
        |---|---|
        | path | Pillow image, RGB or RGBA, upright; 16 bit rounded to 8, which is all that Pillow holds |
        | bytes of an image file | bytes of the same format, depth and pages, with the photo's metadata |
        | Pillow image, any mode | Pillow image of the same size, RGB or RGBA |
        | numpy array | array of the same dtype; shapes and ranges: see `colorizegan.arrays` |
        | Photo | (H, W, 3) array, uint8 or uint16 like `photo.gray` |
        | list or tuple of these | list of the results |

        Lightness is kept, so colour in the input is replaced by the network's; `Photo.is_color` tells coloured input.

        Args:
            saturation: factor on the chroma, 0 (gray) .. 4; reduced where the colour would leave sRGB.
            size: shorter side of the network's input, 16..4096 px; default the model's own working size.

        Raises:
            UsageError: an argument of another kind, shape, dtype or range.
            InputError, DecodeError, TooLargeError: a file or bytes that cannot be read.
        """
        if isinstance(x, list | tuple):
            return [self.colorize(item, saturation=saturation, size=size) for item in x]
        if isinstance(x, np.ndarray):
            frames, stack = frames_of(x)
            results = []
            for frame in map(frame_from_array, frames):
                rgb = self.colorize_gray(frame.gray, saturation=saturation, size=size)
                results.append(array_like(rgb, frame, x.dtype))
            return np.stack(results) if stack else results[0]
        if isinstance(x, Image.Image):
            frame = frame_from_image(x)
            rgb = self.colorize_gray(frame.gray, saturation=saturation, size=size)
            image = image_from_rgb(rgb, frame.alpha)
            image.info = {key: x.info[key] for key in KEPT_INFO if key in x.info}
            return image
        if isinstance(x, Photo):
            return self.colorize_photo(x, saturation=saturation, size=size)
        if isinstance(x, bytes):
            return self.colorize_bytes(x, saturation=saturation, size=size)
        photo = read_source(x)
        return image_from_rgb(self.colorize_photo(photo, saturation=saturation, size=size), photo.alpha)

    def colorize_bytes(self, x: bytes, *, saturation: float = 1.0, size: int | None = None) -> bytes:
        """Colorize the bytes of an image file: of the same format, of a TIFF with all its pages."""
        first = read_photo(x, page=0)

        def pages() -> Iterator[tuple[Pixels, Photo]]:
            for page in range(first.pages):
                photo = first if page == 0 else read_photo(x, page=page)
                yield self.colorize_photo(photo, saturation=saturation, size=size), photo

        file = io.BytesIO()
        for loss in encode_pages(file, pages()):
            log.warning("the photo: %s", loss)
        return file.getvalue()

    def colorize_photo(self, photo: Photo, *, saturation: float = 1.0, size: int | None = None) -> Pixels:
        """Colorize a Photo: rgb (H, W, 3), dtype of `photo.gray`. Arguments as for `colorize`."""
        return self.colorize_gray(photo.gray, saturation=saturation, size=size)

    def colorize_gray(self, gray: Pixels, *, saturation: float = 1.0, size: int | None = None) -> Pixels:
        """Colorize sRGB-encoded luminance: gray (H, W) uint8 or uint16 -> rgb (H, W, 3), same dtype.

        Other arguments as for `colorize`.
        """
        if not 0 <= saturation <= 4:
            raise UsageError(f"saturation is {saturation}", remedy="use 0 to 4; 1 is what the network saw")
        L = working_lightness(gray, self.working_size(size))  # (h, w)
        prediction = self.predictor.predict(L)  # ab (2, h/2, w/2)
        return merge(gray, prediction.ab, saturation=saturation, threads=self.predictor.threads)

    def predict(self, x: Any, *, size: int | None = None) -> Prediction:
        """What the network says of one photo: chroma, the distribution over colour bins, confidence.

        Args:
            x: one photo of any kind that `colorize` takes, no list and no stack.
            size: as for `colorize`.
        """
        if isinstance(x, np.ndarray):
            frames, stack = frames_of(x)
            if stack:
                raise UsageError(f"an array of shape {x.shape} is a stack", remedy="predict takes one photo at a time")
            gray = frame_from_array(frames[0]).gray
        elif isinstance(x, Image.Image):
            gray = frame_from_image(x).gray
        else:
            gray = (x if isinstance(x, Photo) else read_source(x)).gray
        return self.predictor.predict(working_lightness(gray, self.working_size(size)))

    def working_size(self, size: int | None) -> int:
        """Shorter side of the network's input, px: `size` where given and in range, else the model's own."""
        if size is None:
            return self.bundle.card.working_size
        if not SIZES[0] <= size <= SIZES[1]:
            raise UsageError(f"size is {size}", remedy=f"use {SIZES[0]} to {SIZES[1]}, the shorter side in px")
        return size


def colorize(
    x: Any,
    *,
    model: str | PathLike[str] | None = None,
    device: str = "cpu",
    saturation: float = 1.0,
    size: int | None = None,
) -> Any:
    """Colorize one photo or a list of them: `Colorizer(model, device=device).colorize(x, ...)`.

    Every call loads the model (some 0.2 s). For many photos keep a `Colorizer`, or give a list.
    """
    return Colorizer(model, device=device).colorize(x, saturation=saturation, size=size)


def working_shape(height: int, width: int, size: int) -> tuple[int, int]:
    """Size (h, w) of the network's input for a photo (H, W): shorter side about `size`, aspect kept, never enlarged.

    Very long photos are made smaller still, so that the longer side stays within 4 * size. Both sides are rounded to
    the next multiple of 4, at least 4.
    """
    scale = min(1.0, size / min(height, width), LONGEST * size / max(height, width))
    h, w = (max(GRID, math.floor(side * scale / GRID + 0.5) * GRID) for side in (height, width))
    return h, w


def working_lightness(gray: Pixels, size: int) -> NDArray[np.float32]:
    """Lightness of a photo at the network's size: gray (H, W) uint8 or uint16 -> L (h, w) float32, 0..100.

    Antialiased: box reduction to at least twice the size, then cubic (uint16: cubic all the way).
    """
    h, w = working_shape(gray.shape[0], gray.shape[1], size)
    image = Image.fromarray(gray)
    if image.size != (w, h):
        # Pillow cannot reduce 16 bit, but resizes it.
        gap = 2.0 if gray.dtype == np.uint8 else None
        image = image.resize((w, h), Image.Resampling.BICUBIC, reducing_gap=gap)
    small = np.asarray(image)
    return gray_to_lightness(small.astype(np.float32) / np.float32(np.iinfo(gray.dtype).max)).astype(np.float32)


def read_source(x: object) -> Photo:
    """Read a path or bytes; UsageError for anything else."""
    if isinstance(x, bytes | str | PathLike):
        return read_photo(x)
    what = f"cannot colorize a {type(x).__name__}"
    raise UsageError(what, remedy="give a path, bytes, a Pillow image, a numpy array, a Photo, or a list of these")
