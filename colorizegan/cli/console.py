"""What the commands say: lines, JSON lines and a progress bar. Data to standard output, all else to standard error."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from colorizegan.batch.plan import shown
from colorizegan.cli.options import NOTHING
from colorizegan.errors import ColorizeGANError, InputError
from colorizegan.progress import progress_bar

if TYPE_CHECKING:
    from colorizegan.batch.job import Result, Status
    from colorizegan.batch.plan import Plan
    from colorizegan.scale.sources import Places

TOLD_BY_NAME = 3  # photos that were skipped for the same reason, where a bar is shown; libraries of other programs


@dataclass(frozen=True)
class Reporter:
    """How much a command says, and in which form."""

    as_json: bool = False
    """One JSON line for each result to standard output, then a summary line."""
    quiet: bool = False
    """Nothing but errors to standard error."""
    debug: bool = False
    """Tracebacks too."""

    def note(self, line: str) -> None:
        """Say something that is no error."""
        if not self.quiet:
            to_stderr(line)


def to_stderr(line: str) -> None:
    """Write one line to standard error. File names may hold anything: what could steer a terminal is replaced."""
    sys.stderr.write("".join(c if c.isprintable() else "?" for c in line) + "\n")


def to_stdout(line: str | bytes) -> None:
    """Write one line to standard output; file names come out as the bytes that they are."""
    raw = line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape")
    sys.stdout.buffer.write(raw + b"\n")
    sys.stdout.flush()


@contextmanager
def log_lines() -> Iterator[None]:
    """While it is open, what the package logs from INFO upwards goes to standard error, a line a record."""
    import logging  # here, because --help does without it

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            to_stderr(self.format(record))  # not a StreamHandler: a progress bar takes the place of sys.stderr

    logger, handler = logging.getLogger("colorizegan"), Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def show_plan(plan: Plan, reporter: Reporter, kind: str, listed: str = "") -> None:
    """Say what was not found of the `kind` of files that were named, some in the file `listed`; exit if nothing was."""
    for problem in plan.problems:
        to_stderr(f"error: {problem}")
    if plan.libraries:
        reporter.note(words_of_libraries(plan.libraries))
    if not plan.jobs and not plan.problems and not plan.other_shards:
        what = " ".join(filter(None, [*plan.empty, listed]))[:300] or None
        to_stderr(f"error: {InputError(f'no {kind} found', path=what)}")
        if plan.left_out:
            reporter.note(words_of_left_out(plan.left_out))
        raise typer.Exit(NOTHING)
    for empty in plan.empty:
        reporter.note(f"{empty}: no {kind} found")


def list_jobs(results: Iterable[Result], plan: Plan, *, as_json: bool, places: Places | None = None) -> bool:
    """What a dry run says: one line for each job, to standard output. Whether the run could do all.

    results: "planned", "skipped" or "failed"; places: of the photos and the results, where they lie elsewhere.
    """
    summary = Counter[str]({"planned": 0, "skipped": 0, "failed": 0})
    for result in results:
        source, target, status = shown(result.job.source), str(result.job.target), result.status
        if places is not None:
            source, target = places.sources.named(Path(source)), places.results.named(result.job.target)
        summary[status] += 1
        if status == "failed":
            to_stderr(f"error: {result.reason}")
        if as_json:
            why = {"code": result.code, "message": result.reason or None}
            known = {name: value for name, value in why.items() if value is not None}
            to_stdout(json.dumps({"input": source, "output": target, "status": status} | known))
        elif status != "failed":
            why = result.reason.partition(";")[0]  # what to do about it, the run says
            to_stdout(f"{source} -> {target}" + (f"  ({why})" if why else ""))
    if as_json:
        to_stdout(json.dumps({"summary": {**summary, "left_out": plan.left_out}}))
    elif plan.left_out:
        to_stderr(words_of_left_out(plan.left_out))
    return not (summary["failed"] or plan.problems)


def show_results(
    results: Iterable[Result], total: int, reporter: Reporter, left_out: Mapping[str, int] | None = None
) -> Counter[Status]:
    """Say what becomes of every job while it happens, and at the end the counts.

    A terminal gets a bar, and a line only for what was not done, of what was skipped for the same reason a few;
    anything else gets a line for each. Results of an earlier version are told once for the whole run.
    """
    from colorizegan.batch.job import EARLIER_VERSION  # here, because --help does without it

    skipped = Counter[str]()
    summary, start = new_summary(), time.perf_counter()
    bar = total > 1 and sys.stderr.isatty() and not reporter.quiet
    try:
        with progress_bar("", total, shown=bar) as tick:
            for result in results:
                summary[result.status] += 1
                skipped[result.reason] += result.status == "skipped"
                told = 0 if result.reason == EARLIER_VERSION else TOLD_BY_NAME if bar else total
                show_result(result, reporter, brief=bar, told=skipped[result.reason] <= told)
                tick(summary.total(), summary["skipped"])
    except (ColorizeGANError, KeyboardInterrupt, SystemExit) as end:
        more = "" if isinstance(end, ColorizeGANError) else "; the same command goes on from here"  # its line says it
        reporter.note(f"stopped: {counts(summary)}{more}")
        if reporter.as_json:
            show_summary(summary, time.perf_counter() - start, reporter, left_out=left_out or {})
        raise
    seconds = time.perf_counter() - start
    for reason, count in skipped.items():
        if reason == EARLIER_VERSION:
            reporter.note(f"{counted(count, 'result')}: {reason}")
        elif bar and count > TOLD_BY_NAME:
            reporter.note(f"{counted(count - TOLD_BY_NAME, 'more photo')}: {reason}")
    show_summary(summary, seconds, reporter, left_out=left_out or {})
    if left_out:
        reporter.note(words_of_left_out(left_out))
    return summary


def new_summary() -> Counter[Status]:
    """How many photos or films of a run came to which end."""
    return Counter({"done": 0, "skipped": 0, "failed": 0})


def counts(summary: Counter[Status]) -> str:
    return ", ".join(f"{count} {status}" for status, count in summary.items())


def show_summary(summary: Counter[Status], seconds: float, reporter: Reporter, **more: object) -> None:
    """The counts of a run of some files, as the last line; `more`: for JSON."""
    if reporter.as_json:
        to_stdout(json.dumps({"summary": {**summary, "seconds": round(seconds, 3), **more}}))
    elif summary.total() > 1:
        reporter.note(f"{counts(summary)} in {seconds:.1f} s")


def words_of_left_out(left_out: Mapping[str, int]) -> str:
    """How many files of which endings were not looked at."""
    count, endings = sum(left_out.values()), ", ".join(f"{n} {ending}" for ending, n in sorted(left_out.items()))
    return f"{counted(count, 'file')} left out, as the format is not read: {endings}"


def words_of_libraries(libraries: Collection[str]) -> str:
    """Which folders were not searched, as other programs keep their libraries there, and what to do about it."""
    some = ", ".join(sorted(libraries)[:TOLD_BY_NAME]) + (", ..." if len(libraries) > TOLD_BY_NAME else "")
    return f"{counted(len(libraries), 'library')} of other programs left out: {some}; name a folder itself to search it"


def show_result(result: Result, reporter: Reporter, *, brief: bool, told: bool = True) -> None:
    source = shown(result.job.source)
    if result.status == "failed":
        if reporter.debug and result.error is not None:
            traceback.print_exception(result.error)
        to_stderr(f"error: {result.reason}")
    elif result.status == "skipped":
        if told:
            reporter.note(f"{source}: {result.reason}")
    elif not brief and not reporter.as_json:
        reporter.note(f"{source} -> {result.job.target}")
    for remark in result.remarks:
        reporter.note(f"{source}: {remark}")
    if reporter.as_json:
        to_stdout(json.dumps(describe(result)))


def describe(result: Result) -> dict[str, str | float | int | list[str] | None]:
    """A result as its JSON line."""
    height, width = result.shape or (None, None)
    return {
        "input": "-" if isinstance(result.job.source, bytes) else str(result.job.source),
        "output": str(result.job.target),
        "status": result.status,
        "code": result.code,
        "message": result.reason or None,
        "remarks": list(result.remarks),
        "width": width,
        "height": height,
        "seconds": round(result.seconds, 3),
    }


def counted(count: int, noun: str) -> str:
    """A number of things: "1 file", "2 files", "2 libraries"."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} " + (f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s")
