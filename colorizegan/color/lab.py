"""Colour arithmetic: sRGB <-> CIE L*a*b* (D65), the sRGB gamut at fixed lightness, colourfulness and CIEDE2000.

numpy only, no input or output. Colours lie in the last axis; float32 in gives float32 out, other float types are kept,
anything else becomes float64. RGB is sRGB-encoded in 0..1, L is 0..100, a and b are in Lab units (about -110..110).

The matrix is the one of IEC 61966-2-1 as scikit-image rounds it. The white point is what this matrix makes of
(1, 1, 1), so that neutral RGB has a = b = 0; scikit-image's tabulated D65 differs in the fifth digit (at most 0.02 Lab
units in the result).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ciede2000",
    "colorfulness",
    "gray_to_lightness",
    "in_gamut_scale",
    "lab_to_rgb",
    "lightness_to_gray",
    "linear_to_srgb",
    "rgb_to_gray",
    "rgb_to_lab",
    "srgb_codes",
    "srgb_to_linear",
]

Floats = NDArray[np.floating[Any]]

RGB_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
WHITE = RGB_TO_XYZ.sum(axis=1)
RGB_TO_NORMED_XYZ = RGB_TO_XYZ / WHITE[:, None]  # XYZ divided by the white point: rows sum to 1
NORMED_XYZ_TO_RGB = np.linalg.inv(RGB_TO_NORMED_XYZ)

DELTA = 6.0 / 29.0  # CIE 15: where the cube root of Lab gives way to its tangent
GAMUT_PIECE = 1 << 13  # colours whose place on the boundary is sought together: as many as a core's own cache holds


def srgb_to_linear(x: ArrayLike) -> Floats:
    """Decode sRGB 0..1 to linear light 0..1, any shape (IEC 61966-2-1)."""
    v = _as_float(x)
    return np.where(v <= 0.04045, v / 12.92, ((np.maximum(v, 0.04045) + 0.055) / 1.055) ** 2.4).astype(v.dtype)


def linear_to_srgb(x: ArrayLike) -> Floats:
    """Encode linear light 0..1 as sRGB 0..1, any shape (IEC 61966-2-1). Not clipped; below 0 the slope goes on."""
    v = _as_float(x)
    curve = 1.055 * np.maximum(v, 0.0031308) ** (1.0 / 2.4) - 0.055
    return np.where(v <= 0.0031308, v * 12.92, curve).astype(v.dtype)


def rgb_to_lab(rgb: ArrayLike) -> Floats:
    """sRGB (..., 3) in 0..1 -> Lab (..., 3), D65 (CIE 15). Neutral colours get a = b = 0 within rounding."""
    v = _with_channels(rgb, "rgb")
    f = _lab_f(srgb_to_linear(v) @ RGB_TO_NORMED_XYZ.T.astype(v.dtype))
    fx, fy, fz = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116.0 * fy - 16.0, 500.0 * (fx - fy), 200.0 * (fy - fz)], axis=-1).astype(v.dtype)


def lab_to_rgb(lab: ArrayLike, clip: bool = True) -> Floats:
    """Lab (..., 3) -> sRGB (..., 3) in 0..1, D65 (CIE 15).

    `clip` cuts colours outside sRGB to 0..1 a channel, which changes L, a and b; `in_gamut_scale` avoids that.
    """
    v = _with_channels(lab, "lab")
    rgb = linear_to_srgb(_lab_to_linear(v[..., 0], v[..., 1], v[..., 2]))
    return np.clip(rgb, 0.0, 1.0) if clip else rgb


def gray_to_lightness(gray: ArrayLike) -> Floats:
    """sRGB-encoded neutral gray 0..1, any shape -> L 0..100, same shape."""
    v = _as_float(gray)
    return (116.0 * _lab_f(srgb_to_linear(v)) - 16.0).astype(v.dtype)


def lightness_to_gray(lightness: ArrayLike) -> Floats:
    """L 0..100, any shape -> sRGB-encoded neutral gray 0..1, same shape: the inverse of `gray_to_lightness`."""
    return linear_to_srgb(_lab_f_inverse((_as_float(lightness) + 16.0) / 116.0))


def rgb_to_gray(rgb: NDArray[Any]) -> NDArray[Any]:
    """The neutral gray of the same luminance: sRGB (..., 3) uint8 or uint16 -> (...), same dtype.

    Neutral pixels keep their value exactly. Table look-ups throughout: some 10 ns a pixel.
    """
    codes = srgb_codes(rgb.dtype.itemsize * 8)
    light = np.zeros(rgb.shape[:-1], np.float32)
    for channel in range(3):
        light += _luminance_tables(rgb.dtype.itemsize * 8)[channel].take(rgb[..., channel], mode="clip")
    index = np.minimum(light * np.float32(len(codes) - 1) + np.float32(0.5), np.float32(len(codes) - 1))
    return codes.take(index.astype(np.uint16 if len(codes) <= 65536 else np.int32), mode="clip")


@lru_cache(maxsize=2)
def srgb_codes(bits: int) -> NDArray[Any]:
    """Table from linear light to sRGB code: entry i of n is the code of linear light i / (n - 1).

    8 bits: 65,536 entries of uint8; 16 bits: 2,097,152 entries of uint16. That is at least 2.5 entries a code where the
    curve is steepest, so that every code survives the way to linear light and back. Not to be changed.
    """
    size, top, dtype = {8: (1 << 16, 255, np.uint8), 16: (1 << 21, 65535, np.uint16)}[bits]
    codes = np.rint(linear_to_srgb(np.arange(size) / (size - 1)) * top).astype(dtype)
    codes.flags.writeable = False
    return codes


@lru_cache(maxsize=2)
def _luminance_tables(bits: int) -> NDArray[np.float32]:
    """(3, 2**bits): what each code of red, green and blue adds to the luminance Y in 0..1."""
    linear = srgb_to_linear(np.arange(1 << bits) / ((1 << bits) - 1))
    return (RGB_TO_NORMED_XYZ[1][:, None] * linear).astype(np.float32)


def in_gamut_scale(lightness: ArrayLike, a: ArrayLike, b: ArrayLike) -> Floats:
    """The largest factor t in 0..1 for which (L, t a, t b) is an sRGB colour: chroma falls, L and hue angle stay.

    Args: L 0..100, a and b in Lab units, shapes that broadcast. Returns t in the broadcast shape; 1 where the colour is
    in gamut already (to 2e-6 of linear light in float32, 1e-12 in float64), 0 where no chroma at all fits (L <= 0,
    L >= 100). t lies on the gamut boundary to the same tolerance.

    Beside pure yellow (L over 92, hue 98-103 degrees) the gamut is not star-shaped about the neutral axis: there a ray
    may meet the boundary three times, and t is one of these points.
    """
    planes = np.broadcast_arrays(_as_float(lightness), _as_float(a), _as_float(b))
    dtype = np.result_type(*planes)
    L, a_, b_ = (np.ravel(v).astype(dtype) for v in planes)
    neutral = (a_ == 0) & (b_ == 0)
    has_room = (L > 0) & (L < 100)
    t = np.where(neutral | has_room, 1.0, 0.0).astype(dtype)
    todo = np.flatnonzero(has_room & ~neutral)
    for start in range(0, len(todo), GAMUT_PIECE):
        piece = todo[start : start + GAMUT_PIECE]
        t[piece] = _gamut_boundary((L[piece] + 16) / 116, np.stack((a_[piece] / 500, b_[piece] / -200)))
    return t.reshape(planes[0].shape)


def _gamut_boundary(fy: Floats, away: Floats) -> Floats:
    """The factor t of `in_gamut_scale` for colours f(Y) (n,), f(X) and f(Z) less f(Y) (2, n).

    Newton on each channel, of which the nearest step counts, from the outside, kept inside the bracket [low in gamut,
    high out of it]; where a step leaves that, it is halved. The channels are nearly linear in t, so four steps settle
    almost every colour. No `np.where`: a plane's minimum or maximum takes a tenth of its time.
    """
    dtype = fy.dtype
    tolerance = dtype.type(2e-6 if dtype.itemsize <= 4 else 1e-12)
    half, tangent = dtype.type(0.5), dtype.type(3 * DELTA**2)
    nothing = np.finfo(dtype).eps
    from_y, from_xz = (NORMED_XYZ_TO_RGB[:, columns].astype(dtype) for columns in ([1], [0, 2]))
    gray = from_y * _lab_f_inverse(fy) - half  # (3, n), its part in linear R, G, B, from their middle
    low, high, at = np.zeros_like(fy), np.ones_like(fy), np.ones_like(fy)
    result = np.zeros_like(fy)
    where: NDArray[np.intp] = np.arange(len(fy))
    floor, flat = np.full_like(away, DELTA), np.full_like(gray, 1e-9)
    for _ in range(60):
        f = at * away
        f += fy
        m = np.maximum(f, floor[:, : len(fy)])
        square = m * m
        f *= tangent
        f += (square - tangent) * m
        channels = from_xz @ f
        channels += gray
        square *= away
        rates = (3 * from_xz) @ square
        rates *= np.sign(channels)
        over = np.abs(channels, out=channels)
        over -= half
        excess = np.maximum(np.maximum(over[0], over[1]), over[2])
        inside = excess <= tolerance
        low = np.maximum(low, at * inside)
        high = np.minimum(high, at + inside)
        left = (np.abs(excess) > tolerance) & ~(inside & (at >= 1)) & (high - low > nothing)
        count = np.count_nonzero(left)
        if count == 0:
            break
        over /= np.maximum(rates, flat[:, : len(fy)], out=rates)
        step = at - np.maximum(np.maximum(over[0], over[1]), over[2])
        step = np.minimum(step, high)
        astray = np.flatnonzero(left & ((step <= low) | (step >= high)))
        step[astray] = (low[astray] + high[astray]) / 2
        at = step
        if 2 * count < len(left):  # the others are settled
            result[where] = low
            where, away, gray = where[left], away[:, left], gray[:, left]
            fy, low, high, at = fy[left], low[left], high[left], at[left]
    result[where] = low
    return result


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
    wrapped = np.abs(h1 - h2) > np.pi
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


def _as_float(x: ArrayLike) -> Floats:
    v = np.asarray(x)
    return v if np.issubdtype(v.dtype, np.floating) else v.astype(np.float64)


def _with_channels(x: ArrayLike, name: str) -> Floats:
    v = _as_float(x)
    if v.ndim == 0 or v.shape[-1] != 3:
        raise ValueError(f"{name} must have three channels in its last axis, not shape {v.shape}")
    return v


def _lab_f(y: Floats) -> Floats:
    root = np.maximum(y, DELTA**3) ** (1.0 / 3.0)  # three times as fast as cbrt
    return np.where(y > DELTA**3, root, y / (3 * DELTA * DELTA) + 4.0 / 29.0).astype(y.dtype)


def _lab_f_inverse(f: Floats) -> Floats:
    return np.where(f > DELTA, f * f * f, 3 * DELTA * DELTA * (f - 4.0 / 29.0)).astype(f.dtype)


def _lab_to_linear(L: Floats, a: Floats, b: Floats) -> Floats:
    fy = (L + 16.0) / 116.0
    xyz = _lab_f_inverse(np.stack([fy + a / 500.0, fy, fy - b / 200.0], axis=-1))
    return xyz @ NORMED_XYZ_TO_RGB.T.astype(xyz.dtype)
