"""Intervals and verdicts: against scipy's bootstrap, and on differences that are known."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from colorizegan.bench.metrics import METRICS
from colorizegan.bench.statistics import compare, resampled_means, score


def columns(photos: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(10, 2, photos) for name in ("psnr", "ssim", "ciede2000", "cf", "cf_truth", "l_error")}
    found["pixels"] = rng.uniform(50, 150, photos)
    found["ab_error"] = found["pixels"] * rng.uniform(5, 30, photos)
    found["weight"] = rng.uniform(20, 400, photos)
    found["ab_error_weighted"] = found["weight"] * rng.uniform(5, 40, photos)
    return found


def test_figures_follow_from_the_columns():
    c = columns(50)
    scores, _ = score(c, 10, 0)
    assert scores["psnr"].value == pytest.approx(c["psnr"].mean())
    assert scores["auc_raw"].value == pytest.approx(100 - 100 * c["ab_error"].sum() / c["pixels"].sum() / 150)
    rebalanced = 100 - 100 * c["ab_error_weighted"].sum() / c["weight"].sum() / 150
    assert scores["auc_rebalanced"].value == pytest.approx(rebalanced)
    assert scores["delta_cf_means"].value == pytest.approx(abs(c["cf"].mean() - c["cf_truth"].mean()))
    assert scores["delta_cf_photos"].value == pytest.approx(np.abs(c["cf"] - c["cf_truth"]).mean())


def test_intervals_agree_with_scipy():
    c = columns(80)
    scores, _ = score(c, 4000, 0)
    for name, data, statistic in (
        ("psnr", (c["psnr"],), np.mean),
        ("auc_raw", (c["ab_error"], c["pixels"]), lambda e, n, axis: 100 * (1 - e.sum(axis) / n.sum(axis) / 150)),
    ):
        expected = bootstrap(
            data, statistic, paired=True, n_resamples=4000, method="percentile", rng=np.random.default_rng(1), axis=0
        ).confidence_interval
        width = expected.high - expected.low
        assert scores[name].low == pytest.approx(expected.low, abs=0.06 * width)
        assert scores[name].high == pytest.approx(expected.high, abs=0.06 * width)


def test_one_seed_gives_one_set_of_digits():
    c = columns(30)
    assert score(c, 100, 3)[0] == score(c, 100, 3)[0]
    assert score(c, 100, 3)[0] != score(c, 100, 4)[0]


def test_resamples_are_shared_so_that_a_constant_gain_has_no_width():
    a = columns(40)
    b = {**a, "psnr": a["psnr"] + 0.25}
    found = {name: score(c, 200, 0) for name, c in (("a", a), ("b", b))}
    differences = compare(["a", "b"], [], {n: f[0] for n, f in found.items()}, {n: f[1] for n, f in found.items()})
    gain = next(d for d in differences if d.metric == "psnr")
    assert (gain.value, gain.low, gain.high) == pytest.approx((-0.25, -0.25, -0.25))
    assert gain.real
    same = next(d for d in differences if d.metric == "ssim")
    assert same.value == same.low == same.high == 0
    assert not same.real


def test_resampled_means_draw_whole_photos():
    drawn = resampled_means({"x": np.array([0.0, 1.0]), "y": np.array([0.0, 10.0])}, 200, 0)
    assert set(drawn["x"]) == {0, 0.5, 1}
    assert np.allclose(drawn["y"], 10 * drawn["x"])


def test_every_metric_says_which_side_is_better_and_where_it_comes_from():
    for metric in METRICS.values():
        assert metric.better in ("higher", "lower", "truth")
        assert metric.source
