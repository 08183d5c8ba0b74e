"""The habits of an answer: does it tint a photo as a whole, is it too warm, does it dare to leave things gray?"""

import numpy as np
from numpy.typing import NDArray

WARM_HUE = (10.0, 85.0)  # degrees of the CIE Lab hue angle: red, orange, brown, yellow
WARM_CHROMA = 12.0  # Lab units; a warm pixel has more
NEUTRAL_CHROMA = 6.0  # Lab units; a neutral pixel has less


def habits(lab: NDArray[np.float32], truth: NDArray[np.float32]) -> dict[str, float]:
    """Columns of one picture: cast, warm and neutral.

    lab, truth: (H, W, 3) Lab. cast: distance of the picture's mean (a, b) from the truth's, Lab units; warm: share of
    pixels with a hue within `WARM_HUE` and more chroma than `WARM_CHROMA`, 0..1; neutral: share of pixels with less
    chroma than `NEUTRAL_CHROMA`, 0..1.
    """
    a, b = lab[..., 1], lab[..., 2]
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a))  # warm hues are within -180..180 as they are
    step = (lab[..., 1:] - truth[..., 1:]).mean((0, 1), dtype=np.float64)
    warm = (hue >= WARM_HUE[0]) & (hue <= WARM_HUE[1]) & (chroma > WARM_CHROMA)
    neutral = chroma < NEUTRAL_CHROMA
    return {"cast": float(np.hypot(*step)), "warm": float(warm.mean()), "neutral": float(neutral.mean())}
