"""Spreading: colours reach what they are on and stop at edges; the sums behind it are right."""

import heapq

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pictures import Array
from PIL import Image

from colorizegan.steer.hints import Point
from colorizegan.steer.spread import (
    OTHER,
    bin_features,
    cells_of,
    color_conflict,
    falloff,
    geodesic,
    spread,
    step_lengths,
    upsample2,
)


def scene(seed: int, height: int = 6, width: int = 8, bins: int = 5) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    L = rng.uniform(0, 100, (4 * height, 4 * width)).astype(np.float32)
    return L, bin_features(rng.normal(0, 2, (bins, height, width)).astype(np.float32))


def dijkstra(L: Array, seen: Array, start: tuple[int, int]) -> Array:
    """Shortest ways over the grid, by the book."""
    height, width = seen.shape[1:]
    light = cells_of(L, height, width)
    across, down = step_lengths(light, seen, 1), step_lengths(light, seen, 0)
    best = np.full((height, width), np.inf)
    queue = [(0.0, start)]
    while queue:
        far, (y, x) = heapq.heappop(queue)
        if far >= best[y, x]:
            continue
        best[y, x] = far
        if x + 1 < width:
            heapq.heappush(queue, (far + float(across[y, x]), (y, x + 1)))
        if x > 0:
            heapq.heappush(queue, (far + float(across[y, x - 1]), (y, x - 1)))
        if y + 1 < height:
            heapq.heappush(queue, (far + float(down[y, x]), (y + 1, x)))
        if y > 0:
            heapq.heappush(queue, (far + float(down[y - 1, x]), (y - 1, x)))
    return best


@given(st.integers(0, 10_000), st.integers(0, 5), st.integers(0, 7))
def test_distances_are_those_of_dijkstra(seed: int, row: int, column: int) -> None:
    L, seen = scene(seed)
    (far,) = geodesic([Point(4 * row + 1, 4 * column + 2, 0, 0)], L, seen)
    own = OTHER * np.clip(1 - np.einsum("q,qhw->hw", seen[:, row, column], seen), 0, 1)
    np.testing.assert_allclose(far, dijkstra(L, seen, (row, column)) + own, atol=2e-3)


def test_likeness_is_one_with_itself_and_small_with_others() -> None:
    logits = np.zeros((4, 1, 2), np.float32)
    logits[0, 0, 0] = logits[1, 0, 1] = 20
    seen = bin_features(logits)
    np.testing.assert_allclose(np.square(seen).sum(0), 1, atol=1e-5)
    assert (seen[:, 0, 0] * seen[:, 0, 1]).sum() < 0.01


def test_a_color_stops_at_an_edge() -> None:
    L = np.full((64, 64), 30, np.float32)
    L[:, 32:] = 90  # two things, side by side
    logits = np.zeros((3, 16, 16), np.float32)
    logits[0, :, :8], logits[1, :, 8:] = 6, 6
    far = geodesic([Point(32, 8, 0, 0)], L, bin_features(logits))
    color, share = spread(np.array([[20.0, -10.0]]), far)  # (2, 16, 16), (16, 16)
    assert share[:, :8].min() > 0.9  # all of the thing, not a spot on it
    assert share[:, 8:].max() < 0.2
    np.testing.assert_allclose(color[0], 20, rtol=1e-4)
    np.testing.assert_allclose(color[1], -10, rtol=1e-4)


def test_a_color_keeps_off_what_has_a_contrary_one() -> None:
    ab = np.zeros((2, 5, 8), np.float32)  # of 3 x 4 cells, the last row cut off
    ab[0, :, 4:] = 120
    far = color_conflict([Point(4, 2, 0, 0), Point(11, 15, 0, 0)], ab, 3, 4)
    assert far.shape == (2, 3, 4)
    assert falloff(far)[0, :, :2].min() == falloff(far)[1, :, 2:].min() == 1
    assert falloff(far)[0, :, 2:].max() < 0.01


def test_two_colors_share_one_thing_by_nearness() -> None:
    L = np.full((64, 128), 50, np.float32)
    seen = bin_features(np.zeros((3, 16, 32), np.float32))
    far = geodesic([Point(32, 4, 0, 0), Point(32, 124, 0, 0)], L, seen)
    moved = spread(np.array([[30.0, 0], [-30.0, 0]]), far)[0][0]
    assert moved[8, 1] > 25
    assert moved[8, 30] < -25
    assert (np.diff(moved[8, 1:31]) <= 1e-3).all()  # from the one to the other, without detours


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 1), st.integers(0, 1))
def test_double_is_linear_enlargement(height: int, width: int, cut_y: int, cut_x: int) -> None:
    x = np.random.default_rng(height * 10 + width).normal(0, 1, (2, height, width)).astype(np.float32)
    size = (2 * height - cut_y, 2 * width - cut_x)
    found = upsample2(x, *size)
    for plane, result in zip(x, found, strict=True):
        image = Image.fromarray(plane).resize((2 * width, 2 * height), Image.Resampling.BILINEAR)
        np.testing.assert_allclose(result, np.asarray(image)[: size[0], : size[1]], atol=1e-5)
