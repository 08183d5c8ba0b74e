"""Dissolves: one shot turns into the next through mixtures of the two, each frame like the ones beside it.

Two pictures that have nothing in common lose contrast where they are mixed: in the middle it is 0.71 of what it is on
both sides (Alattar, Detecting and compressing dissolve regions in video sequences with a DVI multimedia image
compression algorithm, 1993). So a frame is the middle of a dissolve where its contrast is less than that of the frames
before and behind, these are no views of one thing, and it can still be found again in one of them. The new shot begins
there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from colorizegan.video.motion import match
from colorizegan.video.shots import SAME, Step, View

SIDES = (6, 12, 24)  # frames from the middle to those on both sides: half of a dissolve's length, or less
PALER = 0.85  # of the contrast on both sides: fast pans over flat ground, which are not found again, fall to 0.78
OTHER = 0.3  # mean trust up to which two frames are of different scenes
APART = 6  # frames on each side among which the palest is the middle
NONE = 1.0  # no less contrast than on both sides


def cut_dissolves(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps of `find_shots`, with a new shot from the middle of each dissolve on; a second of film later.

    What is said of a frame follows from those of its own shot alone, so that a film can be gone on with at any shot.
    """
    shot = _Shot()
    for step in steps:
        if step.opens:
            yield from shot.decided(ended=True)
            shot = _Shot()
        shot.add(step)
        yield from shot.decided(ended=False)
    yield from shot.decided(ended=True)


class _Shot:
    """A shot under way: frames that are decided, of which some are still compared with, and others."""

    def __init__(self) -> None:
        self.first = 0  # number of views[0] in the shot
        self.views: list[View] = []
        self.contrasts: list[float] = []
        self.waiting: list[Step] = []  # the last ones of the views
        self.known: dict[int, float] = {}  # contrast beside both sides, by number in the shot

    def add(self, step: Step) -> None:
        self.waiting.append(step)
        self.views.append(step.view)
        self.contrasts.append(float(step.view.L.std()))

    def decided(self, *, ended: bool) -> Iterator[Step]:
        """The steps that nothing still to come can change; all of them where the shot has ended."""
        while len(self.waiting) > (0 if ended else SIDES[-1] + APART):
            at = self.first + len(self.views) - len(self.waiting)
            step = self.waiting.pop(0)
            here = self.contrast(at)
            if here < NONE and here == min(self.contrast(at + i) for i in range(-APART, APART + 1)):
                step = replace(step, opens=True, dissolves=True, back=None, ahead=None)
                del self.views[: at - self.first], self.contrasts[: at - self.first]
                self.first, self.known = 0, {}  # a shot of its own
            yield step
            spare = len(self.views) - len(self.waiting) - SIDES[-1] - APART
            if spare > 0:
                del self.views[:spare], self.contrasts[:spare]
                self.first += spare

    def contrast(self, at: int) -> float:
        """The contrast of a frame beside that of those on both sides; NONE where it is not in a dissolve."""
        if at not in self.known:
            self.known[at] = min(self.beside(at, side) for side in SIDES)
        return self.known[at]

    def beside(self, at: int, side: int) -> float:
        i = at - self.first
        if i < side or i + side >= len(self.views):
            return NONE
        before, here, behind = self.views[i - side], self.views[i], self.views[i + side]
        share = 2 * self.contrasts[i] / max(self.contrasts[i - side] + self.contrasts[i + side], 1e-6)
        if share >= PALER or _trust(before, behind) > OTHER:
            return NONE
        return share if max(_trust(before, here), _trust(here, behind)) >= SAME else NONE


def _trust(before: View, now: View) -> float:
    return float(match(before.picture, now.picture, now.cells)[0].trust.mean())
