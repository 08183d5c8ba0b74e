"""Weights between two networks: often better than both, and safer on other photos (Wortsman et al. 2022)."""

from __future__ import annotations

import torch
from torch import Tensor


def mix_states(base: dict[str, Tensor], tuned: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """`(1 - share) * base + share * tuned`, for floats; counters are those of `tuned`. Neither is changed."""
    return {
        name: torch.lerp(base[name], tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in tuned.items()
    }
