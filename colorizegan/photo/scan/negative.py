"""Whether a scan shows a colour negative as it lies on the light table: inverted, through the orange mask of its film.

The film is lightest where the scene was black, and there the mask alone is seen: the lightest places of the scan are of
one orange, and nothing is redder than these. A sunset or a lamp is orange too, but ends in yellow or white, and what is
red in a room lit by one is redder than its wall. How often that is right stands in docs/reliability.md. Negatives
without a mask are not recognised: brightness alone (its skew, what lies on top, where texture is) is right for 74 in
100, and where it may err on one photo in 200 it finds 2 to 13 in 100.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FINE = 128  # blocks of samples on the shorter side, at least; a block is averaged against grain
TOP = 99.5  # percentile of each channel that is the mask's
BRIGHT = 40  # codes of red, at least: something is lit
GREEN = 0.80  # of red, at most, in the mask
BLUE = 0.85  # of green
LIGHTEST = 5.0  # per cent of the picture that show the mask
OVER = 1.15  # red of the reddest places in that of the lightest, at most
SAME = 0.1  # scatter of the logarithms of their ratios


def is_color_negative(sample: NDArray[Any]) -> bool:
    """Look at a regular selection of a scan's pixels: (h, w, 3) uint8 or uint16, sRGB."""
    side = max(1, min(sample.shape[:2]) // FINE)
    height, width = (count // side for count in sample.shape[:2])
    blocks = sample[: height * side, : width * side].reshape(height, side, width, side, 3)
    rgb = blocks.mean(axis=(1, 3)).reshape(-1, 3) * (255 / np.iinfo(sample.dtype).max)
    red, green, blue = np.percentile(rgb, TOP, axis=0)
    if red < BRIGHT or green > GREEN * red or blue > BLUE * green:
        return False
    light = rgb.sum(axis=1)
    base = rgb[light >= np.percentile(light, 100 - LIGHTEST)]
    if red > OVER * np.median(base[:, 0]):
        return False
    ratios = np.diff(np.log(base + 1), axis=1)  # (n, 2): green over red, blue over green
    low, high = np.percentile(ratios, (16, 84), axis=0)
    return bool(((high - low) / 2 < SAME).all())
