"""Which film becomes which file, and what is in the way of it: for the runs of `video` and for its dry runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from colorizegan.errors import InputError, UsageError

if TYPE_CHECKING:
    from colorizegan.batch.job import Result
    from colorizegan.batch.jobs import Job
    from colorizegan.batch.ledger import Ledger
    from colorizegan.batch.plan import Plan
    from colorizegan.video.options import FilmOptions


def plan_films(inputs: list[str], output: str | None, *, preview: bool) -> Plan:
    """Which film becomes which file."""
    from colorizegan.batch.jobs import Job
    from colorizegan.batch.plan import Plan, make_plan
    from colorizegan.video.formats import FILM_SUFFIXES, RESULTS, is_pattern

    if "-" in (*inputs, output):
        raise UsageError("films come from files and go into files, not through standard input or output")
    numbered = [name for name in inputs if is_pattern(name)]
    if numbered or (output is not None and is_pattern(output)):
        if len(inputs) != 1 or (output is None and not preview):
            raise UsageError("numbered pictures are one input with one output", remedy="give a film or pictures as -o")
        plan = Plan([Job(Path(inputs[0]), Path(output or inputs[0]))])
    elif preview and output is not None and len(inputs) == 1 and output.lower().endswith((".jpg", ".jpeg", ".png")):
        return Plan([Job(Path(inputs[0]), Path(output))])
    else:
        plan = make_plan(inputs, output, known=FILM_SUFFIXES, written=RESULTS)
    if preview:
        stems = [job.target.stem.removesuffix(".colorized").replace("%", "") for job in plan.jobs]
        names = [f"{stem}.preview.jpg" for stem in stems]
        plan.jobs = [Job(job.source, job.target.with_name(name)) for job, name in zip(plan.jobs, names, strict=True)]
    return plan


def dry_run_of_films(plan: Plan, options: FilmOptions, *, preview: bool, use_saved: bool) -> Iterator[Result]:
    """What `run` would do with each film: "planned", "skipped" or "failed"; only what has a result's name is opened."""
    from colorizegan.batch.dry_run import failed
    from colorizegan.batch.job import Result
    from colorizegan.batch.ledger import Ledger
    from colorizegan.batch.originals import Originals, may_write
    from colorizegan.colorize_file import DONE_ALREADY
    from colorizegan.video.formats import is_pattern
    from colorizegan.video.frames import check_is_there
    from colorizegan.video.results import check_pictures

    originals = Originals(plan.jobs)
    ledger = None if plan.output_root is None or preview else Ledger(plan.output_root, adopt=False)
    for job in plan.jobs:
        try:
            source, done = source_of(job), False
            check_is_no_photo(source)
            if use_saved:
                with_saved_hints(job, options)
            check_is_there(source)
            if is_pattern(job.target.name):  # they are gone through one by one
                check_pictures(source, job.target, overwrite=options.overwrite)
            elif (done := not may_write(job, options.overwrite, originals)) and not preview:
                check_is_result(job, ledger)
            yield Result(job, "skipped", DONE_ALREADY) if done else Result(job, "planned")
        except Exception as error:
            yield failed(job, error)


def check_is_no_photo(source: Path) -> None:
    """InputError for a photo, so that nobody looks for what is wrong with his film."""
    from colorizegan.photo.formats import PHOTO_SUFFIXES
    from colorizegan.video.formats import is_pattern

    if source.suffix.lower() in PHOTO_SUFFIXES and not is_pattern(source.name):
        raise InputError("is a photo", path=source, remedy=f"use colorizegan colorize {source.name}")


def check_is_result(job: Job, ledger: Ledger | None) -> None:
    """OutputError where a film can be told to be none that was made of the job's."""
    from colorizegan.batch.job import not_ours
    from colorizegan.video.results import may_be_result

    known = ledger is not None and ledger.entry(job.target) is not None
    if not known and not may_be_result(job.target, source_of(job)):
        raise not_ours(job.target)


def with_saved_hints(job: Job, options: FilmOptions) -> FilmOptions:
    """The options with the hints that are kept beside the film, where none are given."""
    from colorizegan.steer.hints import kept_hints
    from colorizegan.video.options import read_film_hints

    path = None if options.hints else kept_hints(source_of(job))
    return options if path is None else dataclasses.replace(options, hints=read_film_hints(path))


def source_of(job: Job) -> Path:
    assert isinstance(job.source, Path)
    return job.source
