"""Every measure of the bench equals an independent reference or a case worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.spatial.distance import jensenshannon
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from colorizegan.bench.measures import pixels as metrics
from colorizegan.errors import UsageError


def picture(seed: int, height: int = 40, width: int = 56) -> np.ndarray:
    """A smooth coloured picture with some noise, (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / rng.uniform(3, 20) + y / rng.uniform(3, 20) + rng.uniform(0, 6)) for _ in range(3)]
    return np.clip(128 + 90 * np.stack(waves, -1) + rng.normal(0, 8, (height, width, 3)), 0, 255).astype(np.uint8)


def lab(rgb: np.ndarray) -> np.ndarray:
    return rgb2lab(rgb / 255.0).astype(np.float32)


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    truth = lab(picture(2))
    return metrics.bin_weights(np.bincount(metrics.ab_bin(truth).ravel(), minlength=metrics.AB_BINS).astype(float))


def as_truth(rgb: np.ndarray) -> metrics.Truth:
    return metrics.Truth(rgb, np.ones(metrics.AB_BINS))


def auc(error: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Area under the share of pixels whose ab error is within a threshold, over thresholds 0..150, %."""
    return float(100 * (1 - np.average(np.minimum(error, 150), weights=weight) / 150))


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_psnr_and_ssim_equal_scikit_image(seed: int):
    a, b = picture(seed), picture(seed + 100)
    assert metrics.psnr(a, b) == pytest.approx(peak_signal_noise_ratio(b, a, data_range=255), abs=1e-9)
    expected = structural_similarity(
        a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert metrics.ssim(a, as_truth(b)) == pytest.approx(expected, abs=2e-6)


def test_psnr_and_ssim_of_equal_pictures():
    a = picture(3)
    assert metrics.psnr(a, a) == float("inf")
    assert metrics.ssim(a, as_truth(a)) == pytest.approx(1, abs=1e-6)


def test_psnr_of_a_difference_of_one_everywhere():
    a = np.full((12, 12, 3), 100, np.uint8)
    assert metrics.psnr(a + np.uint8(1), a) == pytest.approx(20 * np.log10(255))


def test_ssim_of_a_picture_smaller_than_its_window_is_none():
    small = np.zeros((10, 40, 3), np.uint8)
    assert np.isnan(metrics.ssim(small, as_truth(small)))


def test_pictures_of_two_sizes_are_refused():
    with pytest.raises(UsageError, match="one size"):
        metrics.psnr(picture(0), picture(0, 41))


def test_auc_by_hand():
    # Errors 0, 15 and 300: areas 150, 135 and 0 of 150.
    error = np.array([0, 15, 300], np.float32)
    assert auc(error) == pytest.approx(100 * (150 + 135) / 450)
    assert auc(error, np.array([0.0, 1.0, 3.0])) == pytest.approx(100 * 135 / 600)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_auc_equals_the_sweep_over_thresholds(seed: int):
    rng = np.random.default_rng(seed)
    error = rng.gamma(1.5, 20, 500).astype(np.float32)
    weight = rng.uniform(0, 4, 500)

    def sweep(step: float) -> float:
        thresholds = np.arange(0, 150 + step / 2, step)
        within = [(weight * (error <= t)).sum() / weight.sum() for t in thresholds]
        return 100 * trapezoid(within, thresholds) / 150

    assert auc(error, weight) == pytest.approx(sweep(0.1), abs=0.034)
    assert auc(error, weight) == pytest.approx(sweep(1), abs=0.34)


def test_truth_and_gray_behave_as_theory_says(weights: np.ndarray):
    truth = picture(2)
    columns, curve = metrics.tally(truth, metrics.lab_of(truth), metrics.Truth(truth, weights))
    assert columns["psnr"] == metrics.PSNR_CAP
    assert columns["ab_error"] == columns["ab_error_weighted"] == columns["ciede2000"] == columns["l_error"] == 0
    assert columns["cf"] == columns["cf_truth"] > 20
    assert curve.raw[0] == columns["pixels"] == truth.shape[0] * truth.shape[1]
    gray = np.repeat(truth.mean(-1, keepdims=True).astype(np.uint8), 3, -1)
    columns, _ = metrics.tally(gray, metrics.lab_of(gray), metrics.Truth(truth, weights))
    assert columns["cf"] == pytest.approx(0, abs=1e-6)
    assert columns["ab_error"] > 0


def test_the_short_way_for_the_truth_equals_the_long_way(weights: np.ndarray):
    truth = metrics.Truth(picture(2), weights)
    short, short_curve = metrics.tally(truth.rgb, truth.lab, truth)
    near = truth.rgb.copy()
    near[0, 0, 0] ^= 1  # a code of one pixel: nearly the truth, and counted the long way
    long, long_curve = metrics.tally(near, metrics.lab_of(near), truth)
    assert long != short
    assert {name: short[name] for name in long} == pytest.approx(long, rel=1e-4, abs=0.1)
    for one, other in zip(short_curve, long_curve, strict=True):
        assert one == pytest.approx(other, abs=2)


def test_tally_equals_the_measures_one_by_one(weights: np.ndarray):
    a, truth = picture(5), picture(2)
    columns, curve = metrics.tally(a, metrics.lab_of(a), metrics.Truth(truth, weights))
    error = np.linalg.norm(lab(a)[..., 1:] - lab(truth)[..., 1:], axis=-1)
    weight = weights[metrics.ab_bin(lab(truth))]
    assert 100 * (1 - columns["ab_error"] / columns["pixels"] / 150) == pytest.approx(auc(error), abs=1e-3)
    rebalanced = 100 * (1 - columns["ab_error_weighted"] / columns["weight"] / 150)
    assert rebalanced == pytest.approx(auc(error, weight), abs=1e-3)
    assert columns["ciede2000"] == pytest.approx(deltaE_ciede2000(lab(truth), lab(a)).mean(), abs=1e-3)
    assert columns["l_error"] == pytest.approx(np.abs(lab(a) - lab(truth))[..., 0].mean(), abs=1e-4)
    within_20 = np.cumsum(curve.raw)[20] / curve.raw.sum()
    assert within_20 == pytest.approx((error <= 20).mean(), abs=1e-3)
    assert np.cumsum(curve.rebalanced)[20] / weight.sum() == pytest.approx(
        weight[error <= 20].sum() / weight.sum(), abs=2e-3
    )


def test_rebalanced_means_that_each_bin_weighs_the_same(weights: np.ndarray):
    a, truth = lab(picture(5)), lab(picture(2))
    error = metrics.ab_error(a, truth)
    bins = metrics.ab_bin(truth)
    of_bins = [auc(error[bins == index]) for index in np.unique(bins)]
    assert auc(error, weights[bins]) == pytest.approx(np.mean(of_bins), abs=1e-4)
    assert weights[bins].mean() == pytest.approx(1)


def test_ab_bins_are_the_nearest_points_of_a_grid_of_ten():
    points = np.array([[0, 0], [4.9, -4.9], [5.1, 0], [-86, 94], [98, -108]], np.float32)
    index = metrics.ab_bin(np.concatenate([np.full((5, 1), 50, np.float32), points], 1))
    centre = np.stack([index // 25 - 12, index % 25 - 12], -1) * 10
    assert centre.tolist() == [[0, 0], [0, 0], [10, 0], [-90, 90], [100, -110]]


def test_palette_distance_equals_scipy():
    rng = np.random.default_rng(0)
    p, q = rng.integers(0, 50, metrics.AB_BINS).astype(float), rng.integers(0, 50, metrics.AB_BINS).astype(float)
    q[:300] = 0
    assert metrics.palette_distance(p, q) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-12)
    assert metrics.palette_distance(p, 3 * p) == pytest.approx(0, abs=1e-7)
    assert metrics.palette_distance(np.eye(2)[0], np.eye(2)[1]) == 1


def test_bleeding_by_hand():
    # L is flat but for one edge between columns 3 and 4; a steps by 20 there, and by 6 between columns 7 and 8.
    size = 12
    lightness = np.where(np.arange(size) < 4, 30.0, 60.0) * np.ones((size, 1))
    a = np.where(np.arange(size) < 4, 0.0, 20.0) + np.where(np.arange(size) < 8, 0.0, 6.0)
    picture_lab = np.stack([lightness, a * np.ones((size, 1)), np.zeros((size, size))], -1).astype(np.float32)
    truth = metrics.Truth(picture(0, size, size), np.ones(metrics.AB_BINS))
    truth.flat = metrics.gradient(picture_lab[..., :1]) < 1
    columns, _ = metrics.tally(picture(1, size, size), picture_lab, truth)
    assert columns["flat"] == (size - 1) * (size - 2)  # one column of differences lies on the edge
    assert columns["bleeding"] == pytest.approx(6 * (size - 1))


def test_gamut_edge_counts_colours_but_not_black_and_white():
    rgb = np.full((20, 20, 3), 120, np.uint8)
    rgb[0, :5] = (255, 90, 60)
    rgb[1, :7] = (0, 0, 0)
    rgb[2, :9] = (255, 255, 255)
    truth = metrics.Truth(picture(0, 20, 20), np.ones(metrics.AB_BINS))
    columns, _ = metrics.tally(rgb, metrics.lab_of(rgb), truth)
    assert (columns["at_edge"], columns["inside"]) == (5, 400 - 16)
