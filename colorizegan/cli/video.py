"""The command `video`: films in, films in colour beside them or elsewhere. A thin shell, as main.py."""

from __future__ import annotations

import dataclasses
import json
import time
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from typer import Argument, Option

from colorizegan.cli import options as shared
from colorizegan.cli.console import (
    Reporter,
    counted,
    counts,
    list_jobs,
    new_summary,
    show_plan,
    show_summary,
    to_stderr,
    to_stdout,
)
from colorizegan.cli.films import (
    check_is_no_photo,
    check_is_result,
    dry_run_of_films,
    plan_films,
    source_of,
    with_saved_hints,
)
from colorizegan.cli.options import FAILED
from colorizegan.errors import OutputError, UsageError, as_our_error
from colorizegan.progress import progress_bar

if TYPE_CHECKING:
    from colorizegan.batch.jobs import Job
    from colorizegan.batch.ledger import Ledger
    from colorizegan.batch.originals import Originals
    from colorizegan.batch.plan import Plan
    from colorizegan.colorizer import Colorizer
    from colorizegan.video.colorize_video import Progress
    from colorizegan.video.options import FilmOptions

T = TypeVar("T")
Codec = Literal["h264", "hevc", "vp9", "av1", "ffv1", "prores"]


def video(
    inputs: Annotated[
        list[str], Argument(metavar="IN...", help="Films, folders, quoted patterns, or pictures as frames/%05d.png.")
    ],
    output: Annotated[
        str | None, Option("--output", "-o", metavar="OUT", help="A folder; for one film also a file, or out/%05d.png.")
    ] = None,
    codec: Annotated[
        Codec | None, Option(case_sensitive=False, help="Of the picture. [default: h264, in WebM vp9 or av1]")
    ] = None,
    quality: Annotated[int, Option(min=1, max=100, help="Of the picture; 100 loses nothing.")] = 80,
    saturation: shared.Saturation = 1.0,
    size: shared.Size = None,
    temperature: shared.Temperature = None,
    emulsion: shared.Emulsion = "auto",
    hint: Annotated[
        list[str] | None,
        Option(
            "--hint",
            metavar="X,Y,#RRGGBB@TIME",
            help="The colour of a point of one frame; repeat. Kept beside the film.",
        ),
    ] = None,
    no_hints: Annotated[
        bool, Option("--no-hints", help="Ignore the hints that are kept beside films (film.mp4.hints.json).")
    ] = False,
    tone_down_unsure: shared.ToneDownUnsure = False,
    like: shared.Like = None,
    start: Annotated[str | None, Option(metavar="TIME", help="Begin here: seconds, 1:30 or 1:02:03.5.")] = None,
    end: Annotated[str | None, Option(metavar="TIME", help="End here.")] = None,
    preview: Annotated[
        bool, Option("--preview", help="Only write a sheet with one frame of each shot (NAME.preview.jpg).")
    ] = False,
    deinterlace: Annotated[bool, Option("--deinterlace", help="Make one whole frame of each interlaced one.")] = False,
    rate: Annotated[str, Option(metavar="N[/M]", help="Frames a second of numbered pictures.")] = "24",
    model: shared.Model = None,
    overwrite: shared.Overwrite = False,
    force: shared.Force = False,
    dry_run: shared.DryRun = False,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
    debug: shared.Debug = False,
) -> None:
    """Colorize films, without flicker. What was stopped goes on with the same command. Originals are never touched."""
    reporter = Reporter(as_json, quiet, debug)
    plan = plan_films(inputs, output, preview=preview)
    show_plan(plan, reporter, "films")
    from colorizegan.colorizer import Colorizer
    from colorizegan.steer.look import Look
    from colorizegan.video.options import FilmOptions, parse_film_hint, parse_rate, parse_time

    if hint and len(plan.jobs) != 1:
        raise UsageError(f"hints are of one film, not of {len(plan.jobs)}", remedy="name one")
    options = FilmOptions(
        look=Look(
            saturation=saturation, size=size, temperature=temperature, emulsion=emulsion,
            tone_down_unsure=tone_down_unsure,
        ),
        hints=tuple(map(parse_film_hint, hint or [])),
        codec=codec, quality=quality,
        start=None if start is None else parse_time(start), end=None if end is None else parse_time(end),
        deinterlace=deinterlace, rate=parse_rate(rate), force=force, overwrite=overwrite,
    )  # fmt: skip
    colorizer = Colorizer(model)
    if like is not None:
        options = dataclasses.replace(options, look=dataclasses.replace(options.look, like=colorizer.palette(like)))
    if dry_run:
        planned = dry_run_of_films(plan, options, preview=preview, use_saved=not no_hints)
        raise typer.Exit(0 if list_jobs(planned, plan, as_json=as_json) else FAILED)
    if run(plan, colorizer, options, reporter, preview=preview, use_saved=not no_hints) or plan.problems:
        raise typer.Exit(FAILED)


def run(
    plan: Plan, colorizer: Colorizer, options: FilmOptions, reporter: Reporter, *, preview: bool, use_saved: bool
) -> int:
    """Do the films and say what became of them; how many failed."""
    from colorizegan.batch.ledger import Ledger
    from colorizegan.batch.originals import Originals

    summary, begin, originals = new_summary(), time.perf_counter(), Originals(plan.jobs)
    ledger = None if plan.output_root is None or preview else Ledger(plan.output_root)
    try:
        for job in plan.jobs:
            facts: dict[str, Any] = {"input": str(job.source), "output": str(job.target)}
            started = time.perf_counter()
            try:
                check_is_no_photo(source_of(job))
                asked = with_saved_hints(job, options) if use_saved else options
                facts |= (
                    one_preview(job, colorizer, asked, reporter, originals)
                    if preview
                    else one_film(job, colorizer, asked, reporter, ledger)
                )
            except ModuleNotFoundError:
                raise  # the same for all films
            except Exception as raised:
                error = as_our_error(raised, str(job.source))  # no fault of one film stops the others
                error.path = error.path or str(job.source)
                if reporter.debug:
                    traceback.print_exception(error)
                to_stderr(f"error: {error}")
                facts |= {"status": "failed", "code": error.code, "message": str(error)}
            summary[facts["status"]] += 1
            facts["seconds"] = round(time.perf_counter() - started, 3)
            note(ledger, job, facts, colorizer, options)
            if reporter.as_json:
                to_stdout(json.dumps(facts))
    except (KeyboardInterrupt, SystemExit):
        kept = summary["done"] or summary["skipped"] or any(is_under_way(job.target) for job in plan.jobs)
        then = "the same command goes on from here" if kept else "nothing is kept yet, the same command begins anew"
        reporter.note(f"stopped: {counts(summary)}; {then}")
        raise
    finally:
        if ledger is not None:
            ledger.close()
    show_summary(summary, time.perf_counter() - begin, reporter)
    return summary["failed"]


def one_film(
    job: Job, colorizer: Colorizer, options: FilmOptions, reporter: Reporter, ledger: Ledger | None
) -> dict[str, Any]:
    """Do one film; what became of it. OutputError where a film of somebody else is in the place of its result."""
    from colorizegan.colorize_file import DONE_ALREADY
    from colorizegan.steer.hints import hints_path
    from colorizegan.video.colorize_video import colorize_steps
    from colorizegan.video.formats import is_pattern
    from colorizegan.video.options import write_film_hints

    source = source_of(job)
    report = followed(colorize_steps(source, job.target, colorizer, options), reporter)
    if report.skipped:
        if report.skipped == DONE_ALREADY:
            check_is_result(job, ledger)
        reporter.note(f"{source}: {report.skipped}")
        return {"status": "skipped", "message": report.skipped}
    if not reporter.as_json:
        reporter.note(f"{source} -> {job.target}")
    for remark in report.remarks:
        reporter.note(f"{source}: {remark}")
    if options.hints and not is_pattern(source.name):
        try:
            write_film_hints(hints_path(source), options.hints)
        except OutputError as error:
            reporter.note(f"{hints_path(source)}: the hints cannot be kept ({error.reason})")
    facts = dataclasses.asdict(report)
    del facts["skipped"]
    return {"status": "done", **facts}


def one_preview(
    job: Job, colorizer: Colorizer, options: FilmOptions, reporter: Reporter, originals: Originals
) -> dict[str, Any]:
    from colorizegan.batch.originals import may_write
    from colorizegan.colorize_file import DONE_ALREADY
    from colorizegan.video.preview import preview_steps

    if not may_write(job, options.overwrite, originals):
        reporter.note(f"{job.target}: {DONE_ALREADY}")
        return {"status": "skipped", "message": DONE_ALREADY}
    shots = followed(preview_steps(source_of(job), job.target, colorizer, options), reporter)
    if not reporter.as_json:
        reporter.note(f"{job.source} -> {job.target}  ({counted(shots, 'shot')})")
    return {"status": "done", "shots": shots}


def is_under_way(target: Path) -> bool:
    """Whether there is something of a result for the next run to go on from."""
    from colorizegan.video.formats import is_pattern
    from colorizegan.video.frames import picture_numbers
    from colorizegan.video.parts import folder_of

    return bool(picture_numbers(target)) if is_pattern(target.name) else folder_of(target).is_dir()


def followed(steps: Generator[Progress, None, T], reporter: Reporter) -> T:
    """Take all steps, with a bar on a terminal; what they return."""
    made = 0
    try:
        step = next(steps)
        with progress_bar("", max(step.total, step.frames), shown=not reporter.quiet) as tick:
            while True:
                made += step.made
                tick(step.frames, step.frames - made)  # what an earlier run made counts for nothing in the rate
                step = next(steps)
    except StopIteration as end:
        return end.value
    finally:
        steps.close()  # a part that is not whole goes before anything is said


def note(ledger: Ledger | None, job: Job, facts: dict[str, Any], colorizer: Colorizer, options: FilmOptions) -> None:
    from colorizegan.batch.ledger import Entry

    if ledger is None or facts["status"] == "skipped":
        return
    source = source_of(job)
    found = source.stat() if source.is_file() else None
    size, changed = (found.st_size, found.st_mtime_ns) if found else (0, 0)
    message = facts.get("message") or "; ".join(facts.get("remarks", ())) or None
    ledger.add(
        Entry(
            ledger.name_of(job.target), facts["status"], str(source.absolute()), size, changed,
            model=colorizer.network.digest, settings=options.facts(), code=facts.get("code"), message=message,
        )
    )  # fmt: skip
