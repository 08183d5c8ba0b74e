"""Colours that stay where they belong through a shot: the network on few frames, and motion in between.

The network colours key frames, closer together where much moves. A key frame's colours are the mean of its own and of
those of the key frames before and behind it, brought along the motion and weighed by how sure each is and how far the
motion may be trusted: what is hidden has no say. So a better guess spreads back as well as on. A frame between two keys
has colours from both. A mean is paler than what it is made of, so each key frame gets the strength back that the
network gave. Colours at points that a person named hold through the whole shot.
Where a shot comes back, it goes on from where it ended.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from colorizegan.color.lab import Plane
from colorizegan.video.dissolves import cut_dissolves
from colorizegan.video.motion import Codes, Motion, match
from colorizegan.video.shots import Step, View, find_shots, is_empty, is_lettering, look_at

EVERY = 6  # frames from one key to the next at most
LOST = 0.75  # mean trust in the motion since the last key under which a new one is due
FADES = 0.5  # what the colours of the next key frame count of its own
LAG = 6  # key frames that are looked ahead; what lies behind them would count 1.6 %
AHEAD_OF_HINT = 480  # frames that a hint still to come reaches back
VIVID = 0.98  # of the strength that the network gives
PALEST, STRONGEST = 0.8, 1.3  # what strength may be changed by
FLOOR = 1e-3  # of trust, where nothing is trusted
LEAST_SURE = 0.02
SHOTS = 8  # that are remembered
KEEPS = 4.0  # what the colours at the end of a shot count where it comes back
RETURNS = 0.5  # mean trust between the end of a shot and its return


class Guess(NamedTuple):
    """What is guessed of one frame by itself."""

    ab: Plane
    """(2, h, w), Lab units."""
    sure: Plane
    """(h', w'), 0..1."""
    held: Plane | None = None
    """(h', w'), 0..1: how far a colour is one that a person has given; None = nowhere."""


class Colors(Protocol):
    """What colours single frames."""

    def lightness(self, gray: NDArray[Any]) -> Plane:
        """L (h, w) 0..100, both even, at the network's size, of a frame (H, W) uint8 or uint16."""
        ...

    def guess(self, number: int, L: Plane, size: tuple[int, int]) -> Guess:
        """The colours of frame `number`, from `lightness` of it, and its height and width."""
        ...


@dataclass(frozen=True, eq=False)
class Remembered:
    """How a shot ended."""

    picture: Codes
    tally: NDArray[np.float16]
    strength: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Shot:
    """A shot, and what is needed to begin anew at its first frame."""

    first: int
    memory: tuple[Remembered, ...]
    """Of the shots before."""
    returns: bool = False
    """It goes on where an earlier one ended."""


class FrameColors(NamedTuple):
    """The colours of one frame."""

    number: int
    ab: Plane
    """(2, h, w), Lab units."""
    shot: Shot
    key: bool
    """The network has seen it."""


class _Between(NamedTuple):
    """A frame that is no key."""

    number: int
    rides: bool
    from_before: Motion
    """From the key before to this one."""
    ahead: Motion | None
    """From this one to the frame before."""
    from_next: Motion | None = None
    """From the next key to this one."""


@dataclass(eq=False)
class _Key:
    """A key frame. Its tallies (h, w, 6) hold a, b and weight of the guesses, then a, b and weight of the hints."""

    number: int
    own: Plane
    forward: Plane
    """With the keys before."""
    strength: NDArray[np.float64]
    """Sum and weight of the strengths of this key and of those before."""
    ahead: Motion | None = None
    """From this one to the key before."""
    between: list[_Between] = field(default_factory=list[_Between])
    """The frames since the key before."""
    color: Plane | None = None
    """(h, w, 2), once it is settled."""


def steady_colors(
    grays: Iterable[NDArray[Any]],
    colors: Colors,
    *,
    first: int = 0,
    memory: tuple[Remembered, ...] = (),
    hinted: Sequence[int] = (),
) -> Iterator[FrameColors]:
    """The colours of each frame, in order; they come some seconds of film later than the frames.

    Args:
        grays: the frames (H, W), all of one size, from the first one of a shot on.
        colors: what colours single frames.
        first: the number of the first frame.
        memory: `Shot.memory` of its shot, where frames before it are left out.
        hinted: numbers of frames of which a person has named colours; these become key frames.
    """
    views = (
        look_at(number, (gray.shape[0], gray.shape[1]), colors.lightness(gray))
        for number, gray in enumerate(grays, first)
    )
    run: _Run | None = None
    for step in cut_dissolves(find_shots(views)):
        if step.opens:
            if run is not None:
                yield from run.close()
                memory = run.shot.memory if step.dissolves else run.remembered()
            run = _Run(step, colors, memory, frozenset(hinted))
        else:
            assert run is not None
            yield from run.go_on(step)
    if run is not None:
        yield from run.close()


class _Run:
    """One shot, frame by frame."""

    def __init__(self, step: Step, colors: Colors, memory: tuple[Remembered, ...], hinted: frozenset[int]) -> None:
        self.colors, self.hinted = colors, hinted
        self.last = step  # the last frame that fits; only its pixels are kept
        self.motion = Motion.none(*step.view.cells)  # from the last key to it
        self.waiting: list[_Between] = []  # since the last key, `last` too
        key = self.key(step)
        found = None if is_empty(step.view.L) else _find(memory, step.view)
        if found is not None:
            earlier, motion = found
            tally = earlier.tally.astype(np.float32) * np.array([KEEPS] * 3 + [1] * 3, np.float32)
            key.forward = _joined(key.own, motion, tally)
            key.strength = key.strength + KEEPS * np.array(earlier.strength)
        self.shot = Shot(step.view.number, memory, found is not None)
        self.keys = [key]  # from the last one whose frames are out on

    def go_on(self, step: Step) -> Iterator[FrameColors]:
        """The next frame; what is settled by it."""
        here = step.view.number
        if step.back is not None:
            self.motion, self.last = step.back.after(self.motion), step
        self.waiting.append(_Between(here, step.rides, self.motion, step.ahead))
        far = here - self.keys[-1].number >= EVERY
        if not step.rides and (far or here in self.hinted or float(self.motion.trust.mean()) < LOST):
            self.close_span()
            # A hint still to come may reach back.
            soon = any(here < hint <= self.keys[0].number + AHEAD_OF_HINT for hint in self.hinted)
            if len(self.keys) > 2 * LAG and not soon:
                yield from self.settle(len(self.keys) - 1 - LAG)

    def close(self) -> Iterator[FrameColors]:
        """What is left of the shot, which ends here."""
        if self.waiting:
            self.close_span()
        yield from self.settle(len(self.keys) - 1)

    def remembered(self) -> tuple[Remembered, ...]:
        """What is to be remembered when the shot has ended."""
        if is_empty(self.last.view.L):
            return self.shot.memory
        end = self.keys[-1]
        strength = float(end.strength[0]), float(end.strength[1])
        ended = Remembered(self.last.view.picture, end.forward.astype(np.float16), strength)
        return (*self.shot.memory, ended)[-SHOTS:]

    def key(self, step: Step) -> _Key:
        """A frame as key: the network's turn."""
        view = step.view
        height, width = view.cells
        own = np.zeros((height, width, 6), np.float32)
        own[..., 2] = LEAST_SURE
        strength = 0.0
        if not is_empty(view.L) and not is_lettering(view.L):
            guess = self.colors.guess(view.number, view.L, view.size)
            ab = np.moveaxis(guess.ab, 0, 2)
            sure = np.maximum(_fitted(guess.sure, height, width), np.float32(LEAST_SURE))
            own[..., :2], own[..., 2] = ab * sure[..., None], sure
            strength = _strength(ab)
            if guess.held is not None:
                held = _fitted(guess.held, height, width)
                own[..., 3:5], own[..., 5] = ab * held[..., None], held
        return _Key(view.number, own, own, np.array([strength, 1.0]))

    def close_span(self) -> None:
        """Make the last frame that waits a key."""
        key, before = self.key(self.last), self.keys[-1]
        key.forward = _joined(key.own, self.motion, before.forward)
        key.strength = key.strength + FADES * before.strength
        cells = self.last.view.cells
        motion, ahead = Motion.none(*cells), self.waiting.pop().ahead
        for frame in reversed(self.waiting):
            if not frame.rides:
                assert ahead is not None
                motion, ahead = ahead.after(motion), frame.ahead
            key.between.insert(0, frame._replace(from_next=motion))
        assert ahead is not None
        key.ahead = ahead.after(motion)
        self.keys.append(key)
        self.waiting, self.motion = [], Motion.none(*cells)

    def settle(self, count: int) -> Iterator[FrameColors]:
        """Settle the colours up to key `count` of those at hand, and let the frames up to there out."""
        backward, later_strength = self.keys[-1].own, np.zeros(2)
        for i in range(len(self.keys) - 1, -1, -1):
            key = self.keys[i]
            if i < len(self.keys) - 1:
                later = self.keys[i + 1]
                assert later.ahead is not None
                backward = _joined(key.own, later.ahead, backward)
                later_strength = FADES * (later_strength + later.strength - FADES * key.strength)
            if i <= count and key.color is None:
                total, weight = key.strength + later_strength
                key.color = _color(key.forward + backward - key.own, float(total / weight))
        if self.keys[0].number == self.shot.first:
            yield self.frame(self.shot.first, self.keys[0].color, key=True)
        for before, key in zip(self.keys[:count], self.keys[1 : count + 1], strict=True):
            assert before.color is not None
            assert key.color is not None
            shown = before.color
            for frame in key.between:
                if not frame.rides:
                    assert frame.from_next is not None
                    share = (frame.number - before.number) / (key.number - before.number)
                    shown = _between(before.color, frame.from_before, key.color, frame.from_next, share)
                yield self.frame(frame.number, shown)
            yield self.frame(key.number, key.color, key=True)
        self.keys = self.keys[count:]

    def frame(self, number: int, color: Plane | None, *, key: bool = False) -> FrameColors:
        assert color is not None
        return FrameColors(number, np.ascontiguousarray(np.moveaxis(color, 2, 0)), self.shot, key)


def _joined(own: Plane, motion: Motion, other: Plane) -> Plane:
    """A key's own tally with that of its neighbour: guesses fade from key to key, hints do not."""
    moved = motion.pull(other, sharp=True)
    trust = motion.trust[..., None]
    # Cubic enlargement overshoots; a weight may not.
    moved[..., 2], moved[..., 5] = np.maximum(moved[..., 2], 0), np.clip(moved[..., 5], 0, 1)
    guesses = own[..., :3] + np.float32(FADES) * trust * moved[..., :3]
    hints = own[..., 3:] + (1 - own[..., 5:]) * np.clip(2 * trust, 0, 1) * moved[..., 3:]
    return np.concatenate((guesses, hints), axis=2, dtype=np.float32)


def _color(tally: Plane, strength: float) -> Plane:
    """The colours (h, w, 2) of a tally."""
    color = tally[..., :2] / tally[..., 2:3]
    found = _strength(color)
    if found > 0:
        color = color * np.float32(np.clip(VIVID * strength / found, PALEST, STRONGEST))
    held = tally[..., 5:]
    share = np.minimum(held, 1)
    return np.asarray(color * (1 - share) + tally[..., 3:5] / np.maximum(held, 1), np.float32)


def _between(before: Plane, from_before: Motion, key: Plane, from_key: Motion, share: float) -> Plane:
    """The colours of a frame, `share` of the way from the key before it to the next."""
    one, other = from_before.pull(before, sharp=True), from_key.pull(key, sharp=True)
    weight = np.float32(1 - share) * (from_before.trust + np.float32(FLOOR))
    rest = np.float32(share) * (from_key.trust + np.float32(FLOOR))
    color = (one * weight[..., None] + other * rest[..., None]) / (weight + rest)[..., None]
    found, wanted = _strength(color), (1 - share) * _strength(before) + share * _strength(key)
    return color * np.float32(np.clip(wanted / found, 0.9, 1.15)) if found > 0 else color


def _strength(ab: Plane) -> float:
    """How colourful a frame is, from ab (h, w, 2): as Hasler and Suesstrunk 2003, on a and b."""
    flat = ab.reshape(-1, 2)
    return float(np.hypot(*flat.std(axis=0)) + 0.3 * np.hypot(*flat.mean(axis=0)))


def _fitted(x: Plane, height: int, width: int) -> Plane:
    return np.asarray(cv2.resize(x, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _find(memory: tuple[Remembered, ...], view: View) -> tuple[Remembered, Motion] | None:
    """The shot that comes back, where one does, and the motion from its end."""
    best: tuple[Remembered, Motion] | None = None
    for earlier in memory:
        if earlier.picture.shape != view.picture.shape:
            continue
        back, _ = match(earlier.picture, view.picture, view.cells)
        trust = float(back.trust.mean())
        if trust >= RETURNS and (best is None or trust > float(best[1].trust.mean())):
            best = earlier, back
    return best
