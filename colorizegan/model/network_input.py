"""A photo's brightness -> the small lightness that the network sees."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import gray_to_lightness

GRID = 4  # sides of the network's input are multiples of this: cells of ab and logits then divide the photo evenly
LONGEST = 4  # longer side of the network's input at most this many shorter sides


def working_shape(height: int, width: int, size: int) -> tuple[int, int]:
    """Size (h, w) of the network's input for a photo (H, W): shorter side about `size`, aspect kept, never enlarged.

    Very long photos are made smaller still, so that the longer side stays within 4 * size. Both sides are rounded to
    the next multiple of 4, at least 4.
    """
    scale = min(1.0, size / min(height, width), LONGEST * size / max(height, width))
    h, w = (max(GRID, math.floor(side * scale / GRID + 0.5) * GRID) for side in (height, width))
    return h, w


def working_lightness(gray: NDArray[Any], size: int, detail: float = 1.0) -> NDArray[np.float32]:
    """Lightness of a photo at the network's size: gray (H, W) uint8 or uint16 -> L (h, w) float32, 0..100.

    Antialiased: box reduction to at least twice the size, then cubic (uint16: cubic all the way).

    Args:
        detail: share of the size that the photo is reduced to before it is brought to the size itself, 0..1. A network
            that has learned from enlarged crops of small photos knows only soft pictures, and takes a sharp one for
            something else.
    """
    h, w = working_shape(gray.shape[0], gray.shape[1], size)
    image = Image.fromarray(gray)
    # Pillow cannot reduce 16 bit, but resizes it.
    gap = 2.0 if gray.dtype == np.uint8 else None
    for share in (detail, 1.0):
        shape = max(1, round(share * w)), max(1, round(share * h))
        if image.size != shape:
            image = image.resize(shape, Image.Resampling.BICUBIC, reducing_gap=gap)
    small = np.asarray(image)
    return gray_to_lightness(small.astype(np.float32) / np.float32(np.iinfo(gray.dtype).max)).astype(np.float32)


def resized(
    planes: NDArray[np.float32], shape: tuple[int, int], by: Image.Resampling = Image.Resampling.BICUBIC
) -> NDArray[np.float32]:
    """Planes (C, H, W) at another size (h, w), antialiased; as they are where the size is that already."""
    if planes.shape[1:] == shape:
        return planes
    images = [Image.fromarray(np.ascontiguousarray(plane)).resize((shape[1], shape[0]), by) for plane in planes]
    return np.stack([np.asarray(image, np.float32) for image in images])


def softened(L: NDArray[np.float32], detail: float) -> NDArray[np.float32]:
    """Lightness (h, w) that is at the network's size already, with as little detail as `working_lightness` leaves."""
    if detail >= 1:
        return L
    size = (L.shape[1], L.shape[0])
    small = Image.fromarray(L).resize([max(1, round(detail * side)) for side in size], Image.Resampling.BICUBIC)
    return np.clip(np.asarray(small.resize(size, Image.Resampling.BICUBIC), np.float32), 0, 100)
