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

ROOM = 60_000_000  # pixels under way at once, at least; each takes up to 20 bytes, with 16 bits
ROOM_SHARE = 1 / 4  # of the machine's memory that photos under way may take
PIXEL_BYTES = 20


class Stopped(Exception):  # noqa: N818 (no error)
    """The run is to end before this photo is done."""


class Room:
    """Memory for the photos under way: a photo waits until there is room; one that needs more, until it is alone.

    Args:
        pixels: under way at once; default what the machine's memory allows.
    """

    def __init__(self, pixels: int | None = None) -> None:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
        self.pixels = pixels or max(ROOM, int(memory * ROOM_SHARE / PIXEL_BYTES))
        self.taken = 0
        self.changed = threading.Condition()

    def take(self, pixels: int, stop: threading.Event) -> None:
        """Wait for room; Stopped where the run ends before."""
        with self.changed:
            while self.taken and self.taken + pixels > self.pixels:
                if stop.is_set():
                    raise Stopped
                self.changed.wait(0.2)
            self.taken += pixels

    def leave(self, pixels: int) -> None:
        """Give back what was taken."""
        with self.changed:
            self.taken -= pixels
            self.changed.notify_all()


class Place:
    """The room that one photo takes up, page by page.

    Args:
        room: where.
        stop: set when nothing new is to begin.
    """

    def __init__(self, room: Room, stop: threading.Event) -> None:
        self.room, self.stop = room, stop
        self.pixels = 0

    def admit(self, pixels: int) -> None:
        """Take the room for a page; one that is read twice has it already."""
        if not self.pixels:
            self.room.take(pixels, self.stop)
            self.pixels = pixels

    def leave(self) -> None:
        """Give the room back; the run may be stopped here, between two pages."""
        if self.pixels:
            self.room.leave(self.pixels)
            self.pixels = 0


# Blocks up to the first are taken from what is kept, at most the second of which is unused (for each arena of glibc).
# Larger blocks, as those of a large scan, go back at once as ever.
BLOCK = 32 << 20  # bytes; the most that glibc takes
UNUSED = 128 << 20  # bytes
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h

ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": str(BLOCK), "MALLOC_TRIM_THRESHOLD_": str(UNUSED)}
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
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # "spawn" children would import the caller's main module again.
    with ProcessPoolExecutor(cores, mp_context=get_context("forkserver")) as pool:
        yield pool.map(work, jobs, chunksize=64)
