"""A graph that nobody has run here yet runs first in a process of its own, with limits of time and memory.

The checks of a bundle say that its files are whole and hold weights and a graph, and nothing else. They cannot say what
the graph does: one division can end the process, one shape can fill the machine. What came through is remembered by its
digest in the user's cache folder. Models that ship with the package are known, and pay nothing.
"""

import contextlib
import re
import signal
import subprocess
import sys
from pathlib import Path

import platformdirs

from colorizegan.errors import ModelError
from colorizegan.machine import child_command, limit_process, resource  # None on Windows: there only time is limited

DIGEST = re.compile(r"[0-9a-f]{64}")
# Of the process, with what Python and ONNX Runtime take themselves; for each byte of weights; for each pixel it sees.
MEMORY, MEMORY_A_BYTE, MEMORY_A_PIXEL = 2 << 30, 8, 4096
CPU_SECONDS, CPU_SECONDS_A_BYTE, CPU_SECONDS_A_PIXEL = 5.0, 5e-8, 5e-5
PATIENCE = 10
FLOODED = 3  # exit status
REMEDY = "do not use this model"


def try_graph(
    graph: Path,
    weights: int,
    side: int,
    digest: str,
    shown: Path,
    cpu_seconds: float = CPU_SECONDS,
    patience: float = PATIENCE,
) -> None:
    """Run a graph once as it will be used, unless that was done before.

    Args:
        graph: model.onnx or another project's ONNX file.
        weights: bytes of it and of the files it refers to.
        side: px of the shorter side of what it is to see.
        digest: SHA-256, hex, of the files, by which it is remembered.
        shown: what errors name.
        cpu_seconds: that it may take beside what its weights and its picture take.
        patience: seconds that may pass for one of the processor, on a machine with much to do.

    Raises ModelError where it ended the process, did not end itself, or wanted too much memory. An error of ONNX
    Runtime is left to the caller, who gets the same one.
    """
    known = mark_of(digest)
    if known is not None and known.is_file():
        return
    pixels = side * (side + 32)
    memory = round(MEMORY + MEMORY_A_BYTE * weights + MEMORY_A_PIXEL * pixels)
    seconds = round(cpu_seconds + CPU_SECONDS_A_BYTE * weights + CPU_SECONDS_A_PIXEL * pixels)
    command = child_command("colorizegan.model.trial", str(graph.absolute()), *map(str, (side, memory, seconds)))
    try:
        done = subprocess.run(  # noqa: S603 (a file's name goes in as such)
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience * seconds, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        raise ModelError(
            f"its graph does not end within {patience * seconds:.0f} s", path=shown, remedy=REMEDY
        ) from None
    if resource is not None and done in (-signal.SIGXCPU, -signal.SIGKILL):
        what = f"its graph does not end within {seconds} s of the processor's time"
        raise ModelError(what, path=shown, remedy=REMEDY)
    if done == FLOODED:
        raise ModelError(f"its graph takes more than {memory / 1e9:.1f} GB of memory", path=shown, remedy=REMEDY)
    if done < 0 or done > FLOODED:
        raise ModelError(f"its graph ends the program ({reason_of(done)})", path=shown, remedy=REMEDY)
    if done == 0 and known is not None:
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, no more
            known.parent.mkdir(parents=True, exist_ok=True)
            known.touch()


def mark_of(digest: str) -> Path | None:
    """The empty file that says that a graph came through; None where its digest is none."""
    if DIGEST.fullmatch(digest) is None:
        return None
    return platformdirs.user_cache_path("colorizegan", appauthor=False) / "tried" / digest


def reason_of(status: int) -> str:
    """What ended a process: the name of a signal, or its exit status."""
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"exit status {status}"


def main() -> None:
    """Load a graph and run it on one picture, within limits: GRAPH SIDE MEMORY SECONDS."""
    graph, side, memory, seconds = sys.argv[1], *map(int, sys.argv[2:5])
    limit_process(for_good=True, DATA=memory, CPU=seconds)
    try:
        run(graph, side)
    except MemoryError:
        sys.exit(FLOODED)
    except Exception as error:  # whatever it is, the caller gets it too, but for memory
        sys.exit(FLOODED if re.search("bad_alloc|[Aa]llocat|out of memory", str(error)) else 1)


def run(graph: str, side: int) -> None:
    """Run a graph once; inputs without a size of their own get (1, C, side, side + 32)."""
    import numpy as np

    from colorizegan.model.session import FLOAT_TYPES, Session

    session = Session(Path(graph), 1)  # one thread, as the time of all counts
    feeds = {}
    for port in session.inputs:
        free = [1, 1, side, side + 32]
        shape = [n if isinstance(n, int) else free[min(i, 3)] for i, n in enumerate(port.shape)]
        if np.prod(shape, dtype=float) > 1e9:
            raise MemoryError
        y = np.linspace(0, 50, shape[-2], dtype=np.float32)[:, None] if len(shape) > 1 else np.float32(0)
        picture = np.broadcast_to(y + np.linspace(0, 50, shape[-1], dtype=np.float32), shape)
        feeds[port.name] = np.ascontiguousarray(picture, FLOAT_TYPES.get(port.type, np.float32))
    session.run([port.name for port in session.outputs], feeds)
