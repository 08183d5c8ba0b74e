"""A run over many photos, killed at random points again and again: is anything lost, torn or done twice?

    python benchmarks/kill_batch.py [--photos 500] [--kills 50] [--seed 0] [--model MODEL]
    python benchmarks/kill_batch.py --beside 20 --photos 40 [--seed 0] [--model MODEL]

`colorizegan colorize FOLDER` runs as a process of its own and is ended by SIGKILL at a random point, from its start
to some twenty photos on, then started anew, until it was killed so many times; where all photos are done before, half
of the results are removed. After each kill every file that has the name of a result is compared with that of an
unbroken run. Then the run goes on to its end, and the whole tree, the ledger and the originals are compared.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from colorizegan.files import sha256_of_file

HEIGHT, WIDTH = 150, 200  # px of the photos
PHOTOS_A_RUN = 20  # at most, before it is killed


def main() -> int:
    """Print what was found; status 1 where it is not as it should be."""
    parser = argparse.ArgumentParser(description="A run over many photos, killed at random points.")
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--beside", type=int, default=0, metavar="TIMES", help="two runs at the same time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", help="model bundle; default the one in the package")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return try_it(Path(name), options)


def try_it(folder: Path, options: argparse.Namespace) -> int:
    """The unbroken run, the killed ones, the last one, in `folder`."""
    album, out, unbroken = folder / "in", folder / "out", folder / "unbroken"
    make_photos(album, options.photos)
    originals = tree(album)
    command = [sys.executable, "-m", "colorizegan", "colorize", str(album)]
    command += ["--model", options.model] if options.model else []
    start = time.perf_counter()
    subprocess.run([*command, "-o", str(unbroken)], check=True, capture_output=True)
    seconds = (time.perf_counter() - start) / options.photos
    expected = tree(unbroken)
    dice = random.Random(options.seed)
    if options.beside:
        return beside(command, folder, options, expected, dice, seconds * options.photos)
    kills = torn = 0
    while kills < options.kills:
        results = sorted(out.rglob("*.png"))
        if options.photos - len(results) < PHOTOS_A_RUN:  # hardly anything is left to be killed in
            for path in results[::2]:
                path.unlink()
        running = subprocess.Popen([*command, "-o", str(out)], stderr=subprocess.PIPE, text=True)
        assert running.stderr is not None
        if dice.random() < 0.1:
            time.sleep(dice.uniform(0, 1.5))  # while it starts
        else:
            next((line for line in running.stderr if "->" in line), None)  # its first photo is done
            time.sleep(dice.uniform(0, PHOTOS_A_RUN * seconds))
        running.kill()
        kills += running.wait() == -signal.SIGKILL
        running.stderr.close()
        torn += sum(
            expected.get(path) != digest for path, digest in tree(out).items() if not Path(path).name.startswith(".")
        )
    subprocess.run([*command, "-o", str(out)], check=True, capture_output=True)
    lines = [json.loads(line) for line in (out / "colorizegan.jsonl").read_bytes().splitlines() if line.endswith(b"}")]
    latest = {line["output"]: line["output_sha256"] for line in lines}
    found = {
        "killed": kills,
        "files under a result's name that were not whole": torn,
        "tree as of the unbroken run, nothing left over": tree(out) == expected,
        "last ledger line of each photo names its result": latest == expected,
        "originals as before": tree(album) == originals,
    }
    for what, value in found.items():
        print(f"{what}: {value}")
    return int(torn > 0 or not all(value is not False for value in found.values()))


def beside(
    command: list[str],
    folder: Path,
    options: argparse.Namespace,
    expected: dict[str, str],
    dice: random.Random,
    seconds: float,
) -> int:
    """Two runs over one folder at the same time; `seconds` is what one alone takes."""
    failed = killed = other = 0
    for number in range(options.beside):
        out = folder / f"together-{number}"
        first, second = (
            subprocess.Popen([*command, "-o", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(2)
        )
        if number % 2:
            time.sleep(dice.uniform(0.3 * seconds, seconds))
            second.kill()
        failed += first.wait() != 0
        killed += second.wait() == -signal.SIGKILL
        failed += second.returncode not in (0, -signal.SIGKILL)
        if number % 2:  # what the killed one left goes with the next run, in which all is done already
            subprocess.run([*command, "-o", str(out)], check=True, capture_output=True)
        other += tree(out) != expected
    print(f"times: {options.beside}\nsecond run killed: {killed}\nruns that failed: {failed}\nother trees: {other}")
    return int(failed > 0 or other > 0)


def make_photos(album: Path, count: int) -> None:
    """Small photos, no two alike, in two folders."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    for i in range(count):
        path = album / "ab"[i % 2] / f"{i:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).normal(0, 6, (HEIGHT, WIDTH))
        gray = 128 + 90 * np.sin(x / (7 + i % 5)) * np.cos(y / 11) + noise
        Image.fromarray(np.clip(gray, 0, 255).astype(np.uint8)).save(path)


def tree(root: Path) -> dict[str, str]:
    """Every file below with its hash, hidden ones too; all but ledgers."""
    files = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".jsonl"]
    return {path.relative_to(root).as_posix(): sha256_of_file(path) for path in files}


if __name__ == "__main__":
    sys.exit(main())
