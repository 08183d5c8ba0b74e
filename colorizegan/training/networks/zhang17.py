"""The published network of "Real-Time User-Guided Image Colorization" (Zhang et al. 2017, section 3, main branch)."""

import torch
from torch import Tensor, nn

from colorizegan.training.networks.units import AB_RANGE, L_CENTRE, ColorOutput

BLOCKS = (  # width, count, dilation
    (64, 2, 1), (128, 2, 1), (256, 3, 1), (512, 3, 1), (512, 3, 2), (512, 3, 2), (512, 3, 1),
)  # fmt: skip


def block(inputs: int, outputs: int, count: int, dilation: int = 1) -> nn.Sequential:
    """Convolutions 3x3 with ReLU, then a batch norm."""
    layers: list[nn.Module] = []
    for number in range(count):
        layers += [nn.Conv2d(outputs if number else inputs, outputs, 3, 1, dilation, dilation), nn.ReLU()]
    return nn.Sequential(*layers, nn.BatchNorm2d(outputs))


class Zhang17(nn.Module):
    """Lightness and hints to ab: seven blocks down to 1/8 of the size, three steps back up, each with a shortcut.

    The layers have the names of the published weights. Their second head, which only helped to train it, is left out.
    """

    multiple = 8

    def __init__(self) -> None:
        super().__init__()
        w1, w2, w4 = 64, 128, 256
        inputs = 4
        for number, (outputs, count, dilation) in enumerate(BLOCKS, 1):
            self.add_module(f"model{number}", block(inputs, outputs, count, dilation))
            inputs = outputs
        self.model8up = nn.Sequential(nn.ConvTranspose2d(inputs, w4, 4, 2, 1))
        self.model3short8 = nn.Sequential(nn.Conv2d(w4, w4, 3, padding=1))
        self.model8 = nn.Sequential(nn.ReLU(), *block(w4, w4, 2))
        self.model9up = nn.Sequential(nn.ConvTranspose2d(w4, w2, 4, 2, 1))
        self.model2short9 = nn.Sequential(nn.Conv2d(w2, w2, 3, padding=1))
        self.model9 = nn.Sequential(nn.ReLU(), *block(w2, w2, 1))
        self.model10up = nn.Sequential(nn.ConvTranspose2d(w2, w2, 4, 2, 1))
        self.model1short10 = nn.Sequential(nn.Conv2d(w1, w2, 3, padding=1))
        self.model10 = nn.Sequential(nn.ReLU(), nn.Conv2d(w2, w2, 3, padding=1), nn.LeakyReLU(0.2))
        self.model_out = nn.Sequential(nn.Conv2d(w2, 2, 1), nn.Tanh())

    def forward(self, L: Tensor, hint_ab: Tensor | None = None, hint_mask: Tensor | None = None) -> ColorOutput:
        """(B, 1, H, W) L -> ab (B, 2, H, W) in Lab units, for sides that are multiples of 8; hints as in a bundle."""
        zero = torch.zeros_like(L)
        mask = zero if hint_mask is None else hint_mask
        ab = torch.cat((zero, zero), dim=1) if hint_ab is None else hint_ab * mask / AB_RANGE
        light = (L - L_CENTRE) / 100  # as they have it
        x1 = self.get_submodule("model1")(torch.cat((light, ab, mask), dim=1))  # (B, 64, H, W)
        x2 = self.get_submodule("model2")(x1[:, :, ::2, ::2])  # (B, 128, H/2, W/2)
        x3 = self.get_submodule("model3")(x2[:, :, ::2, ::2])  # (B, 256, H/4, W/4)
        x = x3[:, :, ::2, ::2]
        for number in range(4, 8):
            x = self.get_submodule(f"model{number}")(x)  # (B, 512, H/8, W/8)
        x = self.model8(self.model8up(x) + self.model3short8(x3))
        x = self.model9(self.model9up(x) + self.model2short9(x2))
        x = self.model10(self.model10up(x) + self.model1short10(x1))
        return ColorOutput(self.model_out(x).float() * AB_RANGE, None)
