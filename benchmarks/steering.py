"""What hints, proposals, confidence, emulsions and palettes are worth, on photos whose colours are known.

    python benchmarks/steering.py --photos TEST [--count 200] [-o FOLDER]

TEST is a folder or tar of colour photos that the model has not seen. Each is reduced to 256 px, made gray, colorized.
Hints are the mean colours of 5 x 5 px at random places. Differences are CIEDE2000 over all pixels, mean over photos;
intervals are 95 %, by bootstrap over photos. The tables of docs/steering.md.
"""

from __future__ import annotations

import argparse
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--model")
    parser.add_argument("-o", "--out", type=Path, help="folder for the picture of the curve")
    given = parser.parse_args()
    photos = PhotoSet(given.photos)
    keys = photos.keys[:: max(1, len(photos.keys) // given.count)][: given.count]
    colorizer = Colorizer(given.model)
    rng = np.random.default_rng(0)
    by_hints: dict[int, list[float]] = {count: [] for count in COUNTS}
    held: list[float] = []
    single, best, apart, doubt = [], [], [], []
    films: dict[Emulsion, tuple[list[float], list[float]]] = {film: ([], []) for film in FILMS}
    alone, helped = [], []
    risk = np.zeros((50, 2))
    for number, key in enumerate(keys):
        rgb = load(photos, key)
        gray = gray_of(rgb)
        hints = true_hints(rgb, max(COUNTS), rng)
        for count in COUNTS:
            out = colorizer.colorize(gray, Look(hints=hints[:count]))
            by_hints[count].append(difference(out, rgb))
            if count == 5:
                held += kept(out, hints[:5])
        prediction = colorizer.predict(gray)
        risk += reliability(prediction, lab_of(rgb))["by_confidence"]
        if number % 2 == 0:  # the slower ones on half of the photos
            proposals = colorizer.propose(gray, count=5, seed=0)
            errors = [difference(colorizer.colorize(gray, Look(hints=one.hints)), rgb) for one in proposals]
            single.append(by_hints[0][-1])
            best.append(min(errors))
            pairs = [np.hypot(*(a.ab - b.ab)).mean() for i, a in enumerate(proposals) for b in proposals[:i]]
            apart.append(float(np.mean(pairs)) if pairs else 0.0)
            doubt.append(float(1 - prediction.confidence().mean()))
            for film, (auto, told) in films.items():
                shot = gray_of(rgb, film)
                # Only colours are compared: the brightness is that of the film in both.
                target = lab_of(rgb)
                target[..., 0] = lab_of(np.repeat(shot[..., None], 3, 2))[..., 0]
                auto.append(float(ciede2000(lab_of(colorizer.colorize(shot)), target).mean()))
                told.append(float(ciede2000(lab_of(colorizer.colorize(shot, Look(emulsion=film))), target).mean()))
            # Two halves of one photo are neighbours of a series: the left one is known, the right one is wanted.
            middle = rgb.shape[1] // 2
            palette = colorizer.palette(np.ascontiguousarray(rgb[:, :middle]))
            right = np.ascontiguousarray(gray[:, middle:])
            alone.append(difference(colorizer.colorize(right), rgb[:, middle:]))
            helped.append(difference(colorizer.colorize(right, Look(like=palette)), rgb[:, middle:]))

    print(f"{len(keys)} photos of {given.photos.name}, {SIDE} px\n")
    print("| hints | CIEDE2000 |\n|---|---|")
    for count, values in by_hints.items():
        print(f"| {count} | {interval(values)} |")
    within = float(np.mean(np.array(held) <= 3))
    print(f"\nat the hints: {np.median(held):.2f} median, {np.mean(held):.2f} mean, {within:.1%} within 3\n")
    print("| | CIEDE2000 |\n|---|---|")
    print(f"| single answer | {interval(single)} |\n| best of 5 proposals | {interval(best)} |")
    print(f"| gain | {interval([a - b for a, b in zip(single, best, strict=True)])} |")
    order = np.argsort(doubt)
    third = max(1, len(order) // 3)
    low, high = (float(np.mean(np.array(apart)[part])) for part in (order[:third], order[-third:]))
    print(f"\nproposals apart, ab: surest third {low:.2f}, most doubtful third {high:.2f}")
    print(f"correlation of doubt and distance {np.corrcoef(doubt, apart)[0, 1]:.2f}\n")
    coverage, errors = risk_curve(risk[::-1])
    print("| share of cells kept, the surest first | ab error |\n|---|---|")
    for share in (0.1, 0.25, 0.5, 0.75, 1.0):
        print(f"| {share:.0%} | {np.interp(share, coverage, errors):.2f} |")
    print("\n| film | auto | told | gain |\n|---|---|---|---|")
    for film, (auto, told) in films.items():
        gain = interval([a - b for a, b in zip(auto, told, strict=True)])
        print(f"| {film} | {np.mean(auto):.2f} | {np.mean(told):.2f} | {gain} |")
    gain = interval([a - b for a, b in zip(alone, helped, strict=True)])
    print("\n| the other half of the photo | CIEDE2000 |\n|---|---|")
    print(f"| not known | {interval(alone)} |\n| `--like` it | {interval(helped)} |\n| gain | {gain} |")


if __name__ == "__main__":
    main()
