"""Make docs/before_after.jpg, the README's picture: each example photo in gray, as colorized, and as it was.

python scripts/readme_picture.py [MODEL]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from colorizegan import Colorizer
from colorizegan.photo.read import read_photo

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = ROOT / "examples" / "photos"
RESULT = ROOT / "docs" / "before_after.jpg"
SIDE = 300  # px of one square tile
GAP = 8


def main(model: str | None) -> None:
    """Rows: the photos; columns: gray input, result, original."""
    colorizer = Colorizer(model)
    rows: list[list[Image.Image]] = []
    for path in sorted((PHOTOS / "gray").glob("*.jpg")):
        colored = colorizer.colorize(read_photo(path))
        with Image.open(path) as gray, Image.open(PHOTOS / "original" / path.name) as original:
            rows.append([tile(gray), tile(Image.fromarray(np.asarray(colored))), tile(original)])

    step = SIDE + GAP
    sheet = Image.new("RGB", (3 * step - GAP, len(rows) * step - GAP), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            sheet.paste(picture, (x * step, y * step))
    sheet.save(RESULT, quality=85, optimize=True)
    print(f"{RESULT.relative_to(ROOT)}: {sheet.width} x {sheet.height} px, {RESULT.stat().st_size // 1000} kB")


def tile(photo: Image.Image) -> Image.Image:
    """The centred square of a photo, SIDE px."""
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    square = photo.convert("RGB").crop((left, top, left + side, top + side))
    return square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
