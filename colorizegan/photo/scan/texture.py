"""What is unlike the rim of a scan: on planks and grainy card, whose brightness scatters as that of photos does.

Such grounds are told by what they have in common all over, how bright and how rough they are around a place. A smooth
sky as bright as planks is not as rough.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

REACH = 2  # px around a place that are looked at
RIM = 0.025  # share of the shorter side whose outermost pixels say what the ground is like
LEAST = 0.5  # codes: the smallest scatter of brightness and of roughness that is believed
CODES = 3.0  # a code is a third of what the rim itself scatters


def unlikeness(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each place of a picture (h, w), codes 0 .. 255, is from what its rim is like: codes, few there."""
    bright = _mean_around(picture)
    rough = np.sqrt(np.maximum(_mean_around(picture**2) - bright**2, 0))
    wide = max(3, round(RIM * min(picture.shape)))
    rim = np.ones(picture.shape, bool)
    rim[wide:-wide, wide:-wide] = False
    far = np.zeros(picture.shape)
    for feature in (bright, rough):
        middle = np.median(feature[rim])
        scatter = 1.4826 * np.median(np.abs(feature[rim] - middle))
        far = np.maximum(far, np.abs(feature - middle) / max(scatter, LEAST))
    return np.minimum(CODES * far, 255).astype(np.float32)


def _mean_around(values: NDArray[Any]) -> NDArray[np.float64]:
    """Mean over the square around each of (h, w), mirrored at the edges."""
    side = 2 * REACH + 1
    sums = np.pad(values.astype(np.float64), REACH, mode="reflect").cumsum(0).cumsum(1)
    sums = np.pad(sums, ((1, 0), (1, 0)))
    return (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2
