"""SqueezeNet 1.0 (Iandola et al. 2016) with given ImageNet weights: a start for the encoder, and fixed features.

The weights are a safetensors file with the names `conv1`, `fires.<i>.s1|e1|e3`; the path is always given by the user.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from colorizegan.errors import DataError
from colorizegan.training.networks.unet import SQUEEZENET_FIRES, ColorUNet, Fire

_MEAN_BGR = (104.0, 117.0, 123.0)  # 0..255, what the published weights subtract
_UNIT = 127.5  # 0..255 codes per unit of the generator's scaled input; activations shrink by the same factor


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise DataError("no such file", path=path, remedy="give the SqueezeNet 1.0 weights as safetensors")
    try:
        weights = {name: tensor.float() for name, tensor in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise DataError(f"not a readable safetensors file ({error})", path=path) from None
    for name, shape in _shapes().items():
        if tuple(weights.get(name, torch.empty(0)).shape) != shape:
            raise DataError(f"holds no SqueezeNet 1.0 ({name} of {'x'.join(map(str, shape))} is missing)", path=path)
    return weights


def _shapes() -> dict[str, tuple[int, ...]]:
    """The weights that the file must hold."""
    shapes: dict[str, tuple[int, ...]] = {"conv1": (96, 3, 7, 7)}
    for i, (inputs, squeeze, expand) in enumerate(SQUEEZENET_FIRES):
        shapes |= {f"fires.{i}.s1": (squeeze, inputs, 1, 1), f"fires.{i}.e1": (expand, squeeze, 1, 1)}
        shapes |= {f"fires.{i}.e3": (expand, squeeze, 3, 3)}
    return {f"{n}.weight": s for n, s in shapes.items()} | {f"{n}.bias": s[:1] for n, s in shapes.items()}


@torch.no_grad()
def start_encoder(generator: ColorUNet, path: Path) -> None:
    """Put ImageNet weights into the generator's encoder so that it computes SqueezeNet's features of the gray picture.

    The three colour filters of the first layer are summed, since gray has three equal channels; the mean is moved
    into the bias. All activations are divided by one factor, which ReLU and max pooling allow.
    """
    weights = _read(path)
    filters = weights["conv1.weight"]  # (96, 3, 7, 7), BGR
    centre = _UNIT - torch.tensor(_MEAN_BGR)[None, :, None, None]  # code of the scaled input 0, less the mean
    generator.stem.weight.copy_(filters.sum(1, keepdim=True))
    assert generator.stem.bias is not None
    generator.stem.bias.copy_((weights["conv1.bias"] + (filters * centre).sum((1, 2, 3))) / _UNIT)
    for i, fire in enumerate(generator.fires):
        for name, conv in fire.named_children():
            assert isinstance(conv, nn.Conv2d)
            assert conv.bias is not None
            conv.weight.copy_(weights[f"fires.{i}.{name}.weight"])
            conv.bias.copy_(weights[f"fires.{i}.{name}.bias"] / _UNIT)


class SqueezeNetFeatures(nn.Module):
    """Fixed features for a perceptual distance. Never report a distance on it for a generator trained with it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        weights = _read(path)
        self.conv1 = nn.Conv2d(3, 96, 7, 2)
        self.fires = nn.ModuleList(Fire(*sizes) for sizes in SQUEEZENET_FIRES)
        self.load_state_dict({name: weights[name] for name in _shapes()})
        self.requires_grad_(False)
        self.mean: Tensor
        self.register_buffer("mean", torch.tensor(_MEAN_BGR)[None, :, None, None], persistent=False)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """`rgb` (B, 3, H, W), sRGB 0..1 -> five feature maps, shallow to deep."""
        x = F.relu(self.conv1(rgb.flip(1) * 255.0 - self.mean))
        maps = [x]
        for i, fire in enumerate(self.fires):
            if i in (0, 3, 7):
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            x = fire(x)
            if i in (2, 4, 6, 7):
                maps.append(x)
        return maps
