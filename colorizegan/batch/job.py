"""One job of a run, the whole way: what an earlier run left, read, colorize, write, note in the ledger."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from colorizegan.batch.ledger import Entry, Ledger
from colorizegan.batch.plan import Job, shown
from colorizegan.batch.sheets import write_confidence
from colorizegan.colorize_file import OnePhoto, Settings, provenance
from colorizegan.colorizer import Colorizer
from colorizegan.errors import ColorizeGANError, OutputError, TooLargeError
from colorizegan.files import atomic_file, file_identity, sha256_of_file
from colorizegan.machine import Cancelled, MemoryBudget, Place
from colorizegan.photo.formats import format_of_name
from colorizegan.photo.reader import Reader
from colorizegan.photo.xmp import carry_sidecar

COLORED = "in colour already, left alone; --force colorizes it anyway"
EXISTS = "done already; --overwrite does it again"
CHANGED = "done already, but the photo has changed since; --overwrite does it again"
OTHERWISE = "done already, with other settings or another model; --overwrite does it again"


@dataclass(frozen=True)
class Result:
    """What became of one job."""

    job: Job
    status: Literal["done", "skipped", "failed"]
    reason: str = ""
    """Why it was skipped, or the error's one line."""
    shape: tuple[int, int] | None = None
    """Height and width, px, where the photo was read."""
    seconds: float = 0.0
    remarks: tuple[str, ...] = ()
    """What the user should know of a photo that is done, as clauses."""
    error: BaseException | None = None

    @property
    def code(self) -> str | None:
        """The stable code of the error of a failed job."""
        return self.error.code if isinstance(self.error, ColorizeGANError) else None


@dataclass(frozen=True)
class Run:
    """What the jobs of a run share."""

    colorizer: Colorizer | None
    reader: Reader
    settings: Settings
    ledger: Ledger | None
    originals: set[tuple[int, int]]
    budget: MemoryBudget
    stop: threading.Event
    """Set when the run is to end: no new step is begun."""


def do_job(run: Run, job: Job) -> Result:
    """Do one job, whatever happens in it; only Cancelled is raised."""
    start = time.perf_counter()
    try:
        if run.stop.is_set():
            raise Cancelled
        colorizer = run.colorizer
        if not may_write(job, run.settings, run.originals) or colorizer is None:
            return Result(job, "skipped", earlier_result(run, job))
        if is_known_color(run, job):
            return Result(job, "skipped", COLORED)
        run = dataclasses.replace(run, settings=run.settings.of(job.source))
        facts = facts_of(job, run)
        photo, reason = colorize_file(run, job, colorizer, facts)
        remarks = () if reason else tuple(photo.remarks)
        return Result(job, "skipped" if reason else "done", reason, photo.shape, time.perf_counter() - start, remarks)
    except Cancelled:
        raise
    except Exception as error:
        if run.reader.closed.is_set():  # the run is over, and so was the process that decoded the photo
            raise Cancelled from None
        folded = fold(error, job.source)
        note_failure(run, job, folded)
        return Result(job, "failed", str(folded), None, time.perf_counter() - start, error=folded)


class AllInColor(Exception):  # noqa: N818 (no error)
    """Every page of a photo turned out to be in colour, after its result was begun."""


def colorize_file(run: Run, job: Job, colorizer: Colorizer, facts: dict[str, Any]) -> tuple[OnePhoto, str]:
    """Read, colorize, write and note one photo: (what became of it, why it was left alone or "")."""
    place = Place(run.budget, run.stop)
    form = format_of_name(job.target.suffix)
    photo = OnePhoto(job.source, colorizer, run.reader, run.settings, form, place.admit, place.leave)
    try:
        opened = named(photo.open, job.source)
        if run.stop.is_set():
            raise Cancelled
        if opened:
            try:
                write_result(run, job, photo, facts)
            except AllInColor:
                opened = False
    finally:
        place.leave()
    if not opened:
        note(run, Entry(**facts, status="skipped", code="COLOR", message=COLORED))
    return photo, "" if opened else COLORED


def write_result(run: Run, job: Job, photo: OnePhoto, facts: dict[str, Any]) -> None:
    """Write a result and note it in the ledger; OutputError where one of the two cannot be."""
    target = job.target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be made ({error.strerror})", path=target.parent) from error
    try:
        with atomic_file(target) as file:
            if not photo.write(file):
                raise AllInColor
            if run.stop.is_set():
                raise Cancelled
            if photo.doubt:
                photo.remarks += write_confidence(photo.doubt, target, overwrite=run.settings.overwrite)
                photo.doubt = ()
            if isinstance(job.source, Path) and not run.settings.strip:
                made = provenance(photo.colorizer, run.settings)
                anew, turned = run.settings.overwrite, photo.turned
                remark = carry_sidecar(job.source, target, made, overwrite=anew, orientation=turned)
                photo.remarks += [remark] if remark else []
            facts["output_sha256"] = sha256_of_file(file)
            note(run, Entry(**facts, status="writing"))
    except OutputError as error:
        error.path = error.path or str(target)
        raise
    except ColorizeGANError as error:
        error.path = error.path or shown(job.source)
        raise
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", path=target) from error
    note(run, Entry(**facts, status="done", message="; ".join(photo.remarks) or None))


def named(open_photo: Callable[[], bool], source: Path | bytes) -> bool:
    """What `OnePhoto.open` says; its errors name the photo."""
    try:
        return open_photo()
    except ColorizeGANError as error:
        error.path = error.path or shown(source)
        raise


def facts_of(job: Job, run: Run) -> dict[str, Any]:
    """What the ledger says of a photo and how its result is made; nothing is read where there is no ledger."""
    if run.ledger is None or run.colorizer is None:
        return {"output": job.target.name}
    facts: dict[str, Any] = {
        "output": run.ledger.name_of(job.target),
        "model": run.colorizer.network.digest,
        "settings": run.settings.shaping(),
    }
    if isinstance(job.source, bytes):
        return facts | {"input": "-", "size": len(job.source), "sha256": hashlib.sha256(job.source).hexdigest()}
    facts["input"] = str(job.source.absolute())
    try:
        found = job.source.stat()
        if stat.S_ISREG(found.st_mode):  # else the refusal comes when it is read; a pipe would hold us up here
            facts |= {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "sha256": sha256_of_file(job.source)}
    except OSError:
        pass  # the same
    return facts


def note(run: Run, entry: Entry) -> None:
    if run.ledger is not None:
        run.ledger.add(entry)


def note_failure(run: Run, job: Job, error: ColorizeGANError) -> None:
    """Note a photo that failed; where the ledger fails too, the first error is the one that counts."""
    if run.ledger is None:
        return
    source = "-" if isinstance(job.source, bytes) else str(job.source.absolute())
    output = run.ledger.name_of(job.target)
    with contextlib.suppress(OutputError):
        run.ledger.add(Entry(output, "failed", source, code=error.code, message=str(error)))


def earlier_result(run: Run, job: Job) -> str:
    """Why a job whose result is there already is left, by what the ledger knows of it."""
    entry = run.ledger.entry(job.target) if run.ledger is not None else None
    if entry is None or not entry.output_sha256 or isinstance(job.source, bytes):
        return EXISTS
    if not entry.is_of(job.source):
        return CHANGED
    other_model = run.colorizer is not None and entry.model != run.colorizer.network.digest
    return OTHERWISE if other_model or entry.settings != run.settings.of(job.source).shaping() else EXISTS


def is_known_color(run: Run, job: Job) -> bool:
    """Whether an earlier run has found the photo to be in colour already."""
    entry = run.ledger.entry(job.target) if run.ledger is not None and not run.settings.force else None
    if entry is None or entry.code != "COLOR" or isinstance(job.source, bytes):
        return False
    return entry.is_of(job.source)


def may_write(job: Job, settings: Settings, originals: set[tuple[int, int]]) -> bool:
    """False where the result is there already; OutputError where writing it would touch an original or a device."""
    target = file_identity(job.target)
    if target is None:
        return True
    other = "name another output, or a --suffix"
    if target == file_identity(job.source):
        raise OutputError("is the original itself, which is never touched", path=job.target, remedy=other)
    if not stat.S_ISREG(job.target.stat().st_mode):
        raise OutputError("is there already and is no file", path=job.target, remedy=other)
    if not settings.overwrite:
        return False
    if target in originals:
        raise OutputError("is another input's original, which is never touched", path=job.target, remedy=other)
    return True


def fold(error: Exception, source: Path | bytes) -> ColorizeGANError:
    """Any error as one of ours, so that it prints as one line with a code."""
    path = shown(source)
    if isinstance(error, ColorizeGANError):
        return error
    if isinstance(error, MemoryError):
        folded = TooLargeError("does not fit in memory", path=path, remedy="close other programs or make it smaller")
    else:
        what = f"unexpected {type(error).__name__}: {str(error)[:300]}"
        folded = ColorizeGANError(what, path=path, remedy="please report this, with the output of --debug")
    folded.__cause__ = error
    return folded
