"""Small ab become the chroma planes of a frame whose luma stays as it is, code by code.

The photo's own way of joining light and colour is gone at the size of the chroma planes; what it gives is written as
Cb and Cr in the film's own matrix, primaries and range (ITU-T H.273, BT.601, BT.709, BT.2020).
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from colorizegan.color.lab import Plane, linear_to_srgb, srgb_to_linear
from colorizegan.video.pixels import Pixels

# Weights of red and blue in luma, by matrix; BT.709 where it is not said and the frame is large, else BT.601.
WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087)}
WEIGHTS |= {9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
BT2020 = 9
# Linear BT.709 to linear BT.2020 (ITU-R BT.2087, section 4).
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]], np.float32)


def weights(pixels: Pixels, height: int) -> tuple[float, float]:
    """The weights of red and blue in the luma of a film whose frames have `height` rows."""
    matrix = pixels.matrix if pixels.matrix in WEIGHTS else 1 if height > 576 else 6  # more rows than PAL has
    return WEIGHTS[matrix]


def chroma_gray(luma: NDArray[Any], pixels: Pixels) -> NDArray[Any]:
    """The gray of each place that has a chroma of its own: luma codes (H, W) -> (h', w') uint8 or uint16."""
    shape = luma.shape[1] // pixels.columns, luma.shape[0] // pixels.rows
    same = shape == (luma.shape[1], luma.shape[0])
    return pixels.gray(luma if same else np.asarray(cv2.resize(luma, shape, interpolation=cv2.INTER_AREA)))


def chroma_planes(
    gray: NDArray[Any], rgb: NDArray[Any], pixels: Pixels, height: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cb and Cr of a frame of `height` rows, (h, w) each, codes of `pixels`.

    gray: (h, w) uint8 or uint16, from `chroma_gray`; rgb: (h, w, 3), the same in colour, sRGB. Colours that the luma
    leaves no room for in RGB are made paler.
    """
    top = np.float32(np.iinfo(gray.dtype).max)
    y, codes = np.asarray(gray / top, np.float32), np.asarray(rgb / top, np.float32)
    if pixels.primaries == BT2020:
        linear = srgb_to_linear(codes) @ TO_BT2020.T
        codes = np.asarray(linear_to_srgb(np.clip(linear, 0, 1)), np.float32)
    red, blue = weights(pixels, height)
    to_chroma = np.array([
        [-red / (2 * (1 - blue)), -(1 - red - blue) / (2 * (1 - blue)), 0.5],
        [0.5, -(1 - red - blue) / (2 * (1 - red)), -blue / (2 * (1 - red))],
    ], np.float32)  # fmt: skip
    chroma = np.asarray(cv2.transform(codes, to_chroma), np.float32)  # (h, w, 2), -0.5..0.5
    chroma *= _room(y, chroma, red, blue)[..., None]
    bits = pixels.bits - 8
    scale = ((1 << pixels.bits) - 1) if pixels.full_range else 224 << bits
    found = np.rint(chroma * np.float32(scale) + np.float32(128 << bits))
    found = np.clip(found, 0, (1 << pixels.bits) - 1).astype(gray.dtype)
    return found[..., 0], found[..., 1]


def _room(y: Plane, chroma: Plane, red: float, blue: float) -> Plane:
    """The largest factor 0..1 on chroma (h, w, 2) that leaves R, G and B within 0..1 at luma `y` (h, w)."""
    green = 1 - red - blue
    cb, cr = chroma[..., 0], chroma[..., 1]
    away = (
        cr * np.float32(2 * (1 - red)),
        cb * np.float32(-2 * blue * (1 - blue) / green) + cr * np.float32(-2 * red * (1 - red) / green),
        cb * np.float32(2 * (1 - blue)),
    )
    up, down = np.maximum(np.maximum(*away[:2]), away[2]), -np.minimum(np.minimum(*away[:2]), away[2])
    least = np.float32(1e-6)
    return np.minimum(np.minimum((1 - y) / np.maximum(up, least), y / np.maximum(down, least)), np.float32(1))
