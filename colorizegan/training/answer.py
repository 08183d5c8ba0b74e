"""The answer of both heads: what a bundle will show, for the losses that judge it and for the looks at it."""

from __future__ import annotations

from torch import Tensor, nn

from colorizegan.training.networks import ColorOutput, ColorUNet


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
        logits, (height, width) = output.logits, output.ab.shape[2:]
        own = self.net.enlarged_mean(logits.detach(), self.net.temperature)
        mean = self.net.enlarged_mean(logits, self.temperature)
        own, mean = (x[:, :, :height, :width] for x in (own, mean))  # an odd half size has no whole quarter
        return self.chroma * (mean + self.correction * (output.ab - own))
