"""One side of a border: how deep it is, where it ends, and how.

Its lines are looked at from outside inward, side by side, until nothing more is plain.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OUTERMOST = 0.015  # share of a side whose outermost lines say what its border is like
EVEN_SCATTER = 4.0  # codes of 255: scatter of paper, card and the beds of scanners, at most
MOST_NOISE = 26.0  # codes; planks scatter by 15. What scatters more is no border
SLOPE = 60.0  # codes from end to end of a side: no light is quite even
TOLERANCE = 8.0  # codes; at least SPREAD times the scatter
SPREAD = 2.4
LINE_OF_BORDER = 0.9  # share of a line that must be like the border
LAST_LINE_OF_BORDER = 0.985  # and of the last line that is cut off
LINES_AT_ONCE = 8  # lines that are looked at together
LINE_OF_PHOTO = 0.5  # share of a line that may still be like the border where the photo has begun
STRAIGHT_SHARE = 0.4  # share of a side that begins on one straight line, within STRAIGHT_WITHIN
STRAIGHT_WITHIN = 0.01  # share of the side
EDGE_WITHIN = 0.05  # share of the side within which it begins: torn edges, prints that lie askew by 2 degrees
ALL_AT_ONCE = 0.35  # share of the first line of the photo over which its edge is torn or askew
LINE_FILLED = 0.15  # share of a line over the least that may be like the border where the photo fills it
FALL, STEEPEST = 2.0, 40.0  # codes by which a shadow is darker from one line to the next
GOES_ON_BEHIND = 0.2  # share of the side behind which the border may go on, after a colour target or a caption


@dataclass
class Side:
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
    shadow: int = 0
    """Lines behind the border that are its shadow."""

    @property
    def tolerance(self) -> float:
        """By how much a pixel of it may be brighter or darker, codes."""
        return max(TOLERANCE, SPREAD * self.noise)

    def unlike(self, lines: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Where lines (n, m), from outside inward, are not of it."""
        length = lines.shape[1]
        level = self.level + np.linspace(-self.slope / 2, self.slope / 2, length, dtype=np.float32)
        return np.abs(lines - level) > self.tolerance


def outermost(lines: NDArray[np.float32]) -> tuple[float, float]:
    """Brightness and scatter of the outermost lines, codes."""
    ring = lines[: max(2, round(OUTERMOST * len(lines)))]
    level = float(np.median(ring))
    return level, 1.4826 * float(np.median(np.abs(ring - level)))


def side_of(lines: NDArray[np.float32]) -> Side:
    """The border at the side where lines[0] is: lines (n, m), from outside inward."""
    count, length = lines.shape
    ring = lines[: max(2, round(OUTERMOST * count))]
    third = max(1, length // 3)
    slope = float(np.clip(np.median(ring[:, -third:]) - np.median(ring[:, :third]), -SLOPE, SLOPE)) * 1.5
    lines = lines - np.linspace(-slope / 2, slope / 2, length, dtype=np.float32)
    level, noise = outermost(lines)
    if noise > MOST_NOISE:
        return Side()
    tolerance = max(TOLERANCE, SPREAD * noise)
    depth = behind = gap = run = 0
    for first in range(0, count, LINES_AT_ONCE):
        away = lines[first : first + LINES_AT_ONCE] - level
        plain = np.count_nonzero(np.abs(away) <= tolerance, axis=1) >= LINE_OF_BORDER * length
        for k in range(len(plain)):
            if plain[k] and first + k == depth:
                depth += 1
                continue
            run = run + 1 if plain[k] else 0
            if run >= 2:
                behind, gap = first + k + 1, run
        if depth < first + len(plain) - GOES_ON_BEHIND * count or not depth:
            break
        if depth == first + len(plain):
            level += float(np.median(away))  # no bed is lit evenly
    if not depth:
        return Side()
    if behind:
        side = _ended(lines, Side(behind, behind, level, slope, noise, rim=depth / count), tolerance, gap)
        if side.straight:
            return side
    return _ended(lines, Side(depth, depth, level, slope, noise), tolerance, depth)


def _ended(lines: NDArray[np.float32], side: Side, tolerance: float, plain: int) -> Side:
    """The side, with how its border ends, of which so many lines are plain."""
    count = len(lines)
    most = max(3, round(EDGE_WITHIN * count))
    first_inside = side.depth
    first = side.depth - min(plain, most)
    level = side.level
    unlike = np.abs(lines[: side.depth + most] - level) > tolerance
    alike = 1 - unlike.mean(axis=1)
    begun = alike[side.depth :]
    shadow = _shadow(lines[side.depth : side.depth + most], level, tolerance)
    torn = not shadow and len(begun) > 0 and begun[0] > ALL_AT_ONCE
    if torn:
        side.filled += int(np.argmax(begun <= begun.min() + LINE_FILLED))
    side.sharp = len(begun) > 0 and bool(begun.min() <= LINE_OF_PHOTO)
    side.straight = _is_straight(unlike[first:], max(1.0, STRAIGHT_WITHIN * count))
    # The last line that holds nothing of the photo, whose edge may be torn or askew.
    for at in range(side.depth, first, -1):
        if alike[at - 1] >= LAST_LINE_OF_BORDER:
            side.depth = at
            break
    if not torn:
        side.shadow = first_inside + shadow - side.depth if shadow else 0
        side.filled = side.depth + side.shadow
    return side


def _shadow(lines: NDArray[np.float32], level: float, tolerance: float) -> int:
    """How many lines (n, m) behind a border of a level are its shadow: each plain, and darker than the one before."""
    middles = np.median(lines, axis=1)
    plain = (np.abs(lines - middles[:, None]) <= tolerance).mean(axis=1) >= LINE_OF_BORDER
    falls = np.diff(middles, prepend=level)
    goes_on = plain & (-falls >= FALL) & (-falls <= STEEPEST)
    count = int(np.argmin(goes_on)) if not goes_on.all() else len(lines)
    return count if count > 1 else 0


def _is_straight(unlike: NDArray[np.bool_], near: float) -> bool:
    """Whether the photo begins along a straight line: `unlike` (n, m), lines from outside inward."""
    if len(unlike) < 2:
        return False
    begins = unlike[:-1] & unlike[1:]
    where = np.flatnonzero(begins.any(axis=0))
    if len(where) < STRAIGHT_SHARE * begins.shape[1]:
        return False
    first = begins.argmax(axis=0)[where].astype(np.float64)
    third = max(1, len(where) // 3)
    rise = (np.median(first[-third:]) - np.median(first[:third])) / max(
        1.0, float(where[-third:].mean() - where[:third].mean())
    )
    rest = first - rise * where
    return bool((np.abs(rest - np.median(rest)) <= near).sum() >= STRAIGHT_SHARE * begins.shape[1])
