"""What the network sees of a scan, and how its colours come back into the whole: read top to bottom, `see` first.

The network learned from photos that fill their frame and their tones. A mount around one it takes for a wall, and
paints it; a faded one it takes for fog. So it is shown the photo alone, from its black to its white. Outside of the
photo the result is neutral, and its brightness is everywhere that of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorizegan.model.network import Prediction
from colorizegan.model.network_input import working_lightness
from colorizegan.photo.scan.levels import faded_tones
from colorizegan.photo.scan.scan import Scan, look_at, whole_window
from colorizegan.photo.scan.torn import mended
from colorizegan.photo.scan.window import glance
from colorizegan.steer.hints import Hint, check_places
from colorizegan.steer.look import Look
from colorizegan.steer.proposals import Proposal


@dataclass(frozen=True)
class Eye(Scan):
    """What is shown to the network of one picture (H, W)."""

    @classmethod
    def open_wide(cls, shape: tuple[int, int]) -> Eye:
        """One that sees the whole picture as it is."""
        return cls(shape, whole_window(shape), whole_window(shape))

    @property
    def photo(self) -> tuple[int, int]:
        """Height and width of what the network sees, px."""
        return self.seen.bottom - self.seen.top, self.seen.right - self.seen.left

    def lightness(self, gray: NDArray[Any], size: int, detail: float) -> NDArray[np.float32]:
        """What the network is to see of the picture (H, W): L (h, w) 0..100; as `working_lightness`."""
        L = working_lightness(np.ascontiguousarray(self.seen.of(gray)), size, detail)
        if self.torn is not None:
            L = mended(L, self.torn)
        return L if self.tones is None else self.tones.stretched(L, 1 / np.iinfo(gray.dtype).max)

    def inside(self, look: Look) -> Look:
        """What is asked of the photo alone: its hints, from its own corner."""
        if not look.hints:
            return look
        top, bottom, left, right = self.seen
        places = [(min(max(h.x, left), right - 1) - left, min(max(h.y, top), bottom - 1) - top) for h in look.points]
        hints = [replace(hint, x=x, y=y) for hint, (x, y) in zip(look.points, places, strict=True)]
        return replace(look, hints=tuple(hints))

    def whole(self, found: Prediction) -> Prediction:
        """What was found for the photo, for the whole picture: the border is neutral, and that is sure."""
        if self.text:
            found = replace(found, ab=np.zeros_like(found.ab), known=np.ones(found.logits.shape[1:], np.float32))
        if self.photo == self.shape:
            return found
        known = np.zeros(found.logits.shape[1:], np.float32) if found.known is None else found.known
        ab = self._framed(found.ab, 2, 0)
        logits = self._framed(found.logits, 1, 0)
        return replace(found, ab=ab, logits=logits, known=self._framed(known[None], 1, 1)[0])

    def whole_proposal(self, one: Proposal) -> Proposal:
        """A proposal for the photo, for the whole picture."""
        top, left = self.seen.top, self.seen.left
        hints = tuple(replace(hint, x=hint.x + left, y=hint.y + top) for hint in one.hints)
        ab = one.ab if self.photo == self.shape else self._framed(one.ab, 2, 0)
        return replace(one, hints=hints, ab=ab)

    def _framed(self, planes: NDArray[np.float32], multiple: int, border: float) -> NDArray[np.float32]:
        """Planes (C, h, w) of the photo in such of the whole picture, in cells of about the same size.

        A cell that holds any of the photo has its colour: a trace of colour on the mount is better than a gray rim.
        """
        holds: list[NDArray[np.bool_]] = []
        for axis, side in zip((1, 2), self.shape, strict=True):
            first, last = self.seen[:2] if axis == 1 else self.seen[2:]
            start, end = self.window[:2] if axis == 1 else self.window[2:]
            count = planes.shape[axis]
            cells = multiple * max(1, round(side * count / (last - first) / multiple))
            middles = (np.arange(cells) + 0.5) * (side / cells)
            half = side / cells / 2
            holds.append((middles + half > start) & (middles - half < end))
            at = np.clip((middles - first) * (count / (last - first)) - 0.5, 0, count - 1)
            before = np.minimum(at.astype(np.intp), max(count - 2, 0))
            after = np.minimum(before + 1, count - 1)
            share = (at - before).astype(np.float32).reshape((1, -1, 1) if axis == 1 else (1, 1, -1))
            planes = planes.take(before, axis) * (1 - share) + planes.take(after, axis) * share
        inside = holds[0][:, None] & holds[1]
        return np.where(inside, planes, border).astype(np.float32)


def see(gray: NDArray[Any], hints: tuple[Hint, ...] = (), scan: Scan | None = None) -> Eye:
    """The photo in a picture (H, W), uint8 or uint16, and the tones that it has.

    Args:
        hints: of the picture. Where one lies in what looks like a border, that belongs to the photo; and whoever gives
            any takes the picture for a photo, not for a page of text.
        scan: `look_at` of the picture, where that is known.
    """
    shape = (gray.shape[0], gray.shape[1])
    check_places(hints, shape)
    if scan is None or scan.shape != shape:  # as of a photo that was cut since
        scan = look_at(gray)
    if not all(scan.window.holds(hint.y, hint.x) for hint in hints):
        return replace(Eye.open_wide(shape), tones=faded_tones(glance(gray)))
    return replace(Eye(**vars(scan)), text=scan.text and not hints)
