"""What the graph of a bundle computes: the inputs and outputs of docs/bundle.md, whatever the network inside."""

from torch import Tensor, nn
from torch.nn import functional as F

from colorizegan.training.networks.unet import ColorUNet


class BothHeadsGraph(nn.Module):
    """That of a ColorUNet: the answer of both heads, see `ColorUNet.predict_padded`. chroma: factor on ab."""

    def __init__(self, net: ColorUNet, chroma: float, correction: float, temperature: float) -> None:
        super().__init__()
        self.net = net
        self.chroma = chroma
        self.correction = correction
        self.temperature = None if temperature == net.temperature else temperature

    def forward(self, L: Tensor, hint_ab: Tensor, hint_mask: Tensor) -> tuple[Tensor, Tensor]:
        ab, logits = self.net.predict_padded(L, hint_ab, hint_mask, self.correction, self.temperature)
        return ab * self.chroma, logits


class PlainGraph(nn.Module):
    """That of any other generator: its ab at half size, times `chroma`, and its logits where it has any.

    net: forward(L, hint_ab, hint_mask) -> ColorOutput, for sides that are multiples of `net.multiple`. One that knows
    no distribution gets a single bin with logits of 0, which says so.
    """

    def __init__(self, net: nn.Module, chroma: float = 1.0) -> None:
        super().__init__()
        self.net, self.chroma = net, chroma

    def forward(self, L: Tensor, hint_ab: Tensor, hint_mask: Tensor) -> tuple[Tensor, Tensor]:
        """L (B, 1, H, W) -> ab (B, 2, H/2, W/2), logits (B, Q, H/4, W/4)."""
        ab, logits = self.net(L, hint_ab, hint_mask)  # ab of H, H/2 or H/4
        if logits is None:
            logits = F.avg_pool2d(L, 4) * 0
        if ab.shape[2] == L.shape[2]:
            ab = F.avg_pool2d(ab, 2)
        elif ab.shape[2] == logits.shape[2]:
            ab = F.interpolate(ab, scale_factor=2.0, mode="bilinear", align_corners=False)
        return ab * self.chroma, logits
