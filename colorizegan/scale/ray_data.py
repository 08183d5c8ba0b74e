"""A plan worked through on many machines by Ray Data: blocks to workers, answers back, what was lost once more.

Ray schedules, holds back what would fill the memory, starts workers anew and gives their blocks to others. A block that
was begun is not done as a whole again, as a photo that kills its worker would kill the next one with all the others
beside it: each photo of such a block that has no result is tried once more alone.
"""

import itertools
import logging
import os
import secrets
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from colorizegan import __version__
from colorizegan.batch.dry_run import dry_run_of_plan
from colorizegan.batch.job import Result
from colorizegan.batch.jobs import Job
from colorizegan.batch.ledger import Entry
from colorizegan.batch.originals import Originals, may_write
from colorizegan.batch.plan import Plan
from colorizegan.batch.run import RunSettings, opened
from colorizegan.colorize_file import DONE_ALREADY, FileOptions
from colorizegan.errors import ColorizeGANError, InputError, OutputError, UsageError
from colorizegan.files import remove_leftovers, results_folder
from colorizegan.machine import POLL_SECONDS
from colorizegan.photo.formats import written_format
from colorizegan.scale.cluster import LOCAL, check_machines, connected, host_and_port, silent
from colorizegan.scale.run_ledger import RunLedger
from colorizegan.scale.sources import Places, plan_anywhere
from colorizegan.scale.watch import watched
from colorizegan.scale.worker import Answer, PhotoWorker, Setup, remove_abandoned, spool_prefix
from colorizegan.steer.look import Look

log = logging.getLogger(__name__)

BLOCK = 32  # photos that a worker does before it tells what became of them, at most
WAVE = 100_000  # photos that are handed to Ray at once, at least
WAVE_OF_WORKER = 5_000  # and for each worker


@contextmanager
def run_on_ray(
    plan: Plan, places: Places | None, settings: RunSettings, *, address: str = LOCAL
) -> Iterator[Generator[Result, None, None]]:
    """All jobs of a plan on a cluster: a result for each, as they come. Arguments as for `run_plan` and `connected`.

    places: from `plan_anywhere`, as the plan.
    """
    if plan.output_root is None:
        raise UsageError("many machines need a folder for the results", remedy="give one as output (-o)")
    remove_abandoned()
    root = nullcontext() if places else results_folder(plan.output_root)
    with root, tempfile.TemporaryDirectory(prefix=spool_prefix(f"{os.getpid()}-")) as spool, ExitStack() as ends:
        with opened(replace(settings, device="cpu")) as (colorizer, _, options):
            digest = colorizer.network.digest
        settings = replace(settings, options=options, like=None)  # which the options hold
        setup = Setup(secrets.token_hex(4), settings, digest, __version__, plan.output_root, places)
        ray = ends.enter_context(connected(address))
        check_machines(ray)
        try:
            ledger = RunLedger(plan.output_root, places and places.results, Path(spool), setup.run)
        except InputError as error:
            raise OutputError(error.reason, path=error.path, remedy="name another folder") from error
        size = settings.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        run = Run(ray, setup, ledger, plan, size)
        results = run.results()
        try:
            with watched(host_and_port(ray.get_runtime_context().gcs_address)):
                yield results
        finally:
            with silent():  # Ray would say of each block under way that it is tried again
                results.close()
                ends.close()
            if not run.ended:
                run.tidy()


def dry_run_on_ray(plan: Plan, places: Places | None, settings: RunSettings) -> Iterator[Result]:
    """What `run_on_ray` would do, as `dry_run_of_plan`; elsewhere by the names of results alone."""
    settings = replace(settings, device="cpu")  # what the workers run on is not known here
    if places is None:
        yield from dry_run_of_plan(plan, settings)
        return
    with opened(settings):
        for job in plan.jobs:
            try:
                there = not settings.overwrite and places.results.find(job.target) is not None
                yield Result(job, "skipped", DONE_ALREADY) if there else Result(job, "planned")
            except InputError as error:
                yield Result(job, "failed", str(error), error=error)


def colorize_dataset(
    sources: Any,
    output: str,
    look: Look | None = None,
    *,
    model: str | None = None,
    address: str = LOCAL,
    workers: int | None = None,
    device: str = "cpu",
    suffix: str | None = None,
    format: str | None = None,
    quality: int = 95,
    strip: bool = False,
    force: bool = False,
    overwrite: bool = False,
    filesystem: Any = None,
) -> Iterator[Result]:
    """Colorize many photos with Ray Data; the work goes on while the results are asked for.

    Args:
        sources: names of photos and folders, patterns, URLs (s3://bucket/scans); or a Ray Dataset with a column `path`.
        output: a folder or URL. The tree is mirrored into it, and the ledger is kept there: `colorizegan.jsonl` and,
            with the last result, `colorizegan.parquet`. What is done already is not done again.
        look: what is asked of the colours.
        model: as for `Colorizer`, the same on all machines.
        address: of the cluster: HOST:PORT, "auto", "local" or "either", see `connected`. A connection that is there
            already is used.
        workers: cores to use; default all of the cluster.
        device, suffix, format, quality, strip, force, overwrite: as the options of `colorizegan colorize`.
        filesystem: of pyarrow or fsspec; the names are paths in it then.

    Raises:
        UsageError, InputError, ModelError: nothing can be done.
        OutputError: the disk is full, or the ledger cannot be written. What is done stays.
        MissingExtraError: Ray is not installed.
    """
    format = None if format is None else written_format(format)
    if not 1 <= quality <= 100 or (workers is not None and workers < 1):
        raise UsageError(f"quality {quality} or workers {workers} is out of range", remedy="use 1 .. 100; 1 or more")
    inputs, listed = names_of(sources)
    plan, places = plan_anywhere(inputs, output, listed=listed, suffix=suffix, format=format, filesystem=filesystem)
    if plan.problems:
        raise plan.problems[0]
    if not plan.jobs:
        raise InputError("no photos found", path=", ".join(plan.empty)[:300] or None)
    options = FileOptions(look or Look(), format=format, quality=quality, strip=strip, force=force)
    settings = RunSettings(options, model, device, overwrite=overwrite, workers=workers)
    with run_on_ray(plan, places, settings, address=address) as results:
        yield from results


def names_of(sources: Any) -> tuple[Sequence[str], Iterable[str]]:
    """Names that may be patterns, and names that are taken literally."""
    if isinstance(sources, str | Path):
        return [str(sources)], ()
    if hasattr(sources, "iter_rows"):
        if "path" not in (columns := sources.columns() or []):
            what = f"the Dataset has no column 'path', but: {', '.join(columns)[:200]}"
            raise UsageError(what, remedy="rename that of the photos with rename_columns")
        return [], (str(row["path"]) for row in sources.select_columns(["path"]).iter_rows())
    return [str(name) for name in sources], ()


class Run:
    """A plan under way."""

    def __init__(self, ray: Any, setup: Setup, ledger: RunLedger, plan: Plan, size: int) -> None:
        self.ray, self.setup, self.ledger, self.plan, self.size = ray, setup, ledger, plan, size
        self.here = setup.places is None  # on file systems that every machine has
        self.ended = False

    def results(self) -> Generator[Result, None, None]:
        """A result for each job, as they come."""
        count, wave = len(self.plan.jobs), max(WAVE, WAVE_OF_WORKER * self.size)
        if self.here:
            remove_leftovers(job.target for job in self.plan.jobs)
        for start in range(0, count, wave):
            yield from self.wave(start, min(start + wave, count))
        self.ledger.close()
        self.ended = True

    def tidy(self) -> None:
        """After a run that was stopped: nothing half-written stays, and the ledger gets what workers have done."""
        until = time.monotonic() + 3.0  # for workers to end in
        while self.here and remove_leftovers(job.target for job in self.plan.jobs) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)  # a worker takes a moment to end
        with suppress(ColorizeGANError):  # the disk is full, say: the next run does it
            self.ledger.adopt()
            self.ledger.publish()

    def wave(self, start: int, stop: int) -> Iterator[Result]:
        """The results of the jobs from `start` to before `stop`."""
        missing = bytearray(b"\1") * (stop - start)

        def left() -> Iterator[tuple[int, Job]]:
            numbered = enumerate(itertools.islice(self.plan.jobs, start, stop), start)
            return ((number, job) for number, job in numbered if missing[number - start])

        def settle(pairs: Iterable[tuple[int, Result]]) -> Iterator[Result]:
            for number, result in pairs:
                missing[number - start] = 0
                yield result

        yield from settle(self.refused(left()))
        block = max(1, min(BLOCK, -(-(stop - start) // (4 * self.size))))
        for rows in (block, 1):  # alone, those that were lost
            yield from settle(self.once(left(), rows))
            if any(missing):
                if self.here:
                    remove_leftovers(job.target for _, job in left())
                known = self.ledger.adopt()
                yield from settle((n, self.told(known[self.ledger.name_of(job.target)], job)) for n, job in left()
                                  if self.ledger.name_of(job.target) in known)  # fmt: skip
        why, remedy = "its worker died, twice: with others beside it, and alone", "try it by itself on one machine"
        yield from (self.failed(job, ColorizeGANError(why, remedy=remedy)) for _, job in left())

    def refused(self, jobs: Iterator[tuple[int, Job]]) -> Iterator[tuple[int, Result]]:
        """Jobs whose results would replace the photo of another one, which no worker could know."""
        if self.here and self.setup.settings.overwrite:
            originals = Originals(self.plan.jobs)
            for number, job in jobs:
                try:
                    may_write(job, True, originals)
                except OutputError as error:
                    yield number, self.failed(job, error)

    def once(self, jobs: Iterator[tuple[int, Job]], rows: int) -> Iterator[tuple[int, Result]]:
        """What becomes of jobs, in blocks of so many rows; nothing of those whose worker is lost.

        Raises:
            OutputError, ModelError: the run cannot go on.
        """
        blocks = list(self.tables(jobs, rows))
        if not blocks:
            return
        pool = self.ray.data.ActorPoolStrategy(
            size=min(self.size, len(blocks)), max_tasks_in_flight_per_actor=1 if rows == 1 else 2
        )
        photos = self.ray.data.from_arrow(blocks)
        photos.context.max_errored_blocks = -1
        photos.context.enable_progress_bars = False
        answers = photos.map_batches(
            PhotoWorker, fn_constructor_args=(self.setup,), batch_size=None, batch_format="numpy", compute=pool,
            num_cpus=1, num_gpus=1 if self.setup.settings.device == "cuda" else None,
        )  # fmt: skip
        try:
            for batch in answers.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
                numbers = [int(number) for number in batch["number"]]
                block: list[Answer] = list(batch["answer"])
                if block[0].lost:
                    continue
                self.ledger.note(numbers[0], [line for answer in block for line in answer.lines])
                answered = zip(numbers, block, strict=True)
                yield from ((number, answer.result) for number, answer in answered if answer.fatal is None)
                for fatal in (answer.fatal for answer in block if answer.fatal is not None):
                    self.ledger.publish()
                    raise fatal
        except self.ray.exceptions.RayError as error:  # what is missing is tried once more
            log.info("Ray gave up on some photos: %s", error)

    def tables(self, jobs: Iterator[tuple[int, Job]], rows: int) -> Iterator[Any]:
        import pyarrow

        while some := list(itertools.islice(jobs, rows)):
            yield pyarrow.table(
                {
                    "number": pyarrow.array([number for number, _ in some], pyarrow.int64()),
                    "source": [os.fsencode(cast(Path, job.source)) for _, job in some],
                    "target": [os.fsencode(job.target) for _, job in some],
                    "earlier": [self.ledger.earlier(job) for _, job in some],
                }
            )

    def told(self, entry: Entry, job: Job) -> Result:
        """What a line says that a lost worker left."""
        if entry.status == "failed":
            return Result(self.named(job), "failed", entry.message or "", error=ColorizeGANError("", path=entry.input))
        return Result(self.named(job), "skipped" if entry.code == "COLOR" else "done", entry.message or "")

    def failed(self, job: Job, error: ColorizeGANError) -> Result:
        """A job that no worker brought to an end."""
        named = self.named(job)
        error.path = error.path or str(named.source)
        source = str(cast(Path, job.source).absolute()) if self.here else str(named.source)
        self.ledger.write(
            Entry(self.ledger.name_of(job.target), "failed", source, code=error.code, message=str(error))
        )  # fmt: skip
        return Result(named, "failed", str(error), error=error)

    def named(self, job: Job) -> Job:
        """A job whose files are called as the user calls them."""
        places = self.setup.places
        if places is None:
            return job
        source, target = places.sources.named(cast(Path, job.source)), places.results.named(job.target)
        return Job(cast(Path, source), cast(Path, target))  # to be said only
