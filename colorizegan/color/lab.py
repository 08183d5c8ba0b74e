"""Colour arithmetic: sRGB <-> CIE L*a*b* (D65), the sRGB gamut at fixed lightness, colourfulness and CIEDE2000.

numpy only, no input or output. Colours lie in the last axis; float32 in gives float32 out, other float types are kept,
anything else becomes float64. RGB is sRGB-encoded in 0..1, L is 0..100, a and b are in Lab units (about -110..110).

The matrix is the one of IEC 61966-2-1 as scikit-image rounds it. The white point is what this matrix makes of
(1, 1, 1), so that neutral RGB has a = b = 0; scikit-image's tabulated D65 differs in the fifth digit (at most 0.02 Lab
units in the result).
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]
Plane = NDArray[np.float32]

RGB_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
WHITE = RGB_TO_XYZ.sum(axis=1)
RGB_TO_NORMED_XYZ = RGB_TO_XYZ / WHITE[:, None]  # XYZ divided by the white point: rows sum to 1
NORMED_XYZ_TO_RGB = np.linalg.inv(RGB_TO_NORMED_XYZ)

PRODUCT = 1 << 18  # multiplications of a matrix product: for more OpenBLAS starts threads, which cost more than they do
DELTA = 6.0 / 29.0  # CIE 15: where the cube root of Lab gives way to its tangent


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
    f = _lab_f(_mixed(srgb_to_linear(v), RGB_TO_NORMED_XYZ))
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
    """The neutral gray of the same luminance: sRGB (..., 3) uint8 or uint16 -> (...), same dtype, perhaps a view.

    Neutral pixels keep their value exactly. Table look-ups throughout: some 10 ns a pixel.
    """
    red = rgb[..., 0]
    if np.array_equal(red, rgb[..., 1]) and np.array_equal(red, rgb[..., 2]):
        return red  # gray stored as RGB: the usual case, and worth the look
    if rgb.ndim < 3:
        return _luminance(rgb)
    gray = np.empty(red.shape, rgb.dtype)
    rows = max(1, (1 << 18) * len(rgb) // red.size)  # so that the copies in between stay small
    for top in range(0, len(rgb), rows):
        gray[top : top + rows] = _luminance(rgb[top : top + rows])
    return gray


def to_8_bit(x: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 or uint16, any shape -> uint8, rounded: code c of uint16 stands for c / 65535."""
    return x if x.dtype == np.uint8 else ((x.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _luminance(rgb: NDArray[Any]) -> NDArray[Any]:
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


def _as_float(x: ArrayLike) -> Floats:
    v = np.asarray(x)
    return v if np.issubdtype(v.dtype, np.floating) else v.astype(np.float64)


def _with_channels(x: ArrayLike, name: str) -> Floats:
    v = _as_float(x)
    if v.ndim == 0 or v.shape[-1] != 3:
        raise ValueError(f"{name} must have three channels in its last axis, not shape {v.shape}")
    return v


def _mixed(x: Floats, matrix: NDArray[np.float64]) -> Floats:
    """A matrix (3, 3) times each colour of x (..., 3), on this thread alone."""
    flat, columns = x.reshape(-1, 3), matrix.T.astype(x.dtype)
    result = np.empty_like(flat)
    step = PRODUCT // columns.size
    for start in range(0, len(flat), step):
        np.matmul(flat[start : start + step], columns, out=result[start : start + step])
    return result.reshape(x.shape)


def _lab_f(y: Floats) -> Floats:
    root = np.maximum(y, DELTA**3) ** (1.0 / 3.0)  # three times as fast as cbrt
    return np.where(y > DELTA**3, root, y / (3 * DELTA * DELTA) + 4.0 / 29.0).astype(y.dtype)


def _lab_f_inverse(f: Floats) -> Floats:
    return np.where(f > DELTA, f * f * f, 3 * DELTA * DELTA * (f - 4.0 / 29.0)).astype(f.dtype)


def _lab_to_linear(L: Floats, a: Floats, b: Floats) -> Floats:
    fy = (L + 16.0) / 116.0
    xyz = _lab_f_inverse(np.stack([fy + a / 500.0, fy, fy - b / 200.0], axis=-1))
    return _mixed(xyz, NORMED_XYZ_TO_RGB)


def lab_of(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) uint8 sRGB -> (H, W, 3) float32 Lab."""
    return rgb_to_lab(rgb.astype(np.float32) / 255).astype(np.float32, copy=False)
