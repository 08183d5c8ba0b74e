"""Is brightness kept? |L_out - L_in| over the pixels of many photos, as PNG and as JPEG at quality 95.

    python benchmarks/lightness.py PHOTOS [--count 100] [--model MODEL]

PHOTOS is a folder or an uncompressed tar. L_in is the lightness (CIE L*, 0..100) of the photo as it was read, in full
size; photos in colour are taken by their luminance. L_out is that of the written file, decoded by libvips.
"""

import argparse
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from colorizegan import ColorizeGANError, Colorizer, read_photo
from colorizegan.color.lab import gray_to_lightness, rgb_to_lab
from colorizegan.data.photoset import PhotoSet
from colorizegan.photo.write import encode_photo

FORMATS = {"PNG": "png", "JPEG, quality 95": "jpeg"}
LARGE = 2.0  # units of L


@dataclass
class Tally:
    """What was found in one format, a number for each photo."""

    mean: list[float] = field(default_factory=list[float])
    largest: list[float] = field(default_factory=list[float])
    share: list[float] = field(default_factory=list[float])
    """Of pixels under LARGE, 0..1."""

    def add(self, apart: NDArray[np.float32]) -> None:
        self.mean.append(float(apart.mean()))
        self.largest.append(float(apart.max()))
        self.share.append(float((apart < LARGE).mean()))


def main() -> int:
    """Print one row for each format; exit 1 where no photo could be measured."""
    parser = argparse.ArgumentParser(description="How far brightness is from that of the photo.")
    parser.add_argument("photos", metavar="PHOTOS", help="folder or uncompressed tar")
    parser.add_argument("--count", type=int, help="only the first so many photos, by name")
    parser.add_argument("--model", help="model bundle; default the one in the package")
    options = parser.parse_args()
    try:
        photos, colorizer = PhotoSet(options.photos), Colorizer(options.model)
    except ColorizeGANError as error:
        sys.exit(f"error: {error}")
    found = {name: Tally() for name in FORMATS}
    keys: list[str] = []
    for key in photos.keys[: options.count]:
        try:
            photo = read_photo(photos.read_bytes(key))
        except ColorizeGANError as error:
            print(f"{key}: left out: {error}", file=sys.stderr)
            continue
        rgb = colorizer.colorize(photo)
        before = lightness(photo.gray)
        for name, format in FORMATS.items():
            data = encode_photo(rgb, photo, format=format, quality=95)
            image: Any = pyvips.Image.new_from_buffer(data, "")
            found[name].add(np.abs(lightness(image.numpy()) - before))
        keys.append(key)
    if not keys:
        sys.exit("error: no photo could be measured")

    card = colorizer.network.card
    print(f"{len(keys)} photos of {options.photos}; model {card.name} {colorizer.network.digest[:12]}\n")
    print("| written as | mean | worst photo's mean | largest | pixels under 2.0 | worst photo's share | that photo |")
    print("|---|---|---|---|---|---|---|")
    for name, tally in found.items():
        mean, share = float(np.mean(tally.mean)), float(np.mean(tally.share))
        worst = int(np.argmin(tally.share))
        print(
            f"| {name} | {mean:.3f} | {max(tally.mean):.3f} | {max(tally.largest):.2f} | {share:.4%}"
            f" | {tally.share[worst]:.4%} | {keys[worst]} |"
        )
    return 0


def lightness(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """CIE L*, 0..100, of gray (H, W) or sRGB (H, W, 3 or 4), uint8 or uint16: (H, W)."""
    values = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    if values.ndim == 2:
        return gray_to_lightness(values).astype(np.float32)
    return rgb_to_lab(values[..., :3])[..., 0].astype(np.float32)


if __name__ == "__main__":
    sys.exit(main())
