"""The published pix2pix generator, U-Net 256 (Isola et al. 2017), and how its recipe starts weights."""

import torch
from torch import Tensor, nn

from colorizegan.training.networks.units import AB_RANGE, L_CENTRE, L_SCALE, ColorOutput


class Pix2PixUNet(nn.Module):
    """The published pix2pix generator "U-Net 256" (Isola et al. 2017, appendix 6.1), L to ab instead of RGB to RGB.

    Eight halvings from 256 px to 1 px, 64-512 channels, dropout 0.5 in the three inner decoder steps, tanh at the end.
    Sides must be multiples of 256.
    """

    multiple = 256

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        w = [width * f for f in (1, 2, 4, 8, 8, 8, 8, 8)]
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for i, outputs in enumerate(w):
            layers: list[nn.Module] = [] if i == 0 else [nn.LeakyReLU(0.2)]
            layers.append(nn.Conv2d(w[i - 1] if i else 1, outputs, 4, 2, 1, bias=False))
            # The first and the innermost layer carry no norm: at 1x1 px a batch of one would be normed to zero.
            if 0 < i < len(w) - 1:
                layers.append(nn.BatchNorm2d(outputs))
            self.down.append(nn.Sequential(*layers))
        for i in range(len(w) - 1, 0, -1):
            inputs = w[i] if i == len(w) - 1 else 2 * w[i]
            layers = [nn.ReLU(), nn.ConvTranspose2d(inputs, w[i - 1], 4, 2, 1, bias=False), nn.BatchNorm2d(w[i - 1])]
            if 4 <= i <= 6:
                layers.append(nn.Dropout(0.5))
            self.up.append(nn.Sequential(*layers))
        self.head = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * w[0], 2, 4, 2, 1), nn.Tanh())

    def forward(self, L: Tensor, hint_ab: Tensor | None = None, hint_mask: Tensor | None = None) -> ColorOutput:
        """(B, 1, H, W) L -> ab (B, 2, H, W) in Lab units; the published network takes no hints and ignores them."""
        x = (L - L_CENTRE) / L_SCALE
        skips: list[Tensor] = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        for i, up in enumerate(self.up):
            x = up(x if i == 0 else torch.cat((x, skips[-1 - i]), dim=1))
        x = self.head(torch.cat((x, skips[0]), dim=1))
        return ColorOutput(x.float() * AB_RANGE, None)


def init_pix2pix(module: nn.Module) -> None:
    """Weights of the published recipe: N(0, 0.02), batch-norm gains N(1, 0.02), biases 0 (Isola et al. 2017)."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, 0.0, 0.02)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02)
            nn.init.zeros_(part.bias)
