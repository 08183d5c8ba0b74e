"""SqueezeNet 1.0 with given ImageNet weights: a start for the encoder, and features that judge a generator."""

from pathlib import Path

import torch
from torch import Tensor, nn

from colorizegan.bench.measures.squeezenet import MEAN_BGR, feature_maps, read_weights
from colorizegan.training.networks.unet import ColorUNet

_UNIT = 127.5  # 0..255 codes per unit of the generator's scaled input; activations shrink by the same factor


@torch.no_grad()
def start_encoder(generator: ColorUNet, path: Path) -> None:
    """Put ImageNet weights into the generator's encoder so that it computes SqueezeNet's features of the gray picture.

    The three colour filters of the first layer are summed, since gray has three equal channels; the mean is moved
    into the bias. All activations are divided by one factor, which ReLU and max pooling allow.
    """
    weights = read_weights(path)
    filters = weights["conv1.weight"]  # (96, 3, 7, 7), BGR
    centre = _UNIT - torch.tensor(MEAN_BGR)[None, :, None, None]  # code of the scaled input 0, less the mean
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
        self.weights = nn.ParameterDict(
            {name.replace(".", " "): tensor for name, tensor in read_weights(path).items()}
        ).requires_grad_(False)
        self.mean: Tensor
        self.register_buffer("mean", torch.tensor(MEAN_BGR)[None, :, None, None], persistent=False)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """`rgb` (B, 3, H, W), sRGB 0..1 -> five feature maps, shallow to deep."""
        weights = {name.replace(" ", "."): tensor for name, tensor in self.weights.items()}
        return feature_maps(weights, rgb.flip(1) * 255.0 - self.mean)
