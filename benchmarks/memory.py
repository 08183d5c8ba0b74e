"""Peak memory of one scan of 100 Mpx with 16 bits, and how memory grows over many photos of 1 Mpx.

    python benchmarks/memory.py [--side 10000] [--photos 2000] [--model MODEL]

Both are what `colorizegan colorize` does, in a fresh process. A row holds the peak of that process and that of its
largest decoder process; the two are not at their peaks at the same time, so their sum is an upper bound for both. The
scan is an uncompressed gray TIFF of noise over waves, which no encoder makes small. Growth is that of the resident
memory of the process from a quarter of the photos to the last.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from PIL import Image

from colorizegan.batch.ledger import Ledger
from colorizegan.batch.plan import make_plan
from colorizegan.batch.run import run_jobs, workers_for
from colorizegan.colorize_file import FileOptions
from colorizegan.colorizer import Colorizer

ROWS = 500  # of the scan, made at a time
SIDE = 1000  # px of the many photos
MIB = 1 << 20


def main() -> int:
    """Print one row for each of the two."""
    parser = argparse.ArgumentParser(description="Peak memory and its growth.")
    parser.add_argument("--side", type=int, default=10_000, help="sides of the scan, px")
    parser.add_argument("--photos", type=int, default=2_000, help="how many photos of 1 Mpx")
    parser.add_argument("--model", help="model bundle; default the one in the package")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)  # what the fresh process does
    options = parser.parse_args()
    if options.run:
        return run(options.run, options.model)
    print("| run | photos done | process, MiB | decoder, MiB | growth, MiB |\n|---|---|---|---|---|")
    for label, make in (("scan", make_scan), ("many", make_many)):
        with tempfile.TemporaryDirectory() as name:
            make(Path(name), options)
            command = [sys.executable, __file__, "--run", name, *(["--model", options.model] if options.model else [])]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        print(f"| {label} | {done.stdout.strip()} |")
    return 0


def run(album: Path, model: str | None) -> int:
    """Colorize a folder; print how many photos are done, the two peaks and the growth."""
    plan = make_plan([str(album / "in")], str(album / "out"))
    workers, threads = workers_for(len(plan.jobs))
    colorizer = Colorizer(model, threads=threads)
    marks: dict[int, int] = {}
    done = 0
    results = run_jobs(plan.jobs, colorizer, FileOptions(), ledger=Ledger(album / "out"), workers=workers)
    for i, result in enumerate(results):
        done += result.status == "done"
        marks[i] = memory("VmRSS")
        if len(plan.jobs) > 1:
            result.job.target.unlink()
    growth = marks[len(plan.jobs) - 1] - marks[len(plan.jobs) // 4]
    decoder = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"{done} | {memory('VmHWM') / MIB:.0f} | {decoder / MIB:.0f} | {growth / MIB:.1f}")
    return 0


def memory(name: str) -> int:
    """A figure of this process, bytes, by its name in Linux; elsewhere the peak."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(next(line for line in status.read_text().splitlines() if line.startswith(name)).split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def make_scan(folder: Path, options: Any) -> None:
    """One large TIFF."""
    (folder / "in").mkdir()
    side, dice = options.side, np.random.default_rng(0)
    picture = np.empty((side, side), np.uint16)
    y, x = np.mgrid[0:ROWS, 0:side]
    waves = 30_000 + 20_000 * np.sin(x / 97) * np.cos(y / 61)
    for top in range(0, side, ROWS):
        rows = picture[top : top + ROWS]
        rows[:] = np.clip(waves[: len(rows)] + dice.normal(0, 300, rows.shape), 0, 65535)
    image: Any = pyvips.Image.new_from_memory(picture.data, side, side, 1, "ushort")
    image.copy(interpretation="grey16").tiffsave(str(folder / "in" / "scan.tif"), compression="none", keep="none")


def make_many(folder: Path, options: Any) -> None:
    """Many names of one JPEG."""
    (folder / "in").mkdir()
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    gray = 128 + 80 * np.sin(x / 9) * np.cos(y / 7) + np.random.default_rng(0).normal(0, 6, (SIDE, SIDE))
    first = folder / "in" / "0.jpg"
    Image.fromarray(np.clip(gray, 0, 255).astype(np.uint8)).save(first, quality=90)
    for i in range(1, options.photos):
        os.link(first, folder / "in" / f"{i}.jpg")


if __name__ == "__main__":
    sys.exit(main())
