"""What every network takes and gives, whoever made it: Network, NetworkInput, Prediction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from colorizegan.errors import UsageError
from colorizegan.model.card import AS_IT_SAYS, Calibration, Card

INPUTS = {"L": 1, "hint_ab": 2, "hint_mask": 1}
"""What the graph of a bundle takes: name -> channels; the fields of `NetworkInput`."""
RIGHT = 15.0
"""Lab units between (a, b) and the true one up to which a colour counts as right: the same bin or one beside it."""


@dataclass(frozen=True)
class Prediction:
    """What the network says of one photo at its working size (H, W)."""

    ab: NDArray[np.float32]
    """Chroma, Lab units, (2, ceil(H/2), ceil(W/2))."""
    logits: NDArray[np.float32]
    """Unnormalised log-likelihood of every colour bin, (Q, ceil(H/4), ceil(W/4))."""
    bins: NDArray[np.float32]
    """Centres of the bins, Lab units, (Q, 2)."""
    known: NDArray[np.float32] | None = None
    """How far a person's hints say what the colour is, (h', w') 0..1; None where there are none."""
    calibration: Calibration = AS_IT_SAYS
    """What the network's doubt is worth."""

    def confidence(self) -> NDArray[np.float32]:
        """How sure the colour is at each place, (h', w') 0..1, and at least `known`.

        Of a calibrated network the share of places as sure as this whose colour is right: within RIGHT Lab units of the
        true one. Else 1 - entropy / log Q: 0 where any colour may be, 1 where it can be only one. UsageError where the
        model knows no distribution.
        """
        if len(self.bins) == 1:
            raise UsageError("the model gives colours alone, and not how sure they are", remedy="use another model")
        shifted = (self.logits - self.logits.max(axis=0)) / np.float32(self.calibration.temperature)
        odds = np.exp(shifted)
        total = odds.sum(axis=0)
        entropy = np.log(total) - (odds * shifted).sum(axis=0) / total  # -sum p log p with p = odds / total
        right = self.calibration.right
        certain = np.clip(1 - entropy / np.log(len(self.bins)), 0, 1)
        sure = np.interp(certain, np.linspace(0, 1, len(right)), right).astype(np.float32)
        return sure if self.known is None else np.maximum(sure, self.known)


@dataclass(frozen=True, eq=False)
class NetworkInput:
    """One photo as a network takes it. UsageError for a wrong shape, or one hint array without the other."""

    L: NDArray[np.floating]
    """Lightness 0..100, (H, W)."""
    hint_ab: NDArray[np.floating] | None = None
    """Chroma wanted at the hinted pixels, Lab units, (2, H, W)."""
    hint_mask: NDArray[np.floating] | None = None
    """1 at the hinted pixels, 0 elsewhere, (1, H, W)."""

    def __post_init__(self) -> None:
        if self.L.ndim != 2 or self.L.size == 0:
            raise UsageError(f"L has shape {self.L.shape}", remedy="give one picture, (H, W)")
        if (self.hint_ab is None) != (self.hint_mask is None):
            raise UsageError("hint_ab and hint_mask come together")
        for name, array, channels in (("hint_ab", self.hint_ab, 2), ("hint_mask", self.hint_mask, 1)):
            shape = (channels, *self.L.shape)
            if array is not None and array.shape != shape:
                raise UsageError(f"{name} has shape {array.shape}", remedy=f"make it {shape}")

    def padded_shape(self, multiple: int) -> tuple[int, int]:
        """Height and width, px, once each is rounded up to a multiple."""
        height, width = self.L.shape
        return height + -height % multiple, width + -width % multiple


class Network(Protocol):
    """A network in memory, ready to run. Thread-safe."""

    card: Card
    """What the network is."""
    digest: str
    """SHA-256, hex, that names the exact network."""
    threads: int
    """CPU threads that it may use."""

    def predict_batch(self, inputs: Sequence[NetworkInput]) -> list[Prediction]:
        """Run the network once on photos of one `padded_shape(card.network.multiple)`; each result is as if alone.

        ModelError where it fails or gives values that are not finite.
        """
        ...

    def predict(
        self,
        L: NDArray[np.floating],
        *,
        hint_ab: NDArray[np.floating] | None = None,
        hint_mask: NDArray[np.floating] | None = None,
    ) -> Prediction:
        """Run the network on one photo; arguments and errors as of `NetworkInput`, and ModelError."""
        return self.predict_batch([NetworkInput(L, hint_ab, hint_mask)])[0]
