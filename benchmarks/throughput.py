"""Photos a second of a folder of 1-Mpx photos: the batch against the network alone and against one file at a time.

    python benchmarks/throughput.py [--photos 1000] [--rounds 3] [--model MODEL] [--together]

Three runs over the same photos, in turn, `--rounds` times, each in a process of its own; medians are printed. The
network alone gets lightness at its working size from memory, as many photos at a time as there are cores, and does
nothing else: no program that runs this network can be faster. One file at a time is the loop that a script would have:
read, colorize, write, with all cores for each step. The batch is what `colorizegan colorize FOLDER` does.

Core-milliseconds are the processor time of a photo, decoder processes included, however it is spread over the cores.
What the batch could reach at most, with no core ever idle, is the network's share in them: the ceiling. Growth is that
of the resident memory of the batch's process over the last half of the last round.

With --together only this: core-milliseconds of the network for a photo alone and for 2, 4 and 8 of one size together.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from memory import MIB, make_many, memory

from colorizegan.batch.ledger import Ledger
from colorizegan.batch.plan import make_plan
from colorizegan.batch.run import run_jobs, workers_for
from colorizegan.colorize_file import FileOptions
from colorizegan.colorizer import Colorizer
from colorizegan.machine import cpu_threads
from colorizegan.model.network import NetworkInput
from colorizegan.model.network_input import working_lightness
from colorizegan.photo.read import read_photo
from colorizegan.photo.write import write_photo


@dataclass(frozen=True)
class Figures:
    """Of one run."""

    rate: float
    """Photos a second."""
    core_ms: float
    """Processor time of a photo."""
    growth: float = 0.0
    """Bytes."""


def main() -> int:
    """Print the three rates and the batch's shares of the other two."""
    parser = argparse.ArgumentParser(description="Photos a second.")
    parser.add_argument("--photos", type=int, default=1000, help="how many photos")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", help="model bundle; default the one in the package")
    parser.add_argument("--together", action="store_true", help="photos of one size in one run of the network")
    parser.add_argument("--run", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)  # what a process does
    options = parser.parse_args()
    if options.together:
        together(Colorizer(options.model, threads=1))
        return 0
    if options.run:
        print(json.dumps(vars(RUNS[options.run[0]](Path(options.run[1]), options.model))))
        return 0
    found: dict[str, list[Figures]] = {what: [] for what in RUNS}
    with tempfile.TemporaryDirectory() as name:
        make_many(Path(name), options)
        command = [sys.executable, __file__, *(["--model", options.model] if options.model else [])]
        for _ in range(options.rounds):
            for what in RUNS:
                done = subprocess.run([*command, "--run", what, name], check=True, stdout=subprocess.PIPE, text=True)
                found[what].append(Figures(**json.loads(done.stdout)))
    print(f"{cpu_threads()} cores, {options.photos} photos, medians of {options.rounds} rounds\n")
    print("| run | photos a second | lowest .. highest | core-ms a photo |\n|---|---|---|---|")
    for what, each in found.items():
        rates, core_ms = [one.rate for one in each], statistics.median(one.core_ms for one in each)
        print(f"| {what} | {statistics.median(rates):.1f} | {min(rates):.1f} .. {max(rates):.1f} | {core_ms:.1f} |")
    for what in ("network", "loop"):
        shares = [mine.rate / other.rate for mine, other in zip(found["batch"], found[what], strict=True)]
        print(f"| batch / {what} | {statistics.median(shares):.2f} | {min(shares):.2f} .. {max(shares):.2f} | |")
    ceilings = [net.core_ms / all_.core_ms for net, all_ in zip(found["network"], found["batch"], strict=True)]
    spread = f"{min(ceilings):.2f} .. {max(ceilings):.2f}"
    print(f"| ceiling of batch / network | {statistics.median(ceilings):.2f} | {spread} | |")
    print(f"\nGrowth of the batch's process over the last half: {found['batch'][-1].growth / MIB:.1f} MiB")
    return 0


def together(colorizer: Colorizer) -> None:
    """Print core-milliseconds of a photo by the number of photos in one run of the network, the least of 12 turns."""
    rng = np.random.default_rng(0)
    print("| network input | 1 | 2 | 4 | 8 |\n|---|---|---|---|---|")
    for shape in ((224, 300), (224, 224)):
        photos = [NetworkInput(rng.uniform(0, 100, shape).astype(np.float32)) for _ in range(8)]
        least = dict.fromkeys((1, 2, 4, 8), float("inf"))
        for _ in range(12):
            for count in least:
                start = time.process_time()
                for first in range(0, len(photos), count):
                    colorizer.network.predict_batch(photos[first : first + count])
                least[count] = min(least[count], 1000 * (time.process_time() - start) / len(photos))
        print(f"| {shape[0]} x {shape[1]} | " + " | ".join(f"{ms:.1f}" for ms in least.values()) + " |")


def network_alone(album: Path, model: str | None) -> Figures:
    """The network by itself, the better of: a thread for each photo, all threads for one."""
    photos = sorted((album / "in").iterdir())
    best = Figures(0.0, 0.0)
    for workers in sorted({1, cpu_threads()}):
        colorizer = Colorizer(model, threads=max(1, cpu_threads() // workers))
        L = working_lightness(read_photo(photos[0]).gray, colorizer.network.card.working_size)
        inputs: list[Any] = [L + np.float32(i % 7) for i in range(len(photos))]
        colorizer.network.predict(L)
        with ThreadPoolExecutor(workers) as pool:
            start, spent = time.perf_counter(), core_seconds()
            for _ in pool.map(colorizer.network.predict, inputs):
                pass
            seconds, spent = time.perf_counter() - start, core_seconds() - spent
        if len(photos) / seconds > best.rate:
            best = Figures(len(photos) / seconds, 1000 * spent / len(photos))
    return best


def one_at_a_time(album: Path, model: str | None) -> Figures:
    """A plain loop."""
    photos, folder = sorted((album / "in").iterdir()), album / "loop"
    folder.mkdir(exist_ok=True)
    colorizer = Colorizer(model)
    start, spent = time.perf_counter(), core_seconds()
    for path in photos:
        photo = read_photo(path)
        write_photo(colorizer.colorize(photo), photo, folder / path.name, quality=95)
    seconds, spent = time.perf_counter() - start, core_seconds() - spent
    return Figures(len(photos) / seconds, 1000 * spent / len(photos))


def batch(album: Path, model: str | None) -> Figures:
    """The batch, results and ledger in a new folder."""
    out = Path(tempfile.mkdtemp(dir=album))
    plan = make_plan([str(album / "in")], str(out))
    workers, threads = workers_for(len(plan.jobs))
    colorizer = Colorizer(model, threads=threads)
    marks: list[int] = []
    start, spent = time.perf_counter(), core_seconds()
    for result in run_jobs(plan.jobs, colorizer, FileOptions(), ledger=Ledger(out), workers=workers):
        if result.status != "done":
            raise SystemExit(f"{result.job.source}: {result.reason}")
        marks.append(memory("VmRSS"))
        result.job.target.unlink()
    seconds, spent = time.perf_counter() - start, core_seconds() - spent
    return Figures(len(marks) / seconds, 1000 * spent / len(marks), marks[-1] - marks[len(marks) // 2])


def core_seconds() -> float:
    """Processor time of this process and of those that it has ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


RUNS: dict[str, Callable[[Path, str | None], Figures]] = {
    "network": network_alone,
    "loop": one_at_a_time,
    "batch": batch,
}


if __name__ == "__main__":
    sys.exit(main())
