"""The shots of a film, found on its lightness: which frames hang together, and how things move from one to the next.

A frame belongs to the shot of the frame before it where most of it can be found there again. Single frames that do
not fit, between others that do, are flashes and damage: the shot goes on behind them. Frames without a picture (black,
white, gray) are a shot of their own, so that nothing leads through a fade.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from colorizegan.color.lab import Plane
from colorizegan.video.motion import Codes, Motion, even_contrast, match

SAME = 0.45  # mean trust between two frames of one shot: neighbours have 0.66 and more, frames about a cut at most 0.17
FLASH = 3  # frames that a flash or damage may last
BRIGHT = 60.0  # mean L of a frame that is a flash
EMPTY = 2.0  # standard deviation of L up to which a frame has no picture
# Titles and leaders: a plain ground, and on it strokes far from it in L, with little between the two.
STROKE, GROUND, PLAIN = 14.0, 3.0, 0.7


@dataclass(frozen=True, eq=False)
class View:
    """What is looked at of one frame."""

    number: int
    size: tuple[int, int]
    """Height and width of the whole frame, px."""
    L: Plane
    """(h, w) 0..100, at the network's size."""
    picture: Codes
    """(h, w), `L` with even contrast."""

    @property
    def cells(self) -> tuple[int, int]:
        """Height and width of the small colours."""
        return -(-self.L.shape[0] // 2), -(-self.L.shape[1] // 2)


@dataclass(frozen=True, eq=False)
class Step:
    """One frame in its shot."""

    view: View
    opens: bool = False
    """It is the first one of a shot."""
    dissolves: bool = False
    """The shot before turns into it: what that one ended with is a mixture."""
    rides: bool = False
    """It fits neither the frame before nor the next, which fit each other."""
    back: Motion | None = None
    """From the last frame of the shot that fits to this one."""
    ahead: Motion | None = None
    """From this one to that."""


def look_at(number: int, size: tuple[int, int], L: Plane) -> View:
    return View(number, size, L, even_contrast(L))


def find_shots(views: Iterable[View]) -> Iterator[Step]:
    """Each frame as a step in its shot, in order; at most FLASH frames later than they come."""
    last: View | None = None
    waiting: list[View] = []
    for view in views:
        if last is None or (is_empty(last.L) and not is_empty(view.L)):
            yield Step(view, opens=True)
            last = view
        elif step := _step(last, view):
            yield from (Step(flash, rides=True) for flash in waiting)
            waiting, last = [], view
            yield step
        else:
            waiting.append(view)
            if len(waiting) > FLASH or (is_empty(view.L) and not _may_be_flash(last, view)):
                yield from _new_shots(waiting)
                waiting, last = [], view
    yield from _new_shots(waiting)


def _new_shots(views: list[View]) -> Iterator[Step]:
    last: View | None = None
    for view in views:
        yield (last and _step(last, view)) or Step(view, opens=True)
        last = view


def _may_be_flash(last: View, view: View) -> bool:
    """Whether a frame without a picture may be a flash: bright, and the frame before it is none that fades."""
    return float(view.L.mean()) > BRIGHT and float(last.L.std()) > 4 * EMPTY


def _step(last: View, view: View) -> Step | None:
    """The step from one frame to the next, None where they are of two shots."""
    if is_empty(last.L) or is_empty(view.L):  # nothing leads into them or out of them; among them nothing moves
        still = Motion.none(*view.cells)
        return Step(view, back=still, ahead=still) if is_empty(last.L) and is_empty(view.L) else None
    back, ahead = match(last.picture, view.picture, view.cells)
    return Step(view, back=back, ahead=ahead) if float(back.trust.mean()) >= SAME else None


def is_empty(L: Plane) -> bool:
    """Whether a frame has no picture: black, white or plain gray, L (h, w) 0..100."""
    return float(L.std()) <= EMPTY


def is_lettering(L: Plane) -> bool:
    """Whether a frame is a title or a leader and no view of the world, L (h, w) 0..100."""
    codes = np.clip(L * np.float32(2.55), 0, 255).astype(np.uint8)
    ground = cv2.medianBlur(codes, 2 * (min(L.shape) // 8) + 1).astype(np.float32) / np.float32(2.55)
    away = np.abs(cv2.GaussianBlur(L, (0, 0), 1.5) - ground)
    plain, stroke = float((away < GROUND).mean()), float((away >= STROKE).mean())
    return plain > PLAIN and 1 - plain - stroke < stroke / 2
