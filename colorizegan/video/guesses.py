"""Colours of single frames, guessed and painted: the one place where films meet the runtime."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorizegan.colorizer import Colorizer
from colorizegan.errors import UsageError
from colorizegan.model.network_input import working_lightness
from colorizegan.steer.colors import steer
from colorizegan.steer.hints import Hint
from colorizegan.steer.look import Look
from colorizegan.video.consistency import Guess
from colorizegan.video.frames import Film
from colorizegan.video.options import FilmOptions

Plane = NDArray[np.float32]

EVENLY = 0.3  # how sure a model is that does not say how sure it is: as others are in the mean
NEVER = Fraction(-1 << 40), Fraction(1 << 40)  # seconds that no film has


class Guesses:
    """Guesses for the frames of one film.

    Args:
        colorizer: the model.
        look: what is asked of all frames.
        hints: by number of frame, what a person has said of it.
    """

    def __init__(self, colorizer: Colorizer, look: Look, hints: Mapping[int, tuple[Hint, ...]]) -> None:
        self.colorizer, self.look, self.hints = colorizer, look, hints

    @classmethod
    def of(cls, film: Film, colorizer: Colorizer, options: FilmOptions) -> Guesses:
        """For a film, with the hints of each of its frames; UsageError for hints behind its end."""
        hints: dict[int, tuple[Hint, ...]] = {}
        if options.hints:
            start, end = options.start or NEVER[0], options.end or NEVER[1]
            times = [pts for pts in film.times() if start <= pts * film.time_base < end]
            for one in options.hints:
                number = bisect_left(times, one.seconds / film.time_base)
                if number == len(times):
                    raise UsageError(f"the hint {one} lies behind the end of the film")
                hints[number] = (*hints.get(number, ()), one.hint)
        return cls(colorizer, options.look, hints)

    def lightness(self, gray: NDArray[Any]) -> Plane:
        """What the network sees of an upright frame (H, W), L (h, w) 0..100."""
        card = self.colorizer.network.card
        return working_lightness(gray, self.look.size or card.working_size, card.detail)

    def guess(self, number: int, L: Plane, size: tuple[int, int]) -> Guess:
        """The colours of frame `number`, from `lightness` of it, and its height and width."""
        # The whole frame as it is: what is found anew in each frame, a border or faded tones, would make it flicker.
        found = steer(self.colorizer.network, L, replace(self.look, hints=self.hints.get(number, ())), size)
        if len(found.bins) > 1:
            return Guess(found.ab, found.confidence(), found.known)
        return Guess(found.ab, np.full(found.ab.shape[1:], EVENLY, np.float32), found.known)  # a model of colours alone

    def paint(self, gray: NDArray[Any], ab: Plane) -> NDArray[Any]:
        """A frame (H, W) uint8 or uint16 with small colours (2, h, w): rgb (H, W, 3), same dtype."""
        return self.colorizer.paint(gray, ab, self.look.saturation)
