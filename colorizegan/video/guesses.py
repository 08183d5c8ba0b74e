"""Colours of single frames, guessed and painted: the one place where films meet the runtime."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorizegan.color.lab import Plane
from colorizegan.colorizer import Colorizer
from colorizegan.errors import UsageError
from colorizegan.model.network_input import working_lightness
from colorizegan.steer.colors import steer
from colorizegan.steer.hints import Hint
from colorizegan.steer.look import Look
from colorizegan.video.consistency import Guess
from colorizegan.video.frames import Film
from colorizegan.video.options import FilmOptions

EVENLY = 0.3  # how sure a model is that does not say how sure it is: as others are in the mean


class Guesses:
    """Guesses for the frames of one film; hints: by number of frame, what a person has said of it."""

    def __init__(self, colorizer: Colorizer, look: Look, hints: Mapping[int, tuple[Hint, ...]]) -> None:
        self.colorizer, self.look, self.hints = colorizer, look, hints

    @classmethod
    def of(cls, film: Film, colorizer: Colorizer, options: FilmOptions) -> Guesses:
        """For a film, with the hints of each frame that is wanted; UsageError for a hint that is on none."""
        hints: dict[int, tuple[Hint, ...]] = {}
        if options.hints:
            times = film.times()
            first = 0 if options.start is None else bisect_left(times, film.pts_at(options.start))
            last = len(times) if options.end is None else bisect_left(times, film.pts_at(options.end))
            width, height = (film.height, film.width) if film.turns % 2 else (film.width, film.height)
            for one in options.hints:
                if one.hint.x >= width or one.hint.y >= height:
                    size = f"they have {width} x {height} pixels"
                    raise UsageError(f"the hint {one} lies outside the frames", remedy=size)
                number = bisect_left(times, film.pts_at(one.seconds))
                if number == len(times):
                    raise UsageError(f"the hint {one} lies behind the end of the film")
                if first <= number < last:
                    hints[number - first] = (*hints.get(number - first, ()), one.hint)
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
