"""One photo through the whole path (read, colorize, write) against a plain libvips copy of the same file.

    python benchmarks/whole_path.py [PHOTO] [--photos FOLDER] [--rounds 9] [--model MODEL]

In one warm process, in turn, so that a noisy machine disturbs both: the copy decodes the file into memory and encodes
it as JPEG at quality 95; the whole path is what `colorizegan colorize` does with a photo. Medians are printed. The peak
memory is that of a fresh process that colorizes the photo once.

Without PHOTO two files of 12 Mpx are made, the same gray picture stored as RGB and as one channel (whose copy costs a
third). They are tiled from crops, at their own scale, of the pictures in FOLDER or of the example photos, and so have
the fine detail that makes a JPEG slow.
"""

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyvips
from PIL import Image, ImageOps

from colorizegan import Colorizer
from colorizegan.photo.read import read_photo
from colorizegan.photo.write import write_photo

EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "photos" / "original"
WIDTH, HEIGHT = 4000, 3000
TILE = 250  # px, divides both
QUALITY = 95
PHASES = ("read", "colorize", "write")


def main() -> int:
    """Print one row for each file."""
    parser = argparse.ArgumentParser(description="The whole path against a plain copy.")
    parser.add_argument("photo", nargs="?", type=Path, metavar="PHOTO")
    parser.add_argument("--photos", type=Path, metavar="FOLDER", default=EXAMPLES, help="pictures to tile from")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--model", help="model bundle; default the one in the package")
    parser.add_argument("--once", type=Path, metavar="RESULT", help=argparse.SUPPRESS)  # what the fresh process does
    options = parser.parse_args()
    if options.once:
        colorize(Colorizer(options.model), options.photo, options.once)
        print(peak_memory())
        return 0

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {options.photo.name: options.photo} if options.photo else make_files(options.photos, folder)
        colorizer = Colorizer(options.model)
        print(
            f"{os.cpu_count()} cores, {colorizer.network.threads} threads; medians of {options.rounds} rounds,"
            f" seconds; model {colorizer.network.card.name} {colorizer.network.digest[:12]}\n"
        )
        head = ("file", "px", "MB", "copy", "whole path", "ratio", *PHASES, "peak MB")
        print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
        for label, photo in files.items():
            copies, phases = measure(colorizer, photo, folder, options.rounds)
            copy, whole = statistics.median(copies), statistics.median(map(sum, phases))
            parts = [f"{statistics.median(part):.3f}" for part in zip(*phases, strict=True)]
            peak = peak_of_fresh_process(photo, folder / "once.jpg", options.model)
            with Image.open(photo) as picture:
                size = f"{picture.width} x {picture.height}"
            megabytes = f"{photo.stat().st_size / 1e6:.1f}"
            row = (label, size, megabytes, f"{copy:.3f}", f"{whole:.3f}", f"{whole / copy:.2f}", *parts)
            print("| " + " | ".join(row) + f" | {peak / 1e6:.0f} |")
    return 0


def measure(
    colorizer: Colorizer, photo: Path, folder: Path, rounds: int
) -> tuple[list[float], list[tuple[float, ...]]]:
    """Seconds of each copy, and of the phases of each whole path. The first round of both warms up."""
    copies: list[float] = []
    phases: list[tuple[float, ...]] = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        copy(photo, folder / "copy.jpg")
        copies.append(time.perf_counter() - start)
        phases.append(colorize(colorizer, photo, folder / "result.jpg"))
    return copies[1:], phases[1:]


def copy(photo: Path, target: Path) -> None:
    """Decode into memory and encode, nothing else."""
    pyvips.cache_set_max(0)  # or libvips would remember the decoded file of the round before
    image: Any = pyvips.Image.new_from_file(str(photo), memory=True)
    image.jpegsave(str(target), Q=QUALITY, keep="none")


def colorize(colorizer: Colorizer, photo: Path, target: Path) -> tuple[float, ...]:
    """What `colorizegan colorize` does with one photo; seconds of each phase."""
    times = [time.perf_counter()]
    opened = read_photo(photo)
    times.append(time.perf_counter())
    rgb = colorizer.colorize(opened)
    times.append(time.perf_counter())
    write_photo(rgb, opened, target, quality=QUALITY)
    times.append(time.perf_counter())
    return tuple(after - before for before, after in pairwise(times))


def peak_of_fresh_process(photo: Path, target: Path, model: str | None) -> int:
    """Bytes that a process had in memory at its fullest, from its start to the written result."""
    command = [sys.executable, __file__, str(photo), "--once", str(target)]
    command += ["--model", model] if model else []
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def peak_memory() -> int:
    """Most resident memory that this process ever had, bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux ru_maxrss also counts the parent from before this program was loaded, and the parent is large.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def make_files(source: Path, folder: Path) -> dict[str, Path]:
    """Two gray JPEGs of one detailed picture: RGB and one channel."""
    sheet = Image.new("L", (WIDTH, HEIGHT))
    tiles = crops(source)
    for top in range(0, HEIGHT, TILE):
        for left in range(0, WIDTH, TILE):
            sheet.paste(next(tiles), (left, top))
    files = {"gray as RGB": folder / "rgb.jpg", "gray, one channel": folder / "gray.jpg"}
    for path, mode in zip(files.values(), ("RGB", "L"), strict=True):
        sheet.convert(mode).save(path, quality=QUALITY, subsampling=0)
    return files


def crops(source: Path) -> Iterator[Image.Image]:
    """Endless gray squares of TILE px, each from another place of the next picture, half of them mirrored."""
    suffixes = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in suffixes)
    pictures: list[Image.Image] = []
    for path in paths[:200]:
        with Image.open(path) as picture:
            if min(picture.size) >= TILE:
                pictures.append(picture.convert("L"))
    if not pictures:
        sys.exit(f"{source}: no picture of at least {TILE} px")
    dice = random.Random(0)
    while True:
        for picture in pictures:
            left, top = dice.randint(0, picture.width - TILE), dice.randint(0, picture.height - TILE)
            square = picture.crop((left, top, left + TILE, top + TILE))
            yield ImageOps.mirror(square) if dice.random() < 0.5 else square


if __name__ == "__main__":
    sys.exit(main())
