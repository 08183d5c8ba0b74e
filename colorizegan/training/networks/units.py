"""What all networks share: physical units, the scaling constants, the output, the annealed mean."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

L_CENTRE, L_SCALE = 50.0, 50.0  # L 0..100 -> -1..1
AB_SCALE = 20.0  # about one standard deviation of ab in photographs; keeps the regression head's output near 1
AB_RANGE = 110.0  # every sRGB colour has |a|, |b| < 110


class ColorOutput(NamedTuple):
    """What a generator returns: `ab` (B, 2, h, w) in Lab units and, if it has that head, `logits` (B, Q, h', w')."""

    ab: Tensor
    logits: Tensor | None


def annealed_mean(logits: Tensor, centres: Tensor, temperature: float) -> Tensor:
    """Mean colour of the distribution sharpened by T (Zhang et al. 2016, eq. 5): (B, Q, h, w) -> (B, 2, h, w)."""
    # Colours last: ONNX Runtime takes ten times as long for a softmax over any other axis.
    odds = torch.softmax(logits.flatten(2).transpose(1, 2) / temperature, dim=2)  # (B, h w, Q)
    return (odds @ centres).transpose(1, 2).unflatten(2, logits.shape[2:])


def count_parameters(module: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
