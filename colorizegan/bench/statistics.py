"""From the tallies of many photos to the figures of a table: means, bootstrap intervals, paired differences."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colorizegan.bench.metrics import METRICS

FEWEST = 5  # photos; an interval over fewer would look surer than it is


@dataclass(frozen=True)
class Score:
    """A figure and its 95 % interval; low and high are nan for a figure of the whole set or of fewer than 5 photos."""

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
    """Means of per-photo columns (n, ...) under a bootstrap over photos, (resamples, ...) each.

    Efron and Tibshirani 1993, chapter 13. The same seed and count of photos draw the same photos, for whichever
    entrant: that is what pairs the differences.
    """
    rng = np.random.default_rng(seed)
    flat = {name: column.reshape(len(column), -1) for name, column in columns.items()}
    table = np.concatenate(list(flat.values()), axis=1)  # (n, width of all columns)
    means = np.empty((resamples, table.shape[1]))
    for row in range(resamples):
        drawn = np.bincount(rng.integers(0, len(table), len(table)), minlength=len(table))
        means[row] = drawn @ table / len(table)
    ends = np.cumsum([column.shape[1] for column in flat.values()])
    parts = np.split(means, ends[:-1], axis=1)
    return {
        name: part.reshape(resamples, *column.shape[1:])
        for (name, column), part in zip(columns.items(), parts, strict=True)
    }


def interval(samples: NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95 % of bootstrap samples (Efron's percentile interval); nan where most of them have no value."""
    present = samples[np.isfinite(samples)]
    if 2 * len(present) <= len(samples):
        return float("nan"), float("nan")
    low, high = np.quantile(present, (0.025, 0.975))
    return float(low), float(high)


def score(
    columns: Mapping[str, NDArray[np.float64]], resamples: int, seed: int
) -> tuple[dict[str, Score], dict[str, NDArray[np.float64]]]:
    """Figures of one entrant, and each figure under every resample (for `compare`).

    columns: per-photo arrays (n, ...) by name, of `scoring.PhotoScorer`. A metric whose columns are not there, or that
    has no value on these photos (no sky in any of them), is left out.
    """
    columns = {**columns, "cf_miss": np.abs(columns["cf"] - columns["cf_truth"])}
    whole = {name: column.mean(0)[None] for name, column in columns.items()}
    drawn = resampled_means(columns, resamples, seed)
    scores: dict[str, Score] = {}
    samples: dict[str, NDArray[np.float64]] = {}
    for name, metric in METRICS.items():
        if metric.formula is None:
            continue
        try:
            value = float(metric.formula(whole)[0])
        except KeyError:  # a column that this entrant does not have
            continue
        if not np.isfinite(value):
            continue
        scores[name] = Score(value, np.nan, np.nan)
        if np.count_nonzero(columns[metric.seen or "pixels"]) >= FEWEST:
            samples[name] = metric.formula(drawn)
            scores[name] = Score(value, *interval(samples[name]))
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
            for metric in samples[first]:
                if metric not in samples[second] or METRICS[metric].better == "truth":
                    continue
                value = scores[first][metric].value - scores[second][metric].value
                low, high = interval(samples[first][metric] - samples[second][metric])
                differences.append(Difference(first, second, metric, value, low, high))
    return differences
