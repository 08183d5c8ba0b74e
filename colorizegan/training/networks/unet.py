"""The default generator: a U-Net from lightness and hints to a distribution over colours and to ab.

Physical units at every border: L in 0..100, ab in Lab units (CIE 1976, D65).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorizegan.bench.measures.squeezenet import FIRES as SQUEEZENET_FIRES
from colorizegan.training.networks.attention import Attention
from colorizegan.training.networks.bins import ab_bin_centres
from colorizegan.training.networks.efficientnet import WIDTHS as RECOGNIZER_WIDTHS
from colorizegan.training.networks.efficientnet import Recognizer
from colorizegan.training.networks.units import AB_SCALE, L_CENTRE, L_SCALE, ColorOutput, annealed_mean

RECOGNIZER_SCALE = 5.0  # about one standard deviation of the recognizer's features


def conv_norm(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU: in this order so that inference folds the norm into the convolution."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class Residual(nn.Module):
    """Two 3x3 convolutions around a skip (He et al. 2016, basic block)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv_norm(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class Fire(nn.Module):
    """Squeeze to few channels, expand by 1x1 and 3x3 side by side (Iandola et al. 2016, SqueezeNet)."""

    def __init__(self, inputs: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.s1 = nn.Conv2d(inputs, squeeze, 1)
        self.e1 = nn.Conv2d(squeeze, expand, 1)
        self.e3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.s1(x))
        return torch.cat((F.relu(self.e1(x)), F.relu(self.e3(x))), dim=1)


class SceneContext(nn.Module):
    """The mean over the whole picture scales and shifts every position: scene-level colour (Perez 2018, FiLM)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width // 2)
        self.out = nn.Linear(width // 2, 2 * width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3))  # (B, C)
        scale, shift = self.out(F.relu(self.hidden(mean))).chunk(2, dim=1)
        return x * (1 + scale[:, :, None, None]) + shift[:, :, None, None]


class Up(nn.Module):
    """One step of the decoder: twice the size, joined with the encoder's features and the hints of that size, a block.

    Args:
        below: channels of the features of half this size.
        skip: channels of the encoder's features of this size.
        width: channels of the result.
        deep: a residual block (two convolutions) instead of a single convolution.
    """

    def __init__(self, below: int, skip: int, width: int, deep: bool = True) -> None:
        super().__init__()
        self.below = nn.Sequential(nn.Conv2d(below, width, 1, bias=False), nn.BatchNorm2d(width))
        self.skip = nn.Sequential(nn.Conv2d(skip + 3, width, 1, bias=False), nn.BatchNorm2d(width))
        self.block = Residual(width) if deep else conv_norm(width, width)

    def forward(self, below: Tensor, skip: Tensor, hints: Tensor, seen: Tensor | None = None) -> Tensor:
        # 1x1 convolutions commute with nearest enlargement, and are four times cheaper before it.
        up = F.interpolate(self.below(below), scale_factor=2.0, mode="nearest")
        joined = up + self.skip(torch.cat((skip, hints), dim=1))
        return self.block(F.relu(joined if seen is None else joined + seen))


class ColorUNet(nn.Module):
    """The default generator: a fully convolutional U-Net from L and hints to a distribution over ab and to ab.

    The encoder has SqueezeNet's layout (so that its ImageNet weights can start it, see `squeezenet.py`), followed by
    residual blocks at 1/32 with a scene-level context; the decoder comes back to half size with skips. Hints join at
    every step of the decoder. The ab head sees the distribution's annealed mean (Zhang et al. 2016, eq. 5) and
    corrects it. With a recognizer, the features of a second encoder that was trained to name things join the
    decoder at 1/32, 1/16 and 1/8; they start as no contribution, so that a trained network can be given one.

    Args:
        widths: channels of the decoder at 1/32, 1/16, 1/8, 1/4 and 1/2 of the input size.
        deep_blocks: residual blocks at 1/32 before the scene context; one more follows it, or attention.
        recognizer: with the second encoder, see `efficientnet.py`.
        attention: with self-attention at 1/32, in place of the last residual block, and at 1/16.
    """

    multiple = 32
    temperature = 0.38  # T of the annealed mean fed to the ab head

    def __init__(
        self,
        widths: tuple[int, int, int, int, int] = (256, 192, 96, 32, 16),
        deep_blocks: int = 1,
        recognizer: bool = False,
        attention: bool = False,
    ) -> None:
        super().__init__()
        w32, w16, w8, w4, w2 = widths
        self.stem = nn.Conv2d(1, 96, 7, 2, 3)
        self.fires = nn.ModuleList(Fire(*sizes) for sizes in SQUEEZENET_FIRES)
        self.down = conv_norm(512 + 3, w32, 3, 2)
        last = Attention(w32) if attention else Residual(w32)
        self.deep = nn.Sequential(*(Residual(w32) for _ in range(deep_blocks)), SceneContext(w32), last)
        self.up16 = Up(w32, 512, w16)
        self.attend16 = Attention(w16) if attention else nn.Identity()
        self.up8 = Up(w16, 512, w8)
        self.up4 = Up(w8, 256, w4, deep=False)
        self.up2 = Up(w4, 96, w2, deep=False)
        centres = torch.from_numpy(ab_bin_centres())  # (Q, 2)
        self.centres: Tensor
        self.register_buffer("centres", centres, persistent=False)
        # Which colour is decided at 1/8 of the size; 1/4 only says where it ends.
        self.class_coarse = nn.Conv2d(w8, len(centres), 1)
        self.class_fine = nn.Conv2d(w4, len(centres), 1)
        self.ab_last = nn.Conv2d(w2, 2, 1)
        self.ab_head = nn.Sequential(conv_norm(w2 + 2, w2), self.ab_last)
        # The ab head starts as "no correction".
        nn.init.zeros_(self.ab_last.weight)
        assert self.ab_last.bias is not None
        nn.init.zeros_(self.ab_last.bias)
        self.recognizer = Recognizer() if recognizer else None
        self.seen = nn.ModuleList()  # what the recognizer saw, for the decoder at 1/32, 1/16 and 1/8
        for inputs, outputs in zip(RECOGNIZER_WIDTHS, (w32, w16, w8), strict=True) if recognizer else ():
            self.seen.append(nn.Conv2d(inputs, outputs, 1))
        for part in self.seen.parameters():
            nn.init.zeros_(part)

    def forward(self, L: Tensor, hint_ab: Tensor | None = None, hint_mask: Tensor | None = None) -> ColorOutput:
        """Colours for `L`.

        Args:
            L: (B, 1, H, W), 0..100, any H and W.
            hint_ab: (B, 2, H, W), Lab units, read only where hint_mask is 1.
            hint_mask: (B, 1, H, W), 1 where a colour is given, else 0.

        Returns:
            ab (B, 2, ceil(H/2), ceil(W/2)) in Lab units; logits (B, Q, ceil(H/4), ceil(W/4)).
        """
        height, width = L.shape[2:]
        if hint_ab is None or hint_mask is None:
            hint_ab, hint_mask = L.new_zeros(len(L), 2, height, width), torch.zeros_like(L)
        bottom, right = -height % self.multiple, -width % self.multiple
        if bottom or right:
            L, hint_ab, hint_mask = (F.pad(x, (0, right, 0, bottom), mode="replicate") for x in (L, hint_ab, hint_mask))
        ab, logits = self.predict_padded(L, hint_ab, hint_mask)
        ab = ab[:, :, : (height + 1) // 2, : (width + 1) // 2]
        return ColorOutput(ab, logits[:, :, : (height + 3) // 4, : (width + 3) // 4])

    def predict_padded(self, L: Tensor, hint_ab: Tensor, hint_mask: Tensor) -> tuple[Tensor, Tensor]:
        """`forward` for sizes that are multiples of 32 already, of which a bundle's graph is made (see `answer.py`)."""
        # --- encoder ---
        x2 = F.relu(self.stem((L - L_CENTRE) / L_SCALE))  # (B, 96, H/2, W/2)
        x = F.max_pool2d(x2, 3, 2, 1)
        for fire in self.fires[:3]:
            x = fire(x)
        x4 = x  # (B, 256, H/4, W/4)
        x = F.max_pool2d(x, 3, 2, 1)
        for fire in self.fires[3:7]:
            x = fire(x)
        x8 = x  # (B, 512, H/8, W/8)
        x16 = self.fires[7](F.max_pool2d(x, 3, 2, 1))  # (B, 512, H/16, W/16)
        # --- hints at every size: their colours, and how much of the cell they cover ---
        hints = torch.cat((hint_ab * hint_mask / AB_SCALE, hint_mask), dim=1)  # (B, 3, H, W)
        h2 = F.max_pool2d(hints, 2) - F.max_pool2d(-hints, 2)  # a single point must not fade away in a mean
        h4 = F.max_pool2d(h2, 2) - F.max_pool2d(-h2, 2)
        h8 = F.avg_pool2d(h4, 2)
        h16 = F.avg_pool2d(h8, 2)
        # --- decoder ---
        seen32, seen16, seen8 = self._recognize(L)
        x = self.down(torch.cat((x16, h16), dim=1))  # (B, w32, H/32, W/32)
        x = self.deep(x if seen32 is None else x + seen32)
        x = self.attend16(self.up16(x, x16, h16, seen16))
        x = self.up8(x, x8, h8, seen8)
        coarse = F.interpolate(self.class_coarse(x), scale_factor=2.0, mode="nearest")
        x = self.up4(x, x4, h4)  # (B, w4, H/4, W/4)
        logits = coarse + self.class_fine(x)  # (B, Q, H/4, W/4)
        # The distribution is taught by its own loss; the ab head reads it and may not bend it.
        mean = self.enlarged_mean(logits.detach(), self.temperature)
        x = self.up2(x, x2, h2)
        residual = self.ab_head(torch.cat((x, (mean / AB_SCALE).to(x.dtype)), dim=1))
        return mean + AB_SCALE * residual.float(), logits

    def _recognize(self, L: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """The recognizer's features as the decoder takes them, at 1/32, 1/16 and 1/8; None without a recognizer."""
        if self.recognizer is None:
            return None, None, None
        # L is close enough to sRGB's codes of gray: 2.55 L is within 8 codes of them.
        maps = self.recognizer((L - L_CENTRE) / L_SCALE)
        first, second, third = (conv(m / RECOGNIZER_SCALE) for conv, m in zip(self.seen, maps, strict=True))
        return first, second, third

    def enlarged_mean(self, logits: Tensor, temperature: float) -> Tensor:
        """The annealed mean of logits (B, Q, h, w), enlarged to (B, 2, 2 h, 2 w)."""
        mean = annealed_mean(logits.float(), self.centres, temperature)
        return F.interpolate(mean, scale_factor=2.0, mode="bilinear", align_corners=False)
