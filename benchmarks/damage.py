"""How much damage is noticed: the table of docs/reliability.md.

    python benchmarks/damage.py [--files 60] [--format "TIFF, LZW"]

Writes the example photos in each format, changes one bit, or 32 bytes in a row, at a random place behind the first
tenth of the file, and reads them. A file is refused, or read as it was (the place did not matter), or it is read with
other pixels and not a word: that is what must not be.
"""

import argparse
import io
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pyvips
from PIL import Image

from colorizegan.errors import ColorizeGANError
from colorizegan.photo.read import read_photo

PHOTOS = Path(__file__).parent.parent / "examples/photos/gray"
LONGEST = 640  # px, of the photos
RUN = 32  # bytes of the larger damage
VERDICTS = ("refused", "as it was", "in silence")
Make = Callable[[Image.Image], bytes]


def by_pillow(format: str, **options: Any) -> Make:
    def make(photo: Image.Image) -> bytes:
        file = io.BytesIO()
        photo.save(file, format, **options)
        return file.getvalue()

    return make


def tiff(compression: str, **options: Any) -> Make:
    def make(photo: Image.Image) -> bytes:
        image: Any = pyvips.Image.new_from_array(np.asarray(photo), interpretation="b-w")
        return image.tiffsave_buffer(compression=compression, **options)

    return make


def heic(**options: Any) -> Make:
    def make(photo: Image.Image) -> bytes:
        file = io.BytesIO()
        pillow_heif.from_pillow(photo).save(file, quality=80, **options)
        return file.getvalue()

    return make


FORMATS: dict[str, Make] = {
    "PNG": by_pillow("PNG"),
    "TIFF, Deflate": tiff("deflate"),
    "TIFF, Deflate, tiles": tiff("deflate", tile=True, tile_width=128, tile_height=128),
    "TIFF, LZW": tiff("lzw"),
    "TIFF, JPEG": tiff("jpeg"),
    "TIFF, PackBits": tiff("packbits"),
    "TIFF, not compressed": tiff("none"),
    "JPEG": by_pillow("JPEG", quality=90),
    "JPEG, progressive": by_pillow("JPEG", quality=90, progressive=True),
    "WebP": by_pillow("WEBP", quality=90),
    "WebP, lossless": by_pillow("WEBP", lossless=True),
    "GIF": by_pillow("GIF"),
    "AVIF": by_pillow("AVIF", quality=80),
    "HEIC": heic(),
    "HEIC, tiles": heic(tile_size=256),
    "BMP": by_pillow("BMP"),
    "PGM": by_pillow("PPM"),
}


def damaged(raw: bytes, chance: random.Random, run: int) -> bytes:
    """One bit turned round, or so many bytes others."""
    at = chance.randrange(len(raw) // 10, len(raw) - run)
    new = bytes([raw[at] ^ (1 << chance.randrange(8))]) if run == 1 else chance.randbytes(run)
    return raw[:at] + new + raw[at + run :]


def verdict(raw: bytes, whole: np.ndarray[Any, Any]) -> str:
    try:
        photo = read_photo(raw)
    except ColorizeGANError:
        return VERDICTS[0]
    return VERDICTS[1 if np.array_equal(photo.gray, whole) else 2]


def main() -> None:
    parser = argparse.ArgumentParser(description="How much damage is noticed.")
    parser.add_argument("--files", type=int, default=60, help="of each format and each kind of damage")
    parser.add_argument("--format", choices=FORMATS, help="this one only")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    photos = [Image.open(path).convert("L") for path in sorted(PHOTOS.iterdir())]
    for photo in photos:
        photo.thumbnail((LONGEST, LONGEST))
    print("| format | damage | refused | read as it was | other pixels, not a word |\n|---|---|---|---|---|")
    for name in [args.format] if args.format else FORMATS:
        files = [(raw, read_photo(raw).gray) for raw in map(FORMATS[name], photos)]
        for run in (1, RUN):
            chance = random.Random(f"{name} {run}")
            tried = [files[n % len(files)] for n in range(args.files)]
            found = [verdict(damaged(raw, chance, run), whole) for raw, whole in tried]
            shares = [f"{found.count(one) / args.files:.0%}".replace("%", " %") for one in VERDICTS]
            print(f"| {name} | {'1 bit' if run == 1 else f'{RUN} bytes'} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
