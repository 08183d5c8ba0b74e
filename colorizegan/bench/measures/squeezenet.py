"""SqueezeNet 1.0 (Iandola et al. 2016) with ImageNet weights from a local file, run by torch: fixed features.

The file has tensors conv1.weight|bias and fires.<0..7>.s1|e1|e3.weight|bias. Never report a distance on it for a
generator that was trained against it or started from it.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from colorizegan.errors import DataError, InputError, first_line

MEAN_BGR = (104.0, 117.0, 123.0)  # 0..255, what the published weights subtract
FIRES = (
    (96, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128),
    (256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256),
)  # fmt: skip
"""Channels of each fire module: in, squeezed, and of each of the two expansions."""
SHAPES: dict[str, tuple[int, ...]] = {"conv1.weight": (96, 3, 7, 7)}
for _i, (_in, _squeezed, _out) in enumerate(FIRES):
    SHAPES |= {f"fires.{_i}.s1.weight": (_squeezed, _in, 1, 1), f"fires.{_i}.e1.weight": (_out, _squeezed, 1, 1)}
    SHAPES |= {f"fires.{_i}.e3.weight": (_out, _squeezed, 3, 3)}
SHAPES |= {name.replace("weight", "bias"): shape[:1] for name, shape in SHAPES.items()}


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights, float32. InputError, DataError where the file is missing or another one."""
    if not path.is_file():
        raise InputError("no such file of SqueezeNet weights", path=path, remedy="give SqueezeNet 1.0 as safetensors")
    try:
        weights = {name: tensor.float() for name, tensor in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise DataError(f"not a readable safetensors file ({first_line(error)})", path=path) from None
    for name, shape in SHAPES.items():
        if name not in weights or tuple(weights[name].shape) != shape:
            raise DataError(f"holds no SqueezeNet 1.0 ({name} of {'x'.join(map(str, shape))} is missing)", path=path)
    return {name: weights[name] for name in SHAPES}


def feature_maps(weights: dict[str, Tensor], bgr: Tensor) -> list[Tensor]:
    """`bgr` (B, 3, H, W), 0..255 less MEAN_BGR -> five feature maps, shallow to deep; the last one has 512 channels."""

    def layer(x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        return F.relu_(F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride, padding))

    x = layer(bgr, "conv1", stride=2)
    maps = [x]
    for i in range(len(FIRES)):
        if i in (0, 3, 7):
            x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        squeezed = layer(x, f"fires.{i}.s1")
        x = torch.cat((layer(squeezed, f"fires.{i}.e1"), layer(squeezed, f"fires.{i}.e3", padding=1)), dim=1)
        if i in (2, 4, 6, 7):
            maps.append(x)
    return maps
