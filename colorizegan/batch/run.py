"""Jobs to results: read, colorize, write, several photos at a time. One bad file never stops the rest.

Each worker takes one photo the whole way, on one core: while one reads, another runs the network and a third writes.
That keeps all cores busy without a queue of decoded photos between stages, and a photo's bytes depend on nothing else.
Decoding is done by a process for each worker, see `colorizegan.photo.reader`.
"""

from __future__ import annotations

import io
import os
import threading
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from colorizegan.batch.job import COLORED, Result, Run, do_job, named
from colorizegan.batch.ledger import Ledger
from colorizegan.batch.plan import Job
from colorizegan.colorize_file import OnePhoto, Settings
from colorizegan.colorizer import Colorizer
from colorizegan.errors import OutputError
from colorizegan.files import file_identity, is_disk_full, remove_leftovers
from colorizegan.machine import MemoryBudget, cpu_threads, keep_freed_memory
from colorizegan.photo.reader import Reader

AHEAD = 256  # photos whose turn is settled; results wait here for the results before them
LEAVE = 4.0  # seconds that photos under way get when a run is stopped


def needs_work(jobs: Iterable[Job], settings: Settings) -> bool:
    """Whether any job is left to do, and so a model is needed."""
    return settings.overwrite or not all(os.path.lexists(job.target) for job in jobs)


def workers_for(jobs: int) -> tuple[int, int]:
    """How many photos should be under way at once, and the threads for the network and the join of each.

    One photo more than cores: while one waits for its bytes to reach the disk, the others keep the cores busy.
    """
    cores = cpu_threads()
    workers = jobs if jobs <= cores else cores + 1
    return max(1, workers), max(1, cores // max(1, workers))


def run_jobs(
    jobs: Sequence[Job],
    colorizer: Colorizer | None,
    settings: Settings,
    *,
    ledger: Ledger | None = None,
    workers: int = 1,
    reader: Reader | None = None,
) -> Generator[Result, None, None]:
    """Do the jobs; yield one result for each, in their order, whatever happens in it.

    When the generator is closed or interrupted, photos under way get a few seconds to end; none is left half-written.

    Args:
        jobs: no target twice.
        colorizer: None where `needs_work` is False. Give it as many threads as `workers_for` says.
        settings: for all of them.
        ledger: where results are noted and earlier ones are looked up.
        workers: photos under way at once; the results' bytes do not depend on it.
        reader: decodes the photos, and is closed at the end; give one that was started while the model was loaded.

    Raises:
        OutputError: the disk is full, or the ledger cannot be written: nothing more can be done. What is done stays.
    """
    keep_freed_memory()
    originals = {identity for job in jobs if (identity := file_identity(job.source)) is not None}
    remove_leftovers(job.target for job in jobs)
    if reader is None:
        reader = Reader(allow_truncated=settings.allow_truncated, threads=max(1, cpu_threads() // workers))
    run = Run(colorizer, reader, settings, ledger, originals, MemoryBudget(), threading.Event())
    pool = ThreadPoolExecutor(workers, thread_name_prefix="colorize")
    waiting: deque[tuple[Job, Future[Result]]] = deque()
    try:
        for job in jobs:
            waiting.append((job, pool.submit(do_job, run, job)))
            if len(waiting) >= AHEAD:
                yield next_result(waiting, run)
        while waiting:
            yield next_result(waiting, run)
    finally:
        run.stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        # `wait` would wait for futures that were cancelled before they began, too.
        wait([future for _, future in waiting if not future.cancelled()], LEAVE)
        reader.close()
        slow = [job.target for job, future in waiting if not future.done()]  # these do not end by themselves
        remove_leftovers(slow, own=True)
        if ledger is not None:
            ledger.close()


def next_result(waiting: deque[tuple[Job, Future[Result]]], run: Run) -> Result:
    """The result of the first job; it stays among those that wait until it is there, as a signal may come before."""
    result = waiting[0][1].result()
    waiting.popleft()
    return settled(result, run)


def settled(result: Result, run: Run) -> Result:
    """A result, unless it tells that the run as a whole cannot go on."""
    ledger = None if run.ledger is None else str(run.ledger.path)
    error = result.error
    if is_disk_full(error):
        raise OutputError("the disk is full", path=result.job.target, remedy="make room; the same command goes on")
    if ledger is not None and isinstance(error, OutputError) and error.path == ledger:
        raise error
    return result


def colorize_stream(
    source: Path | bytes, colorizer: Colorizer, settings: Settings, reader: Reader | None = None
) -> tuple[bytes, list[str]]:
    """Colorize one photo for standard output: (the file's bytes, remarks).

    A photo in colour is passed on as it came, so that a pipe still carries a photo. `reader` as for `run_jobs`.
    """
    with reader or Reader(allow_truncated=settings.allow_truncated, threads=cpu_threads()) as reader:
        settings = settings.of(source)
        photo = OnePhoto(source, colorizer, reader, settings, settings.format)
        file = io.BytesIO()
        if named(photo.open, source) and photo.write(file):
            return file.getvalue(), photo.remarks
    return source if isinstance(source, bytes) else source.read_bytes(), [COLORED]
