"""A contact sheet of a model's work: each photo in gray, colorized and, unless --no-truth, as it was.

    python scripts/contact_sheet.py PHOTOS -o SHEET [--model MODEL] [--random 48 --seed 0] [--columns 3] [--side 150]

PHOTOS is a folder or an uncompressed tar, of colour photos, whose luminance is the input.
docs/kodak.jpg: python scripts/contact_sheet.py ../shared/data/kodak.tar -o docs/kodak.jpg
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from colorizegan import Colorizer
from colorizegan.color.lab import rgb_to_gray
from colorizegan.data.photoset import PhotoSet

GAP = 6  # px between photos


def main() -> None:
    """Read, colorize, lay out, save."""
    parser = argparse.ArgumentParser(description="A contact sheet: gray, colorized, truth.")
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="SHEET")
    parser.add_argument("--model", help="model bundle; default the one in the package")
    parser.add_argument("--random", type=int, metavar="N", help="N photos by chance; default all, in order")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--columns", type=int, default=3, help="photos side by side")
    parser.add_argument("--side", type=int, default=150, help="longer side of one picture, px")
    parser.add_argument("--no-truth", action="store_true", help="leave the originals out")
    options = parser.parse_args()

    photos, colorizer = PhotoSet(options.photos), Colorizer(options.model)
    keys = photos.keys
    if options.random is not None:
        chosen = np.random.default_rng(options.seed).choice(len(keys), min(options.random, len(keys)), replace=False)
        keys = [keys[i] for i in chosen]
    cells: list[Image.Image] = []
    for key in keys:
        truth = photos.read(key)
        gray = rgb_to_gray(np.asarray(truth))
        pictures = [Image.fromarray(gray).convert("RGB"), Image.fromarray(colorizer.colorize(gray))]
        cells.append(side_by_side(pictures if options.no_truth else [*pictures, truth], options.side))
    sheet = lay_out(cells, options.columns)
    sheet.save(options.output, quality=85, optimize=True)
    print(f"{options.output}: {len(cells)} photos, {sheet.width} x {sheet.height} px")


def side_by_side(pictures: list[Image.Image], side: int) -> Image.Image:
    """Pictures of one shape in a row, the longer side of each `side` px, centred in squares."""
    width, height = pictures[0].size
    scale = side / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    row = Image.new("RGB", (side * len(pictures), size[1]), "white")
    for i, picture in enumerate(pictures):
        row.paste(picture.resize(size, Image.Resampling.LANCZOS), (i * side + (side - size[0]) // 2, 0))
    return row


def lay_out(cells: list[Image.Image], columns: int) -> Image.Image:
    """Cells of one width in rows, each row as high as its highest cell."""
    rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
    heights = [max(cell.height for cell in row) + GAP for row in rows]
    width = cells[0].width + GAP
    sheet = Image.new("RGB", (columns * width - GAP, sum(heights) - GAP), "white")
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            sheet.paste(cell, (x * width, sum(heights[:y])))
    return sheet


if __name__ == "__main__":
    main()
