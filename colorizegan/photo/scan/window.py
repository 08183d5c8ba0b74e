"""Where in a scan the photo lies: inside an even border, a mount, a scanner's bed, or beside a colour target.

A border is plain along whole lines of the picture, and it ends all at once: where the photo begins, within a few per
cent of the side, most of a line differs from it. A sky is plain too, but it ends at a skyline, one column here and the
next there; so a border is believed only where two sides or more end like an edge of paper. Lines are looked at from
outside inward, side by side, until nothing more is plain; then again inside of what was found, for a white rim on a
gray mount. Behind a strip that is not plain (a colour target, a caption) the border may go on: then the last plain
lines count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.photo.scan.side import EDGE_WITHIN, EVEN_SCATTER, MOST_NOISE, Side, outermost, side_of
from colorizegan.photo.scan.texture import REACH, unlikeness
from colorizegan.photo.scan.torn import from_outside

LOOKED_AT = 384  # px, longer side of what is looked at
WIDEST_ONE_SIDED_RIM = (
    0.06  # share of the side that a border around a target is wide at most, where it is at one side alone
)
SAME_BORDER = 14.0  # codes between the sides of one border
SAME_PLANKS = 25.0  # codes between sides that may be of the same planks
LEAST_OF_PHOTO = 0.3  # share of the side that a photo has at least
RIMS_IN_RIMS = 3  # borders around each other: of the scanner, of an album's page, of the print
FULL_CONTRAST = 90.0  # codes between the darkest and the lightest per cent: with less all of these are as much smaller
FAINTEST = 1 / 8  # of it


class Window(NamedTuple):
    """A part of a picture (H, W): rows top .. bottom - 1, columns left .. right - 1."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, picture: NDArray[Any]) -> NDArray[Any]:
        """The part of a picture (H, W) or (H, W, C), a view."""
        return picture[self.top : self.bottom, self.left : self.right]

    def scaled(self, shape: tuple[int, ...], small: tuple[int, ...]) -> Window:
        """The same part of another size of the picture: from (H, W) to `small` (h, w)."""
        y, x = small[0] / shape[0], small[1] / shape[1]
        bottom, right = math.ceil(self.bottom * y), math.ceil(self.right * x)
        return Window(int(self.top * y), bottom, int(self.left * x), right)

    def without(self, cuts: Sequence[int]) -> Window:
        """What is left where so many lines are cut off at the top, bottom, left and right."""
        top, bottom, left, right = cuts
        return Window(self.top + top, self.bottom - bottom, self.left + left, self.right - right)

    def holds(self, row: int, column: int) -> bool:
        """Whether a pixel lies in it."""
        return self.top <= row < self.bottom and self.left <= column < self.right


@dataclass(frozen=True)
class Found:
    """A photo inside of a border."""

    window: Window
    """The whole photo; all outside of it stays neutral."""
    seen: Window
    """Without the shadow around it."""
    filled: Window
    """Without edges that are torn or askew either."""
    torn: NDArray[np.bool_] | None
    """(r, c), a small picture of `seen`: where it shows the border; None where it does not."""


def find_photo(gray: NDArray[Any], small: NDArray[np.float32] | None = None) -> Found | None:
    """The part of a scan that is the photo; None where it is all photo, or nobody can tell.

    Args:
        gray: (H, W) uint8 or uint16, sRGB-encoded luminance.
        small: its `glance`, where that is there already.
    """
    small = glance(gray) if small is None else small
    shape = rows, columns = small.shape
    if min(shape) < 24:
        return None
    low, high = np.percentile(small, (1, 99))
    small = (small / min(1.0, max(FAINTEST, (high - low) / FULL_CONTRAST))).astype(np.float32)
    found: Found | None = None
    torn = np.zeros(shape, bool)
    window = whole = Window(0, rows, 0, columns)
    for _ in range(RIMS_IN_RIMS):
        inner = _without_border(small, window, torn)
        if inner is None:
            break
        found = inner
        # The next border is looked for one line further in, as the last line of a wavy edge holds some of both.
        window = found.filled.without([int(at != end) for at, end in zip(found.filled, whole, strict=True)])
    if found is None:
        return None
    window, seen, filled = (one.scaled(shape, gray.shape) for one in (found.window, found.seen, found.filled))
    torn = from_outside(found.seen.of(torn)) if torn.any() else None
    return Found(window, seen, filled, torn)


def glance(gray: NDArray[Any], longest: int = LOOKED_AT) -> NDArray[np.float32]:
    """A picture (H, W) uint8 or uint16 made small, its longer side at most `longest` px: codes 0 .. 255, float32."""
    step = max(1, max(gray.shape) // (2 * longest))  # every pixel of a large scan would take longer, and tell no more
    few = np.ascontiguousarray(gray[::step, ::step])
    scale = min(1.0, longest / max(few.shape))
    size = (max(1, round(few.shape[1] * scale)), max(1, round(few.shape[0] * scale)))
    # Pillow takes 8 bits without a copy.
    image = Image.fromarray(few if few.dtype == np.uint8 else few.astype(np.float32) / np.float32(257)).convert("F")
    return np.asarray(image.resize(size, Image.Resampling.BOX))


def _without_border(small: NDArray[np.float32], window: Window, torn: NDArray[np.bool_]) -> Found | None:
    """What lies inside the next border, None where there is none; what is like that beside the photo goes into torn."""
    picture = window.of(small)
    sides = _border(picture)
    if picture.shape == small.shape and (sides is None or max(side.noise for side in sides) > EVEN_SCATTER):
        return _without_texture(picture)
    if sides is None:
        return None
    depths = [side.depth for side in sides]
    seen = window.without([side.depth + side.shadow for side in sides])
    filled = window.without([side.filled for side in sides])
    if filled != seen:
        there = _lines(window.of(torn), depths)
        for side, lines, part in zip(sides, _lines(picture, depths), there, strict=True):
            if side.depth and not side.shadow:
                zone = slice(side.depth, side.depth + max(3, round(EDGE_WITHIN * len(lines))))
                part[zone] |= ~side.unlike(lines[zone])
    return Found(seen, seen, filled, None)


def _without_texture(picture: NDArray[np.float32]) -> Found | None:
    """What lies on planks or grainy card, on all four sides; None where nothing does."""
    levels, noises = zip(*(outermost(lines) for lines in _lines(picture, (0, 0, 0, 0))), strict=True)
    if not EVEN_SCATTER < max(noises) <= MOST_NOISE or max(levels) - min(levels) > SAME_PLANKS:
        return None
    sides = _border(unlikeness(picture))
    if sides is None or not all(side.depth for side in sides):
        return None
    whole = Window(0, len(picture), 0, picture.shape[1])
    holds = whole.without([side.depth for side in sides])
    # What is like planks in tone need not be of them: nothing is filled.
    seen = whole.without([side.depth + REACH for side in sides])
    return Found(holds, seen, seen, None)


def _border(picture: NDArray[np.float32]) -> list[Side] | None:
    """The border at each side (top, bottom, left, right), None where there is none."""
    height, width = picture.shape
    off: set[int] = set()  # sides that are plain, but have another brightness than the border: a dark corner of a room
    for _ in range(2):
        depths, found = [0, 0, 0, 0], [Side()] * 4
        for _ in range(3):  # a line is plain from end to end only where the borders at its ends are known
            lines = _lines(picture, depths)
            rims = [outermost(x)[1] for x in lines]
            most = (
                MOST_NOISE if max(rims) <= MOST_NOISE else EVEN_SCATTER
            )  # uneven light is believed on all four sides only
            found = [Side() if i in off or rims[i] > most else side_of(lines[i]) for i in range(4)]
            before, depths = depths, [side.depth for side in found]
            if height - sum(depths[:2]) < LEAST_OF_PHOTO * height or width - sum(depths[2:]) < LEAST_OF_PHOTO * width:
                return None
            if depths == before:
                break
        believed = _believed(found)
        if believed is not None:
            return believed
        straight = [side for side in found if side.straight]
        if not straight:
            return None
        groups = [{i for i in range(4) if abs(found[i].level - side.level) <= SAME_BORDER} for side in straight]
        off = set(range(4)) - max(groups, key=len)
    return None


def _lines(picture: NDArray[Any], depths: Sequence[int]) -> list[NDArray[Any]]:
    """The picture's lines from each side (top, bottom, left, right) inward, without the borders at their ends."""
    top, bottom, left, right = depths
    rows, columns = slice(top, len(picture) - bottom), slice(left, picture.shape[1] - right)
    return [picture[:, columns], picture[::-1, columns], picture[rows].T, picture[rows, ::-1].T]


def _believed(sides: list[Side]) -> list[Side] | None:
    """The sides (top, bottom, left, right) that are a border, others empty; None where it may as well be the photo."""
    ended = [side for side in sides if side.sharp or side.straight]
    if len(ended) == 4:
        return sides if _meet(sides) else None
    straight = [side for side in sides if side.straight]
    if not straight or max(side.noise for side in straight) > EVEN_SCATTER:
        return None
    if max(side.level for side in straight) - min(side.level for side in straight) > SAME_BORDER:
        return None
    if len(ended) == 3 and len(straight) > 1:
        return sides
    if len(straight) == 2 or (len(straight) == 1 and 0 < straight[0].rim <= WIDEST_ONE_SIDED_RIM):
        return [side if side.straight else Side() for side in sides]
    return None


def _meet(sides: list[Side]) -> bool:
    """Whether the sides of a border have one brightness at each corner, where they meet."""
    top, bottom, left, right = ((side.level - side.slope / 2, side.level + side.slope / 2) for side in sides)
    corners = ((top[0], left[0]), (top[1], right[0]), (bottom[0], left[1]), (bottom[1], right[1]))
    return all(abs(one - other) <= SAME_BORDER + max(side.noise for side in sides) for one, other in corners)
