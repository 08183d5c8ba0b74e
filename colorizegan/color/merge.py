"""Colour meets light: edge-aware enlargement of small ab, and the gamut-safe join with the untouched full-size L.

Around each cell of the small ab, colour is taken as a straight line in brightness g, ab = A g + B (He & Sun, Fast
Guided Filter, 2015). A and B are enlarged plainly; applied to the full-size g they give ab whose edges are those of the
photo. Unlike in the published filter each line passes through its own cell, so that the cell's colour is kept, not
blurred: on Kodak photos, reduced to 96 cells and enlarged again, the mean ab error is 1.34 Lab units, against 1.42
bilinear and 2.20 with the published form. Where a colour leaves sRGB, its chroma is reduced at the same L and hue. The
photo is worked on in small pieces, so that beside the result almost no memory is needed.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.gamut import gamut_scale, in_gamut_scale
from colorizegan.color.lab import (
    DELTA,
    NORMED_XYZ_TO_RGB,
    PRODUCT,
    Plane,
    gray_to_lightness,
    linear_to_srgb,
    srgb_to_linear,
)

EPSILON = 0.1**2  # brightness 0..1; flatter neighbourhoods than this count as flat, and ab follows no edge there
PIECE = 1 << 16  # pixels worked on at a time, 68 bytes each: with fewer, threads wait for Python's lock
ROWS_OF_CELLS = 8  # that a piece may lie between
GROUP = 1 << 18  # pixels that a thread takes; their colours out of gamut are mended together
MENDED = 1 << 14  # pixels mended at a time
GAMUT_SLACK = 0.25  # of a code: so far beyond 0 or the largest code is rounding, not a colour out of gamut
STEPS = {np.dtype(np.uint8): 1 << 16, np.dtype(np.uint16): 1 << 21}  # of linear light; 2.5 or more for each code


def merge(gray: NDArray[Any], ab: Plane, *, saturation: float = 1.0, threads: int = 1) -> NDArray[Any]:
    """Join full-size light with small colour.

    Args:
        gray: (H, W) uint8 or uint16, sRGB-encoded luminance. Its lightness is kept within rounding of the result.
        ab: (2, h, w) float32, Lab units, of the whole photo at any smaller size.
        saturation: factor on ab before the gamut is looked at; 0 gives gray to the bit.
        threads: the result does not depend on it.

    Returns:
        (H, W, 3) sRGB, dtype of `gray`.

    Raises:
        ValueError: shapes or dtypes other than these.
    """
    if gray.ndim != 2 or gray.dtype not in STEPS or not gray.size:
        raise ValueError(f"gray must be (H, W) uint8 or uint16 and not empty, not {gray.shape} {gray.dtype}")
    if ab.ndim != 3 or len(ab) != 2 or not ab.size:
        raise ValueError(f"ab must be (2, h, w) and not empty, not {ab.shape}")
    rgb = np.empty((*gray.shape, 3), gray.dtype)
    if saturation == 0:
        rgb[:] = gray[..., None]
        return rgb
    lines = _guide_lines(gray, ab * np.float32(saturation))
    pieces = _pieces(gray.shape[0], gray.shape[1], lines.shape[1])
    table = _tables(gray.dtype)
    each = max(1, GROUP // (pieces[0].rows * gray.shape[1]))
    groups = [pieces[i : i + each] for i in range(0, len(pieces), each)]

    def work(group: Sequence[_Piece]) -> None:
        first, last = group[0].cells.start, group[-1].cells.stop
        wide = _enlarge_columns(lines[:, first:last], gray.shape[1])
        outside: list[_Outside] = []
        with _workspace(pieces[0].rows * gray.shape[1]) as space:
            for piece in group:
                rows = slice(piece.top, piece.top + piece.rows)
                cells = slice(piece.cells.start - first, piece.cells.stop - first)
                _product(piece.weights, wide[:, cells], space.lines(piece.rows, gray.shape[1]))
                found = _join(gray[rows], space, table, rgb[rows])
                if found is not None:
                    outside.append(_Outside(found.at + piece.top * gray.shape[1], found.f))
        if outside:
            _mend(gray, outside, table, rgb)

    if threads == 1 or len(groups) == 1:
        for group in groups:
            work(group)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, groups))
    return rgb


# --- edge-aware enlargement ---


def _guide_lines(gray: NDArray[Any], ab: Plane) -> Plane:
    """A and B of ab = A g + B around each cell, g in codes and ab as their shares in f(X) and f(Z).

    Returns (4, h, w): A of f(X), A of f(Z), B of f(X), B of f(Z).
    """
    height, width = ab.shape[1:]
    image = Image.fromarray(gray)
    if image.size != (width, height):
        gap = 2.0 if gray.dtype == np.uint8 else None  # Pillow cannot reduce 16 bit first
        image = image.resize((width, height), Image.Resampling.BOX, reducing_gap=gap)
    g = np.asarray(image).astype(np.float32) / np.float32(np.iinfo(gray.dtype).max)
    # float32 does: what it loses in the differences is far below EPSILON.
    means = _box(np.concatenate((g[None], (g * g)[None], ab, g * ab), dtype=np.float32))
    mean_g, mean_g2, mean_ab, mean_gab = means[0], means[1], means[2:4], means[4:]
    slope = (mean_gab - mean_g * mean_ab) / (mean_g2 - mean_g**2 + np.float32(EPSILON))
    slope = _box(slope)  # every window that holds a cell has its say in it
    offset = ab - slope * g
    to_f = np.array([1 / 500, -1 / 200], np.float32)[:, None, None]
    return np.concatenate((slope * (to_f / np.float32(np.iinfo(gray.dtype).max)), offset * to_f), dtype=np.float32)


def _box(x: Plane) -> Plane:
    """Mean over the window of 3 x 3 around each cell of the last two axes; at the border over the part inside."""
    for axis in (-2, -1):
        x = np.moveaxis(x, axis, 0)
        total, count = x.copy(), np.ones((len(x), *[1] * (x.ndim - 1)), np.float32)
        for one, other in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            total[one] += x[other]
            count[one] += 1
        total /= count
        x = np.moveaxis(total, 0, axis)
    return x


def _positions(size: int, cells: int) -> tuple[NDArray[np.intp], Plane]:
    """For each of `size` pixels the cell before it and the share (0..1) of the cell after it, centres aligned."""
    at = np.clip((np.arange(size) + 0.5) * (cells / size) - 0.5, 0, cells - 1)
    before = np.minimum(at.astype(np.intp), max(cells - 2, 0))
    return before, (at - before).astype(np.float32)


def _enlarge_columns(lines: Plane, width: int) -> Plane:
    """(4, h, w) -> (4, h, width), linear."""
    before, share = _positions(width, lines.shape[2])
    step = np.diff(lines, axis=2, append=lines[:, :, -1:])
    result = step.take(before, axis=2)
    result *= share
    result += lines.take(before, axis=2)
    return result


def _product(few: Plane, many: Plane, out: Plane) -> Plane:
    """few (r, k) @ many (..., k, n) -> out (..., r, n), on this thread alone."""
    step = max(1, PRODUCT // few.size)
    for start in range(0, out.shape[-1], step):
        columns = slice(start, start + step)
        np.matmul(few, many[..., columns], out=out[..., columns])
    return out


@dataclass(frozen=True)
class _Piece:
    """Some rows of the photo."""

    top: int
    rows: int
    cells: slice
    """The rows of cells that they lie between."""
    weights: Plane
    """(rows, number of `cells`): the share of each row of cells in each row of the photo."""


@lru_cache(maxsize=4)
def _pieces(height: int, width: int, cells: int) -> tuple[_Piece, ...]:
    before, share = _positions(height, cells)
    most = max(1, min(PIECE // width, height * (ROWS_OF_CELLS - 2) // cells))
    pieces: list[_Piece] = []
    for top in range(0, height, most):
        rows = slice(top, min(top + most, height))
        first, last = int(before[top]), min(int(before[rows.stop - 1]) + 1, cells - 1)
        row, at = np.arange(rows.stop - top), before[rows] - first
        weights = np.zeros((len(row), last - first + 1), np.float32)
        weights[row, at] = 1 - share[rows]
        weights[row, np.minimum(at + 1, last - first)] += share[rows]
        pieces.append(_Piece(top, len(row), slice(first, last + 1), weights))
    return tuple(pieces)


# --- gamut-safe join ---


@dataclass(frozen=True)
class _Table:
    """What follows from a brightness code alone, and the codes of linear light."""

    lightness: Plane  # (largest code + 1,), L 0..100
    fy: Plane  # the same size, the Lab function of Y
    y: Plane  # the same size, linear 0..1
    matrix: Plane  # (3, 5), from X, Z without a term, Y, f(X), f(Z) to R, G, B in steps of linear light
    low: np.float32  # steps: below is a colour out of gamut, by GAMUT_SLACK of a code at black
    high: np.float32  # and above, of a code at white
    codes: NDArray[Any]  # of each step, at its middle


@lru_cache(maxsize=2)
def _tables(dtype: np.dtype[Any]) -> _Table:
    top, steps = int(np.iinfo(dtype).max), STEPS[dtype]
    code = np.arange(top + 1) / top
    lightness = gray_to_lightness(code)
    codes = np.rint(linear_to_srgb((np.arange(steps) + 0.5) / steps) * top).astype(dtype)
    x, y, z = NORMED_XYZ_TO_RGB.T
    matrix = np.stack((x, z, y, 3 * DELTA**2 * x, 3 * DELTA**2 * z), axis=1) * steps
    # A code is 1 / (12.92 top) of linear light at black and 1 / (0.44 top) at white; float32 resolves 2e-6 here.
    slack = (max(GAMUT_SLACK / (slope * top), 2e-6) for slope in (12.92, 0.44))
    low, high = -next(slack) * steps, (1 + next(slack)) * steps
    f32 = np.float32
    light = (lightness.astype(f32), ((lightness + 16) / 116).astype(f32), srgb_to_linear(code).astype(f32))
    return _Table(*light, matrix.astype(f32), f32(low), f32(high), codes)


class _Outside(NamedTuple):
    """Pixels whose colour leaves sRGB: where they are in the picture (n,), and their f(X) and f(Z) (2, n)."""

    at: NDArray[np.intp]
    f: Plane


class _Workspace:
    """Memory for the planes of a piece. It is used again and again: new pages would cost as much as what is done there.

    Args:
        pixels: of the largest piece.
    """

    def __init__(self, pixels: int) -> None:
        self.four = np.empty(4 * pixels, np.float32)
        self.five = np.empty(5 * pixels, np.float32)
        self.g = np.empty(pixels, np.float32)
        self.index = np.empty(3 * pixels, np.intp)
        self.delta = np.full(pixels, DELTA, np.float32)  # the maximum of two planes is faster than of plane and number

    def lines(self, rows: int, width: int) -> Plane:
        """Where the lines of the pixels are put: (4, rows, width)."""
        return self.four[: 4 * rows * width].reshape(4, rows, width)


_idle: list[_Workspace] = []


@contextmanager
def _workspace(pixels: int) -> Iterator[_Workspace]:
    """A workspace that nobody else has; one for rows longer than a piece is not kept."""
    if pixels > PIECE:
        yield _Workspace(pixels)
        return
    try:
        space = _idle.pop()
    except IndexError:  # as many as there were threads at the same time
        space = _Workspace(PIECE)
    yield space
    _idle.append(space)


def _join(gray: NDArray[Any], space: _Workspace, table: _Table, rgb: NDArray[Any]) -> _Outside | None:
    """Write codes into `rgb` (rows, W, 3) for `gray` (rows, W) and the lines in `space`; return what is to be mended.

    In Lab, X and Z are the function t^3, below DELTA its tangent (CIE 15), of f(Y) + a / 500 and f(Y) - b / 200. With
    m = max(t, DELTA) that is m^3 - 3 DELTA^2 m + 3 DELTA^2 t for all t. The last term is left to the product with the
    matrix that makes R, G and B of X, Y and Z.
    """
    n = gray.size
    slope, offset = space.four[: 4 * n].reshape(2, 2, n)
    terms = space.five[: 5 * n].reshape(5, n)
    cubes, y, f = terms[:2], terms[2], terms[3:]
    g, code = space.g[:n], space.index[:n]
    np.copyto(g, gray.reshape(-1))
    np.copyto(code, gray.reshape(-1))
    np.multiply(slope, g, out=f)
    f += offset
    f += table.fy.take(code, mode="clip", out=y)
    m = np.maximum(f, space.delta[:n], out=slope)
    np.multiply(m, m, out=cubes)
    cubes -= np.float32(3 * DELTA**2)
    cubes *= m
    table.y.take(code, mode="clip", out=y)
    linear = _product(table.matrix, terms, space.four[: 3 * n].reshape(3, n))
    steps = space.index[: 3 * n].reshape(n, 3)
    for i in range(3):
        np.copyto(steps[:, i], linear[i], casting="unsafe")
    table.codes.take(steps, mode="clip", out=rgb.reshape(n, 3))
    if linear.min() >= table.low and linear.max() <= table.high:
        return None
    at = np.flatnonzero(((linear < table.low) | (linear > table.high)).any(axis=0))
    return _Outside(at, f[:, at])


def _mend(gray: NDArray[Any], outside: list[_Outside], table: _Table, rgb: NDArray[Any]) -> None:
    """Write the pixels that left sRGB anew, with as much chroma as there is room for at their L and hue."""
    every = np.concatenate([part.at for part in outside])
    f = np.concatenate([part.f for part in outside], axis=1)
    for start in range(0, len(every), MENDED):
        some = slice(start, start + MENDED)
        _mend_some(gray, every[some], f[:, some], table, rgb)


def _mend_some(gray: NDArray[Any], at: NDArray[np.intp], f: Plane, table: _Table, rgb: NDArray[Any]) -> None:
    code = gray.reshape(-1)[at]
    fy = table.fy[code]
    away = f - fy
    a, b = away[0] * np.float32(500), away[1] * np.float32(-200)
    if code.dtype == np.uint8:
        away *= gamut_scale(code, a, b)
    else:
        away *= in_gamut_scale(table.lightness[code], a, b).astype(np.float32)
    f = away + fy
    m = np.maximum(f, np.float32(DELTA))
    terms = np.concatenate(((m * m - np.float32(3 * DELTA**2)) * m, table.y[code][None], f))
    index = (table.matrix @ terms).astype(np.int32)
    rgb.reshape(-1, 3)[at] = table.codes.take(index.T, mode="clip")
