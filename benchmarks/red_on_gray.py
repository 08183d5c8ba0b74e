"""How often is red or orange laid on gray things? On photos whose colours are known, for each model.

    python benchmarks/red_on_gray.py PHOTOS [--count 100] [--model MODEL]...

PHOTOS is a folder or an uncompressed tar. Counted are the pixels that are gray in truth (chroma under 8) and red or
orange in the result (chroma over 22, hue -15 to 78 degrees, Lab), at the size that the photos have.
"""

import argparse
import io
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan import ColorizeGANError, Colorizer
from colorizegan.bench.protocols import gray_of
from colorizegan.color.lab import rgb_to_lab
from colorizegan.data.photoset import PhotoSet

GRAY_CHROMA, STRONG_CHROMA = 8.0, 22.0  # Lab units
RED_HUE = (-15.0, 78.0)  # degrees
MUCH = 0.05  # of a picture


def main() -> int:
    """Print one row for each model."""
    parser = argparse.ArgumentParser(description="How often red or orange is laid on gray things.")
    parser.add_argument("photos", metavar="PHOTOS", help="folder or uncompressed tar, in colour")
    parser.add_argument("--count", type=int, help="only the first so many photos, by name")
    parser.add_argument("--model", action="append", help="model bundle, may be repeated; default the package's")
    options = parser.parse_args()
    try:
        photos = PhotoSet(options.photos)
        models = [Colorizer(model) for model in options.model or [None]]
    except ColorizeGANError as error:
        sys.exit(f"error: {error}")
    shares: list[list[float]] = [[] for _ in models]
    for key in photos.keys[: options.count]:
        rgb = np.asarray(Image.open(io.BytesIO(photos.read_bytes(key))).convert("RGB"))
        truth = lab_of(rgb)
        for model, found in zip(models, shares, strict=True):
            found.append(float(red_on_gray(truth, lab_of(model.colorize(gray_of(truth)))).mean()))
    print(f"{len(shares[0])} photos of {options.photos}\n")
    print(f"| model | red on gray, of all pixels | pictures with over {MUCH:.0%} of it |")
    print("|---|---|---|")
    for model, found in zip(models, shares, strict=True):
        card, much = model.network.card, sum(share > MUCH for share in found)
        print(f"| {card.name} {card.version} | {np.mean(found):.2%} | {much} |")
    return 0


def lab_of(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """sRGB (H, W, 3) -> Lab (H, W, 3)."""
    return rgb_to_lab(rgb.astype(np.float32) / 255).astype(np.float32)


def red_on_gray(truth: NDArray[Any], result: NDArray[Any]) -> NDArray[np.bool_]:
    """Where Lab (H, W, 3) is gray in truth, and red or orange in the result: (H, W)."""
    hue = np.degrees(np.arctan2(result[..., 2], result[..., 1]))
    strong = np.hypot(result[..., 1], result[..., 2]) > STRONG_CHROMA
    gray = np.hypot(truth[..., 1], truth[..., 2]) < GRAY_CHROMA
    return gray & strong & (hue > RED_HUE[0]) & (hue < RED_HUE[1])


if __name__ == "__main__":
    sys.exit(main())
