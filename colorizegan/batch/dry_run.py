"""What a run would do with each job, told without doing it: nothing is written, and no photo is opened."""

import threading
from collections.abc import Collection, Iterator

from colorizegan.batch.job import BatchRun, Result, reason_to_skip
from colorizegan.batch.jobs import Job
from colorizegan.batch.ledger import Ledger
from colorizegan.batch.originals import Originals
from colorizegan.batch.plan import Plan, shown
from colorizegan.batch.run import RunSettings, is_drawn, opened
from colorizegan.batch.sheets import sheet_path
from colorizegan.colorize_file import DONE_ALREADY, FileOptions
from colorizegan.errors import as_our_error
from colorizegan.machine import MemoryBudget
from colorizegan.photo.read import check_is_there


def dry_run_of_plan(plan: Plan, settings: RunSettings) -> Iterator[Result]:
    """What `run_plan` would do: a result for each job, "planned", "skipped" or "failed". Raises as `opened`."""
    ledger = None if plan.output_root is None else Ledger(plan.output_root, adopt=False)
    with opened(settings) as (colorizer, reader, options):
        run = BatchRun(
            colorizer, reader, options, settings.overwrite, ledger, Originals(plan.jobs), MemoryBudget(),
            threading.Event(),
        )  # fmt: skip
        for job in plan.jobs:
            try:
                reason, _ = reason_to_skip(run, job)
                yield planned(job, reason, options)
            except Exception as error:
                yield failed(job, error)


def dry_run_of_sheets(jobs: Collection[Job], settings: RunSettings, *, count: int, seed: int) -> Iterator[Result]:
    """What `run_sheets` would do, as `dry_run_of_plan`."""
    originals = Originals(jobs)
    with opened(settings) as (_, _, options):
        for job in jobs:
            sheet = Job(job.source, sheet_path(job.target))
            try:
                drawn = is_drawn(sheet, settings.overwrite, originals, (count, seed))
                yield planned(sheet, DONE_ALREADY if drawn else "", options)
            except Exception as error:
                yield failed(sheet, error)


def planned(job: Job, reason: str, options: FileOptions) -> Result:
    """What would become of a job that is skipped for a `reason`, "" for none.

    InputError where its photo is missing, or the hints that are kept beside it cannot be read.
    """
    if reason:
        return Result(job, "skipped", reason)
    if not isinstance(job.source, bytes):
        check_is_there(job.source)
    options.with_saved_hints(job.source)
    return Result(job, "planned")


def failed(job: Job, error: Exception) -> Result:
    ours = as_our_error(error, shown(job.source))
    return Result(job, "failed", str(ours), error=ours)
