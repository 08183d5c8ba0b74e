"""tones: a faded photo gets the tones back that it had; a full one is left as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mounts import FADED, faded

from colorizegan.color.lab import gray_to_lightness
from colorizegan.photo.scan.levels import FULL, faded_tones

Array = np.ndarray[Any, Any]


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
        assert np.ptp(gray_to_lightness(np.percentile(gray, (1, 99)) / 255)) >= FULL
        return
    stretched = tones.stretched(gray_to_lightness(gray / 255).astype(np.float32))
    assert stretched.dtype == np.float32
    assert 0 <= stretched.min() <= 4
    assert 96 <= stretched.max() <= 100
    assert np.abs(stretched - gray_to_lightness(full / 255)).mean() < 4


@pytest.mark.parametrize("level", [0.0, 100.0, 255.0])
def test_an_empty_picture_stays(level: float) -> None:
    assert faded_tones(np.full((50, 50), level, np.float32)) is None
