"""The ab bins: they cover sRGB, soft labels equal the definition, rebalancing equals the paper's equation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from colorizegan.color.lab import rgb_to_lab
from colorizegan.training.networks.bins import NEIGHBOURS, SIGMA, SoftLabels, ab_bin_centres, rebalancing_weights

CENTRES = ab_bin_centres()
LABELS = SoftLabels()


def test_every_srgb_colour_has_its_own_bin_and_no_bin_is_out_of_reach() -> None:
    rgb = np.random.default_rng(0).random((200_000, 3)).astype(np.float32)
    cells = np.unique(np.round(rgb_to_lab(rgb)[:, 1:] / 10) * 10, axis=0)
    known = {tuple(c) for c in CENTRES}
    assert {tuple(c) for c in cells} <= known
    assert len(known) == len(CENTRES)
    assert 200 < len(known) < 330  # Zhang 2016 counts 313 with another white point and its own grid


@given(st.integers(-90, 90), st.integers(-90, 90))
def test_soft_labels_equal_the_definition(a: int, b: int) -> None:
    index, weight = LABELS(torch.tensor([float(a), float(b)])[None, :, None, None])
    distance = np.sqrt(((CENTRES - [a, b]) ** 2).sum(1))
    nearest = np.sort(distance)[:NEIGHBOURS]
    assert distance[index.flatten().numpy()] == pytest.approx(nearest, abs=1e-4)
    expected = np.exp(-(nearest.astype(np.float64) ** 2 - nearest[0] ** 2) / (2 * SIGMA**2))
    assert weight.flatten().numpy() == pytest.approx(expected / expected.sum(), abs=1e-5)


def test_labels_take_colours_outside_the_table_and_keep_the_layout() -> None:
    ab = torch.zeros(2, 2, 3, 4)
    ab[1, 0, 2, 3], ab[1, 1, 2, 3] = 500.0, -500.0
    index, weight = LABELS(ab)
    assert index.shape == weight.shape == (2, NEIGHBOURS, 3, 4)
    assert torch.allclose(weight.sum(1), torch.ones(2, 3, 4))
    assert CENTRES[index[0, 0, 0, 0]].tolist() == [0.0, 0.0]


def test_rebalancing_favours_rare_colours_and_keeps_the_mean() -> None:
    counts = np.full(len(CENTRES), 1.0)
    gray = int(np.argmin((CENTRES**2).sum(1)))
    counts[gray] = 1e6
    weights = rebalancing_weights(counts).astype(np.float64)
    far = int(np.argmax((CENTRES**2).sum(1)))
    assert weights[far] > 5 * weights[gray]
    squared = ((CENTRES[:, None] - CENTRES[None]) ** 2).sum(-1)
    kernel = np.exp(-squared / (2 * SIGMA**2))
    p = (kernel / kernel.sum(0)) @ (counts / counts.sum())
    assert (weights * p).sum() == pytest.approx(1.0, rel=1e-5)
    assert rebalancing_weights(counts, 1.0) == pytest.approx(np.ones(len(CENTRES)), rel=1e-5)


@pytest.mark.parametrize("counts", [np.zeros(len(CENTRES)), np.ones(3)])
def test_counts_that_make_no_sense_are_refused(counts: np.ndarray) -> None:
    with pytest.raises(ValueError, match="counts"):
        rebalancing_weights(counts)
