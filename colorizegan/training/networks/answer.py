"""What is shown of a ColorUNet's two heads: the ab of a bundle's graph, and of what a discriminator judges."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from colorizegan.color.rarity import MIDDLE, rarity
from colorizegan.errors import ConfigError
from colorizegan.training.networks.unet import ColorUNet
from colorizegan.training.networks.units import ColorOutput


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How the answer is made of both heads; as it stands here, it is the ab head's. Also entries of `card.json`.

    ConfigError for values that are out of range.
    """

    correction: float = 1.0
    """Share of the ab head's correction of the distribution's mean, 0..1: 1 is faithful and dull, 0 vivid."""
    temperature: float = ColorUNet.temperature
    """T of that mean (Zhang et al. 2016, eq. 5), above 0; less is more decided."""
    adjustment: float = 0.0
    """Power of the prior that the distribution is divided by first, 0 or more: rarer colours are said more often
    (post-hoc logit adjustment, Menon et al. 2021). The prior is that of `rarity`, whatever the network learned from."""
    contrast: float = 0.0
    """Each colour is multiplied by (its chroma / MIDDLE) to this power, 0 or more: strong ones gain, and weak ones
    lose, which are often those of which the network is unsure."""
    chroma: float = 1.0
    """Factor on ab, last of all."""

    def __post_init__(self) -> None:
        for name, low, high in (("correction", 0, 1), ("temperature", 0.01, 100), ("adjustment", 0, 10),
                                ("contrast", 0, 10), ("chroma", 0, 10)):  # fmt: skip
            if not low <= (value := getattr(self, name)) <= high:
                raise ConfigError(f"{name} is {value:g}", remedy=f"give a number from {low:g} to {high:g}")


class BothHeads(nn.Module):
    """A ColorUNet, held and not copied, that answers as asked."""

    def __init__(self, net: ColorUNet, answer: Answer) -> None:
        super().__init__()
        self.net, self.answer = net, answer

    def forward(self, L: Tensor, hint_ab: Tensor | None = None, hint_mask: Tensor | None = None) -> ColorOutput:
        """The answer to L (B, 1, H, W), sides multiples of 32: ab (B, 2, H/2, W/2) in Lab units, and the logits."""
        if hint_ab is None or hint_mask is None:
            hint_ab, hint_mask = L.new_zeros(len(L), 2, *L.shape[2:]), torch.zeros_like(L)
        output = ColorOutput(*self.net.predict_padded(L, hint_ab, hint_mask))
        return ColorOutput(self.of(output), output.logits)

    def of(self, output: ColorOutput) -> Tensor:
        """The answer from what the network gave, (B, 2, h, w) as its ab; gradients reach both heads.

        The ab head corrects a mean that it may not bend; here the mean itself is judged, and bent.
        """
        assert output.logits is not None
        asked, logits, (height, width) = self.answer, output.logits, output.ab.shape[2:]
        own = self.net.enlarged_mean(logits.detach(), self.net.temperature)
        if asked.adjustment:
            logits = logits + asked.adjustment * rarity(self.net.centres)[:, None, None]
        mean = self.net.enlarged_mean(logits, asked.temperature)
        if own.shape[2:] != output.ab.shape[2:]:  # an odd half size has no whole quarter
            own, mean = (x[:, :, :height, :width] for x in (own, mean))
        ab = mean + asked.correction * (output.ab - own)
        if asked.contrast:
            square = ab.square().sum(1, keepdim=True) + 1e-4  # a power has no slope at 0
            ab = ab * (square / MIDDLE**2) ** (asked.contrast / 2)
        return asked.chroma * ab
