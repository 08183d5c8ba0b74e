"""The published classification network of "Colorful Image Colorization" (Zhang et al. 2016, section 2 and table 4)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorizegan.training.networks.bins import ab_bin_centres
from colorizegan.training.networks.units import L_CENTRE, L_SCALE, ColorOutput, annealed_mean

# Channels, convolutions, stride of the last or (conv1-3) and dilation of each of the blocks conv1 .. conv7.
BLOCKS = (
    (64, 2, 2, 1), (128, 2, 2, 1), (256, 3, 2, 1), (512, 3, 1, 1),
    (512, 3, 1, 2), (512, 3, 1, 2), (512, 3, 1, 1),
)  # fmt: skip


class Zhang16(nn.Module):
    """L to a distribution over ab bins at a quarter of the size, and its annealed mean.

    Seven blocks of convolutions with ReLU and a batch norm at the end of each, down to 1/8 of the size, with dilated
    convolutions in place of pooling; then one step back up. The paper counts 313 bins; here they are those of
    `bins.ab_bin_centres`, as for the other networks, so that all are trained and scored alike.

    Args:
        width: channels of the first block; 64 as published.
        temperature: T of the annealed mean (eq. 5).
        centres: other bins, (Q, 2) in Lab units.
    """

    multiple = 8
    TEMPERATURE = 0.38

    def __init__(self, width: int = 64, temperature: float = TEMPERATURE, centres: Tensor | None = None) -> None:
        super().__init__()
        self.temperature = temperature
        blocks: list[nn.Module] = []
        inputs = 1
        for channels, count, stride, dilation in BLOCKS:
            outputs = channels * width // 64
            for i in range(count):
                last = i == count - 1
                blocks.append(nn.Conv2d(inputs, outputs, 3, stride if last else 1, dilation, dilation))
                blocks.append(nn.ReLU())
                inputs = outputs
            blocks.append(nn.BatchNorm2d(outputs))
        self.blocks = nn.Sequential(*blocks)  # conv1 .. conv7
        outputs = 256 * width // 64
        self.conv8 = nn.Sequential(
            nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        centres = torch.from_numpy(ab_bin_centres()) if centres is None else centres  # (Q, 2)
        self.centres: Tensor
        self.register_buffer("centres", centres, persistent=False)
        self.head = nn.Conv2d(outputs, len(centres), 1)

    def forward(self, L: Tensor, hint_ab: Tensor | None = None, hint_mask: Tensor | None = None) -> ColorOutput:
        """(B, 1, H, W) L -> ab (B, 2, H/4, W/4) in Lab units and logits (B, Q, H/4, W/4); hints are ignored.

        H and W of any size: padded to a multiple of 8 and cropped back, sizes rounded up.
        """
        height, width = L.shape[2:]
        x = (L - L_CENTRE) / L_SCALE
        bottom, right = -height % self.multiple, -width % self.multiple
        if bottom or right:
            x = F.pad(x, (0, right, 0, bottom), mode="replicate")
        logits = self.head(self.conv8(self.blocks(x)))  # (B, Q, H/4, W/4)
        logits = logits[:, :, : (height + 3) // 4, : (width + 3) // 4]
        return ColorOutput(annealed_mean(logits.float(), self.centres, self.temperature), logits)
