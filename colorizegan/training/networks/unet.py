"""Networks: the default generator, the published pix2pix U-Net 256, and PatchGAN discriminators.

Physical units at every border: L in 0..100, ab in Lab units (CIE 1976, D65). The constants that scale them live
here and nowhere else.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from colorizegan.training.bins import ab_bin_centres
from colorizegan.training.efficientnet import WIDTHS as RECOGNIZER_WIDTHS
from colorizegan.training.efficientnet import Recognizer

L_CENTRE, L_SCALE = 50.0, 50.0  # L 0..100 -> -1..1
AB_SCALE = 20.0  # about one standard deviation of ab in photographs; keeps the regression head's output near 1
AB_RANGE = 110.0  # every sRGB colour has |a|, |b| < 110
RECOGNIZER_SCALE = 5.0  # about one standard deviation of the recognizer's features
# Input, squeeze and expand channels of SqueezeNet 1.0's fire modules (Iandola et al. 2016, table 1).
SQUEEZENET_FIRES = (
    (96, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128),
    (256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256),
)  # fmt: skip


class ColorOutput(NamedTuple):
    """What a generator returns: `ab` (B, 2, h, w) in Lab units and, if it has that head, `logits` (B, Q, h', w')."""

    ab: Tensor
    logits: Tensor | None


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
    corrects it. With a recognizer, the features of a fixed second encoder that was trained to name things join the
    decoder at 1/32, 1/16 and 1/8; they start as no contribution, so that a trained network can be given one.

    Args:
        widths: channels of the decoder at 1/32, 1/16, 1/8, 1/4 and 1/2 of the input size.
        deep_blocks: residual blocks at 1/32 before the scene context; one more follows it.
        temperature: T of the annealed mean fed to the ab head.
        recognizer: with the second encoder, see `efficientnet.py`.
    """

    multiple = 32

    def __init__(
        self,
        widths: tuple[int, int, int, int, int] = (256, 192, 96, 32, 16),
        deep_blocks: int = 1,
        temperature: float = 0.38,
        recognizer: bool = False,
    ) -> None:
        super().__init__()
        w32, w16, w8, w4, w2 = widths
        self.temperature = temperature
        self.stem = nn.Conv2d(1, 96, 7, 2, 3)
        self.fires = nn.ModuleList(Fire(*sizes) for sizes in SQUEEZENET_FIRES)
        self.down = conv_norm(512 + 3, w32, 3, 2)
        self.deep = nn.Sequential(*(Residual(w32) for _ in range(deep_blocks)), SceneContext(w32), Residual(w32))
        self.up16 = Up(w32, 512, w16)
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

    def encoder_parts(self) -> list[nn.Module]:
        """The nine parts that SqueezeNet's weights start, first to last."""
        return [self.stem, *self.fires]

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

    def predict_padded(
        self, L: Tensor, hint_ab: Tensor, hint_mask: Tensor, correction: float = 1.0, temperature: float | None = None
    ) -> tuple[Tensor, Tensor]:
        """`forward` for sizes that are multiples of 32 already; this is what the exported graph holds.

        `correction` is the share of the ab head's correction that is applied to the distribution's annealed mean: 1 is
        the faithful but dull answer of the ab head, 0 the vivid one of the distribution, 0.5 the mean of both.
        `temperature` is the T of that mean, None = the one that the ab head was trained on; less is more decided.
        """
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
        x = self.up16(x, x16, h16, seen16)
        x = self.up8(x, x8, h8, seen8)
        coarse = F.interpolate(self.class_coarse(x), scale_factor=2.0, mode="nearest")
        x = self.up4(x, x4, h4)  # (B, w4, H/4, W/4)
        logits = coarse + self.class_fine(x)  # (B, Q, H/4, W/4)
        # The distribution is taught by its own loss; the ab head reads it and may not bend it.
        mean = self.enlarged_mean(logits.detach(), self.temperature)
        x = self.up2(x, x2, h2)
        residual = self.ab_head(torch.cat((x, (mean / AB_SCALE).to(x.dtype)), dim=1))
        answer = mean if temperature is None else self.enlarged_mean(logits.detach(), temperature)
        return answer + correction * AB_SCALE * residual.float(), logits

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


def annealed_mean(logits: Tensor, centres: Tensor, temperature: float) -> Tensor:
    """Mean colour of the distribution sharpened by T (Zhang et al. 2016, eq. 5): (B, Q, h, w) -> (B, 2, h, w)."""
    return torch.einsum("bqhw,qc->bchw", torch.softmax(logits / temperature, dim=1), centres)


class Pix2PixUNet(nn.Module):
    """The published pix2pix generator "U-Net 256" (Isola et al. 2017, appendix 6.1), L to ab instead of RGB to RGB.

    Eight halvings from 256 px to 1 px, 64-512 channels, dropout 0.5 in the three inner decoder steps, tanh at the end.
    Sides must be multiples of 256.
    """

    multiple = 256

    def __init__(self, width: int = 64, dropout: float = 0.5) -> None:
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
                layers.append(nn.Dropout(dropout))
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


class PatchDiscriminator(nn.Module):
    """PatchGAN on (L, ab) pairs: one logit a patch, 70x70 px with three layers (Isola et al. 2017, appendix 6.1).

    Args:
        norm: "batch" as published, or "spectral" (Miyato et al. 2018) for steadier training.
        width: channels of the first layer.
        layers: layers of stride 2.
    """

    def __init__(self, norm: str = "spectral", width: int = 64, layers: int = 3) -> None:
        super().__init__()
        if norm not in ("batch", "spectral"):
            raise ValueError(f"norm must be 'batch' or 'spectral', not {norm!r}")
        widths = [3] + [width * min(2**i, 8) for i in range(layers + 1)]
        modules: list[nn.Module] = []
        for i in range(layers + 1):
            normed = norm == "batch" and i > 0
            conv = nn.Conv2d(widths[i], widths[i + 1], 4, 2 if i < layers else 1, 1, bias=not normed)
            modules.append(spectral_norm(conv) if norm == "spectral" else conv)
            if normed:
                modules.append(nn.BatchNorm2d(widths[i + 1]))
            modules.append(nn.LeakyReLU(0.2))
        last = nn.Conv2d(widths[-1], 1, 4, 1, 1)
        modules.append(spectral_norm(last) if norm == "spectral" else last)
        self.net = nn.Sequential(*modules)

    def forward(self, L: Tensor, ab: Tensor) -> Tensor:
        """Logits (B, 1, h, w), above 0 for real, from `L` (B, 1, H, W) and `ab` (B, 2, H, W) of the same size."""
        return self.net(torch.cat(((L - L_CENTRE) / L_SCALE, ab / AB_RANGE), dim=1))


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


def count_parameters(module: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
