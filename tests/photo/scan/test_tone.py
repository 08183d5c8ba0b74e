"""tone: what is in colour, what is only a toned print, and how much of one is tinted."""

from typing import Any

import numpy as np
import pytest
from one_thread import processors_used

from colorizegan.photo.scan.tone import judge_tone


def print_of(warm: tuple[float, float, float], dtype: type[np.unsignedinteger[Any]] = np.uint8) -> np.ndarray[Any, Any]:
    """A picture with grain in one tone: the tone's colour grows with brightness, as in sepia. (96, 128, 3)."""
    y, x = np.mgrid[0:96, 0:128]
    dice = np.random.default_rng(0)
    gray = np.clip(0.5 + 0.35 * np.sin(x / 17) * np.cos(y / 11) + dice.normal(0, 0.02, x.shape), 0, 1)
    picture = np.clip(gray[..., None] ** np.asarray(warm), 0, 1) + dice.normal(0, 0.008, (*x.shape, 3))
    return (np.clip(picture, 0, 1) * np.iinfo(dtype).max).astype(dtype)


TONES = {"neutral": (1.0, 1.0, 1.0), "sepia": (0.8, 1.0, 1.35), "cyanotype": (1.5, 1.05, 0.8), "selenium": (1, 1.12, 1)}


@pytest.mark.parametrize("name", TONES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_prints_of_one_tone_are_not_in_colour(name: str, dtype: type[np.unsignedinteger[Any]]) -> None:
    tone = judge_tone(print_of(TONES[name], dtype))
    assert not tone.is_color
    assert tone.tinted == 0


def test_two_objects_of_their_own_colours_are_colour() -> None:
    picture = print_of(TONES["sepia"])
    picture[10:50, 10:60] = (picture[10:50, 10:60] * (1.0, 0.55, 0.5)).astype(np.uint8)
    picture[40:90, 70:120] = (picture[40:90, 70:120] * (0.5, 0.7, 1.0)).astype(np.uint8)
    assert judge_tone(picture).is_color


def test_a_small_tint_by_hand_is_told_and_no_colour() -> None:
    picture = print_of(TONES["neutral"])
    picture[30:48, 40:64] = (picture[30:48, 40:64] * (1.0, 0.75, 0.75)).astype(np.uint8)  # 3.5 % of it: a rosy cheek
    tone = judge_tone(picture)
    assert not tone.is_color
    assert tone.tinted == pytest.approx(18 * 24 / (96 * 128), rel=0.35)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 2), (5, 5)])
def test_tiny_pictures_are_judged_too(shape: tuple[int, int]) -> None:
    assert not judge_tone(np.full((*shape, 3), 128, np.uint8)).is_color


def test_no_other_threads_are_started() -> None:
    setup = (
        "from colorizegan.photo.scan.tone import judge_tone\n"
        "sample = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)"
    )
    assert processors_used(setup, "judge_tone(sample)") < 1.3
