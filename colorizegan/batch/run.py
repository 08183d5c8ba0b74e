"""Jobs to results: read, colorize, write, several photos at a time. One bad file never stops the rest.

Each worker takes one photo the whole way, on one core: while one reads, another runs the network and a third writes.
That keeps all cores busy without a queue of decoded photos between stages, and a photo's bytes depend on nothing else.
Decoding is done by a process for each worker, see `colorizegan.photo.reader`.
"""

import io
import os
import threading
from collections import deque
from collections.abc import Collection, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from colorizegan.batch.job import BatchRun, Result, check_is_ours, keep_hints, of_photo, run_job
from colorizegan.batch.jobs import Job
from colorizegan.batch.ledger import Ledger
from colorizegan.batch.originals import Originals, may_write
from colorizegan.batch.plan import Plan
from colorizegan.batch.sheets import drawn_on, sheet_path, write_sheet
from colorizegan.colorize_file import DONE_ALREADY, LEFT_IN_COLOR, FileOptions, colorize_file
from colorizegan.colorizer import Colorizer
from colorizegan.errors import ColorizeGANError, OutputError
from colorizegan.files import disk_full, is_disk_full, remove_leftovers, results_folder
from colorizegan.machine import MemoryBudget, cpu_threads, keep_freed_memory
from colorizegan.model.batching import BatchingNetwork
from colorizegan.photo.reader import Reader

MAX_PENDING = 256  # photos whose turn is settled; results wait here for the results before them
MAX_BATCH = 8  # photos of one size in one run of the network on a device beside the CPU
SHUTDOWN_SECONDS = 4.0  # that photos under way get when a run is stopped


@dataclass(frozen=True)
class RunSettings:
    """What a run works with."""

    options: FileOptions = field(default_factory=FileOptions)
    """How each photo is read, colorized and written."""
    model: str | None = None
    """As for `Colorizer`, as is `device`."""
    device: str = "cpu"
    like: Path | None = None
    """A photo whose colours all others take over."""
    overwrite: bool = False
    """Write results anew that exist."""
    workers: int | None = None
    """Photos under way at once; None = by the CPUs."""


@contextmanager
def run_plan(
    plan: Plan, settings: RunSettings, shard: tuple[int, int] | None = None
) -> Iterator[Generator[Result, None, None]]:
    """All jobs of a plan: what `run_jobs` yields. Nothing is loaded where all results are there already.

    The plan's `output_root` gets the ledger, which `shard` names. At the end of the block photos under way are ended.
    Raises OutputError, before any photo is read, where no results can be written to that folder.
    """
    jobs, ledger = plan.jobs, None if plan.output_root is None else Ledger(plan.output_root, shard)
    workers, threads = workers_for(len(jobs), settings.workers)
    overwrite = settings.overwrite
    # Photos that are named one by one are done again where other options are asked for, which takes the model to know.
    done = ledger is not None and all(os.path.lexists(job.target) for job in jobs)
    if settings.like is None and not overwrite and done:
        yield run_jobs(jobs, None, settings.options, ledger=ledger)
        return
    with ExitStack() as ends:
        if plan.output_root is not None and jobs:
            ends.enter_context(results_folder(plan.output_root))
        colorizer, reader, options = ends.enter_context(opened(settings, workers, threads))
        results = run_jobs(jobs, colorizer, options, overwrite=overwrite, ledger=ledger, workers=workers, reader=reader)
        yield ends.enter_context(closing(results))


def run_sheets(jobs: Collection[Job], settings: RunSettings, *, count: int, seed: int) -> Iterator[Result]:
    """Write the sheet of each photo's proposals in place of its result."""
    overwrite, originals = settings.overwrite, Originals(jobs)
    with opened(settings) as (colorizer, reader, options):
        for job in jobs:
            sheet = Job(job.source, sheet_path(job.target))
            try:
                if is_drawn(sheet, overwrite, originals, (count, seed)):
                    yield Result(sheet, "skipped", DONE_ALREADY)
                    continue
                look = options.with_saved_hints(job.source).look
                photo = reader.read(job.source, allow_truncated=options.allow_truncated)
                found = write_sheet(colorizer, photo, look, sheet.target, count=count, seed=seed, overwrite=overwrite)
                yield Result(sheet, "done", proposals=tuple(found))
            except ColorizeGANError as error:
                named = of_photo(error, job.source)
                yield Result(sheet, "failed", str(named), error=named)


def is_drawn(sheet: Job, overwrite: bool, originals: Originals, draw: tuple[int, int]) -> bool:
    """Whether a sheet of this draw (count, seed) is there and stays; OutputError where something else is in its place.
    One of another draw is made anew."""
    if may_write(sheet, overwrite, originals):
        return False
    check_is_ours(sheet.target)
    return drawn_on(sheet.target) in (None, draw) or not may_write(sheet, True, originals)


def colorize_to_stream(source: Path | bytes, stream: BinaryIO, settings: RunSettings) -> list[str]:
    """Colorize one photo to a pipe; what the user should know. One in colour is passed on, so that a photo comes."""
    file = io.BytesIO()
    with opened(settings) as (colorizer, reader, options):
        try:
            own = options.with_saved_hints(source)
            report = colorize_file(source, lambda: file, colorizer, reader, own)
        except ColorizeGANError as error:
            raise of_photo(error, source) from error.__cause__
    if report.left_alone:
        stream.write(source if isinstance(source, bytes) else source.read_bytes())
        stream.flush()
        return [LEFT_IN_COLOR, *report.remarks]
    stream.write(file.getvalue())
    stream.flush()
    return [*report.remarks, *keep_hints(source, settings.options.look)]


@contextmanager
def opened(
    settings: RunSettings, workers: int = 1, threads: int | None = None
) -> Iterator[tuple[Colorizer, Reader, FileOptions]]:
    """The model, processes that decode, which start at the same time, and the options with the colours of `like`.

    workers: photos under way at once; threads: for each, default as many as this process may use. What the model cannot
    do is one error here, and not one a photo.
    """
    options, threads = settings.options, threads or cpu_threads()
    with ExitStack() as ends:
        reader = ends.enter_context(Reader(ready=workers, threads=threads))
        colorizer = Colorizer(settings.model, threads=threads, device=settings.device)
        if settings.device != "cpu":  # photos of one size go through it together
            batches = BatchingNetwork(colorizer.network, MAX_BATCH)
            colorizer = Colorizer(ends.enter_context(closing(batches)))
        if settings.like is not None:
            options = replace(options, look=replace(options.look, like=colorizer.palette(settings.like)))
        options.look.check_model(colorizer.network.card)
        if options.confidence:
            colorizer.network.card.need_distribution("say how sure it is")
        yield colorizer, reader, options


def workers_for(jobs: int, wanted: int | None = None, cores: int | None = None) -> tuple[int, int]:
    """How many photos should be under way at once, `wanted` if given, and the threads for the network and join of each.

    One photo more than cores: while one waits for its bytes to reach the disk, the others keep the cores busy.
    """
    cores = cores or cpu_threads()
    workers = min(jobs, wanted) if wanted else jobs if jobs <= cores else cores + 1
    return max(1, workers), max(1, cores // max(1, workers))


def run_jobs(
    jobs: Collection[Job],
    colorizer: Colorizer | None,
    options: FileOptions,
    *,
    overwrite: bool = False,
    ledger: Ledger | None = None,
    workers: int = 1,
    reader: Reader | None = None,
    budget: MemoryBudget | None = None,
) -> Generator[Result, None, None]:
    """Do the jobs; yield one result for each, in their order, whatever happens in it.

    Where the run ends early, photos under way get a few seconds to end, and none is left half-written. The results that
    are there then are yielded still, in the same order, unless the generator is closed.

    Args:
        jobs: no target twice.
        colorizer: None where all results are there already. Give it as many threads as `workers_for` says.
        overwrite: write results anew that exist.
        ledger: where results are noted and earlier ones are looked up.
        workers: photos under way at once; the results' bytes do not depend on it.
        reader: decodes the photos, and is closed at the end; give one that was started while the model was loaded.
        budget: of memory, for all photos under way.

    Raises OutputError where the disk is full, or the ledger cannot be written. What is done stays.
    """
    keep_freed_memory()
    remove_leftovers(job.target for job in jobs)
    if reader is None:
        reader = Reader(threads=max(1, cpu_threads() // workers))
    budget = budget or MemoryBudget()
    run = BatchRun(colorizer, reader, options, overwrite, ledger, Originals(jobs), budget, threading.Event())
    pool = ThreadPoolExecutor(workers, thread_name_prefix="colorize")
    waiting: deque[tuple[Job, Future[Result]]] = deque()
    seconds = SHUTDOWN_SECONDS
    try:
        for job in jobs:
            waiting.append((job, pool.submit(run_job, run, job)))
            if len(waiting) >= MAX_PENDING:
                yield next_result(waiting, run)
        while waiting:
            yield next_result(waiting, run)
    except (OutputError, KeyboardInterrupt, SystemExit) as end:  # what became of others meanwhile is told before
        if not isinstance(end, OutputError):
            run.stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        under_way = [future for _, future in waiting if not future.cancelled()]
        wait(under_way, seconds)
        seconds = 0.0
        ended = [future.result() for future in under_way if future.done() and not future.exception()]
        yield from (result for result in ended if reason_to_end(result, run) is None)
        raise
    finally:
        run.stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        # `wait` would wait for futures that were cancelled before they began, too.
        wait([future for _, future in waiting if not future.cancelled()], seconds)
        reader.close()
        slow = [job.target for job, future in waiting if not future.done()]  # these do not end by themselves
        remove_leftovers(slow, own=True)
        if ledger is not None:
            ledger.close()


def next_result(waiting: deque[tuple[Job, Future[Result]]], run: BatchRun) -> Result:
    """The result of the first job; it stays among those that wait until it is there, as a signal may come before.
    OutputError where the run cannot go on."""
    result = waiting[0][1].result()
    waiting.popleft()
    if (end := reason_to_end(result, run)) is not None:
        raise end
    return result


def reason_to_end(result: Result, run: BatchRun) -> OutputError | None:
    """Why the run as a whole cannot go on, where a result tells so."""
    error = result.error
    if is_disk_full(error):
        return disk_full(result.job.target)
    if run.ledger is not None and isinstance(error, OutputError) and error.path == str(run.ledger.path):
        return error
    return None
