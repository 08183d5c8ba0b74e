"""Proposals: the same seed gives the same ones, they are distinct, ordered, and nothing but hints."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pictures import Array

from colorizegan import Colorizer, Hint, Look, UsageError
from colorizegan.model.bundle import open_bundle
from colorizegan.model.network import NetworkInput, Prediction
from colorizegan.model.predictor import Predictor
from colorizegan.steer.proposals import APART, Proposal, ab_distance, likelihood_of, nucleus


@pytest.fixture(scope="module")
def gray() -> Array:
    y, x = np.mgrid[0:120, 0:160]
    return (128 + 60 * np.sin((x + 15) / 25) * np.cos(y / 20)).astype(np.uint8)


@pytest.fixture(scope="module")
def found(colorizer: Colorizer, gray: Array) -> list[Proposal]:
    return colorizer.propose(gray, count=4, seed=1)


def test_there_are_several_and_they_differ(found: list[Proposal]) -> None:
    assert 2 <= len(found) <= 4  # random weights leave much in doubt
    assert all(ab_distance(a.ab, b.ab) >= APART for i, a in enumerate(found) for b in found[:i])


def test_the_likeliest_comes_first(found: list[Proposal]) -> None:
    likelihoods = [one.likelihood for one in found]
    assert likelihoods == sorted(likelihoods, reverse=True)
    assert likelihoods[0] <= 0


def test_the_plain_answer_is_among_them(colorizer: Colorizer, gray: Array, found: list[Proposal]) -> None:
    (plain,) = [one for one in found if not one.hints]
    assert np.array_equal(plain.ab, colorizer.predict(gray).ab)


def test_a_proposal_is_its_hints(colorizer: Colorizer, gray: Array, found: list[Proposal]) -> None:
    for one in found:
        rgb = colorizer.colorize(gray, Look(hints=one.hints))
        assert np.array_equal(rgb, colorizer.paint(gray, one.ab))


def test_seeds(colorizer: Colorizer, gray: Array, found: list[Proposal]) -> None:
    again, other = colorizer.propose(gray, count=4, seed=1), colorizer.propose(gray, count=4, seed=2)
    assert [one.hints for one in again] == [one.hints for one in found]
    assert all(np.array_equal(a.ab, b.ab) for a, b in zip(again, found, strict=True))
    assert [one.hints for one in other] != [one.hints for one in found]


def test_known_colors_stay_in_all_of_them(colorizer: Colorizer, gray: Array) -> None:
    known = Hint(80, 60, "#4060a0")
    for one in colorizer.propose(gray, Look(hints=[known]), count=3, seed=0):
        assert one.hints[0] == known
        row, column = int(60.5 * one.ab.shape[1] / 120), int(80.5 * one.ab.shape[2] / 160)
        assert one.ab[:, row, column] == pytest.approx(known.ab, abs=1.0)


def test_five_proposals_ask_the_network_a_handful_of_times(tiny_bundle: Path, gray: Array) -> None:
    asked: list[int] = []

    class Counted(Predictor):
        def predict_batch(self, inputs: Sequence[NetworkInput]) -> list[Prediction]:
            asked.append(len(inputs))
            return super().predict_batch(inputs)

    found = Colorizer(Counted(open_bundle(tiny_bundle), threads=1)).propose(gray, count=5)
    assert len(found) > 1
    assert len(asked) <= 13  # it was 51
    assert max(asked) <= 4  # of which each takes memory


def test_one_is_the_plain_answer(colorizer: Colorizer, gray: Array) -> None:
    (one,) = colorizer.propose(gray, count=1)
    assert one.hints == ()


@pytest.mark.parametrize("count", [0, 13])
def test_a_count_out_of_range_is_refused(colorizer: Colorizer, gray: Array, count: int) -> None:
    with pytest.raises(UsageError, match=f"{count} proposals"):
        colorizer.propose(gray, count=count)


def test_draws_leave_the_tail_out() -> None:
    odds = nucleus(np.log(np.array([0.6, 0.3, 0.06, 0.04], np.float32)))
    assert odds.sum() == pytest.approx(1)
    assert odds[2] == odds[3] == 0
    assert odds[0] / odds[1] == pytest.approx(4)  # (0.6 / 0.3) to the power of 1 / 0.5


def test_a_likely_color_has_the_higherlikelihood_of() -> None:
    bins = np.array([[30, 0], [-30, 0]], np.float32)
    logits = np.zeros((2, 3, 3), np.float32)
    logits[0] = 3
    prediction = Prediction(np.zeros((2, 6, 6), np.float32), logits, bins)
    likely, unlikely = np.zeros((2, 6, 6), np.float32), np.zeros((2, 6, 6), np.float32)
    likely[0], unlikely[0] = 30, -30
    assert likelihood_of(prediction, likely) == pytest.approx(np.log(np.exp(3) / (np.exp(3) + 1)), abs=1e-3)
    assert likelihood_of(prediction, unlikely) == pytest.approx(np.log(1 / (np.exp(3) + 1)), abs=1e-2)
