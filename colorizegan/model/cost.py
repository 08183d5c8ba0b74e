"""What a model takes on this machine: seconds to open it, seconds a photo, memory. Measured in a process of its own."""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from statistics import median

import numpy as np

from colorizegan.errors import ModelError
from colorizegan.machine import child_command, resource

RUNS = 3  # after one that does not count
SECONDS = 600  # that it may take


@dataclass(frozen=True)
class Cost:
    """What a model took."""

    open_seconds: float
    """To verify it and to load it."""
    photo_seconds: float
    """To run the network on one photo of 3:2 at its working size, median of three."""
    peak_bytes: int
    """The most memory of the process, the program itself included; 0 where the system does not tell."""
    threads: int
    """CPU threads that it used."""


def measure(model: str | PathLike[str]) -> Cost:
    """Open and run a model in a process of its own. ModelError where it fails."""
    command = child_command("colorizegan.model.cost", str(model))
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 (our own program)
    except subprocess.TimeoutExpired:
        raise ModelError(f"took more than {SECONDS} s", path=model) from None
    try:
        return Cost(**json.loads(done.stdout))
    except ValueError:
        why = (done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise ModelError(f"cannot be measured ({why[:300]})", path=model) from None


def main() -> None:
    """The process: a model's name or path -> a line of JSON."""
    from colorizegan.model.spec import open_network

    start = time.perf_counter()
    network = open_network(sys.argv[1])
    height = network.card.working_size
    y, x = np.mgrid[0:height, 0 : height * 3 // 2]
    L = (50 + 50 * np.sin(x / 17) * np.cos(y / 23)).astype(np.float32)
    loaded: list[float] = [time.perf_counter()]
    for _ in range(1 + RUNS):
        network.predict(L)
        loaded.append(time.perf_counter())
    # What is loaded only when it is needed is loaded by the first run, which is no slower than the others otherwise.
    runs = median(np.diff(loaded)[1:])
    opening = loaded[1] - start - runs
    cost = Cost(round(max(opening, 0.0), 3), round(float(runs), 4), peak_bytes(), network.threads)
    sys.stdout.write(json.dumps(asdict(cost)))


def peak_bytes() -> int:
    """The most memory of this process so far; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux ru_maxrss also counts the parent from before this program was loaded
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), "VmHWM: 0")
        return int(line.split()[1]) * 1024
    if resource is None:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
