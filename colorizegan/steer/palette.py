"""A photo takes the colours of another one: of a colour photo, or of a neighbour whose colouring was accepted.

Where the network sees the same thing in both photos (its distributions over the colour bins agree, and so does the
brightness), the photo gets the colour that the reference has there. Matching what is seen, and not where it is, is the
idea of He et al., Deep exemplar-based colorization, 2018; here the network's own distribution says what is seen.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import Plane, rgb_to_lab
from colorizegan.model.network import Network
from colorizegan.steer.spread import bin_features, cells_of

BRIGHT = 12.0  # L apart at which two places count as half as alike
SHARP = 30.0  # how much the best match counts before the others
ALIKE = 0.6  # agreement of two places (0..1) under which a colour is not taken over ...
SAME = 0.9  # ... and over which it is taken over wholly


@dataclass(frozen=True, eq=False)
class Palette:
    """What is taken from a reference photo."""

    seen: Plane
    """(Q, N): what the network sees at each of N places, see `spread.bin_features`."""
    light: Plane
    """(N,): their brightness, L 0..100."""
    ab: Plane
    """(2, N): their true colour, Lab units."""
    name: str
    """For the note in the result: name of the file, or "array"."""
    digest: str
    """SHA-256, hex, of the reference's colours."""


def pooled_cells(seen: Plane, L: Plane, ab: Plane) -> tuple[Plane, Plane, Plane]:
    """seen (Q, N), light (N,), ab (2, N) of a photo's places of 2 x 2 cells, from (Q, h, w), L (H, W), (2, h, w)."""
    height, width = seen.shape[1:]
    light = cells_of(L, height, width)

    def pooled(x: Plane) -> Plane:
        rows, columns = max(height // 2, 1), max(width // 2, 1)
        step = (height // rows, width // columns)
        x = x[..., : rows * step[0], : columns * step[1]]
        return x.reshape(*x.shape[:-2], rows, step[0], columns, step[1]).mean(axis=(-3, -1)).reshape(*x.shape[:-2], -1)

    together = pooled(seen)
    together /= np.maximum(np.sqrt(np.square(together).sum(axis=0)), 1e-6)
    return together, pooled(light), pooled(ab)


def matched_colors(palette: Palette, seen: Plane, L: Plane) -> tuple[Plane, Plane]:
    """The colour that the reference has for what is seen in a photo: (ab (2, h, w), how far it counts (h, w) 0..1).

    seen: (Q, h, w) of the photo, from `bin_features`; L: (H, W) 0..100.
    """
    count, height, width = seen.shape
    light = cells_of(L, height, width).ravel()
    flat = seen.reshape(count, -1)
    ab, trust = np.empty((2, flat.shape[1]), np.float32), np.empty(flat.shape[1], np.float32)
    for at in range(0, flat.shape[1], 1024):  # places of the reference x places of the photo would be large
        part = slice(at, at + 1024)
        alike = flat[:, part].T @ palette.seen  # (n, N), 0..1
        alike /= 1 + np.square((light[part, None] - palette.light) / np.float32(BRIGHT))
        best = alike.max(axis=1)
        weight = np.exp(np.float32(SHARP) * (alike - best[:, None]))
        weight /= weight.sum(axis=1, keepdims=True)
        ab[:, part] = palette.ab @ weight.T
        trust[part] = np.clip((best - ALIKE) / (SAME - ALIKE), 0, 1)
    return ab.reshape(2, height, width), trust.reshape(height, width)


def palette_of(network: Network, rgb: NDArray[Any], small: NDArray[np.float32], name: str) -> Palette:
    """The palette of a reference (H, W, 3) uint8 or uint16, of which the network sees `small`, L (h, w)."""
    network.card.need_distribution("take colours over from another photo")
    lab = rgb_to_lab(rgb.astype(np.float32) / np.float32(np.iinfo(rgb.dtype).max)).astype(np.float32)
    logits = network.predict(small).logits
    shape = (logits.shape[2], logits.shape[1])
    ab = np.stack([np.asarray(Image.fromarray(lab[..., i]).resize(shape, Image.Resampling.BOX)) for i in (1, 2)])
    seen, light, colors = pooled_cells(bin_features(logits), small, ab)
    digest = hashlib.sha256(rgb.tobytes()).hexdigest()
    return Palette(seen, light, colors.astype(np.float32), name, digest)
