"""What a run is steered by: habits of an answer beside the truth's."""

import numpy as np
import pytest
import torch

from colorizegan.training.validation.validate import answer_habits, curves_of, share_of_way


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


def test_curves_can_be_read_from_the_first_validation_on() -> None:
    lines = [
        {"event": "step", "images": 32, "l1": 3.5, "classes": 5.1},
        {"event": "validate", "images": 320, "auc_rebalanced": 66.25, "gray_auc_rebalanced": 61.0, "colorfulness": 9.0},
    ]
    losses, adversarial, auc, colours = curves_of(lines).axes
    for axis, count in ((losses, 2), (auc, 2), (colours, 1)):
        assert len(axis.lines) == count
        for line in axis.lines:
            assert line.get_marker() == "o"  # one value is no line
            left, right = axis.get_xlim()
            assert left <= float(np.asarray(line.get_xdata())[0]) <= right
    assert [line.get_label() for line in auc.lines] == ["auc_rebalanced  66.2", "gray_auc_rebalanced  61"]
    assert adversarial.texts[0].get_text() == "nothing yet"
    many = [{"event": "step", "images": n, "l1": 1.0} for n in range(100)]
    assert curves_of(many).axes[0].lines[0].get_marker() == ""
