"""What every network gives the runtime: a Prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Prediction:
    """What the network says of one photo at its working size (H, W)."""

    ab: NDArray[np.float32]
    """Chroma, Lab units, (2, ceil(H/2), ceil(W/2))."""
    logits: NDArray[np.float32]
    """Unnormalised log-likelihood of every colour bin, (Q, ceil(H/4), ceil(W/4))."""
    bins: NDArray[np.float32]
    """Centres of the bins, Lab units, (Q, 2)."""

    def confidence(self) -> NDArray[np.float32]:
        """1 - entropy / log Q at each place, (h', w'): 0 where any colour may be, 1 where it can be only one."""
        shifted = self.logits - self.logits.max(axis=0)
        odds = np.exp(shifted)
        total = odds.sum(axis=0)
        entropy = np.log(total) - (odds * shifted).sum(axis=0) / total  # -sum p log p with p = odds / total
        return np.clip(1 - entropy / np.log(max(len(self.bins), 2)), 0, 1).astype(np.float32)
