"""How sure the network is, as a picture: a gray map, and an overlay that marks where the colours are a guess."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import to_8_bit

MARK = np.array([255, 0, 128], np.float32)  # no colour of nature
STRONGEST = 0.9  # how much of the mark covers a place where anything is possible
SURE = 0.5  # confidence from which on nothing is marked or toned down: below, a colour is more often wrong than right


def confidence_map(sure: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    """Confidence (h', w') 0..1 at the photo's size, (height, width) uint8: 0 any colour, 255 only one."""
    codes = Image.fromarray(np.rint(np.clip(sure, 0, 1) * 255).astype(np.uint8))
    return np.asarray(codes.resize((width, height), Image.Resampling.BILINEAR))


def confidence_pictures(rgb: NDArray[Any], sure: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A gray map (H, W), white = sure, and the result (H, W, 3) uint8 or uint16 with doubt in magenta, both uint8."""
    codes = confidence_map(sure, rgb.shape[0], rgb.shape[1])
    return codes, overlay(to_8_bit(rgb), codes)


def overlay(rgb: NDArray[np.uint8], codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photo (H, W, 3) with doubtful places marked in magenta, (H, W, 3) uint8; codes: of `confidence_map`."""
    doubt = np.float32(STRONGEST) * np.clip(1 - codes / np.float32(255 * SURE), 0, 1)[..., None]
    return np.rint(rgb * (1 - doubt) + MARK * doubt).astype(np.uint8)
