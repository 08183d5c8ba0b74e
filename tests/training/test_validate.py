"""What a run is steered by: habits of an answer beside the truth's."""

import pytest
import torch

from colorizegan.training.validate import answer_habits, share_of_way


def test_habits_are_those_of_the_answer_and_of_the_truth() -> None:
    L = torch.full((2, 1, 16, 16), 50.0)
    truth = torch.zeros(2, 2, 8, 8)
    truth[0, 1] = 40.0  # one photo is yellow, the other gray
    predicted = torch.zeros(2, 2, 8, 8)
    predicted[1, 0, :, :4] = 30.0  # the gray one is half red; of the yellow one nothing is seen
    predicted[1, 1, :, :4] = 30.0
    found = answer_habits(L, truth, predicted)
    assert found["warm_truth"] == 0  # b alone is a hue of 90 degrees, past yellow
    assert found["neutral_truth"] == pytest.approx(50)
    assert found["warm"] == pytest.approx(25)
    assert found["neutral"] == pytest.approx(75)
    assert found["cast"] == pytest.approx((40 + 15 * 2**0.5) / 2)


def test_share_is_the_way_from_gray_to_the_truth() -> None:
    assert share_of_way(60.0, 60.0) == 0
    assert share_of_way(70.0, 60.0) == pytest.approx(25)
    assert share_of_way(100.0, 60.0) == pytest.approx(100)
