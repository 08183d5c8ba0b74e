"""Torn edges, and prints that lie askew: where a photo's window shows what it lies on, that is filled for the network.

Cut off instead, a strip at each side would be missing, and the network would see another photo.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MIXED_EDGE = 2  # px at an edge that hold some of both
BORDER_NEIGHBOURS = 7  # pixels of nine that are like the border, so that the one amid them counts as such


def from_outside(like: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of the pixels (h, w) that are like a border, those that can be reached over others from the picture's edge."""
    around = np.pad(like, 1).astype(np.int8)
    near = sum(around[y : y + like.shape[0], x : x + like.shape[1]] for y in range(3) for x in range(3))
    like = like | (near >= BORDER_NEIGHBOURS)  # grain and dust
    reached = like.copy()
    reached[1:-1, 1:-1] = False
    count = 0
    while count != (count := int(np.count_nonzero(reached))):
        reached = _grown(reached, 1) & like
    return reached


def hidden_pixels(torn: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where the photo is torn off, in a picture of another size (h, w), with what holds some of both."""
    rows, columns = (np.arange(n) * m // n for n, m in zip(shape, torn.shape, strict=True))
    hidden = _grown(torn[rows][:, columns], MIXED_EDGE)
    for edge in (hidden, hidden.T):
        edge[:MIXED_EDGE] = edge[-MIXED_EDGE:] = True
    return hidden


def mended(L: NDArray[np.float32], torn: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Lightness (h, w) of a photo with its torn parts filled by what lies inside of them, mirrored.

    torn: (r, c), of another size.
    """
    hidden = hidden_pixels(torn, L.shape)
    nearest = np.full(L.shape, np.iinfo(np.int64).max)
    result = L.copy()
    for axis in (0, 1):
        for step in (1, -1):
            far, values = _inward(L, hidden, axis, step)
            closer = hidden & (far < nearest)
            result[closer], nearest[closer] = values[closer], far[closer]
    return result


def _grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """With all pixels that are at most so many px away, in a square."""
    mask = np.pad(mask, by)
    for axis in (0, 1):
        mask = np.logical_or.reduce([np.roll(mask, shift, axis) for shift in range(-by, by + 1)])
    return mask[by:-by, by:-by]


def _inward(L: NDArray[Any], hidden: NDArray[np.bool_], axis: int, step: int) -> tuple[Any, Any]:
    """Of each pixel how far inward the photo begins, going along an axis, and what lies there so far behind it."""
    L, hidden = (np.moveaxis(x, axis, 0)[::step] for x in (L, hidden))
    count = len(L)
    places = np.broadcast_to(np.arange(count)[:, None], L.shape)
    begin = np.minimum.accumulate(np.where(hidden, count, places)[::-1], axis=0)[::-1]  # count = nowhere
    far = np.where(begin < count, begin - places, np.iinfo(np.int64).max)
    values = np.take_along_axis(L, np.clip(2 * begin - places, 0, count - 1), axis=0)
    return np.moveaxis(far[::step], 0, axis), np.moveaxis(values[::step], 0, axis)
