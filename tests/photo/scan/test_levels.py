"""tones: a faded photo gets the tones back that it had; a full one is left as it is."""

import numpy as np
import pytest
from mounts import FADED, faded
from pictures import Array

from colorizegan.color.lab import gray_to_lightness
from colorizegan.photo.scan.levels import FULL_RANGE, Tones, faded_tones, unrounded


def photo() -> Array:
    y, x = np.mgrid[0:200, 0:300]
    waves = np.sin(x / 29) * np.cos(y / 23) + np.random.default_rng(0).normal(0, 0.05, (200, 300))
    return np.clip(128 + 118 * waves, 0, 255).astype(np.uint8)


def test_full_tones_stay() -> None:
    assert faded_tones(photo().astype(np.float32)) is None


@pytest.mark.parametrize("kind", FADED)
def test_faded_tones_come_back(kind: str) -> None:
    full = photo()
    gray = faded(kind, full)
    tones = faded_tones(gray.astype(np.float32))
    if tones is None:  # what is left fills them
        assert np.ptp(gray_to_lightness(np.percentile(gray, (1, 99)) / 255)) >= FULL_RANGE
        return
    stretched = tones.stretched(gray_to_lightness(gray / 255).astype(np.float32), 1 / 255)
    assert stretched.dtype == np.float32
    assert 0 <= stretched.min() <= 4
    assert 96 <= stretched.max() <= 100
    assert np.abs(stretched - gray_to_lightness(full / 255)).mean() < 4


@pytest.mark.parametrize("level", [0.0, 100.0, 255.0])
def test_an_empty_picture_stays(level: float) -> None:
    assert faded_tones(np.full((50, 50), level, np.float32)) is None


def test_stairs_of_rounding_are_smoothed_and_nothing_moves_by_more_than_rounding() -> None:
    """A slope of 24 codes over 300 px, stretched to all tones: no step of it stands out any more."""
    slope = np.broadcast_to(np.linspace(150, 174, 300), (100, 300))
    codes = np.rint(slope)
    smooth = unrounded(codes / 255, 1 / 255) * 255
    assert np.abs(smooth - codes).max() <= 0.5 + 1e-9
    inside = smooth[:, 20:-20]
    assert np.abs(np.diff(inside, axis=1)).max() < 0.25  # 1 before; 0.08 would be the slope itself
    assert np.abs(inside - slope[:, 20:-20]).mean() < 0.1  # 0.25 before


def test_only_photos_that_are_stretched_much_are_smoothed() -> None:
    codes = np.random.default_rng(0).integers(40, 160, (50, 60))
    L = gray_to_lightness(codes / 255).astype(np.float32)
    tones = Tones(40 / 255, 160 / 255)
    assert np.array_equal(tones.stretched(L, 1 / 255), tones.stretched(L, 0))
    faint = Tones(140 / 255, 160 / 255)
    few = gray_to_lightness(codes.clip(140, 160) / 255).astype(np.float32)
    assert not np.array_equal(faint.stretched(few, 1 / 255), faint.stretched(few, 0))
