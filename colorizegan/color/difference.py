"""How colours differ and how strong they are: CIEDE2000 and colourfulness. Arrays as in `lab.py`."""

import math

import numpy as np
from numpy.typing import ArrayLike

from colorizegan.color.lab import Floats, _with_channels


def colorfulness(rgb: ArrayLike) -> float:
    """Colourfulness M of a picture, RGB (..., 3) in 0..255: 0 is gray, 15 slightly, 45 moderately, 82 very colourful.

    Source: Hasler and Suesstrunk, Measuring colourfulness in natural images, 2003, equation 5 (there M-hat 3).
    """
    v = _with_channels(rgb, "rgb")
    r, g, b = (v[..., i].astype(np.float64) for i in range(3))
    rg, yb = r - g, 0.5 * (r + g) - b
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def ciede2000(lab1: ArrayLike, lab2: ArrayLike) -> Floats:
    """CIEDE2000 colour difference of Lab (..., 3) and Lab (..., 3), with kL = kC = kH = 1; shapes broadcast.

    Source: Sharma, Wu and Dalal, The CIEDE2000 color-difference formula, 2005, equations 2-22.
    """
    first, second = _with_channels(lab1, "lab1"), _with_channels(lab2, "lab2")
    dtype = np.result_type(first, second)
    L1, a1, b1 = (first[..., i] for i in range(3))
    L2, a2, b2 = (second[..., i] for i in range(3))

    # Equations 2-7: a is stretched where the chroma is low.
    stretch = 1.5 - 0.5 * _rotation((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1), np.arctan2(b2, a2)
    h1, h2 = np.where(h1 < 0, h1 + 2 * np.pi, h1), np.where(h2 < 0, h2 + 2 * np.pi, h2)

    # Equations 8-14: differences and means, the hue by the shorter way round, and nothing where a chroma is 0.
    colored = c1 * c2 != 0
    turn = np.where(colored, h2 - h1, 0.0)
    d_hue = turn - 2 * np.pi * np.round(turn / (2 * np.pi))
    d_l, d_c, d_h = L2 - L1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(d_hue / 2)
    l_mean, c_mean, h_sum = (L1 + L2) / 2, (c1 + c2) / 2, h1 + h2
    opposite = np.pi * (1 + 8 * np.finfo(dtype).eps)  # half a turn is none, however it is rounded
    wrapped = np.abs(h1 - h2) > opposite
    h_mean = np.where(wrapped, np.where(h_sum < 2 * np.pi, h_sum + 2 * np.pi, h_sum - 2 * np.pi), h_sum) / 2
    h_mean = np.where(colored, h_mean, h_sum)

    # Equations 15-22: weights and the rotation of the blue region. Sines and cosines of the multiples of the mean hue
    # follow from those of the hue itself: a cosine costs as much as twenty products.
    cos1, sin1 = np.cos(h_mean), np.sin(h_mean)
    cos2, sin2 = 2 * cos1 * cos1 - 1, 2 * sin1 * cos1
    cos3, sin3 = cos1 * cos2 - sin1 * sin2, sin1 * cos2 + cos1 * sin2
    cos4, sin4 = 2 * cos2 * cos2 - 1, 2 * sin2 * cos2
    tau = 1 - _turned(0.17, cos1, sin1, 30) + 0.24 * cos2
    tau += _turned(0.32, cos3, sin3, -6) - _turned(0.20, cos4, sin4, 63)
    bowed = (l_mean - 50) * (l_mean - 50)
    s_l = 1 + 0.015 * bowed / np.sqrt(20 + bowed)
    s_c, s_h = 1 + 0.045 * c_mean, 1 + 0.015 * c_mean * tau
    off_blue = np.degrees(h_mean) / 25 - 11  # (hue - 275) / 25
    d_theta = np.radians(30) * np.exp(-off_blue * off_blue)
    r_t = -2 * _rotation(c_mean) * np.sin(2 * d_theta)
    x, y, z = d_l / s_l, d_c / s_c, d_h / s_h
    return np.sqrt(np.maximum(x * x + y * y + z * z + r_t * y * z, 0.0)).astype(dtype)


def _rotation(chroma: Floats) -> Floats:
    """sqrt(C^7 / (C^7 + 25^7)), in products: a power costs ten times as much."""
    square = chroma * chroma
    power = square * square * square * chroma
    return np.sqrt(power / (power + 25.0**7))


def _turned(weight: float, cos: Floats, sin: Floats, degrees: float) -> Floats:
    """weight * cos(angle - degrees), from the angle's cosine and sine."""
    return (weight * math.cos(math.radians(degrees))) * cos + (weight * math.sin(math.radians(degrees))) * sin
