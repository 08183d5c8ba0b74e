"""How a film saw the world, and what that means for the network, which learned from the brightness that the eye sees.

Panchromatic film (usual from about 1930) sees all colours; orthochromatic film is blind to red, the oldest plates see
little but blue and violet: lips and bricks come out dark, skies white.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from colorizegan.color.lab import (
    RGB_TO_NORMED_XYZ,
    gray_to_lightness,
    lab_to_rgb,
    lightness_to_gray,
    linear_to_srgb,
    srgb_to_linear,
)

Emulsion = Literal["auto", "panchromatic", "orthochromatic", "blue"]
EMULSIONS: tuple[Emulsion, ...] = get_args(Emulsion)
# Sensitivity to linear R, G, B, summing to 1.
FILMS: dict[Emulsion, tuple[float, float, float]] = {
    "panchromatic": (0.33, 0.40, 0.27),
    "orthochromatic": (0.04, 0.58, 0.38),
    "blue": (0.01, 0.14, 0.85),
}
LIMIT = 2.0  # brightness is changed by at most this factor: the colours that it follows from are guesses


def as_the_eye_sees(L: NDArray[np.float32], ab: NDArray[np.float32], emulsion: Emulsion) -> NDArray[np.float32]:
    """The lightness that the eye would have seen where a film recorded `L` of a thing with the chroma `ab`.

    L: (H, W) 0..100; ab: (2, H, W) Lab units, a guess; emulsion: any but auto -> (H, W) 0..100.
    """
    rgb = np.clip(lab_to_rgb(np.stack((L, ab[0], ab[1]), -1)), 0.003, 1)
    linear = srgb_to_linear(rgb)  # (H, W, 3)
    seen, filmed = linear @ RGB_TO_NORMED_XYZ[1], linear @ np.array(FILMS[emulsion])
    y = srgb_to_linear(lightness_to_gray(L)) * np.clip(seen / filmed, 1 / LIMIT, LIMIT)
    return gray_to_lightness(linear_to_srgb(np.clip(y, 0, 1))).astype(np.float32)
