"""What the machine has and how much of it to use: CPU threads, memory for photos under way, malloc, processes."""

import contextlib
import ctypes
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TypeVar

try:
    import resource
except ImportError:  # Windows
    resource = None

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2  # between two looks at whether what is waited for is still wanted
PIXEL_BYTES = 20  # that a pixel under way takes at the most, with 16 bits
MEMORY_SHARE = 1 / 4  # of the memory that photos under way may take
UNKNOWN_PIXELS = 60_000_000  # under way at once where the system does not tell its memory


class Cancelled(Exception):  # noqa: N818 (no error)
    """What was to be done is not wanted any more: the run ends, or the client has gone."""


def pixels_in(memory: int) -> int:
    """How many pixels may be under way at once in so many bytes of memory; 0 stands for an unknown number of bytes."""
    return int(memory * MEMORY_SHARE / PIXEL_BYTES) if memory else UNKNOWN_PIXELS


class MemoryBudget:
    """Memory for the photos under way: a photo waits until there is enough; one that needs more, until it is alone.

    pixels: under way at once; default what the machine's memory allows.
    """

    def __init__(self, pixels: int | None = None) -> None:
        self.pixels = pixels or pixels_in(memory_bytes())
        self.taken = 0
        self.changed = threading.Condition()

    @contextmanager
    def reserve(self, pixels: int, stop: threading.Event) -> Iterator[None]:
        """Memory for so many pixels while the block lasts, once there is enough; Cancelled if `stop` is set first."""
        with self.changed:
            while self.taken and self.taken + pixels > self.pixels:
                if stop.is_set():
                    raise Cancelled
                self.changed.wait(POLL_SECONDS)
            self.taken += pixels
        try:
            yield
        finally:
            with self.changed:
                self.taken -= pixels
                self.changed.notify_all()


# Blocks up to the first are taken from what is kept, at most the second of which is unused (for each arena of glibc).
# Larger blocks, as those of a large scan, go back at once as ever.
BLOCK = 32 << 20  # bytes; the most that glibc takes
UNUSED = 128 << 20  # bytes
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h

MALLOC_ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": str(BLOCK), "MALLOC_TRIM_THRESHOLD_": str(UNUSED)}
"""The same for a process that is started with these variables."""


def keep_freed_memory() -> None:
    """Let this process keep freed memory; nothing happens where the C library has no such setting."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, BLOCK)
        mallopt(M_TRIM_THRESHOLD, UNUSED)


CGROUPS = "/sys/fs/cgroup"  # where Linux shows the limits of containers


def cpu_threads(cgroups: str = CGROUPS) -> int:
    """CPUs that this process may use: its affinity, and on Linux the quota of its container."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [_ratio(text) for text in _cgroup(cgroups, "cpu.max", "")]
    quotas, periods = (_cgroup(cgroups, f"cpu.cfs_{name}_us", "cpu") for name in ("quota", "period"))
    limits += [_ratio(f"{quota} {period}") for quota, period in zip(quotas, periods, strict=False)]
    return max(1, min([count, *(limit for limit in limits if limit)]))


def memory_bytes(cgroups: str = CGROUPS) -> int:
    """Memory that this process may use: the machine's, or its container's where that is less; 0 = unknown."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        machine = 0
    files = (("memory.max", ""), ("memory.high", ""), ("memory.limit_in_bytes", "memory"))
    texts = [text for name, controller in files for text in _cgroup(cgroups, name, controller)]
    limits = [int(text) for text in texts if text.isdecimal() and 0 < int(text) < 1 << 60]  # else "max", or none of v1
    return min([*limits, machine]) if machine else min(limits, default=0)


def _cgroup(cgroups: str, name: str, controller: str) -> list[str]:
    """What a file of the control groups (version 2; of version 1 with a controller) says of this process, from its own
    group up to the root that it can see."""
    own = "/"
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(","):
                own = path
    folder = PurePosixPath(cgroups, controller)
    found: list[str] = []
    for group in [(place := PurePosixPath(own.lstrip("/"))), *place.parents]:
        with contextlib.suppress(OSError, ValueError):
            found.append(Path(str(folder / group), name).read_text().strip())
    return found


def _ratio(text: str) -> int:
    """`quota period` -> CPUs, rounded up; 0 where there is no limit."""
    try:
        quota, period = map(int, text.split())
    except ValueError:  # "max 100000"
        return 0
    return -(-quota // period) if quota > 0 and period > 0 else 0


def give_back_memory() -> None:
    """Return free memory to the system, where the C library can: it would keep what many photos took at once."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library
        log.debug("no malloc_trim here")


def child_command(module: str, *arguments: str) -> list[str]:
    """What starts a process that calls `main()` of a module of ours.

    Isolated, so that no module in the working folder is taken for one of ours; with the path of this process.
    """
    code = f"import sys; sys.path[:] = {sys.path!r}; from {module} import main; main()"
    return [sys.executable, "-I", "-c", code, *arguments]


def limit_process(*, for_good: bool = False, **limits: int) -> None:
    """Limit what this process may use, where the system can: CPU (seconds), DATA, FSIZE (bytes), as `resource` says.

    It writes no core either, which would hold somebody's photo. Limits that are `for_good` cannot be raised again.
    """
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, value in limits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        most = resource.getrlimit(which)[1]
        bounded = most != resource.RLIM_INFINITY
        last = value + (name == "CPU") if for_good else most  # the signal that ends it at once comes a second later
        resource.setrlimit(which, (min(value, most) if bounded else value, min(last, most) if bounded else last))


def installed_version(package: str) -> str | None:
    """The version of a package, None where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


A = TypeVar("A")
B = TypeVar("B")


@contextmanager
def in_order(work: Callable[[A], B], jobs: Iterable[A], count: int) -> Iterator[Iterator[B]]:
    """work(job) for each of `count` jobs, in their order: on all cores, or in this process where there are few."""
    if count <= 500:  # a small set is not worth a process
        yield map(work, jobs)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_all_start_methods, get_context

    # "spawn" children would import the caller's main module again.
    way = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
    with ProcessPoolExecutor(cpu_threads(), mp_context=get_context(way)) as pool:
        yield pool.map(work, jobs, chunksize=64)
