"""What the graph of a bundle computes: the inputs and outputs of docs/bundle.md, whatever the network inside."""

from torch import Tensor, nn
from torch.nn import functional as F


class PlainGraph(nn.Module):
    """That of any generator but a ColorUNet, whose graph is `BothHeads`: its ab at half size, times `chroma`, and its
    logits where it has any.

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
