"""The tones that a photo has, from its darkest to its lightest, and how a faded one gets those back that it had.

A faded print has grays where it had black and white. The network learned from photos that fill their tones, and takes a
faded one for fog. So it is shown the photo with its tones stretched; the result keeps the brightness of the file.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from colorizegan.color.lab import gray_to_lightness, lightness_to_gray

IGNORED_TAIL = 1.0  # per cent of the pixels at each end that do not count: dust, scratches, a lamp
# L between the ends from which on a photo counts as full. Of 420 photos of our time 10 % have less, of the 24 of Kodak
# none; with 70 it would be 17 % and 3. Mean CIEDE2000 of 200 photos: 10.59 with none stretched, 10.55 with 60, 10.59
# with 70; of the same with a quarter of their contrast 13.68 as they are, 10.44 stretched.
FULL_RANGE = 64.0
LEAST_RANGE = 2.0  # L; less is an empty wall, or a page without anything
STRETCHED_TO = (3.0, 97.0)  # L, to which the ends are brought
# A photo that is stretched so many times or more has few codes: its rounding is seen, and every per cent counts. Of 100
# photos with a quarter of their contrast the colours move by 3.4 as others are stretched, by 3.1 with these.
FAINT_CONTRAST = 3.0
FAINT_TAIL = 0.5  # per cent
FAINT_ENDS = (4.0, 94.0)  # L; the medians of photos that are full
FLAT_REACH = 2  # px around one, within which a slope has two codes at most
SMOOTHING_REACHES = (16, 8, 4, 2, 1)  # px, of the means that smooth its stairs


class Tones(NamedTuple):
    """What is black and white in a photo, sRGB-encoded gray 0..1."""

    black: float
    white: float

    def stretched(self, L: NDArray[np.floating], step: float) -> NDArray[np.float32]:
        """Lightness (h, w) 0..100 with `black` and `white` brought to STRETCHED_TO.

        It is the encoded gray that is stretched, as fading and its imitations change that by a straight line.

        Args:
            L: the photo's.
            step: between two grays that its file can hold, 1/255 in one of 8 bits.
        """
        gray, span = lightness_to_gray(L), self.white - self.black
        low, high = lightness_to_gray(np.array(STRETCHED_TO))
        if (high - low) / span >= FAINT_CONTRAST:
            gray = unrounded(gray, step)
            low, high = lightness_to_gray(np.array(FAINT_ENDS))
        gray = (gray - self.black) / span * (high - low) + low
        return gray_to_lightness(np.clip(gray, 0, 1)).astype(np.float32)


def unrounded(gray: NDArray[np.floating], step: float) -> NDArray[np.floating]:
    """Grays (h, w) that were rounded to multiples of `step`, smooth where the rounding made stairs of a slope.

    None is moved by more than rounding moved it; where there is more than a step within some px, all stays.
    """
    wide = np.pad(gray, FLAT_REACH, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(wide, (2 * FLAT_REACH + 1, 2 * FLAT_REACH + 1))
    stairs = np.ptp(around, axis=(2, 3)) <= 1.01 * step
    smooth = gray
    for reach in SMOOTHING_REACHES:
        for axis in (0, 1):
            smooth = _mean_around(smooth, reach, axis)
        smooth = np.where(stairs, np.clip(smooth, gray - step / 2, gray + step / 2), gray)
    return smooth


def _mean_around(gray: NDArray[np.floating], reach: int, axis: int) -> NDArray[np.floating]:
    """Mean of each gray and so many before and after it; the outermost are repeated."""
    around = [(reach + 1, reach) if i == axis else (0, 0) for i in (0, 1)]
    sums = np.cumsum(np.pad(gray, around, mode="edge"), axis=axis, dtype=np.float64)
    sums = np.moveaxis(sums, axis, 0)
    return np.moveaxis(sums[2 * reach + 1 :] - sums[: gray.shape[axis]], 0, axis) / (2 * reach + 1)


def faded_tones(codes: NDArray[np.floating]) -> Tones | None:
    """The tones of a faded picture of codes 0 .. 255, any shape; None where they are full."""
    black, white = np.percentile(codes, (IGNORED_TAIL, 100 - IGNORED_TAIL)) / 255
    low, high = gray_to_lightness(np.array([black, white]))
    if not LEAST_RANGE <= high - low < FULL_RANGE:
        return None
    darkest, lightest = lightness_to_gray(np.array(STRETCHED_TO))
    if lightest - darkest >= FAINT_CONTRAST * (white - black):
        black, white = np.percentile(codes, (FAINT_TAIL, 100 - FAINT_TAIL)) / 255
    return Tones(float(black), float(white))
