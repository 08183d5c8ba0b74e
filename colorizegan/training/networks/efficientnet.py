"""EfficientNet-Lite0 (Tan & Le 2019, its variant for small devices) as a second encoder: what is in the picture.

The weights are a safetensors file that `scripts/efficientnet_weights.py` writes: batch norms folded into the
convolutions, the three input channels summed for gray, everything after 1/32 of the size left out. The path is always
given by the user. With the three input channels kept, it measures the perceptual distance of colour pictures.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from colorizegan.errors import DataError

# Kernel, stride of the first block, channels, blocks of each stage; the last one (320 channels) is not used.
STAGES = ((3, 1, 16, 1), (3, 2, 24, 2), (5, 2, 40, 2), (3, 2, 80, 3), (5, 1, 112, 3), (5, 2, 192, 4))
STEM = 32  # channels
EXPANSION = 6  # of every block but those of the first stage, which do not expand
WIDTHS = (192, 112, 40)  # channels of what `forward` returns


class SamePad(nn.Module):
    """A convolution that pads as TensorFlow's SAME does, for even sides: at stride 2 more below and on the right."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        even = kernel // 2
        self.pad = (even - 1, even, even - 1, even) if stride == 2 else None
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, 0 if self.pad else even, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, self.pad) if self.pad else x)


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow (Sandler et al. 2018), ReLU6 after the first two; norms are folded in."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = nn.Conv2d(inputs, width, 1) if expansion > 1 else None
        self.filter = SamePad(width, width, kernel, stride, groups=width)
        self.project = nn.Conv2d(width, outputs, 1)
        self.skips = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.filter(y)))
        return x + y if self.skips else y


class Recognizer(nn.Module):
    """EfficientNet-Lite0 up to 1/32 of the size; its features tell things apart. Fixed unless freed.

    channels: 1 for gray pictures, 3 for sRGB.
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.stem = SamePad(channels, STEM, 3, 2)
        self.stages = nn.ModuleList()
        inputs = STEM
        for kernel, stride, outputs, blocks in STAGES:
            expansion = 1 if inputs == STEM else EXPANSION
            stage = nn.Sequential()
            for i in range(blocks):
                stage.append(InvertedResidual(inputs, outputs, kernel, stride if i == 0 else 1, expansion))
                inputs = outputs
            self.stages.append(stage)
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of a picture (B, channels, H, W), sRGB codes scaled to -1..1, sides multiples of 32.

        (B, 192, H/32, W/32), (B, 112, H/16, W/16) and (B, 40, H/8, W/8), of either sign, magnitudes of some units.
        """
        maps = self.all_stages(x)
        return maps[5], maps[4], maps[2]

    def all_stages(self, x: Tensor) -> list[Tensor]:
        """What each of the six stages gives, as `forward` takes the picture."""
        x = F.relu6(self.stem(x))
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class EfficientNetFeatures(nn.Module):
    """Fixed features of colour pictures for a perceptual distance. Raises DataError as `start_recognizer`."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.network = Recognizer(3)
        start_recognizer(self.network, path, "make it with scripts/efficientnet_weights.py --colour")

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """`rgb` (B, 3, H, W), sRGB 0..1, sides multiples of 32 -> three feature maps, at 1/8, 1/16 and 1/32."""
        return list(reversed(self.network(2 * rgb - 1)))


@torch.no_grad()
def start_recognizer(
    recognizer: Recognizer, path: Path, remedy: str = "make it with scripts/efficientnet_weights.py"
) -> None:
    """Put the weights of a file into the recognizer. DataError: missing, unreadable, or of another network."""
    try:
        weights = {name: tensor.float() for name, tensor in load_file(path).items()}
        recognizer.load_state_dict(weights)
    except FileNotFoundError:
        raise DataError("no such file", path=path, remedy=remedy) from None
    except (SafetensorError, OSError) as error:
        raise DataError(f"not a readable safetensors file ({error})", path=path, remedy=remedy) from None
    except RuntimeError:  # names or shapes of another network
        raise DataError("holds no EfficientNet-Lite0 up to 1/32 of the size", path=path, remedy=remedy) from None
