"""Photos a second of a folder of 1-Mpx photos: the batch against the network alone and against one file at a time.

    python benchmarks/throughput.py [--photos 1000] [--rounds 3] [--model MODEL]

Three runs over the same photos, in turn, `--rounds` times; medians are printed. The network alone gets lightness at its
working size from memory, as many photos at a time as there are cores, and does nothing else: no program that runs this
network can be faster. One file at a time is the loop that a script would have: read, colorize, write, with all
cores for each step. The batch is what `colorizegan colorize FOLDER` does. Growth is that of the resident memory of the
batch's process over the last half of the last round.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from memory import MIB, make_many, memory

from colorizegan.batch import Settings, run_jobs, workers_for
from colorizegan.colorizer import Colorizer, working_lightness
from colorizegan.jobs import make_plan
from colorizegan.ledger import Ledger
from colorizegan.photo import read_photo, write_photo
from colorizegan.predict import cpu_threads


def main() -> int:
    """Print the three rates and the batch's shares of the other two."""
    parser = argparse.ArgumentParser(description="Photos a second.")
    parser.add_argument("--photos", type=int, default=1000, help="how many photos")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", help="model bundle; default the one in the package")
    options = parser.parse_args()
    rates: dict[str, list[float]] = {"network": [], "one at a time": [], "batch": []}
    growth = 0
    with tempfile.TemporaryDirectory() as name:
        album = Path(name)
        make_many(album, options)
        photos = sorted((album / "in").iterdir())
        for turn in range(options.rounds):
            rates["network"].append(network_alone(photos, options.model))
            rates["one at a time"].append(one_at_a_time(photos, album / "loop", options.model))
            rate, growth = batch(album, f"out{turn}", options.model)
            rates["batch"].append(rate)
    print(f"{cpu_threads()} cores, {options.photos} photos, medians of {options.rounds} rounds\n")
    print("| run | photos a second | lowest .. highest |\n|---|---|---|")
    for label, found in rates.items():
        print(f"| {label} | {statistics.median(found):.2f} | {min(found):.2f} .. {max(found):.2f} |")
    for label in ("network", "one at a time"):
        shares = [mine / other for mine, other in zip(rates["batch"], rates[label], strict=True)]
        print(f"| batch / {label} | {statistics.median(shares):.2f} | {min(shares):.2f} .. {max(shares):.2f} |")
    print(f"\nGrowth of the batch's process over the last half: {growth / MIB:.1f} MiB")
    return 0


def network_alone(photos: list[Path], model: str | None) -> float:
    """Photos a second of the network by itself, the better of: a thread for each photo, all threads for one."""
    best = 0.0
    for workers in {1, cpu_threads()}:
        colorizer = Colorizer(model, threads=max(1, cpu_threads() // workers))
        L = working_lightness(read_photo(photos[0]).gray, colorizer.working_size(None))
        inputs: list[Any] = [L + np.float32(i % 7) for i in range(len(photos))]
        colorizer.predictor.predict(L)
        with ThreadPoolExecutor(workers) as pool:
            start = time.perf_counter()
            for _ in pool.map(colorizer.predictor.predict, inputs):
                pass
            best = max(best, len(photos) / (time.perf_counter() - start))
    return best


def one_at_a_time(photos: list[Path], folder: Path, model: str | None) -> float:
    """Photos a second of a plain loop."""
    folder.mkdir(exist_ok=True)
    colorizer = Colorizer(model)
    start = time.perf_counter()
    for path in photos:
        photo = read_photo(path)
        write_photo(colorizer.colorize_photo(photo), photo, folder / path.name, quality=95)
    return len(photos) / (time.perf_counter() - start)


def batch(album: Path, out: str, model: str | None) -> tuple[float, int]:
    """(photos a second of the batch, growth of memory over the last half in bytes)."""
    plan = make_plan([str(album / "in")], str(album / out))
    workers, threads = workers_for(len(plan.jobs))
    colorizer = Colorizer(model, threads=threads)
    marks: list[int] = []
    start = time.perf_counter()
    for result in run_jobs(plan.jobs, colorizer, Settings(), ledger=Ledger(album / out), workers=workers):
        if result.status != "done":
            raise SystemExit(f"{result.job.source}: {result.reason}")
        marks.append(memory("VmRSS"))
        result.job.target.unlink()
    rate = len(marks) / (time.perf_counter() - start)
    return rate, marks[-1] - marks[len(marks) // 2]


if __name__ == "__main__":
    sys.exit(main())
