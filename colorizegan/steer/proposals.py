"""Several plausible colourings of one photo: colours drawn at a few places of doubt, and spread over what is there.

Colours drawn for every place by themselves would be noise. Here a colour is drawn from the network's distribution at
the place where most is in doubt; the network sees it as a hint, and its distribution for the next place follows from
it. So a proposal is coherent, and is nothing but a few hints, which a person can take and change.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from colorizegan.color.gamut import in_gamut_scale
from colorizegan.color.lab import Plane, lab_to_rgb
from colorizegan.errors import UsageError
from colorizegan.model.network import Network, Prediction
from colorizegan.steer.colors import hinted_input, steer, unhinted
from colorizegan.steer.hints import Hint, Point, points_of
from colorizegan.steer.look import Look
from colorizegan.steer.spread import CELL, bin_features, cells_of, geodesic

MOST_PROPOSALS = 12  # proposals of one photo
PLACES = 4  # of doubt at which colours are drawn
DRAWN = 0.5  # temperature of the draw: below 1, as rare colours were given more weight in training
NUCLEUS = 0.9  # colours are drawn from the likeliest ones that make up this share (Holtzman 2020, top-p)
SETTLED = 0.9  # confidence over which a place is not in doubt
WIDTH = 10.0  # Lab units that one colour bin stands for on each side, in the likelihood
KIN = 15.0  # Lab units around a drawn colour within which others are the same choice
SETTLES = 0.7  # distance (see spread.py) within which a colour that is known or drawn settles the rest
TOGETHER = 4  # candidates that the network sees at once: more take more memory and no less time
APART = 5.0  # mean ab distance, Lab units, under which two proposals are too much alike to give a place to both


@dataclass(frozen=True, eq=False)
class Proposal:
    """One of several colourings."""

    hints: tuple[Hint, ...]
    """The colours that were drawn, after those that the person gave. Colorizing with them gives this proposal."""
    likelihood: float
    """Mean log-probability of its colours per place in the network's own distribution (hints of the person given), 0 at
    most."""
    ab: Plane
    """(2, h, w) Lab units, at half the network's size."""


def propose(
    network: Network, L: Plane, look: Look, photo: tuple[int, int], *, count: int = 5, seed: int = 0
) -> list[Proposal]:
    """Distinct colourings of a photo, the likeliest first; the network's own answer is among them.

    network, L, look, photo: as for `steer`. count: 1 .. 12; fewer come back where the photo leaves no choice. The
    same seed gives the same proposals.
    """
    if not 1 <= count <= MOST_PROPOSALS:
        raise UsageError(f"{count} proposals are not possible", remedy=f"ask for 1 to {MOST_PROPOSALS}")
    network.card.need_distribution("propose several colourings")
    base = unhinted(network, L, look)
    plain = steer(network, L, look, photo, base)
    taken = [Proposal(look.points, likelihood_of(plain, plain.ab), plain.ab)]
    rest: list[Proposal] = []
    if count > 1:
        rest = [
            Proposal(hints, likelihood_of(plain, drawn.ab), drawn.ab)
            for hints, drawn in _draw(network, L, look, photo, base, plain, 2 * count, seed)
        ]
    # The plain answer, then always the one most unlike those taken, as long as that is a difference.
    while rest and len(taken) < count:
        apart = [min(ab_distance(a.ab, b.ab) for b in taken) for a in rest]
        best = int(np.argmax(apart))
        if apart[best] < APART:
            break
        taken.append(rest.pop(best))
    return sorted(taken, key=lambda proposal: -proposal.likelihood)


@dataclass
class _Candidate:
    """A colouring while its hints are drawn."""

    hints: tuple[Hint, ...]
    prediction: Prediction
    free: NDArray[np.bool_]
    """Cells (h', w') in which nothing is settled yet."""
    rng: np.random.Generator


def _draw(
    network: Network,
    L: Plane,
    look: Look,
    photo: tuple[int, int],
    base: tuple[Plane, Prediction],
    plain: Prediction,
    count: int,
    seed: int,
) -> list[tuple[tuple[Hint, ...], Prediction]]:
    """Up to `count` colourings: the person's hints with up to PLACES drawn ones, and what comes of them.

    All go on by one place at a time, so that the network is asked for several at once.
    """
    size = (L.shape[0], L.shape[1])
    seen, light = bin_features(base[1].logits), cells_of(L, *plain.logits.shape[1:])
    known = points_of(look.points, photo, size)
    free = geodesic(known, L, seen).min(axis=0) > SETTLES if known else np.ones(light.shape, bool)
    rngs = [np.random.default_rng([seed, number]) for number in range(count)]
    candidates = [_Candidate(look.points, plain, free.copy(), rng) for rng in rngs]
    open_ones = candidates
    for _ in range(PLACES):
        going: list[_Candidate] = []
        for one in open_ones:
            doubt = _smooth(np.where(one.free, np.clip(SETTLED - one.prediction.confidence(), 0, None), 0))
            if doubt.max() < 0.02:
                continue
            # Not always the very same place: a share of chance makes proposals differ in what they are about.
            noisy = doubt * one.rng.uniform(0.5, 1.0, doubt.shape)
            row, column = (int(i) for i in np.unravel_index(noisy.argmax(), doubt.shape))
            bins = nucleus(one.prediction.logits[:, row, column])
            a, b = _around(one.prediction.bins, bins, int(one.rng.choice(len(bins), p=bins)))
            x, y = _photo_place(row, column, size, photo)
            one.hints = (*one.hints, Hint(x, y, _hex(float(light[row, column]), float(a), float(b))))
            middle = Point(row * CELL + CELL // 2, column * CELL + CELL // 2, 0.0, 0.0)  # of the cell
            one.free &= geodesic([middle], L, seen)[0] > SETTLES
            going.append(one)
        for at in range(0, len(going), TOGETHER):
            part = going[at : at + TOGETHER]
            hinted = network.predict_batch([hinted_input(base[0], points_of(one.hints, photo, size)) for one in part])
            for one, prediction in zip(part, hinted, strict=True):
                one.prediction = steer(network, L, replace(look, hints=one.hints), photo, base, prediction)
        open_ones = going
    return [(one.hints, one.prediction) for one in candidates if len(one.hints) > len(look.hints)]


def _smooth(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mean over 5 x 5 cells: doubt about a thing, not about a dot."""
    for axis in (0, 1):
        padded = np.pad(x, [(2, 2) if axis == i else (0, 0) for i in (0, 1)], mode="edge")
        size = x.shape[axis]
        x = np.mean([padded.take(range(k, k + size), axis) for k in range(5)], axis=0)
    return x


def nucleus(logits: Plane) -> NDArray[np.float64]:
    """Probabilities to draw from: sharpened, and without the unlikely tail."""
    scaled = logits.astype(np.float64) / DRAWN
    odds = np.exp(scaled - scaled.max())
    odds /= odds.sum()
    order = np.argsort(-odds, kind="stable")
    kept = order[: int(np.searchsorted(np.cumsum(odds[order]), NUCLEUS)) + 1]
    cut = np.zeros_like(odds)
    cut[kept] = odds[kept]
    return cut / cut.sum()


def _around(bins: Plane, odds: NDArray[np.float64], drawn: int) -> NDArray[np.float64]:
    """Mean of the likely colours near the one that was drawn: a bin's centre alone is often too strong."""
    near = np.exp(-np.square(bins - bins[drawn]).sum(axis=1) / (2 * KIN**2)) * odds
    return near @ bins / near.sum()


def _photo_place(row: int, column: int, small: tuple[int, int], photo: tuple[int, int]) -> tuple[int, int]:
    """x and y in the photo of the middle of a cell."""
    x = int((column * CELL + CELL / 2) * photo[1] / small[1])
    y = int((row * CELL + CELL / 2) * photo[0] / small[0])
    return min(x, photo[1] - 1), min(y, photo[0] - 1)


def _hex(lightness: float, a: float, b: float) -> str:
    """A colour as text, with as much of its chroma as sRGB has at that lightness."""
    scale = float(in_gamut_scale(np.array([lightness]), np.array([a]), np.array([b]))[0])
    rgb = lab_to_rgb(np.array([lightness, a * scale, b * scale]))
    return "#" + "".join(f"{round(float(v) * 255):02x}" for v in rgb)


def likelihood_of(plain: Prediction, ab: Plane) -> float:
    """Mean over the cells of the log-probability that the plain distribution gives to the colours `ab`."""
    height, width = plain.logits.shape[1:]
    small = ab[:, ::2, ::2][:, :height, :width]  # (2, h', w'), a cell of the distribution is 2 x 2 of ab
    odds = np.exp(plain.logits - plain.logits.max(axis=0))
    odds /= odds.sum(axis=0)
    near = np.square(small[None] - plain.bins[:, :, None, None]).sum(axis=1)  # (Q, h', w')
    share = (odds * np.exp(-near / np.float32(2 * WIDTH**2))).sum(axis=0)
    return float(np.log(np.maximum(share, 1e-9)).mean())


def ab_distance(first: Plane, second: Plane) -> float:
    """Mean ab distance, Lab units."""
    return float(np.hypot(*(first - second)).mean())
