"""Motion between two frames of a film: where each place was, and how far that may be trusted.

Motion is dense optical flow (Kroeger et al., Fast optical flow using dense inverse search, 2016), by OpenCV. It is
looked for on pictures whose contrast is the same everywhere, so that a flicker of brightness does not count as motion.
A place is trusted where the way there and the way back agree, and where the two pictures look alike: what is hidden in
one of them, dust and scratches are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from colorizegan.color.lab import Plane

Codes = NDArray[np.uint8]

ASTRAY = 1.0  # cells between the ends of the way there and back at which trust has fallen to 1/e
UNLIKE = 40.0  # codes between the pictures at which it has
NEAR, WIDE = 8.0, 16.0  # px: what counts as the brightness of a place, and the area whose contrast is made even
LEAST = 2.0  # of contrast, units of L: less is noise, and is not made larger
SPREAD = 32.0  # codes that a contrast of one standard deviation gets


@dataclass(frozen=True)
class Motion:
    """Takes what belongs to one frame over to another."""

    flow: Plane
    """(h, w, 2): for each cell of the frame where it goes, the way (x, y) to its place in the frame where it comes
    from, in cells."""
    trust: Plane
    """(h, w), 0..1: how far that is the same thing."""

    def pull(self, x: Plane, *, sharp: bool = False) -> Plane:
        """`x` (h, w) or (h, w, C) of the frame where it comes from, as it lies in the other one."""
        height, width = self.flow.shape[:2]
        columns, rows = _places(height, width)
        how = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
        places = columns + self.flow[..., 0], rows + self.flow[..., 1]
        if x.ndim == 3 and x.shape[2] > 4:  # more than OpenCV takes
            return np.dstack([self.pull(x[..., i : i + 3], sharp=sharp) for i in range(0, x.shape[2], 3)])
        return np.asarray(cv2.remap(x, *places, how, borderMode=cv2.BORDER_REPLICATE), np.float32)

    def after(self, first: Motion) -> Motion:
        """This motion with `first`, which led to the frame where it comes from, before it."""
        both = self.pull(np.dstack((first.flow, first.trust)))
        return Motion(both[..., :2] + self.flow, both[..., 2] * self.trust)

    @classmethod
    def none(cls, height: int, width: int) -> Motion:
        """Nothing moves, and that is sure."""
        return cls(np.zeros((height, width, 2), np.float32), np.ones((height, width), np.float32))


def even_contrast(L: Plane) -> Codes:
    """L (h, w) 0..100 as a picture of the same contrast everywhere, to look for motion in."""
    away = L - cv2.GaussianBlur(L, (0, 0), NEAR)
    contrast = np.sqrt(cv2.GaussianBlur(away * away, (0, 0), WIDE)) + np.float32(LEAST)
    return np.clip(128 + away / contrast * np.float32(SPREAD), 0, 255).astype(np.uint8)


def match(before: Codes, now: Codes, shape: tuple[int, int]) -> tuple[Motion, Motion]:
    """The motion from `before` to `now` and back, pictures (H, W) from `even_contrast`, in cells of `shape` (h, w)."""
    search = cv2.DISOpticalFlow.create(cv2.DISOpticalFlow_PRESET_FAST)
    unknown: Any = None  # the flow to begin with
    back, ahead = (_reduced(search.calc(a, b, unknown), shape) for a, b in ((now, before), (before, now)))
    cell = np.float32(shape[1] / now.shape[1])
    back, ahead = back * cell, ahead * cell
    small_before, small_now = (_reduced(picture, shape) for picture in (before, now))
    return (
        Motion(back, _trust(back, ahead, small_now, small_before)),
        Motion(ahead, _trust(ahead, back, small_before, small_now)),
    )


def _reduced(x: NDArray[Any], shape: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(x, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.float32)


def _trust(way: Plane, back: Plane, here: Plane, there: Plane) -> Plane:
    height, width = here.shape
    motion = Motion(way, here)
    astray = np.square(way + motion.pull(back)).sum(axis=2) / np.float32(ASTRAY**2)
    unlike = cv2.blur(np.square(here - motion.pull(there)), (3, 3)) / np.float32(UNLIKE**2)
    columns, rows = _places(height, width)
    x, y = columns + way[..., 0], rows + way[..., 1]
    inside = (x > -1) & (y > -1) & (x < width) & (y < height)
    return (np.exp(-astray - unlike) * inside).astype(np.float32)


@lru_cache(maxsize=4)
def _places(height: int, width: int) -> tuple[Plane, Plane]:
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return columns, rows
