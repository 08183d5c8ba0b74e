"""The discriminator: a PatchGAN on pairs of gray and colour, which may also judge the whole picture, or two sizes."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from colorizegan.training.networks.units import AB_RANGE, L_CENTRE, L_SCALE

LAYERS = 3  # of stride 2, as published


class Verdict(NamedTuple):
    """What a discriminator says of a batch of pairs."""

    logits: list[Tensor]
    """Above 0 for real: of patches (B, 1, h, w), of whole pictures (B, 1)."""
    features: list[Tensor]
    """What it saw, (B, C, h, w) of each layer but the last: for feature matching."""


class PatchDiscriminator(nn.Module):
    """PatchGAN on (L, ab) pairs: one logit a patch, 70x70 px with three layers (Isola et al. 2017, appendix 6.1).

    Args:
        norm: "batch" as published, or "spectral" (Miyato et al. 2018) for steadier training.
        width: channels of the first layer.
        whole: with a second answer, one logit for the whole picture from the mean of the last features.
    """

    def __init__(self, norm: str = "spectral", width: int = 64, whole: bool = False) -> None:
        super().__init__()
        if norm not in ("batch", "spectral"):
            raise ValueError(f"norm must be 'batch' or 'spectral', not {norm!r}")
        widths = [3] + [width * min(2**i, 8) for i in range(LAYERS + 1)]
        modules: list[nn.Module] = []
        for i in range(LAYERS + 1):
            normed = norm == "batch" and i > 0
            conv = nn.Conv2d(widths[i], widths[i + 1], 4, 2 if i < LAYERS else 1, 1, bias=not normed)
            modules.append(spectral_norm(conv) if norm == "spectral" else conv)
            if normed:
                modules.append(nn.BatchNorm2d(widths[i + 1]))
            modules.append(nn.LeakyReLU(0.2))
        last = nn.Conv2d(widths[-1], 1, 4, 1, 1)
        modules.append(spectral_norm(last) if norm == "spectral" else last)
        self.net = nn.Sequential(*modules)
        head = nn.Linear(widths[-1], 1)
        self.whole = (spectral_norm(head) if norm == "spectral" else head) if whole else None

    def forward(self, L: Tensor, ab: Tensor) -> Verdict:
        """The verdict on `L` (B, 1, H, W) and `ab` (B, 2, H, W) of the same size."""
        x = torch.cat(((L - L_CENTRE) / L_SCALE, ab / AB_RANGE), dim=1)
        features: list[Tensor] = []
        for layer in self.net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                features.append(x)
        logits = [x]
        if self.whole is not None:
            logits.append(self.whole(features[-1].mean((2, 3))))
        return Verdict(logits, features)


class ScaledDiscriminator(nn.Module):
    """Several discriminators, each on pairs of half the size of the one before (Wang et al. 2018, pix2pixHD, 3.2).

    norm, width, whole: of each, as for `PatchDiscriminator`.
    """

    def __init__(self, scales: int, norm: str = "spectral", width: int = 64, whole: bool = False) -> None:
        super().__init__()
        self.scales = nn.ModuleList(PatchDiscriminator(norm, width, whole=whole) for _ in range(scales))

    def forward(self, L: Tensor, ab: Tensor) -> Verdict:
        """The verdicts of all, one after the other."""
        verdict = Verdict([], [])
        for number, net in enumerate(self.scales):
            if number:
                L, ab = F.avg_pool2d(L, 2), F.avg_pool2d(ab, 2)
            found: Verdict = net(L, ab)
            verdict.logits.extend(found.logits)
            verdict.features.extend(found.features)
        return verdict
