"""Measures of one colour picture against the truth: numpy in, numbers out, no files.

Pictures are (H, W, 3) uint8 sRGB or (H, W, 3) float32 Lab (L 0..100, a and b in Lab units, D65). `tally` runs all of
them on one picture; `statistics.py` turns the tallies of many pictures into the figures of a table.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from colorizegan.bench.measures.habits import habits
from colorizegan.color.difference import ciede2000, colorfulness
from colorizegan.color.lab import lab_of
from colorizegan.errors import UsageError

AB_LIMIT = 150  # the largest threshold of the AuC sweep, Lab units (Zhang 2016, section 3.1)
PSNR_CAP = 60.0  # dB; an exact picture has no finite PSNR, and one such picture must not rule a mean
_BIN_SIZE = 10  # Lab units, the grid of Zhang 2016
_TAPS = 11  # SSIM's window, sigma 1.5
_SIDE = 25  # grid points -120..120: all of sRGB (a -86..98, b -108..95) with room to spare
AB_BINS = _SIDE * _SIDE


class Curve(NamedTuple):
    """Histograms of one picture, which add up over a set.

    raw: (152,) pixels by ab error, entry k for k-1 < error <= k, the last for errors over 150; rebalanced: (152,) the
    same in sums of pixel weights; colours: (AB_BINS,) pixels of each ab bin.
    """

    raw: NDArray[np.float64]
    rebalanced: NDArray[np.float64]
    colours: NDArray[np.float64]


def psnr(rgb: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio over all RGB samples; higher is nearer; dB; inf where the pictures are equal.

    rgb, truth: (H, W, 3) uint8. 10 log10(255^2 / MSE). A gray picture scores well: never judge by this alone.
    """
    _same_shape(rgb, truth)
    difference = rgb.astype(np.int32) - truth
    mse = float(np.mean(difference * difference, dtype=np.float64))
    return float("inf") if mse == 0 else float(10 * np.log10(255.0**2 / mse))


def ab_error(lab: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distance of the (a, b) of two Lab pictures, (H, W) Lab units; lower is nearer."""
    _same_shape(lab, truth)
    return np.hypot(lab[..., 1] - truth[..., 1], lab[..., 2] - truth[..., 2])


def ab_bin(lab: NDArray[np.float32]) -> NDArray[np.intp]:
    """Index of the nearest ab grid point, (H, W), 0..AB_BINS-1: grid of 10 Lab units with a point at (0, 0)."""
    half = _SIDE // 2
    a = np.clip(np.rint(lab[..., 1] / _BIN_SIZE), -half, half).astype(np.intp)
    b = np.clip(np.rint(lab[..., 2] / _BIN_SIZE), -half, half).astype(np.intp)
    return (a + half) * _SIDE + (b + half)


def bin_weights(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights 1 / frequency of each ab bin, scaled so that the mean weight over the counted pixels is 1; 0 if unseen.

    counts: (AB_BINS,) pixels of each bin. Zhang 2016, equation 4 with lambda = 0, but with the plain frequency, not
    smoothed, of the set that is tested: each colour that occurs then weighs the same.
    """
    seen = counts > 0
    weights = np.zeros_like(counts)
    weights[seen] = counts.sum() / (counts[seen] * seen.sum())
    return weights


class Truth:
    """A true picture and what can be worked out once for all entrants.

    rgb: (H, W, 3) uint8; weights: (AB_BINS,) from `bin_weights`. Has rgb, lab (H, W, 3) float32, cf, weight (H*W,), the
    pixel weights of the rebalanced AuC, and gray_error, the weighted sum of ab errors that a gray picture has.
    """

    def __init__(self, rgb: NDArray[np.uint8], weights: NDArray[np.float64]) -> None:
        self.rgb = rgb
        self.lab = lab_of(rgb)
        self.cf = colorfulness(rgb)
        self.bins = ab_bin(self.lab).ravel()
        self.weight = weights[self.bins]
        chroma = np.minimum(np.hypot(self.lab[..., 1], self.lab[..., 2]).ravel(), AB_LIMIT).astype(np.float64)
        self.gray_error = float((chroma * self.weight).sum())
        self.flat = gradient(self.lab[..., :1]) < 1.0  # L per px: less is no edge
        self.moments = [_moments(rgb[..., channel]) for channel in range(3)] if min(rgb.shape[:2]) >= _TAPS else []


def tally(rgb: NDArray[np.uint8], lab: NDArray[np.float32], truth: Truth) -> tuple[dict[str, float], Curve]:
    """All measures of one picture, as columns whose means over pictures make the table, and its AuC histograms.

    rgb: (H, W, 3) uint8; lab: the same in Lab.
    Columns: psnr (capped at PSNR_CAP), ssim, ciede2000, cf, cf_truth (Hasler and Suesstrunk 2003), ab_error and pixels,
    ab_error_weighted, gray_error_weighted and weight: sums over pixels, to be divided after they were added up;
    l_error, mean |delta L|; and those of `_faults` and `habits`.
    """
    error = np.minimum(ab_error(lab, truth.lab), AB_LIMIT + 1).ravel()
    step = np.ceil(error).astype(np.intp)
    capped = np.minimum(error, AB_LIMIT).astype(np.float64)
    columns = {
        "psnr": min(psnr(rgb, truth.rgb), PSNR_CAP),
        "ssim": ssim(rgb, truth),
        "ciede2000": float(np.mean(ciede2000(lab, truth.lab), dtype=np.float64)),
        "cf": colorfulness(rgb),
        "cf_truth": truth.cf,
        "ab_error": float(capped.sum()),
        "pixels": float(capped.size),
        # not a dot product: BLAS threads would make the last digits hang on the machine
        "ab_error_weighted": float((capped * truth.weight).sum()),
        "gray_error_weighted": truth.gray_error,
        "weight": float(truth.weight.sum()),
        "l_error": float(np.mean(np.abs(lab[..., 0] - truth.lab[..., 0]), dtype=np.float64)),
        **_faults(rgb, lab, truth),
        **habits(lab, truth.lab),
    }
    curve = Curve(
        np.bincount(step, minlength=AB_LIMIT + 2).astype(np.float64),
        np.bincount(step, weights=truth.weight, minlength=AB_LIMIT + 2).astype(np.float64),
        np.bincount(ab_bin(lab).ravel(), minlength=AB_BINS).astype(np.float64),
    )
    return columns, curve


def _faults(rgb: NDArray[np.uint8], lab: NDArray[np.float32], truth: Truth) -> dict[str, float]:
    """Columns bleeding and flat (sum of ab gradients over flat pixels, their count), at_edge and inside (pixels)."""
    inside = (lab[..., 0] > 2) & (lab[..., 0] < 98)
    edge = inside & ((rgb == 0) | (rgb == 255)).any(-1)
    return {
        "bleeding": float(gradient(lab[..., 1:])[truth.flat].sum(dtype=np.float64)),
        "flat": float(truth.flat.sum()),
        "at_edge": float(edge.sum()),
        "inside": float(inside.sum()),
    }


def gradient(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Length of the forward differences of all channels together: (H, W, C) -> (H-1, W-1), units per px."""
    across, down = x[:-1, 1:] - x[:-1, :-1], x[1:, :-1] - x[:-1, :-1]
    return np.sqrt((across * across + down * down).sum(-1))


def palette_distance(colours: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Jensen-Shannon distance of two ab histograms, 0 (equal) .. 1 (no colour in common); lower is nearer.

    colours, truth: (AB_BINS,) counts. Lin 1991; square root of the divergence, base 2 (Endres and Schindelin 2003).
    """
    p, q = colours / colours.sum(), truth / truth.sum()
    middle = (p + q) / 2
    parts = [x[x > 0] @ np.log2(x[x > 0] / middle[x > 0]) for x in (p, q)]
    return float(np.sqrt(max(0.0, sum(parts) / 2)))


class _Moments(NamedTuple):
    """A channel less 128, its windowed mean and its windowed variance."""

    x: NDArray[np.float32]
    mean: NDArray[np.float32]
    variance: NDArray[np.float32]


def _moments(channel: NDArray[np.uint8]) -> _Moments:
    # Centred on mid-gray: float32 then keeps the digits that E[xx] - E[x]^2 would lose.
    x = channel.astype(np.float32) - 128
    mean = _blur(x)
    return _Moments(x, mean, np.asarray(_blur(x * x) - mean * mean, np.float32))


def ssim(rgb: NDArray[np.uint8], truth: Truth) -> float:
    """Structural similarity; higher is nearer, 1 for equal pictures; no unit; nan where a side is under 11 px.

    rgb: (H, W, 3) uint8. Wang et al. 2004, equation 13: Gaussian window of 11 taps and sigma 1.5, K1 0.01, K2 0.03,
    population covariance, mean over the windows that lie inside the picture and over R, G, B. L dominates it: a gray
    picture scores well.
    """
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values: list[float] = []
    for channel, b in enumerate(truth.moments):
        a = _moments(rgb[..., channel])
        covariance = _blur(a.x * b.x) - a.mean * b.mean
        mean_a, mean_b = a.mean + 128, b.mean + 128
        top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
        bottom = (mean_a * mean_a + mean_b * mean_b + c1) * (a.variance + b.variance + c2)
        values.append(float(np.mean(top / bottom, dtype=np.float64)))
    return float(np.mean(values)) if values else float("nan")


def _blur(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gaussian mean of each window that lies inside x: (H, W) -> (H-10, W-10)."""
    margin = _TAPS // 2
    return np.asarray(gaussian_filter(x, 1.5, radius=margin)[margin:-margin, margin:-margin], np.float32)


def _same_shape(a: NDArray[np.generic], b: NDArray[np.generic]) -> None:
    if a.shape != b.shape:
        raise UsageError(f"two pictures of one size are needed, not {a.shape} and {b.shape}")
