"""Chroma is the colour that was asked for, in the film's own matrix and range, at the luma that is there."""

import numpy as np
import pytest
from numpy.typing import NDArray

from colorizegan.color.lab import rgb_to_lab
from colorizegan.color.merge import merge
from colorizegan.video.chroma import chroma_gray, chroma_planes
from colorizegan.video.pixels import Pixels

WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}  # of red and blue: BT.709, 601, 2020


def pixels(bits: int = 8, *, full: bool = False, matrix: int = 1, primaries: int = 1) -> Pixels:
    name = "yuv420p" + ("10le" if bits == 10 else "")
    return Pixels(name, bits, 2, 2, full, matrix, primaries, 1)


def decoded(
    luma: NDArray[np.generic], cb: NDArray[np.generic], cr: NDArray[np.generic], form: Pixels
) -> NDArray[np.float64]:
    """RGB 0..1 by the formulas of ITU-T H.273, written down on their own."""
    red, blue = WEIGHTS[form.matrix]
    top = (1 << form.bits) - 1
    scale = 1 << (form.bits - 8)
    low, span, around = (0, top, top) if form.full_range else (16 * scale, 219 * scale, 224 * scale)
    y = (np.asarray(luma, float) - low) / span
    b, r = ((np.asarray(plane, float) - 128 * scale) / around for plane in (cb, cr))
    rgb = [y + 2 * (1 - red) * r, y, y + 2 * (1 - blue) * b]
    rgb[1] = (y - red * rgb[0] - blue * rgb[2]) / (1 - red - blue)
    return np.stack(rgb, -1)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_the_colour_is_the_one_that_was_asked_for(bits: int, full: bool, matrix: int) -> None:
    form = pixels(bits, full=full, matrix=matrix)
    scale = 1 << (bits - 8)
    luma = np.repeat(np.linspace(60, 200, 64)[None] * scale, 48, 0).astype(np.uint8 if bits == 8 else np.uint16)
    ab = np.empty((2, 12, 16), np.float32)
    ab[0], ab[1] = 12, -18
    gray = chroma_gray(luma, form)
    cb, cr = chroma_planes(gray, merge(gray, ab), form, 48)
    assert cb.shape == (24, 32)
    assert cb.dtype == luma.dtype
    rgb = decoded(luma[::2, ::2], cb, cr, form)
    lab = rgb_to_lab(np.clip(rgb, 0, 1))
    assert np.abs(lab[..., 1] - 12).max() < 3
    assert np.abs(lab[..., 2] + 18).max() < 3
    assert np.abs(lab[..., 1:].mean(axis=(0, 1)) - (12, -18)).max() < 1.2


def test_gray_is_exactly_neutral() -> None:
    for bits in (8, 10):
        form = pixels(bits)
        gray = chroma_gray(np.full((8, 8), 100 << (bits - 8), np.uint8 if bits == 8 else np.uint16), form)
        for plane in chroma_planes(gray, merge(gray, np.zeros((2, 2, 2), np.float32)), form, 8):
            assert (plane == 128 << (bits - 8)).all()


def test_no_colour_leaves_rgb() -> None:
    form = pixels(10, full=True)
    luma = np.repeat(np.linspace(0, 1023, 128)[None], 16, 0).astype(np.uint16)
    for a, b in ((90, 0), (-90, 80), (0, 90), (40, -100)):
        ab = np.empty((2, 8, 64), np.float32)
        ab[0], ab[1] = a, b
        gray = chroma_gray(luma, form)
        cb, cr = chroma_planes(gray, merge(gray, ab), form, 16)
        means = luma.reshape(8, 2, 64, 2).mean(axis=(1, 3))
        rgb = decoded(means, cb, cr, form)
        assert rgb.min() > -0.004
        assert rgb.max() < 1.004


def test_wide_primaries_get_the_same_colour_in_their_own_terms() -> None:
    """BT.2020's red is redder, so less of it makes the same colour."""
    luma = np.full((32, 32), 120, np.uint8)
    ab = np.empty((2, 8, 8), np.float32)
    ab[0], ab[1] = 30, 20
    chroma = []
    for primaries in (1, 9):
        form = pixels(matrix=9, primaries=primaries)
        gray = chroma_gray(luma, form)
        chroma.append([int(plane[4, 4]) - 128 for plane in chroma_planes(gray, merge(gray, ab), form, 32)])
    assert 0 < chroma[1][1] < chroma[0][1]
    assert chroma[0][0] < chroma[1][0] < 0
