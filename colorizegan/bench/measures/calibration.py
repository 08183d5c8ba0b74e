"""Is the network's confidence worth anything? Its reliability, and risk against coverage.

Counted per cell of the network's distribution (a quarter of its working size), as histograms that add up over photos.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.model.network import RIGHT, Prediction
from colorizegan.model.network_input import resized

RELIABILITY_BINS = 15  # Guo 2017
STEPS = 50  # of confidence 0..1
ERROR_STEP = 2.0  # Lab units
ERROR_STEPS = 76  # the last holds all errors over 150


def reliability(prediction: Prediction, truth: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """Columns of one photo.

    prediction: what the network says; truth: (H, W, 3) Lab of the whole photo at any size.
    reliability (15, 3): by `Prediction.confidence`, cells, sum of their confidence, and cells whose colour is right,
    within RIGHT Lab units of the true one. by_confidence (50, 2): by the same, cells and sum of ab errors of the
    predicted colour. by_error (76, 2): the same by the error itself.
    """
    cells = (prediction.logits.shape[1], prediction.logits.shape[2])  # of each the mean colour:
    ab, true_ab = (resized(x, cells, Image.Resampling.BOX) for x in (prediction.ab, np.moveaxis(truth[..., 1:], -1, 0)))
    error = np.hypot(*(ab - true_ab)).astype(np.float64).ravel()
    sure = prediction.confidence().astype(np.float64).ravel()
    hit = (error <= RIGHT).astype(np.float64)
    return {
        "reliability": _sums(_bins(sure, RELIABILITY_BINS), [np.ones_like(sure), sure, hit], RELIABILITY_BINS),
        "by_confidence": _counted(_bins(sure, STEPS), error, STEPS),
        "by_error": _counted(np.minimum(error / ERROR_STEP, ERROR_STEPS - 1).astype(np.intp), error, ERROR_STEPS),
    }


def expected_calibration_error(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Guo 2017, equation 3: (B, bins, 3) cells, sum of confidence, hits -> (B,) 0..1; lower is better."""
    return np.abs(table[..., 1] - table[..., 2]).sum(-1) / table[..., 0].sum(-1)


def area(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area under the risk-coverage curve (Geifman and El-Yaniv 2017), Lab units; lower is better.

    table: (B, steps, 2) cells and sums of errors, the cells to be kept first at the front -> (B,). Risk at coverage c
    is the mean error of the first share c of the cells; within a step their order is by chance, and the integral over c
    is exact.
    """
    cells = table[..., 0] / table[..., 0].sum(-1, keepdims=True)
    errors = table[..., 1] / table[..., 0].sum(-1, keepdims=True)
    end, end_error = np.cumsum(cells, -1), np.cumsum(errors, -1)
    start, start_error = end - cells, end_error - errors
    rate = errors / np.where(cells > 0, cells, 1)  # mean error in the step
    # integral of (start_error + (c - start) rate) / c over start..end; both are 0 up to the first cell
    begun = (start > 1e-12) & (cells > 0)
    logarithm = np.log(np.where(begun, end, 1) / np.where(begun, start, 1))
    return (rate * cells + (start_error - rate * start) * logarithm).sum(-1)


def saved(by_confidence: NDArray[np.float64], by_error: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the order by confidence saves of the area that a perfect order saves, (B,): 1 perfect, 0 by chance.

    by_confidence, by_error: (B, steps, 2) as in `reliability`, lowest step first.
    """
    chance = by_confidence[..., 1].sum(-1) / by_confidence[..., 0].sum(-1)
    possible = chance - area(by_error)
    return (chance - area(by_confidence[:, ::-1])) / np.where(possible > 1e-12, possible, np.nan)


def risk_curve(table: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coverage 0..1 and risk in Lab units at the end of each step that holds cells; table (steps, 2) as in `area`."""
    table = table[table[:, 0] > 0]
    cells = np.cumsum(table[:, 0])
    return cells / cells[-1], np.cumsum(table[:, 1]) / cells


def _bins(values: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    return np.clip((values * count).astype(np.intp), 0, count - 1)


def _counted(place: NDArray[np.intp], error: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return _sums(place, [np.ones_like(error), error], count)


def _sums(place: NDArray[np.intp], weights: Sequence[NDArray[np.float64]], count: int) -> NDArray[np.float64]:
    """(count, len(weights)): sums of each kind of weight at each place."""
    sums = np.stack([np.bincount(place, each, count) for each in weights], axis=-1)
    return sums.astype(np.float64)
