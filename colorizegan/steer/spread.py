"""A colour given at points spreads over the things that these belong to, and stops where other things begin.

The network alone colours some way around a hint. Here the colour is carried on along paths that cross no edge:
neighbouring cells are far apart where brightness jumps, or where the network sees other things (their distributions
over the colour bins differ). Where the network gives a colour contrary to that at the hint is another thing as well.
The idea that colour follows brightness is that of Levin, Lischinski and Weiss, Colorization using optimization, 2004;
distances along paths are used as by Yatziv and Sapiro, Fast image and video colorization using chrominance blending,
2006.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from colorizegan.color.lab import Plane
from colorizegan.steer.hints import Point

# A path is as long as its way (1 = half the shorter side of the picture), its change in brightness (1 = BRIGHT units of
# L) and in what the network sees (Bhattacharyya distances). Chosen on photos that are not those of docs/steering.md:
# for many places that get better, and few that get worse.
WAY = 0.15
BRIGHT = 120.0
SEEN = 1.5
OTHER = 3.0  # of a cell that looks unlike the hinted one, however smooth the path
CONTRARY = 60.0  # Lab units between the colours that the network gives to two places, which make them other things
FAR = 1.2  # distance that a colour reaches: nearly whole up to a half of it, nearly nothing from a half more on
SWEEPS = 12  # each goes in all four directions; more change nothing that can be seen
NEAR = 0.05  # distance within which a hint has all the say
LEVEL = 8.0  # L: what is so much brighter may be the same thing, where brightness is all that is known
CELL = 4  # px of the network's input in a cell of its distribution


def bin_features(logits: Plane) -> Plane:
    """Square roots of the probabilities, (Q, h, w); of two places their dot product says how alike they are, 0..1.

    The dot product is the Bhattacharyya coefficient of the two distributions.
    """
    odds = np.exp((logits - logits.max(axis=0)) / 2)
    return (odds / np.sqrt(np.square(odds).sum(axis=0))).astype(np.float32)


def light_features(L: Plane, height: int, width: int) -> Plane:
    """As `bin_features` where no network tells what is seen, (levels, height, width): like brightness is likeness.

    L: (H, W) 0..100 at the network's size. Two places d apart are alike by exp(-d^2 / (8 LEVEL^2)).
    """
    levels = np.arange(0, 101, LEVEL, dtype=np.float32)[:, None, None]
    odds = np.exp(-np.square((cells_of(L, height, width) - levels) / np.float32(2 * LEVEL)))
    return (odds / np.sqrt(np.square(odds).sum(axis=0))).astype(np.float32)


def geodesic(points: Sequence[Point], L: Plane, seen: Plane) -> Plane:
    """How far every cell is from each point, (P, h, w), 0 at the point itself.

    L: (H, W) 0..100 at the network's size; seen: (Q, h, w) from `bin_features`, a cell for 4 x 4 pixels.
    """
    height, width = seen.shape[1:]
    light = cells_of(L, height, width)
    across = step_lengths(light, seen, axis=1)  # (h, w - 1)
    down = step_lengths(light, seen, axis=0)  # (h - 1, w)
    along = np.concatenate((np.zeros((height, 1), np.float32), np.cumsum(across, 1)), 1)
    below = np.concatenate((np.zeros((1, width), np.float32), np.cumsum(down, 0)), 0)
    far: Plane = np.full((len(points), height, width), 1e6, np.float32)
    own = np.empty_like(far)
    for i, point in enumerate(points):
        row, column = min(point.row // CELL, height - 1), min(point.column // CELL, width - 1)
        far[i, row, column] = 0
        own[i] = 1 - np.einsum("q,qhw->hw", seen[:, row, column], seen)
    for _ in range(SWEEPS):
        # The shortest way along a line from any cell before: a running minimum, once the way itself is taken off.
        for total, axis in ((along, 2), (below, 1)):
            forth = np.minimum.accumulate(far - total, axis) + total
            back = np.flip(np.minimum.accumulate(np.flip(forth + total, axis), axis), axis) - total
            far = np.asarray(back, np.float32)
    return np.maximum(far, 0) + np.float32(OTHER) * np.clip(own, 0, 1)


def color_conflict(points: Sequence[Point], ab: Plane, height: int, width: int) -> Plane:
    """What to add to distances where the network gives another colour than at the point.

    ab: (2, h, w) Lab units, of 2 x 2 in a cell -> (P, height, width).
    """
    edge = ((0, 0), (0, 2 * height - ab.shape[1]), (0, 2 * width - ab.shape[2]))
    cells = np.pad(ab, edge, mode="edge").reshape(2, height, 2, width, 2).mean(axis=(2, 4))
    apart = [
        cells - cells[:, min(point.row // CELL, height - 1), min(point.column // CELL, width - 1), None, None]
        for point in points
    ]
    return (np.square(apart).sum(axis=1) / CONTRARY**2).astype(np.float32)


def falloff(far: Plane) -> Plane:
    """How much a point has to say at a distance, 1 .. 0: a plain for its thing, and a slope behind it."""
    return np.exp(-np.square(np.square(far / np.float32(FAR)))).astype(np.float32)


def spread(colors: NDArray[np.floating], far: Plane) -> tuple[Plane, Plane]:
    """Colours (P, 2) at points, spread by distance (P, h, w) over the picture; of several the nearer counts more.

    Gives the colours (2, h, w), and their share (h, w) 0..1; the rest is that of the colours that are there already.
    """
    say = np.exp(-np.square(far)) / np.square(far + np.float32(NEAR))
    total = np.maximum(say.sum(axis=0), 1e-12)
    mean = np.einsum("phw,pc->chw", say, colors.astype(np.float32)) / total
    return mean.astype(np.float32), falloff(far).max(axis=0)


def cells_of(L: Plane, height: int, width: int) -> Plane:
    """Mean brightness of each cell, (H, W) -> (height, width); the last ones may be cut off."""
    padded = np.pad(L, ((0, height * CELL - L.shape[0]), (0, width * CELL - L.shape[1])), mode="edge")
    return padded.reshape(height, CELL, width, CELL).mean(axis=(1, 3), dtype=np.float32)


def upsample2(x: Plane, height: int, width: int) -> Plane:
    """(C, h, w) -> twice the size, linear, cut to (C, height, width)."""
    for axis in (1, 2):
        before = np.concatenate((x.take([0], axis), x.take(range(x.shape[axis] - 1), axis)), axis)
        after = np.concatenate((x.take(range(1, x.shape[axis]), axis), x.take([-1], axis)), axis)
        pair = np.stack((0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after), axis + 1)
        shape = list(x.shape)
        shape[axis] *= 2
        x = np.asarray(pair.reshape(shape), np.float32)
    return np.ascontiguousarray(x[:, :height, :width], np.float32)


def step_lengths(light: Plane, seen: Plane, axis: int) -> Plane:
    """The length of the step between each two neighbours along an axis."""
    first = (slice(None), slice(0, -1)) if axis else (slice(0, -1), slice(None))
    second = (slice(None), slice(1, None)) if axis else (slice(1, None), slice(None))
    same = (seen[(slice(None), *first)] * seen[(slice(None), *second)]).sum(axis=0)
    way = np.float32(2 * WAY / min(light.shape))
    jump = np.abs(light[second] - light[first]) / np.float32(BRIGHT)
    return (way + jump + np.float32(SEEN) * np.clip(1 - same, 0, 1)).astype(np.float32)
