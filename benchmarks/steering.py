"""What hints, proposals, confidence, emulsions and palettes are worth, on photos whose colours are known.

    python benchmarks/steering.py --photos TEST [--count 200] [--model MODEL --model MODEL...]

TEST is a folder or tar of colour photos that the models have not seen. Each is reduced to 256 px, made gray, colorized.
Hints are the mean colours of 5 x 5 px at random places. Differences are CIEDE2000 over all pixels, mean over photos;
intervals are 95 %, by bootstrap over photos. Of several models the last is compared with each of the others, over the
same photos and hints. The tables of docs/steering.md.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan import Colorizer, Hint
from colorizegan.bench.measures.calibration import reliability, risk_curve
from colorizegan.color.difference import ciede2000
from colorizegan.color.lab import lightness_to_gray, linear_to_srgb, rgb_to_lab, srgb_to_linear
from colorizegan.data.photoset import PhotoSet
from colorizegan.steer.film import FILMS, Emulsion
from colorizegan.steer.look import Look

SIDE = 256
COUNTS = (0, 1, 5, 10)
GAINS = (
    ("proposals", "single answer", "best of 5 proposals"),
    *((f"`--emulsion {film}`", f"{film}, auto", f"{film}, told") for film in FILMS),
    ("`--like`", "other half not known", "`--like` the other half"),
)
Photo = NDArray[np.uint8]


def load(photos: PhotoSet, key: str) -> Photo:
    """One photo, its shorter side SIDE px."""
    image = photos.read(key)
    scale = SIDE / min(image.size)
    return np.asarray(image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS))


def lab_of(rgb: Photo) -> NDArray[np.float32]:
    return rgb_to_lab(rgb / np.float32(255)).astype(np.float32)


def gray_of(rgb: Photo, film: Emulsion | None = None) -> Photo:
    """What a film records of a photo; None = what the eye sees."""
    if film is None:
        return np.rint(lightness_to_gray(lab_of(rgb)[..., 0]) * 255).clip(0, 255).astype(np.uint8)
    light = srgb_to_linear(rgb / 255) @ np.array(FILMS[film])
    return np.rint(linear_to_srgb(light) * 255).clip(0, 255).astype(np.uint8)


def true_hints(rgb: Photo, count: int, rng: np.random.Generator) -> list[Hint]:
    """Mean colours of 5 x 5 px at random places."""
    hints = []
    for _ in range(count):
        y, x = int(rng.integers(2, rgb.shape[0] - 2)), int(rng.integers(2, rgb.shape[1] - 2))
        color = rgb[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(0).round().astype(int)
        hints.append(Hint(x, y, "#" + "".join(f"{value:02x}" for value in color)))
    return hints


def difference(rgb: Photo, truth: Photo) -> float:
    return float(ciede2000(lab_of(rgb), lab_of(truth)).mean())


def interval(values: list[float]) -> str:
    """Mean and its 95 % interval."""
    array = np.array(values)
    picks = np.random.default_rng(0).integers(0, len(array), (1000, len(array)))
    low, high = np.percentile(array[picks].mean(1), (2.5, 97.5))
    return f"{array.mean():.2f} [{low:.2f}, {high:.2f}]"


def kept(out: Photo, hints: list[Hint]) -> list[float]:
    """How far the result is from each hint, in CIEDE2000 at the result's own brightness, mean over 5 x 5 px."""
    apart = []
    for hint in hints:
        region = lab_of(out[hint.y - 2 : hint.y + 3, hint.x - 2 : hint.x + 3]).reshape(-1, 3).mean(0)
        apart.append(float(ciede2000(region, np.array([region[0], *hint.ab]))))
    return apart


@dataclass
class Measured:
    """What a model did, photo by photo."""

    errors: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By the name of a table's row: CIEDE2000 of each photo."""
    held: list[float] = field(default_factory=list)
    """Of each of five hints, how far the result is from it."""
    apart: list[float] = field(default_factory=list)
    """Mean ab distance of the proposals of a photo."""
    doubt: list[float] = field(default_factory=list)
    risk: NDArray[np.float64] = field(default_factory=lambda: np.zeros((50, 2)))


def measure(colorizer: Colorizer, photos: PhotoSet, keys: list[str]) -> Measured:
    """Hints and confidence on all photos, the slower ones on every second."""
    found, rng = Measured(), np.random.default_rng(0)
    for number, key in enumerate(keys):
        rgb = load(photos, key)
        gray = gray_of(rgb)
        hints = true_hints(rgb, max(COUNTS), rng)
        for count in COUNTS:
            out = colorizer.colorize(gray, Look(hints=hints[:count]))
            found.errors[f"{count} hints"].append(difference(out, rgb))
            if count == 5:
                found.held += kept(out, hints[:5])
        prediction = colorizer.predict(gray)
        found.risk += reliability(prediction, lab_of(rgb))["by_confidence"]
        if number % 2:
            continue
        proposals = colorizer.propose(gray, count=5, seed=0)
        found.errors["single answer"].append(found.errors["0 hints"][-1])
        tries = [difference(colorizer.colorize(gray, Look(hints=one.hints)), rgb) for one in proposals]
        found.errors["best of 5 proposals"].append(min(tries))
        pairs = [np.hypot(*(a.ab - b.ab)).mean() for i, a in enumerate(proposals) for b in proposals[:i]]
        found.apart.append(float(np.mean(pairs)) if pairs else 0.0)
        found.doubt.append(float(1 - prediction.confidence().mean()))
        for film in FILMS:
            shot = gray_of(rgb, film)
            # Only colours are compared: the brightness is that of the film in both.
            target = lab_of(rgb)
            target[..., 0] = lab_of(np.repeat(shot[..., None], 3, 2))[..., 0]
            for name, look in ((f"{film}, auto", Look()), (f"{film}, told", Look(emulsion=film))):
                found.errors[name].append(float(ciede2000(lab_of(colorizer.colorize(shot, look)), target).mean()))
        # Two halves of one photo are neighbours of a series: the left one is known, the right one is wanted.
        middle = rgb.shape[1] // 2
        palette = colorizer.palette(np.ascontiguousarray(rgb[:, :middle]))
        right = np.ascontiguousarray(gray[:, middle:])
        for name, look in (("other half not known", Look()), ("`--like` the other half", Look(like=palette))):
            found.errors[name].append(difference(colorizer.colorize(right, look), rgb[:, middle:]))
    return found


def main() -> None:
    """Measure every model and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--model", action="append", help="default: the model in the package")
    given = parser.parse_args()
    photos = PhotoSet(given.photos)
    keys = photos.keys[:: max(1, len(photos.keys) // given.count)][: given.count]
    models = [Colorizer(model) for model in given.model or [None]]
    found = [measure(model, photos, keys) for model in models]
    versions = [model.network.card.version for model in models]
    last, *before = reversed(found)

    print(f"{len(keys)} photos of {given.photos.name}, {SIDE} px\n")
    heads = versions + [f"{versions[-1]} less {version}" for version in reversed(versions[:-1])]
    print(f"| CIEDE2000 | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}")
    for name, errors in last.errors.items():
        changes = [np.subtract(errors, other.errors[name]).tolist() for other in before]
        print(f"| {name} | {' | '.join(interval(one) for one in [*(m.errors[name] for m in found), *changes])} |")
    for name, one in zip(versions, found, strict=True):
        print(f"\n{name}:")
        for gained, plain, better in GAINS:
            gains = np.subtract(one.errors[plain], one.errors[better]).tolist()
            print(f"- gain by {gained}: {interval(gains)}")
        within = float(np.mean(np.array(one.held) <= 3))
        print(f"- at the hints: {np.median(one.held):.2f} median, {np.mean(one.held):.2f} mean, {within:.1%} within 3")
        order = np.argsort(one.doubt)
        third = max(1, len(order) // 3)
        low, high = (float(np.mean(np.array(one.apart)[part])) for part in (order[:third], order[-third:]))
        correlation = np.corrcoef(one.doubt, one.apart)[0, 1]
        print(f"- proposals apart, ab: surest third {low:.2f}, most doubtful {high:.2f}; correlation {correlation:.2f}")
        coverage, errors = risk_curve(one.risk[::-1])
        told = [f"{share:.0%} {np.interp(share, coverage, errors):.2f}" for share in (0.1, 0.25, 0.5, 0.75, 1.0)]
        print(f"- ab error of the surest share of cells: {', '.join(told)}")


if __name__ == "__main__":
    main()
