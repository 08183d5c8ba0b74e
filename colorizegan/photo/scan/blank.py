"""Whether a scan shows nothing: black, white or one gray all over, as a failed scan or an empty frame is."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SQUARES = 48  # on the longer side; grain is averaged within each
EVEN = 3.0  # codes of 255 between the darkest and the lightest of them, at most
GRAIN = 16.0  # codes between the darkest and the lightest per cent of the pixels, at most
BLACK, WHITE = 24.0, 231.0  # codes


def blank_tone(small: NDArray[np.float32]) -> str:
    """ "black", "white" or "gray" of a picture that is nothing else, given as its `glance` (h, w); else ""."""
    low, high = np.percentile(small, (1, 99))
    if high - low > GRAIN:  # so it is of nearly all photos, which are then not looked at any further
        return ""
    scale = min(1.0, SQUARES / max(small.shape))
    size = max(1, round(small.shape[1] * scale)), max(1, round(small.shape[0] * scale))
    squares = np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BOX))
    if np.ptp(squares) > EVEN:
        return ""
    level = float(squares.mean())
    return "black" if level <= BLACK else "white" if level >= WHITE else "gray"
