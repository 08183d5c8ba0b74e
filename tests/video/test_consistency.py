"""Colours stay with what they belong to: through motion, between guesses that differ, and never across a cut."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from films import texture, write
from numpy.typing import NDArray

from colorizegan.video.consistency import FrameColors, Guess, steady_colors

SIZE = (128, 192)
CELLS = (64, 96)
Gray = NDArray[np.uint8]
Plane = NDArray[np.float32]


class Colors:
    """Guesses that are given by number of frame; where none is, a colour by brightness with noise."""

    def __init__(self, given: dict[int, Guess] | None = None, noise: float = 0) -> None:
        self.given, self.noise, self.asked = given or {}, noise, list[int]()

    def lightness(self, gray: Gray) -> Plane:
        return np.asarray(gray / 2.55, np.float32)

    def guess(self, number: int, L: Plane, size: tuple[int, int] = SIZE) -> Guess:
        self.asked.append(number)
        if number in self.given:
            return self.given[number]
        light = L.reshape(CELLS[0], 2, CELLS[1], 2).mean(axis=(1, 3))
        away = np.random.default_rng(number).normal(0, self.noise, 2) if self.noise else (0, 0)
        ab = np.stack((light - 50 + away[0], 50 - light + away[1])) / 2
        return Guess(ab.astype(np.float32), np.full((CELLS[0] // 2, CELLS[1] // 2), 0.3, np.float32))


def pan(seed: int, count: int, step: int = 1) -> list[Gray]:
    wide = texture(seed, SIZE[0], SIZE[1] + step * count) * 2.55
    return [np.ascontiguousarray(wide[:, i * step : i * step + SIZE[1]]).astype(np.uint8) for i in range(count)]


def colored(grays: Sequence[Gray], colors: Colors, hinted: Sequence[int] = ()) -> list[FrameColors]:
    found = list(steady_colors(grays, colors, hinted=hinted))
    assert [one.number for one in found] == list(range(len(grays)))
    return found


def plain(a: float, b: float, sure: float = 0.3) -> Guess:
    ab = np.empty((2, *CELLS), np.float32)
    ab[0], ab[1] = a, b
    return Guess(ab, np.full((CELLS[0] // 2, CELLS[1] // 2), sure, np.float32))


@pytest.mark.parametrize("count", [1, 2, 5, 7, 100])
def test_every_frame_comes_once_whatever_the_length(count: int) -> None:
    found = colored(pan(1, count, step=0), Colors())
    assert all(one.ab.shape == (2, *CELLS) and one.ab.dtype == np.float32 for one in found)
    assert all(np.isfinite(one.ab).all() for one in found)


def test_colours_go_with_the_motion() -> None:
    grays = pan(2, 40, step=2)
    found = colored(grays, Colors())
    for one, gray in zip(found, grays, strict=True):
        wanted = Colors().guess(one.number, Colors().lightness(gray)).ab
        assert np.abs(one.ab - wanted)[:, 4:-4, 4:-4].mean() < 1.5, one.number


def test_guesses_that_jump_come_out_steady() -> None:
    grays, colors = pan(3, 60), Colors(noise=16)
    found = colored(grays, colors)
    by_frame = [Colors(noise=16).guess(i, colors.lightness(gray)).ab for i, gray in enumerate(grays)]

    def flicker(frames: Sequence[Plane]) -> float:
        return float(np.mean([np.abs(b - a).mean() for a, b in itertools.pairwise(frames)]))

    assert flicker([one.ab for one in found]) < 0.3 * flicker(by_frame)
    assert len(colors.asked) <= 12  # of 60 frames


def test_strength_is_kept_where_hues_differ() -> None:
    """The mean of contrary guesses would be gray."""
    grays = pan(4, 61, step=0)
    given = {6 * i: plain(20 if i % 2 else -5, 20) for i in range(11)}
    found = colored(grays, Colors(given))
    chroma = np.mean([np.hypot(*one.ab).mean() for one in found])
    assert chroma > 0.9 * np.mean([np.hypot(*guess.ab).mean() for guess in given.values()])


def test_no_colour_crosses_a_cut() -> None:
    first, second = pan(5, 30), pan(6, 30)
    red, blue = plain(60, 20), plain(-10, -60)
    given = dict.fromkeys(range(30), red) | dict.fromkeys(range(30, 60), blue)
    found = colored([*first, *second], Colors(given))
    assert {one.shot.first for one in found} == {0, 30}
    alone = colored(second, Colors(dict.fromkeys(range(30), blue)))
    for one, other in zip(found[30:], alone, strict=True):
        assert np.array_equal(one.ab, other.ab)
    assert all(one.ab[1].min() > 0 for one in found[:30])


def test_a_better_guess_spreads_back() -> None:
    grays = pan(7, 25, step=0)
    given: dict[int, Guess] = {i: plain(-30, 10, sure=0.05) for i in range(25)}
    given[12] = plain(30, 10, sure=0.9)
    found = colored(grays, Colors(given))
    assert found[12].ab[0].mean() > 20
    assert found[6].ab[0].mean() > 10
    assert found[9].ab[0].mean() > 10
    assert found[18].ab[0].mean() > 10


def test_a_shot_that_comes_back_has_the_colours_that_it_had() -> None:
    one, other = pan(8, 24, step=0), pan(9, 24, step=0)
    given = {i: plain(40, 0, 0.4) for i in range(24)} | {i: plain(0, -40) for i in range(24, 48)}
    given |= {i: plain(-40, 0, 0.1) for i in range(48, 72)}
    found = colored([*one, *other, *one], Colors(given))
    assert found[50].shot.first == 48
    assert found[50].shot.returns
    assert found[48].ab[0].mean() > 20  # not what the network said there
    assert found[30].ab[0].mean() == pytest.approx(0, abs=1e-3)


def test_hints_hold_through_the_shot_and_move_with_the_thing() -> None:
    step = 1
    grays = pan(10, 80, step=step)
    held = np.zeros((CELLS[0] // 2, CELLS[1] // 2), np.float32)
    held[4:12, 8:16] = 1
    at = 60  # the hint comes late
    spot = plain(5, 5)._replace(held=held)
    spot.ab[:, 8:24, 16:32] = np.array([50, -50])[:, None, None]
    found = colored(grays, Colors({at: spot} | {i: plain(5, 5) for i in range(80) if i != at}), hinted=[at])
    for number in (48, 60, 70):
        left = 16 + (at - number) * step // 2  # where the thing is, in cells
        assert found[number].ab[0, 10:22, left + 3 : left + 13].mean() > 30, number
        assert found[number].ab[0, 26:, 2:40].mean() < 15, number


@pytest.mark.parametrize("length", [12, 36])
def test_no_hint_crosses_a_dissolve(length: int) -> None:
    first, second = pan(14, 60, step=0), pan(15, 90, step=0)
    mixed = [
        np.rint(a + (i + 1) / (length + 1) * (b.astype(float) - a)).astype(np.uint8)
        for i, (a, b) in enumerate(zip(first[-length:], second[:length], strict=True))
    ]
    grays = [*first[:-length], *mixed, *second[length:]]
    held = np.ones((CELLS[0] // 2, CELLS[1] // 2), np.float32)
    given = dict.fromkeys(range(len(grays)), plain(5, 5)) | {6: plain(60, -60)._replace(held=held)}
    found = colored(grays, Colors(given), hinted=[6])
    assert found[60 - length].ab[0].mean() > 50
    assert np.abs(found[60].ab[0] - 5).max() < 1
    assert not found[60].shot.returns


def test_titles_and_empty_frames_stay_neutral() -> None:
    gray = np.full(SIZE, 20, np.uint8)
    write(gray, "THE END", (20, 40), 32, 240)
    found = colored([*[gray] * 8, *[np.full(SIZE, 128, np.uint8)] * 3, *pan(11, 8)], Colors(noise=20))
    assert all(np.abs(one.ab).max() == 0 for one in found[:11])
    assert all(np.abs(one.ab).max() > 5 for one in found[11:])


def test_going_on_at_a_shot_gives_the_same_colours() -> None:
    one, other = pan(12, 20), pan(13, 40)
    grays = [*one, *other, *one[::-1]]
    mixed = [np.rint(one[0] * (1 - i / 24) + other[0] * (i / 24)).astype(np.uint8) for i in range(25)]
    grays += [one[0]] * 20 + mixed + [other[0]] * 20
    whole = colored(grays, Colors(noise=10))
    starts = sorted({frame.shot.first for frame in whole})
    assert len(starts) == 4
    for first in starts[1:]:
        shot = whole[first].shot
        rest = list(steady_colors(grays[first:], Colors(noise=10), first=first, memory=shot.memory))
        assert all(np.array_equal(a.ab, b.ab) for a, b in zip(whole[first:], rest, strict=True))
