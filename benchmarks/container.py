"""Large scans within the memory of a container: four of 49 Mpx in 850 MB, as Docker limits it.

    python benchmarks/container.py [--megabytes 850] [--model MODEL]

Needs root and Linux. `colorizegan colorize FOLDER` runs in a control group of its own (version 1 or 2, whichever has
the memory). All of its processes and what the system keeps of its files count; over the limit the system would end one.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyvips

SIDE = 7000  # px
PLACES = {  # folder of control groups -> its files: the limit, the most that was taken, and how often the limit was met
    "/sys/fs/cgroup/memory": ("memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.failcnt"),
    "/sys/fs/cgroup": ("memory.max", "memory.peak", "memory.events"),
}


def main() -> int:
    """Print how many photos were done and the memory that was taken; status 1 where any is missing."""
    parser = argparse.ArgumentParser(description="Large scans within the memory of a container.")
    parser.add_argument("--megabytes", type=int, default=850)
    parser.add_argument("--model", help="model bundle; default the one in the package")
    options = parser.parse_args()
    root = next(root for root in PLACES if Path(root, "cgroup.procs").exists())
    limit, peak, met = PLACES[root]
    group = Path(root, f"colorizegan-{os.getpid()}")
    with tempfile.TemporaryDirectory() as name:
        make_scans(Path(name, "in"))
        command = [sys.executable, "-m", "colorizegan", "colorize", f"{name}/in", "-o", f"{name}/out"]
        command += ["--model", options.model] if options.model else []
        group.mkdir()
        try:
            (group / limit).write_text(str(options.megabytes * 10**6))
            # The shell enters the group, and becomes the program.
            enter = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs"), *command]
            done = subprocess.run(enter, check=False, capture_output=True, text=True)
            print(done.stderr.strip().splitlines()[-1])
            print(f"{int((group / peak).read_text()) / 1e6:.0f} MB at most of {options.megabytes}, in {root}")
            print(f"limit met: {' '.join((group / met).read_text().split())}")
        finally:
            group.rmdir()
    return done.returncode


def make_scans(folder: Path) -> None:
    """Two TIFF and two JPEG of noise."""
    folder.mkdir()
    image = pyvips.Image.gaussnoise(SIDE, SIDE, mean=128, sigma=20).cast("uchar").copy(interpretation="b-w")
    for number in (1, 2):
        image.write_to_file(str(folder / f"{number}.tif"), compression="lzw")
        image.write_to_file(str(folder / f"{number}.jpg"), Q=90)


if __name__ == "__main__":
    sys.exit(main())
