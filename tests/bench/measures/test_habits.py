"""Casts, warm and neutral pixels, by hand."""

import numpy as np
import pytest

from colorizegan.bench.measures.habits import habits


def lab_of_polar(*points: tuple[float, float]) -> np.ndarray:
    """One row of pixels with these chromas and hue angles in degrees, (1, n, 3) Lab."""
    chroma, hue = np.array(points).T
    a, b = chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))
    return np.stack([np.full_like(a, 50), a, b], axis=-1)[None].astype(np.float32)


def test_warm_is_a_sector_of_hue_with_chroma():
    inside = [(12.5, 12), (12.5, 83), (20, 84), (60, 45)]
    outside = [(11.5, 45), (30, 8), (30, 87), (30, 225), (30, -45)]
    found = habits(lab_of_polar(*inside, *outside), lab_of_polar(*inside, *outside))
    assert found["warm"] == pytest.approx(4 / 9)
    assert found["cast"] == 0


def test_neutral_is_little_chroma_of_any_hue():
    lab = lab_of_polar((0, 0), (5.9, 45), (5.9, 200), (6.1, 45), (40, 300))
    assert habits(lab, lab)["neutral"] == pytest.approx(3 / 5)


def test_the_cast_is_the_distance_of_the_means_not_of_the_pixels():
    truth = lab_of_polar((0, 0), (0, 0))
    opposite = lab_of_polar((30, 0), (30, 180))
    assert habits(opposite, truth)["cast"] == pytest.approx(0, abs=1e-5)
    assert habits(lab_of_polar((30, 90), (10, 90)), truth)["cast"] == pytest.approx(20, abs=1e-5)
