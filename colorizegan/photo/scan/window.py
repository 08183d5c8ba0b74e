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
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOOKED_AT = 384  # px, longer side of what is looked at
RING = 0.015  # share of a side whose outermost lines say what its border is like
EVEN = 4.0  # codes of 255: scatter of paper, card and the beds of scanners
MOST_NOISE = 26.0  # codes; planks scatter by 15. What scatters more is no border
SLOPE = 60.0  # codes from end to end of a side: no light is quite even
TOLERANCE = 8.0  # codes; at least SPREAD times the scatter
SPREAD = 2.4
PLAIN = 0.9  # share of a line that must be like the border
WHOLLY = 0.985  # and of the last line that is cut off, of an even border
STEP = 8  # lines that are looked at together
OTHER = 0.5  # share of a line that may still be like the border where the photo has begun
STRAIGHT = 0.4  # share of a side that begins on one straight line, within NEAR
NEAR = 0.01  # share of the side
WITHIN = 0.05  # share of the side within which it begins: torn edges, prints that lie askew by 2 degrees
ALL_AT_ONCE = 0.35  # share of the first line of the photo over which its edge is torn or askew
FILLED = 0.15  # share of a line over the least that may be like the border where the photo fills it
BEHIND = 0.2  # share of the side behind which the border may go on, after a colour target or a caption
RIM = 0.06  # share of the side that a border around a target is wide at most, where it is at one side alone
SAME = 14.0  # codes between the sides of one border
LIKE = 25.0  # codes between sides that may be of the same planks
LEAST = 0.3  # share of the side that a photo has at least
PASSES = 3  # rims in rims


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

    def holds(self, row: int, column: int) -> bool:
        """Whether a pixel lies in it."""
        return self.top <= row < self.bottom and self.left <= column < self.right


@dataclass
class _Side:
    """The border at one side of what is left of the picture."""

    depth: int = 0
    """Lines that are plain."""
    filled: int = 0
    """Lines from which on the photo fills the side, behind a torn edge or one that lies askew."""
    level: float = 0.0
    """Their brightness where they end, code."""
    slope: float = 0.0
    """By how much it is brighter at the right or lower end of the side than at the other, codes."""
    noise: float = 0.0
    """Scatter of their brightness, codes."""
    rim: float = 0.0
    """Share of the side that is border before something not plain, behind which it goes on; 0 where it does not."""
    sharp: bool = False
    """It ends all at once."""
    straight: bool = False
    """It ends along a straight line."""


def find_window(gray: NDArray[Any], small: NDArray[np.float32] | None = None) -> Window | None:
    """The part of a scan that is the photo; None where it is all photo, or nobody can tell.

    Args:
        gray: (H, W) uint8 or uint16, sRGB-encoded luminance.
        small: its `glance`, where that is there already.
    """
    found = find_windows(gray, small)
    return None if found is None else found[0]


def find_windows(gray: NDArray[Any], small: NDArray[np.float32] | None = None) -> tuple[Window, Window] | None:
    """The part of a scan that holds all of the photo, and that which the photo fills, without torn or skew edges.

    Arguments as for `find_window`.
    """
    height, width = gray.shape
    small = glance(gray) if small is None else small
    shape = rows, columns = small.shape
    if min(shape) < 24:
        return None
    found: tuple[Window, Window] | None = None
    for _ in range(PASSES):
        inner = _without_border(small, found[0] if found else Window(0, rows, 0, columns))
        if inner is None:
            break
        found = inner
    return None if found is None else (found[0].scaled(shape, (height, width)), found[1].scaled(shape, (height, width)))


def glance(gray: NDArray[Any], longest: int = LOOKED_AT) -> NDArray[np.float32]:
    """A picture (H, W) uint8 or uint16 made small, its longer side at most `longest` px: codes 0 .. 255, float32."""
    step = max(1, max(gray.shape) // (2 * longest))  # every pixel of a large scan would take longer, and tell no more
    few = np.ascontiguousarray(gray[::step, ::step])
    scale = min(1.0, longest / max(few.shape))
    size = (max(1, round(few.shape[1] * scale)), max(1, round(few.shape[0] * scale)))
    # Pillow takes 8 bits without a copy.
    image = Image.fromarray(few if few.dtype == np.uint8 else few.astype(np.float32) / np.float32(257)).convert("F")
    return np.asarray(image.resize(size, Image.Resampling.BOX))


def _without_border(small: NDArray[np.float32], window: Window) -> tuple[Window, Window] | None:
    """What lies inside the next border, and what the photo fills of it; None where there is none."""
    picture = window.of(small)
    noises = [_ring(x) for x in _lines(picture, (0, 0, 0, 0))]
    alike = [noise for level, noise in noises if noise <= MOST_NOISE and abs(level - noises[0][0]) <= LIKE]
    # Planks scatter more from one to the next than the outermost lines show.
    for noise in (0.0, *([max(alike)] if len(alike) == 4 and max(alike) > EVEN else [])):
        sides = _border(picture, noise)
        if sides is not None:
            cuts = [side.depth for side in sides], [side.filled for side in sides]
            holds, filled = (
                Window(window.top + top, window.bottom - bottom, window.left + left, window.right - right)
                for top, bottom, left, right in cuts
            )
            return holds, filled
    return None


def _border(picture: NDArray[np.float32], noise: float) -> list[_Side] | None:
    """The border at each side (top, bottom, left, right), of one that scatters at least so much, in codes."""
    height, width = picture.shape
    off: set[int] = set()  # sides that are plain, but have another brightness than the border: a dark corner of a room
    for _ in range(2):
        depths, found = [0, 0, 0, 0], [_Side()] * 4
        for _ in range(3):  # a line is plain from end to end only where the borders at its ends are known
            lines = _lines(picture, depths)
            rings = [_ring(x)[1] for x in lines]
            most = MOST_NOISE if max(rings) <= MOST_NOISE else EVEN  # planks are believed on all four sides only
            found = [_Side() if i in off or rings[i] > most else _side(lines[i], noise) for i in range(4)]
            before, depths = depths, [side.depth for side in found]
            if height - sum(depths[:2]) < LEAST * height or width - sum(depths[2:]) < LEAST * width:
                return None
            if depths == before:
                break
        believed = _believed(found)
        if believed is not None:
            return believed
        straight = [side for side in found if side.straight]
        if not straight:
            return None
        groups = [{i for i in range(4) if abs(found[i].level - side.level) <= SAME} for side in straight]
        off = set(range(4)) - max(groups, key=len)
    return None


def _lines(picture: NDArray[np.float32], depths: Sequence[int]) -> list[NDArray[np.float32]]:
    """The picture's lines from each side (top, bottom, left, right) inward, without the borders at their ends."""
    top, bottom, left, right = depths
    rows, columns = slice(top, len(picture) - bottom), slice(left, picture.shape[1] - right)
    return [picture[:, columns], picture[::-1, columns], picture[rows].T, picture[rows, ::-1].T]


def _ring(lines: NDArray[np.float32]) -> tuple[float, float]:
    """Brightness and scatter of the outermost lines, codes."""
    ring = lines[: max(2, round(RING * len(lines)))]
    level = float(np.median(ring))
    return level, 1.4826 * float(np.median(np.abs(ring - level)))


def _believed(sides: list[_Side]) -> list[_Side] | None:
    """The sides (top, bottom, left, right) that are a border, others empty; None where it may as well be the photo."""
    ended = [side for side in sides if side.sharp or side.straight]
    if len(ended) == 4:
        return sides if _meet(sides) else None
    straight = [side for side in sides if side.straight]
    if not straight or max(side.noise for side in straight) > EVEN:
        return None
    if max(side.level for side in straight) - min(side.level for side in straight) > SAME:
        return None
    if len(ended) == 3 and len(straight) > 1:
        return sides
    if len(straight) == 2 or (len(straight) == 1 and 0 < straight[0].rim <= RIM):
        return [side if side.straight else _Side() for side in sides]
    return None


def _meet(sides: list[_Side]) -> bool:
    """Whether the sides of a border have one brightness at each corner, where they meet."""
    top, bottom, left, right = ((side.level - side.slope / 2, side.level + side.slope / 2) for side in sides)
    corners = ((top[0], left[0]), (top[1], right[0]), (bottom[0], left[1]), (bottom[1], right[1]))
    return all(abs(one - other) <= SAME + max(side.noise for side in sides) for one, other in corners)


def _side(lines: NDArray[np.float32], noise: float) -> _Side:
    """The border at the side where lines[0] is: lines (n, m), from outside inward, scattering at least by `noise`."""
    count, length = lines.shape
    ring = lines[: max(2, round(RING * count))]
    third = max(1, length // 3)
    slope = float(np.clip(np.median(ring[:, -third:]) - np.median(ring[:, :third]), -SLOPE, SLOPE)) * 1.5
    lines = lines - np.linspace(-slope / 2, slope / 2, length, dtype=np.float32)
    level, scatter = _ring(lines)
    noise = max(noise, scatter)
    if noise > MOST_NOISE:
        return _Side()
    tolerance = max(TOLERANCE, SPREAD * noise)
    depth = behind = gap = run = 0
    for first in range(0, count, STEP):
        away = lines[first : first + STEP] - level
        plain = np.count_nonzero(np.abs(away) <= tolerance, axis=1) >= PLAIN * length
        for k in range(len(plain)):
            if plain[k] and first + k == depth:
                depth += 1
                continue
            run = run + 1 if plain[k] else 0
            if run >= 2:
                behind, gap = first + k + 1, run
        if depth < first + len(plain) - BEHIND * count or not depth:
            break
        if depth == first + len(plain):
            level += float(np.median(away))  # no bed is lit evenly
    if not depth:
        return _Side()
    if behind:
        side = _ended(lines, _Side(behind, behind, level, slope, noise, rim=depth / count), tolerance, gap)
        if side.straight:
            return side
    return _ended(lines, _Side(depth, depth, level, slope, noise), tolerance, depth)


def _ended(lines: NDArray[np.float32], side: _Side, tolerance: float, plain: int) -> _Side:
    """The side, with how its border ends, of which so many lines are plain."""
    count = len(lines)
    most = max(3, round(WITHIN * count))
    first = side.depth - min(plain, most)
    level, noise = side.level, side.noise
    unlike = np.abs(lines[: side.depth + most] - level) > tolerance
    alike = 1 - unlike.mean(axis=1)
    begun = alike[side.depth :]
    torn = len(begun) > 0 and begun[0] > ALL_AT_ONCE
    if torn:
        side.filled += int(np.argmax(begun <= begun.min() + FILLED))
    side.sharp = len(begun) > 0 and bool(begun.min() <= OTHER)
    side.straight = _is_straight(unlike[first:], max(1.0, NEAR * count))
    # The last line that holds nothing of the photo, whose edge may be torn or askew.
    wholly = WHOLLY if noise <= EVEN else PLAIN
    for at in range(side.depth, first, -1):
        if alike[at - 1] >= wholly:
            side.depth = at
            break
    if not torn:
        side.filled = side.depth
    return side


def _is_straight(unlike: NDArray[np.bool_], near: float) -> bool:
    """Whether the photo begins along a straight line: `unlike` (n, m), lines from outside inward."""
    if len(unlike) < 2:
        return False
    begins = unlike[:-1] & unlike[1:]
    where = np.flatnonzero(begins.any(axis=0))
    if len(where) < STRAIGHT * begins.shape[1]:
        return False
    first = begins.argmax(axis=0)[where].astype(np.float64)
    third = max(1, len(where) // 3)
    rise = (np.median(first[-third:]) - np.median(first[:third])) / max(
        1.0, float(where[-third:].mean() - where[:third].mean())
    )
    rest = first - rise * where
    return bool((np.abs(rest - np.median(rest)) <= near).sum() >= STRAIGHT * begins.shape[1])
