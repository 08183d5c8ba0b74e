"""What the machine has and how much of it to use: CPU threads, memory for photos under way, malloc, processes."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2  # between two looks at whether what is waited for is still wanted
LEAST_PIXELS = 60_000_000  # under way at once; each takes up to PIXEL_BYTES, with 16 bits
PIXEL_BYTES = 20
MEMORY_SHARE = 1 / 4  # of the machine's memory that photos under way may take


class Cancelled(Exception):  # noqa: N818 (no error)
    """What was to be done is not wanted any more: the run ends, or the client has gone."""


class MemoryBudget:
    """Memory for the photos under way: a photo waits until there is enough; one that needs more, until it is alone.

    Args:
        pixels: under way at once; default what the machine's memory allows.
    """

    def __init__(self, pixels: int | None = None) -> None:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
        self.pixels = pixels or max(LEAST_PIXELS, int(memory * MEMORY_SHARE / PIXEL_BYTES))
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


class Place:
    """The memory that one photo takes up, page by page.

    Args:
        budget: of what.
        stop: set when nothing new is to begin.
    """

    def __init__(self, budget: MemoryBudget, stop: threading.Event) -> None:
        self.budget, self.stop = budget, stop
        self.reserved = contextlib.ExitStack()
        self.admitted = False

    def admit(self, pixels: int) -> None:
        """Reserve the memory for a page; one that is read twice has it already."""
        if not self.admitted:
            self.reserved.enter_context(self.budget.reserve(pixels, self.stop))
            self.admitted = True

    def leave(self) -> None:
        """Give it back."""
        self.reserved.close()
        self.admitted = False


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


def cpu_threads() -> int:
    """CPUs that this process may use: its affinity, and on Linux the quota of its container."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:  # noqa: PTH123 (cgroup v2)
            quota, period = file.read().split()
        return max(1, min(count, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no cgroup, or "max"
        return count


def give_back_memory() -> None:
    """Return free memory to the system, where the C library can: it would keep what many photos took at once."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library
        log.debug("no malloc_trim here")


A = TypeVar("A")
B = TypeVar("B")


@contextmanager
def in_order(work: Callable[[A], B], jobs: Iterable[A], count: int) -> Iterator[Iterator[B]]:
    """work(job) for each of `count` jobs, in their order: on all cores, or in this process where there are few."""
    if count <= 500:  # a small set is not worth a process
        yield map(work, jobs)
        return
    # "spawn" children would import the caller's main module again.
    with ProcessPoolExecutor(cpu_threads(), mp_context=get_context("forkserver")) as pool:
        yield pool.map(work, jobs, chunksize=64)
