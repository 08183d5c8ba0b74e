"""Training killed at random moments and gone on with: does it end as a run that nobody disturbed?

    python benchmarks/kill_training.py [--kills 20] [--processes 1 2] [--workers 0 2] [--seed 0]

Small photos are drawn, a small network goes through all kinds of stages, and a checkpoint is written after every step.
Every process of the run gets `kill -9` at the same time: while it starts, between steps, and inside a save, which is
when a half-written checkpoint lies in the folder; then the same command goes on with --resume. In the end weights,
their average, optimizers, the place in the data and the log must be equal to the bit to those of an unbroken run.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from colorizegan.training.checkpoint import Checkpoint, list_checkpoints, load_checkpoint, load_newest

STAGES = (
    "stages=[{kind='pretrain_generator',images=400,size=48,batch=8,lr=5e-3},"
    "{kind='pretrain_discriminator',images=80,size=48,batch=8},"
    "{kind='adversarial',images=160,size=48,batch=8,lr=1e-4,adversarial=0.1}]"
)
SETTINGS = (STAGES, "stopping.every=48", "data.holdout=2", "threads=1", "checkpoint_minutes=0", "validate_minutes=1000")


def draw_photos(folder: Path, count: int = 21) -> Path:
    """Pictures of 64 x 56 px in colour; the epochs are no multiple of the batch."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        cells = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8), "RGB")
        cells.resize((64, 56), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


def command(photos: Path, out: Path, processes: int, workers: int) -> list[str]:
    """The command line of the run."""
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    settings = [item for change in (*SETTINGS, f"data.workers={workers}") for item in ("--set", change)]
    train = ["colorizegan", "train", "--preset", "tiny", "--data", str(photos), "-o", str(out), "--resume"]
    return [*start, *train, *settings]


def family(process: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return [process]
    return [process, *(member for child in children for member in family(int(child)))]


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """kill -9 for the process and all below it, the top first, so that nobody tidies up."""
    for member in family(process.pid):
        try:
            os.kill(member, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def kill_once(arguments: list[str], out: Path, chance: random.Random, kind: str) -> str | None:
    """Start or go on, and kill; what was hit. None: the run ended first."""
    folder = out / "checkpoints"

    def newest() -> str:
        saved = list_checkpoints(folder)
        return saved[-1].name if saved else ""

    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        if kind == "start":
            time.sleep(chance.uniform(0, 6))
        else:
            before, steps = newest(), chance.randint(1, 4)
            while process.poll() is None and steps:
                steps, before = (steps - 1, newest()) if newest() != before else (steps, before)
                time.sleep(0.002)
            if kind == "save":
                while process.poll() is None and not list(folder.glob(".colorizegan-*.part")):
                    time.sleep(0.0003)
            else:
                time.sleep(chance.uniform(0, 0.3))
        if process.poll() is not None:
            return None
        kill_all(process)
    return "save" if list(folder.glob(".colorizegan-*.part")) else "other"


def log_of(out: Path) -> list[dict[str, Any]]:
    """The log without what depends on the clock."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("images_per_s", "data_wait")} for line in lines]


def differences(one: Path, other: Path) -> list[str]:
    """What is not equal in two finished runs."""
    a, b = (load_newest(run / "checkpoints")[0] for run in (one, other))
    if not isinstance(a, Checkpoint) or not isinstance(b, Checkpoint):
        return ["a checkpoint is missing"]
    found = [] if a.tensors.keys() == b.tensors.keys() else ["names"]
    found += [name for name in a.tensors.keys() & b.tensors.keys() if not torch.equal(a.tensors[name], b.tensors[name])]
    states = [{k: v for k, v in saved.facts["state"].items() if k != "seconds"} for saved in (a, b)]
    found += ["place in the run"] if states[0] != states[1] else []
    found += ["log"] if log_of(one) != log_of(other) else []
    for first, second in zip(*(sorted((run / "snapshots").glob("*.safetensors")) for run in (one, other)), strict=True):
        x, y = load_checkpoint(first).tensors, load_checkpoint(second).tensors
        found += [f"snapshot {first.name}" for name in x if not torch.equal(x[name], y[name])][:1]
    return found


def main() -> None:
    """Kill, go on, compare; print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="kill-training-"))
    failed = False
    try:
        photos = draw_photos(work / "photos")
        print("| processes | loader workers | kills in a save, elsewhere | not equal |")
        print("|---|---|---|---|")
        for processes in options.processes:
            for workers in options.workers:
                chance = random.Random(options.seed)
                whole, broken = (work / f"{name}-{processes}-{workers}" for name in ("whole", "broken"))
                subprocess.run(command(photos, whole, processes, workers), check=True, capture_output=True)
                arguments = command(photos, broken, processes, workers)
                hits: list[str] = []
                while len(hits) < options.kills:
                    hit = kill_once(arguments, broken, chance, ("save", "step", "step", "save", "start")[len(hits) % 5])
                    if hit is None:
                        break
                    hits.append(hit)
                subprocess.run(arguments, check=True, capture_output=True)
                found = differences(whole, broken)
                failed |= bool(found) or len(hits) < options.kills
                counts = ", ".join(str(hits.count(what)) for what in ("save", "other"))
                print(
                    f"| {processes} | {workers} | {counts} | {', '.join(sorted(found)[:5]) or 'nothing'} |", flush=True
                )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
