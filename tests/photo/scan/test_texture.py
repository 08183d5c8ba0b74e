"""texture: what is unlike a rough rim, where brightness alone cannot tell it."""

from pathlib import Path

import numpy as np
import pytest
from mounts import mounted
from pictures import Array, small

from colorizegan.photo.scan.texture import unlikeness
from colorizegan.photo.scan.window import find_photo


def on_planks(photo: Array, rng: np.random.Generator) -> Array:
    """Planks of one tone with a grain that runs along them, 60 px at each side."""
    scan = 110 + 12 * rng.normal(0, 1, (photo.shape[0] + 120, 1)) + rng.normal(0, 6, np.add(photo.shape, 120))
    scan[60:-60, 60:-60] = photo
    return scan.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("light", [90, 130])
def test_a_smooth_photo_as_bright_as_its_planks(light: int) -> None:
    """A calm sea: its brightness is within what planks scatter."""
    y, x = np.mgrid[:240, :320]
    scan = on_planks(light + 6 * np.sin(x / 40) * np.cos(y / 55), np.random.default_rng(0))
    found = find_photo(scan)
    assert found is not None
    assert np.abs(np.array(found.window) - (60, 300, 60, 380)).max() <= 6


def test_the_rim_is_low_and_even_and_what_differs_is_not() -> None:
    rng = np.random.default_rng(1)
    picture = 110 + rng.normal(0, 12, (200, 300))
    picture[50:150, 60:150] = 110  # as bright, and smooth
    picture[50:150, 150:240] = 160 + rng.normal(0, 12, (100, 90))  # as rough, and lighter
    far = unlikeness(picture.astype(np.float32))
    rim = np.concatenate([far[:40].ravel(), far[-40:].ravel()])
    assert np.percentile(rim, 95) < 10
    assert np.percentile(far[55:145, 65:145], 5) > 10
    assert np.percentile(far[55:145, 155:235], 5) > 10


def test_rims_of_unlike_brightness_are_no_planks() -> None:
    """Sea and sand, both rough: no border, whatever lies amid them."""
    rng = np.random.default_rng(2)
    picture = np.repeat([[80.0], [160.0]], [150, 150], axis=0) + rng.normal(0, 9, (300, 400))
    picture[90:210, 120:280] = 20
    assert find_photo(picture.clip(0, 255).astype(np.uint8)) is None


def test_on_grainy_card_all_are_found(examples: list[Path]) -> None:
    rng = np.random.default_rng(3)
    for path in examples:
        scan, (top, left, height, width) = mounted("grainy card", small(path, 360), rng)
        found = find_photo(scan)
        assert found is not None
        assert np.abs(np.array(found.seen) - (top, top + height, left, left + width)).max() <= 2
