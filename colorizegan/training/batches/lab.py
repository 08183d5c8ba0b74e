"""sRGB <-> Lab on tensors: the torch twin of `colorizegan.color.lab`."""

import torch
from torch import Tensor

from colorizegan.color.lab import NORMED_XYZ_TO_RGB, RGB_TO_NORMED_XYZ

_EPSILON, _KAPPA_SLOPE = 0.008856, 7.787


def srgb_to_linear(rgb: Tensor) -> Tensor:
    """sRGB 0..1 -> linear light 0..1 (IEC 61966-2-1)."""
    return torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def linear_to_lab(linear: Tensor) -> Tensor:
    """Linear sRGB (B, 3, H, W) 0..1 -> Lab D65 (B, 3, H, W); the torch twin of `color.rgb_to_lab`."""
    matrix = torch.as_tensor(RGB_TO_NORMED_XYZ, dtype=linear.dtype, device=linear.device)
    f = _cube_root(torch.einsum("ij,bjhw->bihw", matrix, linear))
    return torch.stack((116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])), dim=1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Lab D65 (B, 3, H, W) -> sRGB 0..1, clipped to the gamut; differentiable inside it."""
    fy = (lab[:, 0] + 16) / 116
    f = torch.stack((fy + lab[:, 1] / 500, fy, fy - lab[:, 2] / 200), dim=1)
    xyz = torch.where(f > _EPSILON ** (1 / 3), f**3, (f - 16 / 116) / _KAPPA_SLOPE)
    matrix = torch.as_tensor(NORMED_XYZ_TO_RGB, dtype=lab.dtype, device=lab.device)
    linear = torch.einsum("ij,bjhw->bihw", matrix, xyz).clamp(1e-6, 1)  # 0 has an infinite slope below
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _cube_root(t: Tensor) -> Tensor:
    return torch.where(t > _EPSILON, t.clamp(min=_EPSILON) ** (1 / 3), _KAPPA_SLOPE * t + 16 / 116)
