"""How the two feature distances hang on the number of photos, as a share of what gray has on the same photos.

    python benchmarks/feature_distance.py --photos TEST --squeezenet FILE [--count 750] [--model BUNDLE]

TEST is a folder or tar of colour photos that the model has not seen; COUNT of them, evenly spread, are cut as in
photos-val-256. Of each number of photos up to COUNT: median and 5..95 % over 30 random choices of as many. The table of
docs/evaluation.md.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorizegan import Colorizer
from colorizegan.bench.measures.features import SqueezeNet, distances
from colorizegan.bench.protocols import find_protocol, gray_of, prepare
from colorizegan.color.lab import lab_of
from colorizegan.data.photoset import PhotoSet

NUMBERS = (24, 48, 96, 192, 384)
CHOICES = 30
Features = NDArray[np.float32]


def features_of(photos: Path, network: SqueezeNet, model: str, count: int) -> dict[str, Features]:
    """Features of the truth, of gray and of the model's results, (count, 512) each."""
    protocol, colorizer = find_protocol("benchmarks/protocols/photos-val-256.json"), Colorizer(model)
    opened = PhotoSet(photos)
    keys = opened.keys[:: max(1, len(opened.keys) // count)][:count]
    rows: dict[str, list[Features]] = {"truth": [], "gray": [], "model": []}
    for key in keys:
        truth = prepare(opened.read(key), protocol)
        gray = gray_of(lab_of(truth))
        for name, rgb in (("truth", truth), ("gray", np.dstack([gray] * 3)), ("model", colorizer.colorize(gray))):
            rows[name].append(network(rgb))
    return {name: np.stack(found) for name, found in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--squeezenet", type=Path, required=True)
    parser.add_argument("--count", type=int, default=750)
    parser.add_argument("--model", default="default")
    options = parser.parse_args()
    features = features_of(options.photos, SqueezeNet(options.squeezenet), options.model, options.count)
    count, rng = len(features["truth"]), np.random.default_rng(0)
    for number in (*(n for n in NUMBERS if n < count), count):
        shares: dict[str, list[float]] = {}
        for _ in range(CHOICES if number < count else 1):
            chosen = np.sort(rng.choice(count, number, replace=False))
            truth, gray, model = (features[name][chosen] for name in ("truth", "gray", "model"))
            of_gray = distances("squeezenet", gray, truth)
            for name, distance in distances("squeezenet", model, truth).items():
                shares.setdefault(name.removeprefix("squeezenet_"), []).append(100 * distance / of_gray[name])
        for name, found in shares.items():
            low, middle, high = np.percentile(found, (5, 50, 95))
            print(f"{number:5d} photos, {name:8}: {middle:.0f} % of gray's ({low:.0f}..{high:.0f})", flush=True)


if __name__ == "__main__":
    main()
