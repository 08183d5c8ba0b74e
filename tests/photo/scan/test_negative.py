"""Colour negatives under the orange mask of their film get a remark; photos, prints and sunsets do not."""

from typing import Any

import numpy as np
import pytest
from command import call
from pictures import Array, encoded, put

from colorizegan import read_photo
from colorizegan.photo.scan.negative import is_color_negative

MASKS = {"kodak": (0.95, 0.60, 0.38), "fuji": (0.90, 0.52, 0.30), "old": (0.85, 0.62, 0.45), "dense": (0.6, 0.35, 0.2)}


def scene(seed: int = 0, shape: tuple[int, int] = (240, 320)) -> Array:
    """Things in colours of their own before a light sky, with black shadows and grain, (H, W, 3) 0..255."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(float)
    dice = np.random.default_rng(seed)
    picture = np.stack([150 + 60 * np.cos(y / shape[0] + c) for c in (0.9, 0.4, 0.0)], axis=2) * np.ones((*shape, 1))
    for _ in range(12):
        top, left = dice.integers(0, shape[0] - 40), dice.integers(0, shape[1] - 60)
        picture[top : top + 40, left : left + 60] = dice.uniform(30, 230, 3)
    picture[y > 0.85 * shape[0]] = 5
    return np.clip(picture * (0.9 + 0.1 * np.sin(x / 9))[..., None] + dice.normal(0, 3, picture.shape), 0, 255)


def negative(mask: tuple[float, ...], seed: int = 0) -> Array:
    return ((255 - scene(seed)) * mask).astype(np.uint8)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_negatives_of_many_films(mask: tuple[float, ...], seed: int) -> None:
    shown = negative(mask, seed)
    assert is_color_negative(shown)
    assert is_color_negative(shown.astype(np.uint16) * 257)
    assert not is_color_negative(scene(seed).astype(np.uint8))
    assert not is_color_negative((255 - scene(seed)).astype(np.uint8)), "without a mask nobody can tell"


def test_what_is_orange_for_another_reason() -> None:
    y, x = np.mgrid[0:200, 0:300]
    far = np.hypot(x - 150, y - 120) / 200
    sunset = np.stack([255 - 120 * far, 235 - 190 * far, 190 - 230 * far], axis=2).clip(0, 255).astype(np.uint8)
    gray = scene().mean(axis=2, keepdims=True)
    for warm in ((1, 0.89, 0.72), (1, 0.93, 0.8), (0.9, 0.75, 0.66)):  # prints, the paper of the last one brown
        assert not is_color_negative((gray * warm).astype(np.uint8))
    assert not is_color_negative(sunset)
    assert not is_color_negative(np.zeros((3, 2, 3), np.uint8))
    assert not is_color_negative(np.full((64, 64, 3), 255, np.uint8))


def test_a_room_in_lamplight_is_none() -> None:
    """Its wall is of one orange, as a mask is; but flowers and apples are redder than it."""
    rng = np.random.default_rng(0)
    room = np.full((200, 300, 3), (205.0, 160.0, 115.0)) * np.linspace(1, 0.8, 300)[:, None]
    room[60:200, 20:150] = (40, 35, 15)
    assert is_color_negative((room + rng.normal(0, 2, room.shape)).astype(np.uint8)), "without anything red"
    room[80:140, 180:260] = (245, 60, 40)
    assert not is_color_negative((room + rng.normal(0, 2, room.shape)).astype(np.uint8))


def test_lights_of_several_oranges_are_no_mask() -> None:
    """A mask is of one orange wherever it is seen bare; lamps, candles and brass are of many."""
    room = np.full((200, 300, 3), (60.0, 40.0, 20.0))
    room[:40] = np.linspace((230, 120, 140), (230, 170, 90), 300)
    assert not is_color_negative(room.astype(np.uint8))
    room[:40] = (230, 145, 90)
    assert is_color_negative(room.astype(np.uint8)), "all of one orange"


@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_it_is_told_whatever_becomes_of_it(tmp_path: Any, tiny_bundle: Any, ending: str) -> None:
    """In its frame of black, as scanners of film give it; one in colours is left alone, a toned one is colorized."""
    for name, shown in (("colours", negative(MASKS["kodak"])), ("toned", scene().mean(axis=2, keepdims=True))):
        shown = shown if name == "colours" else ((255 - shown) * MASKS["fuji"]).astype(np.uint8)
        framed = np.pad(shown, ((30, 30), (40, 40), (0, 0)), constant_values=12)
        path = put(tmp_path / f"{name}.{ending}", framed)
        found = call("colorize", path, "--model", tiny_bundle)
        assert found.exit_code == 0
        assert f"{path}: looks like a colour negative: invert it first" in found.stderr


def test_it_is_told_by_the_library_too() -> None:
    raw = encoded(negative(MASKS["old"]), "WEBP", quality=90)
    assert any("colour negative" in remark for remark in read_photo(raw).remarks)


def test_a_rose_print_is_none() -> None:
    """Under a mask blue is weaker than green by more."""
    assert is_color_negative(negative((0.9, 0.6, 0.4)))
    assert not is_color_negative(negative((0.9, 0.6, 0.58)))
