"""What a scan shows, looked at once: where the photo lies in it, what is black and white there, whether it is text."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorizegan.photo.scan.blank import blank_tone
from colorizegan.photo.scan.levels import Tones, faded_tones
from colorizegan.photo.scan.text_page import is_text_page
from colorizegan.photo.scan.torn import hidden_pixels
from colorizegan.photo.scan.window import Window, find_photo, glance


@dataclass(frozen=True)
class Scan:
    """What was found in a picture (H, W)."""

    shape: tuple[int, int]
    """Height and width of the picture, px."""
    window: Window
    """Where the photo is."""
    seen: Window
    """What the network sees of it: no shadow around it."""
    tones: Tones | None = None
    """What is black and white in it, where it is faded."""
    text: bool = False
    """It is a page of text, which has no colours."""
    blank: str = ""
    """What it is all over, as of `blank_tone`."""
    torn: NDArray[np.bool_] | None = field(default=None, compare=False)
    """(r, c), a small picture of `seen`: where it shows what the photo lies on, beside torn edges or those askew."""

    @property
    def has_border(self) -> bool:
        """Whether the photo is less than the picture."""
        return self.window != whole_window(self.shape)


def look_at(gray: NDArray[Any]) -> Scan:
    """Find the photo in a picture (H, W), uint8 or uint16, and what it is."""
    shape = (gray.shape[0], gray.shape[1])
    small = glance(gray)
    blank, found = blank_tone(small), find_photo(gray, small)
    if found is None:
        whole = whole_window(shape)
        return Scan(shape, whole, whole, faded_tones(small), is_text_page(gray, small), blank)
    text = is_text_page(found.filled.of(gray))
    small = glance(found.seen.of(gray))
    torn = np.zeros(small.shape, bool) if found.torn is None else found.torn
    tones = faded_tones(small[~hidden_pixels(torn, small.shape)])
    return Scan(shape, found.window, found.seen, tones, text, blank, found.torn)


def whole_window(shape: tuple[int, ...]) -> Window:
    return Window(0, shape[0], 0, shape[1])
