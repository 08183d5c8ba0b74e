"""From RGB crops to what the network sees and what it must answer; random, batched, on the device.

Old films did not see brightness as the eye does: the gray input is varied in spectral sensitivity, tone, sharpness,
grain and compression, while the colours to be learned stay those of the photo.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from colorizegan.training.batches.lab import _cube_root, linear_to_lab, srgb_to_linear
from colorizegan.training.config import AugmentConfig

# Sensitivity to linear R, G, B: as the eye sees, panchromatic, orthochromatic, blue-sensitive, red filter, and a guess
# at near infrared (skies dark, leaves and skin light), which a photo in colour has not recorded.
_FILMS = (
    (0.213, 0.715, 0.072), (0.33, 0.40, 0.27), (0.04, 0.58, 0.38),
    (0.01, 0.14, 0.85), (0.85, 0.13, 0.02), (0.75, 0.55, -0.30),
)  # fmt: skip
# Quantisation of brightness at quality 50 (ITU-T T.81, table K.1).
_JPEG_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip


MOST_HINTS = 8  # in a crop
Chance = Callable[..., Tensor]  # shape, a crop a row -> random numbers, uniform in 0..1 or normal


class Batch(NamedTuple):
    """One training batch. L 0..100; ab in Lab units; hints as the generator takes them."""

    L: Tensor  # (B, 1, S, S), what the generator sees
    L_true: Tensor  # (B, 1, S, S), of the photo
    ab: Tensor  # (B, 2, S, S)
    hint_ab: Tensor  # (B, 2, S, S)
    hint_mask: Tensor  # (B, 1, S, S)


def make_batch(
    rgb: Tensor, config: AugmentConfig, generator: torch.Generator, share: tuple[int, int] = (0, 1)
) -> Batch:
    """RGB crops (B, 3, S, S) uint8 -> a training batch; all chance comes from `generator`, on the device of that.

    `share` is (process, processes): the crops are that share of a batch, and get what they would get in the whole one.
    """
    device, count = rgb.device, len(rgb)
    own = slice(share[0] * count, (share[0] + 1) * count)

    def chance(*shape: int) -> Tensor:
        numbers = torch.rand((share[1] * shape[0], *shape[1:]), generator=generator, device=generator.device)
        return numbers[own].to(device)

    def noise(*shape: int) -> Tensor:
        numbers = torch.randn((share[1] * shape[0], *shape[1:]), generator=generator, device=generator.device)
        return numbers[own].to(device)

    if config.flip:
        mirrored = chance(count) < 0.5
        rgb = torch.where(mirrored[:, None, None, None], rgb.flip(3), rgb)
    linear = srgb_to_linear(rgb.float() / 255)
    lab = linear_to_lab(linear)
    L_true, ab = lab[:, :1], lab[:, 1:] * config.chroma
    L = L_true
    if config.film > 0:
        filmed = (chance(count) < config.film)[:, None, None, None]
        L = torch.where(filmed, _film(linear, chance, noise), L_true)
    hint_ab, hint_mask = _hints(ab, config.hints, chance)
    return Batch(L, L_true, ab, hint_ab, hint_mask)


def plain_batch(rgb: Tensor) -> Batch:
    """RGB crops (B, 3, S, S) uint8 -> a batch without any variation or hints, for validation."""
    lab = linear_to_lab(srgb_to_linear(rgb.float() / 255))
    L = lab[:, :1]
    return Batch(L, L, lab[:, 1:], torch.zeros_like(lab[:, 1:]), torch.zeros_like(L))


def _film(linear: Tensor, chance: Chance, noise: Chance) -> Tensor:
    """The crops as a random film would have recorded them: L (B, 1, S, S)."""
    count, size = len(linear), linear.shape[-1]
    films = linear.new_tensor(_FILMS)
    # A blend of the eye's sensitivity with a random film, so that extreme emulsions stay rare.
    pick = films[(chance(count) * len(_FILMS)).long().clamp(max=len(_FILMS) - 1)]  # (B, 3)
    share = chance(count, 1)
    mix = share * pick + (1 - share) * films[0]
    y = (linear * mix[:, :, None, None]).sum(1, keepdim=True)  # (B, 1, S, S)
    L = 116 * _cube_root(y) - 16
    # Tone: a gamma, then blacks lifted and whites pulled down as in a faded print.
    gamma = torch.exp((chance(count, 1, 1, 1) - 0.5) * 0.7)
    black, white = 15 * chance(count, 1, 1, 1) ** 2, 100 - 15 * chance(count, 1, 1, 1) ** 2
    L = black + (white - black) * (L.clamp(0, 100) / 100) ** gamma
    soft = F.avg_pool2d(F.pad(L, (1, 1, 1, 1), mode="replicate"), 3, 1)
    # Half of them softer, as an old lens draws, half sharpened, as scanners and labs do: up to twice the fine contrast.
    sharpen = torch.where(chance(count, 1, 1, 1) < 0.5, 1.0, -1.0)
    L = torch.lerp(L, soft, sharpen * chance(count, 1, 1, 1) ** 2)
    L = (L + grain_noise(size, count, chance, noise) * 8 * chance(count, 1, 1, 1) ** 2).clamp(0, 100)
    # Half of them come as scans that were saved as JPEG.
    return torch.where(chance(count, 1, 1, 1) < 0.5, jpeg_blocks(L, 30 + 65 * chance(count)), L)


def grain_noise(size: int, count: int, chance: Chance, noise: Chance) -> Tensor:
    """Grain of variance 1, (B, 1, S, S): as fine as a pixel, or coarser, as in a scan that was enlarged."""
    fine = noise(count, 1, size, size)
    coarse = F.interpolate(noise(count, 1, size * 2 // 3, size * 2 // 3), (size, size), mode="bicubic")
    coarse = coarse / coarse.std(dim=(2, 3), keepdim=True)
    return torch.where(chance(count, 1, 1, 1) < 0.5, fine, coarse)


def jpeg_blocks(L: Tensor, quality: Tensor) -> Tensor:
    """L (B, 1, S, S) as JPEG keeps it at a quality (B,) of 1..100: cosines of 8 x 8 px, rounded (ITU-T T.81, A.3)."""
    count, _, height, width = L.shape
    padded = F.pad(L * 2.55 - 128, (0, -width % 8, 0, -height % 8), mode="replicate")
    rows, columns = padded.shape[2] // 8, padded.shape[3] // 8
    blocks = padded.view(count, rows, 8, columns, 8).transpose(2, 3)  # (B, rows, columns, 8, 8)
    k, x = torch.arange(8.0, device=L.device)[:, None], torch.arange(8.0, device=L.device)[None]
    cosines = torch.cos((2 * x + 1) * k * torch.pi / 16) / 2
    cosines[0] /= 2**0.5
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None, None]
    steps = ((L.new_tensor(_JPEG_STEPS) * scale + 50) / 100).floor().clamp(1, 255)[:, None, None]
    kept = (cosines @ blocks @ cosines.T / steps).round() * steps
    codes = (cosines.T @ kept @ cosines).transpose(2, 3).reshape(count, 1, rows * 8, columns * 8)
    return ((codes[:, :, :height, :width] + 128) / 2.55).clamp(0, 100)


def _hints(ab: Tensor, share: float, chance: Chance) -> tuple[Tensor, Tensor]:
    """A few squares of true mean colour in `share` of the crops (Zhang et al. 2017, section 3.1)."""
    count, _, size, _ = ab.shape
    mask = ab.new_zeros(count, 1, size, size)
    hint_ab = torch.zeros_like(ab)
    if share <= 0:
        return hint_ab, mask
    numbers = torch.stack((chance(count), chance(count)), 1)
    number = torch.where(numbers[:, 0] < share, 1 + (numbers[:, 1] * MOST_HINTS).long(), 0)  # (B,)
    # In double, so that the largest chance below 1 does not round up to a square outside.
    y, x, radius = chance(count, MOST_HINTS, 3).double().unbind(2)  # (B, 8)
    radius = (radius * 4).long()  # squares of 1 to 7 px
    top, left = ((place * (size - 2 * radius)).long()[..., None] for place in (y, x))
    line = torch.arange(size, device=ab.device)
    side = 2 * radius[..., None] + 1
    rows = (line >= top) & (line < top + side)  # (B, 8, S)
    columns = (line >= left) & (line < left + side)
    sums = torch.einsum("bkh,bchw,bkw->bkc", rows.to(ab.dtype), ab, columns.to(ab.dtype))
    means = sums / (side * side)  # (B, 8, 2)
    for k in range(MOST_HINTS):  # a later square lies on top
        square = (rows[:, k, :, None] & columns[:, k, None, :] & (k < number)[:, None, None])[:, None]  # (B, 1, S, S)
        hint_ab = torch.where(square, means[:, k, :, None, None], hint_ab)
        mask = torch.where(square, 1.0, mask)
    return hint_ab, mask
