"""The list of all figures that a report may hold: name, direction, unit, formula, source. One line each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colorizegan.bench.measures.calibration import area, expected_calibration_error, saved
from colorizegan.bench.measures.habits import NEUTRAL_CHROMA, WARM_CHROMA, WARM_HUE
from colorizegan.bench.measures.regions import KINDS, Kind
from colorizegan.bench.stability import CHANGES, Change

Means = Mapping[str, NDArray[np.float64]]
Formula = Callable[[Means], NDArray[np.float64]]

NEARNESS = "Nearness to the truth"
COLOUR = "Colourfulness"
HABITS = "Habits of the answer"
MEANING = "Colours with a meaning"
FAULTS = "Faults"
STABILITY = "Stability"
CONFIDENCE = "Confidence"
FEATURES = "Feature distances"
GROUPS = (NEARNESS, COLOUR, HABITS, MEANING, FAULTS, STABILITY, CONFIDENCE, FEATURES)


@dataclass(frozen=True)
class Metric:
    """One figure of the table: how it follows from the means of the per-photo columns."""

    name: str
    label: str
    group: str
    better: Literal["higher", "lower", "truth"]
    """truth: the nearer to the truth's own figure the better."""
    digits: int
    unit: str
    formula: Formula | None
    """Means of columns, each (B, ...) -> the figure, (B,), so that it can be resampled; None for a figure of the whole
    set, which comes without an interval. KeyError where an entrant lacks a column, nan where no photo has a value."""
    source: str
    seen: str = ""
    """Column that is 0 where a photo has no part in the figure; with too few that have there is no interval."""


def _mean(column: str) -> Formula:
    return lambda m: m[column]


def _ratio(top: str, bottom: str, factor: float = 1) -> Formula:
    return lambda m: factor * m[top] / np.where(m[bottom] == 0, np.nan, m[bottom])


def _auc(error: str, weight: str) -> Formula:
    return lambda m: 100 * (1 - m[error] / m[weight] / 150)


def _meaning(name: str, kind: Kind) -> tuple[Metric, Metric]:
    """How right a kind of region is, as a mean of photos and by pixels."""
    right = f"share with hue {kind.hue[0]:g}..{kind.hue[1]:g} degrees and chroma over {kind.chroma:g}"

    def metric(ending: str, label: str, bottom: str, top: str, how: str) -> Metric:
        formula = _ratio(f"{name}_{top}", f"{name}_{bottom}", 100)
        return Metric(f"{name}_{ending}", label, MEANING, "higher", 1, "%", formula, f"{right} {how}", f"{name}_seen")

    of_photos = "in the region, mean over the photos that have one; regions: see docs/evaluation.md"
    of_pixels = "in all regions together: large ones weigh more"
    return (
        metric("right", name, "seen", "hit", of_photos),
        metric("pixels", f"{name}, of pixels", "area", "hit_area", of_pixels),
    )


def _steadiness(name: str, change: Change) -> tuple[Metric, Metric]:
    """How little the hue and the colours move under a change of the input."""
    seen = f"{name}_pixels"
    turned = f"mean change of the hue angle, {change.text}; pixels weighted by chroma"
    turn, move = _ratio(f"{name}_turn", f"{name}_chroma"), _ratio(f"{name}_move", seen)
    moved = f"mean change of (a, b), {change.text}"
    return (
        Metric(f"{name}_hue", f"hue, {change.label}", STABILITY, "lower", 2, "degrees", turn, turned, seen),
        Metric(f"{name}_ab", f"ab, {change.label}", STABILITY, "lower", 2, "Lab", move, moved, seen),
    )


_WITHIN = "Zhang 2016: share of pixels within an ab error, mean over thresholds 0..150"
_ALL = (
    # name, label, group, better, digits, unit, formula, source
    Metric("psnr", "PSNR", NEARNESS, "higher", 2, "dB", _mean("psnr"), "RGB; mean of photos, each capped at 60 dB"),
    Metric("ssim", "SSIM", NEARNESS, "higher", 4, "", _mean("ssim"), "Wang 2004; mean of R, G, B"),
    Metric("ciede2000", "CIEDE2000", NEARNESS, "lower", 2, "", _mean("ciede2000"), "CIE 142-2001; mean of pixels"),
    Metric("auc_raw", "AuC raw", NEARNESS, "higher", 2, "%", _auc("ab_error", "pixels"), _WITHIN),
    Metric(
        "auc_rebalanced", "AuC rebalanced", NEARNESS, "higher", 2, "%", _auc("ab_error_weighted", "weight"),
        f"{_WITHIN}; pixels weighted by 1 / frequency of their ab bin (10 Lab units) in this test set",
    ),
    Metric(
        "share", "share of the way", NEARNESS, "higher", 1, "%",
        lambda m: 100 - _ratio("ab_error_weighted", "gray_error_weighted", 100)(m),
        "AuC rebalanced between gray = 0 and truth = 100, which compares between sets",
    ),
    Metric("cf", "CF", COLOUR, "truth", 2, "", _mean("cf"), "colourfulness, Hasler and Suesstrunk 2003, mean"),
    Metric(
        "delta_cf_means", "dCF of means", COLOUR, "lower", 2, "", lambda m: np.abs(m["cf"] - m["cf_truth"]),
        "|mean CF - mean CF of the truth|",
    ),
    Metric("delta_cf_photos", "dCF per photo", COLOUR, "lower", 2, "", _mean("cf_miss"), "mean |CF - CF of the truth|"),
    Metric(
        "palette", "palette distance", COLOUR, "lower", 4, "", None,
        "Jensen-Shannon distance (base 2, 0..1) of the set's ab histogram, bins of 10 Lab units, from the truth's",
    ),
    Metric(
        "cast", "cast", HABITS, "lower", 2, "Lab", _mean("cast"),
        "mean distance of a photo's mean (a, b) from the truth's",
    ),
    Metric(
        "warm", "warm pixels", HABITS, "truth", 1, "%", lambda m: 100 * m["warm"],
        f"pixels with hue {WARM_HUE[0]:g}..{WARM_HUE[1]:g} degrees and chroma over {WARM_CHROMA:g}, mean of photos",
    ),
    Metric(
        "neutral", "neutral pixels", HABITS, "truth", 1, "%", lambda m: 100 * m["neutral"],
        f"pixels with chroma under {NEUTRAL_CHROMA:g}, mean of photos",
    ),
    Metric(
        "bleeding", "bleeding", FAULTS, "truth", 3, "Lab/px", _ratio("bleeding", "flat"),
        "mean gradient of (a, b) where the truth's L is flat, gradient under 1 per px",
    ),
    Metric(
        "gamut_edge", "at the gamut edge", FAULTS, "truth", 2, "%", _ratio("at_edge", "inside", 100),
        "share of the pixels of L 2..98 with a channel at 0 or 255",
    ),
    Metric("l_error", "L error", FAULTS, "lower", 3, "L", _mean("l_error"), "mean |L - L of the truth|"),
    *(metric for name, kind in KINDS.items() for metric in _meaning(name, kind)),
    *(metric for name, change in CHANGES.items() for metric in _steadiness(name, change)),
    Metric(
        "ece", "ECE", CONFIDENCE, "lower", 2, "%", lambda m: 100 * expected_calibration_error(m["reliability"]),
        "Guo 2017: |confidence - how often the colour is within 15 Lab units of the true one|, mean over cells",
    ),
    Metric(
        "aurc", "risk-coverage area", CONFIDENCE, "lower", 2, "Lab", lambda m: area(m["by_confidence"][:, ::-1]),
        "Geifman and El-Yaniv 2017: mean ab error of the most confident cells, mean over all coverages",
    ),
    Metric(
        "risk_saved", "risk saved", CONFIDENCE, "higher", 1, "%",
        lambda m: 100 * saved(m["by_confidence"], m["by_error"]),
        "what ordering by confidence saves of the risk-coverage area, of what a perfect order saves; 0 = by chance",
    ),
    Metric(
        "squeezenet_frechet", "Frechet, SqueezeNet 1.0", FEATURES, "lower", 3, "", None,
        "Frechet distance (Heusel 2017, equation 6) of the mean of the last fire module, scaled to length sqrt(512); "
        "no FID; compare at equal n only",
    ),
    Metric(
        "squeezenet_kernel", "kernel, SqueezeNet 1.0", FEATURES, "lower", 4, "", None,
        "squared MMD with the cubic kernel (Binkowski 2018), unbiased, same features; no KID",
    ),
    Metric(
        "fid", "FID", FEATURES, "lower", 2, "", None,
        "Heusel 2017 on Inception v3 in the port of torch-fidelity, pictures resized to 299 px by it, through "
        "torchmetrics; compare at equal n only",
    ),
)  # fmt: skip
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
