"""The answer of both heads: what a bundle will show, for the losses that judge it and for the looks at it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from colorizegan.training.networks import ColorOutput, ColorUNet, annealed_mean


class BothHeads(nn.Module):
    """A ColorUNet as its bundle answers: a share of the ab head's correction on the distribution's annealed mean.

    Args:
        net: the generator; it is held, not copied.
        correction: share of the ab head's correction, 0..1; see `ColorUNet.predict_padded`.
        temperature: T of the annealed mean, above 0.
        chroma: factor on ab.
    """

    def __init__(self, net: ColorUNet, correction: float, temperature: float, chroma: float = 1.0) -> None:
        super().__init__()
        self.net, self.correction, self.temperature, self.chroma = net, correction, temperature, chroma

    def forward(self, L: Tensor) -> ColorOutput:
        """The answer without hints: L (B, 1, H, W), sides multiples of 32 -> ab (B, 2, H/2, W/2) in Lab units."""
        hint_ab, mask = L.new_zeros(len(L), 2, *L.shape[2:]), L.new_zeros(len(L), 1, *L.shape[2:])
        ab, _ = self.net.predict_padded(L, hint_ab, mask, self.correction, self.temperature)
        return ColorOutput(self.chroma * ab, None)

    def of(self, output: ColorOutput) -> Tensor:
        """The answer from what the network gave, (B, 2, h, w) as its ab; gradients reach both heads.

        The ab head corrects a mean that it may not bend; here the mean itself is judged, and bent.
        """
        assert output.logits is not None

        def mean(logits: Tensor, temperature: float) -> Tensor:
            small = annealed_mean(logits.float(), self.net.centres, temperature)
            return F.interpolate(small, scale_factor=2.0, mode="bilinear", align_corners=False)

        corrected = output.ab - mean(output.logits.detach(), self.net.temperature)
        return self.chroma * (mean(output.logits, self.temperature) + self.correction * corrected)
