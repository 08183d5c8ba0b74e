"""The worth of a confidence: calibration error against torchmetrics, risk-coverage area against plain integration."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torchmetrics.functional.classification import binary_calibration_error

from colorizegan.bench.measures.calibration import (
    ERROR_STEPS,
    STEPS,
    area,
    expected_calibration_error,
    reliability,
    risk_curve,
    saved,
)
from colorizegan.model.network import Prediction

BINS = np.array([[a, b] for a in (-60, -20, 20, 60) for b in (-60, -20, 20, 60)], np.float32)


def lab_of_bins(index: np.ndarray, noise: float = 0.0) -> np.ndarray:
    """A Lab picture (h, w, 3) whose colours lie at (or near) the bins of that index."""
    rng = np.random.default_rng(1)
    ab = BINS[index] + rng.uniform(-noise, noise, (*index.shape, 2)).astype(np.float32)
    return np.concatenate([np.full((*index.shape, 1), 50, np.float32), ab], -1)


def prediction(logits: np.ndarray, ab: np.ndarray | None = None) -> Prediction:
    ab = np.zeros((2, *logits.shape[1:]), np.float32) if ab is None else ab
    return Prediction(ab, logits.astype(np.float32), BINS)


@pytest.mark.parametrize("sharpness", [0.5, 2.0, 6.0])
def test_calibration_error_equals_torchmetrics(sharpness: float):
    rng = np.random.default_rng(0)
    index = rng.integers(0, 16, (40, 60))
    logits = rng.normal(0, sharpness, (16, 40, 60)) + 2 * sharpness * (np.arange(16)[:, None, None] == index)
    told = prediction(logits, np.moveaxis(BINS[logits.argmax(0)], -1, 0))
    # the truth is given at four times the size of the cells
    columns = reliability(told, lab_of_bins(index, noise=12).repeat(4, 0).repeat(4, 1))
    off = np.hypot(*(told.ab - np.moveaxis(lab_of_bins(index, noise=12)[..., 1:], -1, 0)))
    right = torch.from_numpy((off <= 15).astype(int).ravel())
    assert 0.1 < right.float().mean() < 0.9
    expected = binary_calibration_error(torch.from_numpy(told.confidence().ravel()), right, n_bins=15, norm="l1")
    assert expected_calibration_error(columns["reliability"][None])[0] == pytest.approx(float(expected), abs=1e-5)
    assert columns["reliability"][:, 0].sum() == 40 * 60


def test_histograms_of_photos_add_up():
    rng = np.random.default_rng(0)
    parts = []
    for _ in range(2):
        index = rng.integers(0, 16, (8, 12))
        parts.append((rng.normal(0, 3, (16, 8, 12)), index))
    logits, index = (np.concatenate(of_both, axis=-2) for of_both in zip(*parts, strict=True))
    both = reliability(prediction(logits), lab_of_bins(index))
    alone = [reliability(prediction(logits), lab_of_bins(index)) for logits, index in parts]
    for name, column in both.items():
        assert sum(a[name] for a in alone) == pytest.approx(column, rel=1e-5)


def test_the_columns_by_hand():
    # Two cells: one sure (all odds on bin 0) and right, one that knows nothing and is 20 Lab units off.
    logits = np.zeros((16, 1, 2))
    logits[0, 0, 0] = 50
    ab = np.array([[[-60, 0.0]], [[-60, 0.0]]], np.float32)
    truth = np.array([[[50, -60, -60], [50, 20, 0.0]]], np.float32)
    columns = reliability(prediction(logits, ab), truth)
    assert columns["reliability"][-1].tolist() == [1, 1, 1]
    assert columns["reliability"][0] == pytest.approx([1, 0, 0])
    assert columns["by_confidence"][-1].tolist() == [1, 0]
    assert columns["by_confidence"][0] == pytest.approx([1, 20])
    assert columns["by_error"][0].tolist() == [1, 0]
    assert columns["by_error"][10] == pytest.approx([1, 20])
    # kept by confidence: no error over the first half, then up to a mean of 10; ln 2 from the integral
    expected = 20 * (0.5 - 0.5 * np.log(2))
    assert area(columns["by_confidence"][None, ::-1])[0] == pytest.approx(expected)
    assert saved(columns["by_confidence"][None], columns["by_error"][None])[0] == pytest.approx(1)


def test_area_equals_numeric_integration():
    rng = np.random.default_rng(3)
    table = np.stack([rng.integers(0, 40, STEPS), np.zeros(STEPS)], -1).astype(float)
    table[:, 1] = table[:, 0] * rng.uniform(2, 30, STEPS)
    table[[0, 7]] = 0  # steps without cells
    coverage = np.concatenate([[0], np.cumsum(table[:, 0])]) / table[:, 0].sum()
    errors = np.concatenate([[0], np.cumsum(table[:, 1])]) / table[:, 0].sum()
    expected, _ = quad(lambda c: np.interp(c, coverage, errors) / c, 0, 1, points=coverage[1:-1], limit=500)
    assert area(table[None])[0] == pytest.approx(expected, rel=1e-6)


def test_area_is_the_mean_risk_of_single_cells():
    """Against the definition on 20,000 cells, sorted one by one."""
    rng = np.random.default_rng(5)
    sure = rng.uniform(0, 1, 20000)
    error = rng.gamma(2, 8 * (1.2 - sure))
    place = (sure * STEPS).astype(int)
    table = counted(place, error, STEPS)
    ordered = error[np.argsort(-sure)]
    risks = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    assert area(table[:, ::-1])[0] == pytest.approx(risks.mean(), rel=0.01)
    by_error = counted(np.minimum(error / 2, ERROR_STEPS - 1).astype(int), error, ERROR_STEPS)
    best = (np.cumsum(np.sort(error)) / np.arange(1, len(error) + 1)).mean()
    expected = (error.mean() - risks.mean()) / (error.mean() - best)
    assert saved(table, by_error)[0] == pytest.approx(expected, abs=0.01)
    by_chance = counted(place, rng.permutation(error), STEPS)
    assert saved(by_chance, by_error)[0] == pytest.approx(0, abs=0.05)
    assert saved(table[:, ::-1], by_error)[0] < -0.2  # the wrong way round is worse than chance


def counted(place: np.ndarray, error: np.ndarray, steps: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(1, steps, 2): cells and sums of errors."""
    table = np.zeros((1, steps, 2))
    np.add.at(table[0, :, 0], place, 1)
    np.add.at(table[0, :, 1], place, error)
    return table


def test_nothing_can_be_saved_where_all_errors_are_equal():
    flat = np.full((1, STEPS, 2), 3.0)
    assert np.isnan(saved(flat, flat)).all()


def test_risk_curve_ends_at_the_mean_error():
    table = np.array([[2, 2], [0, 0], [6, 30]], float)
    coverage, risk = risk_curve(table)
    assert coverage.tolist() == [0.25, 1]
    assert risk.tolist() == [1, 4]
