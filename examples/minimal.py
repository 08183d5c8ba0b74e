"""The library in three lines: load, colorize, save.

python examples/minimal.py examples/photos/gray/chelsea.jpg chelsea-in-colour.jpg
"""

import sys
from pathlib import Path

from colorizegan import Colorizer
from colorizegan.photo.read import read_photo
from colorizegan.photo.write import write_photo


def main(source: Path, target: Path) -> None:
    """Colorize one photo; size, depth, transparency and metadata of the source are kept."""
    photo = read_photo(source)
    rgb = Colorizer().colorize(photo)  # (H, W, 3), dtype of the source: uint8 or uint16
    write_photo(rgb, photo, target)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/minimal.py PHOTO RESULT")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
