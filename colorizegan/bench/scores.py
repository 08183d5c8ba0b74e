"""From the tallies of many photos to the figures of a table: means, bootstrap intervals, paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colorizegan.bench.figures import METRICS

__all__ = ["Difference", "Score", "compare", "resampled_means", "score"]


@dataclass(frozen=True)
class Score:
    """A figure and its 95 % interval; low and high are nan for a figure of the whole set."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """`first` minus `second` in one metric, over the same resampled photos, with its 95 % interval."""

    first: str
    second: str
    metric: str
    value: float
    low: float
    high: float

    @property
    def real(self) -> bool:
        """The interval leaves out 0."""
        return self.low > 0 or self.high < 0


def resampled_means(
    columns: Mapping[str, NDArray[np.float64]], resamples: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Means of per-photo (n,) columns under a bootstrap over photos, (resamples,) each.

    Efron and Tibshirani 1993, chapter 13. The same seed and count of photos draw the same photos, for whichever
    entrant: that is what pairs the differences.
    """
    rng = np.random.default_rng(seed)
    table = np.stack(list(columns.values()), axis=1)  # (n, columns)
    means = np.empty((resamples, table.shape[1]))
    for row in range(resamples):
        drawn = np.bincount(rng.integers(0, len(table), len(table)), minlength=len(table))
        means[row] = drawn @ table / len(table)
    return {name: means[:, index] for index, name in enumerate(columns)}


def score(
    columns: Mapping[str, NDArray[np.float64]], resamples: int, seed: int
) -> tuple[dict[str, Score], dict[str, NDArray[np.float64]]]:
    """Figures of one entrant, and each figure under every resample (for `compare`).

    columns: per-photo (n,) arrays by name, from `metrics.tally`. A metric whose columns are not there is left out.
    """
    columns = {**columns, "cf_miss": np.abs(columns["cf"] - columns["cf_truth"])}
    whole = {name: np.array([column.mean()]) for name, column in columns.items()}
    drawn = resampled_means(columns, resamples, seed)
    scores: dict[str, Score] = {}
    samples: dict[str, NDArray[np.float64]] = {}
    for name, metric in METRICS.items():
        if metric.formula is None:
            continue
        try:
            value = float(metric.formula(whole)[0])
        except KeyError:
            continue
        samples[name] = metric.formula(drawn)
        low, high = np.quantile(samples[name], (0.025, 0.975))
        scores[name] = Score(value, float(low), float(high))
    return scores, samples


def compare(
    rivals: list[str],
    baselines: list[str],
    scores: Mapping[str, Mapping[str, Score]],
    samples: Mapping[str, Mapping[str, NDArray[np.float64]]],
) -> list[Difference]:
    """Paired differences, rival less rival and rival less baseline, in each metric that has a better side."""
    differences: list[Difference] = []
    for index, first in enumerate(rivals):
        for second in [*rivals[index + 1 :], *baselines]:
            for metric in scores[first]:
                if metric not in scores[second] or METRICS[metric].better == "truth" or metric not in samples[first]:
                    continue
                value = scores[first][metric].value - scores[second][metric].value
                low, high = np.quantile(samples[first][metric] - samples[second][metric], (0.025, 0.975))
                differences.append(Difference(first, second, metric, value, float(low), float(high)))
    return differences
