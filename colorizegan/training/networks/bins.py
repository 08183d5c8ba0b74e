"""The ab bins of the distribution head: which there are, soft labels on them, and their rebalancing weights.

Zhang, Isola, Efros: Colorful Image Colorization, ECCV 2016, sections 2.1 and 2.2.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colorizegan.color.lab import rgb_to_lab

GRID = 10  # bin size in Lab units
NEIGHBOURS = 5  # soft labels go to this many nearest bins
SIGMA = 5.0  # Lab units, of the Gaussian that weighs the neighbours
_RANGE = 110  # every sRGB colour has |a|, |b| <= 110


@lru_cache(maxsize=1)
def _centres() -> NDArray[np.float32]:
    levels = np.linspace(0.0, 1.0, 64, dtype=np.float32)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    ab = rgb_to_lab(cube)[:, 1:]
    return np.unique(np.round(ab / GRID).astype(np.int64), axis=0).astype(np.float32) * GRID


def ab_bin_centres() -> NDArray[np.float32]:
    """Centres (Q, 2) float32 of the bins of a grid of 10 Lab units that hold at least one sRGB colour (D65)."""
    return _centres().copy()


class SoftLabels:
    """Soft labels of ab values: the 5 nearest bins, weighed by a Gaussian of sigma 5 and summing to 1.

    Looked up at ab rounded to whole Lab units (a tenth of a bin), which makes the search for neighbours free.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        axis = torch.arange(-_RANGE, _RANGE + 1, dtype=torch.float32)
        points = torch.cartesian_prod(axis, axis)  # (221 * 221, 2)
        distance = torch.cdist(points, torch.from_numpy(ab_bin_centres()))
        nearest, index = distance.topk(NEIGHBOURS, largest=False)
        # The nearest distance is taken off first, so that colours far from every bin do not underflow to 0/0.
        weight = torch.exp(-(nearest**2 - nearest[:, :1] ** 2) / (2 * SIGMA**2))
        self.index = index.to(device)  # (221 * 221, 5) int64
        self.weight = (weight / weight.sum(1, keepdim=True)).to(device)

    def __call__(self, ab: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 2, h, w) ab in Lab units -> indices (B, 5, h, w) int64, nearest first, and weights (B, 5, h, w)."""
        cell = ab.round().clamp(-_RANGE, _RANGE).long() + _RANGE  # (B, 2, h, w), 0..220
        flat = cell[:, 0] * (2 * _RANGE + 1) + cell[:, 1]  # (B, h, w)
        return self.index[flat].movedim(-1, 1), self.weight[flat].movedim(-1, 1)


def rebalancing_weights(counts: NDArray[np.float64], uniform: float = 0.5) -> NDArray[np.float32]:
    """Weight of each bin, rare colours above common ones, mean 1 over the pixels (Zhang 2016, eq. 4).

    Args:
        counts: (Q,) how often each bin occurs in the training photos.
        uniform: lambda, the share of the uniform distribution mixed in; 1 gives equal weights.

    Returns:
        (Q,) float32: 1 / ((1 - lambda) p + lambda / Q), scaled so that the mean over p is 1; p smoothed with sigma 5.
    """
    if counts.shape != (len(_centres()),) or counts.sum() <= 0 or counts.min() < 0:
        raise ValueError(f"counts must be {len(_centres())} non-negative numbers, not all 0")
    if not 0 < uniform <= 1:
        raise ValueError(f"uniform must be in (0, 1], not {uniform}")
    centres = _centres().astype(np.float64)
    squared = ((centres[:, None] - centres[None]) ** 2).sum(-1)
    kernel = np.exp(-squared / (2 * SIGMA**2))
    p = (kernel / kernel.sum(0)) @ (counts / counts.sum())
    weights = 1 / ((1 - uniform) * p + uniform / len(p))
    return (weights / (weights * p).sum()).astype(np.float32)
