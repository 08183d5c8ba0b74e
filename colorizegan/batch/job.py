"""One job of a run, the whole way: what an earlier run left, read, colorize, write, note in the ledger."""

import hashlib
import os
import stat
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

from colorizegan.batch.jobs import Job
from colorizegan.batch.ledger import Entry, Ledger
from colorizegan.batch.originals import Originals, may_write
from colorizegan.batch.plan import shown
from colorizegan.batch.sheets import is_our_sheet, write_confidence
from colorizegan.colorize_file import DONE_ALREADY, LEFT_IN_COLOR, FileOptions, FileReport, colorize_file, provenance
from colorizegan.colorizer import Colorizer
from colorizegan.errors import ColorizeGANError, ModelError, OutputError, as_our_error
from colorizegan.files import atomic_file, file_identity, make_folder, sha256_of_file
from colorizegan.machine import Cancelled, MemoryBudget
from colorizegan.photo.formats import format_of_name
from colorizegan.photo.metadata.seal import PROPERTY, is_as_written
from colorizegan.photo.metadata.xmp import carry_sidecar, has_note, note_of, same_note
from colorizegan.photo.reader import Reader
from colorizegan.steer.hints import hints_path, write_hints
from colorizegan.steer.look import Look
from colorizegan.steer.proposals import Proposal

PHOTO_CHANGED = "done already, but the photo has changed since; --overwrite does it again"
REPLACED = "the earlier result was made with other options or another model, and is replaced"
RETOUCHED = "is of other options, and not as this program wrote it: somebody has changed it since"
EARLIER_VERSION = (
    "done already by an earlier version or model, with these options; that version put no seal on its results, so"
    " nobody can tell whether they were changed since, and they stay; --overwrite does them again"
)
UNSEALED = "is of other options, and of a version that put no seal on it: it may have been changed since"
NOT_OURS = "is there already, and nothing in it says that this program made it, so it stays"
OTHER_SETTINGS = "done already, with other settings or another model; --overwrite does it again"

NOTED = {"jpeg", "png", "tiff", "webp", "avif"}  # formats whose results hold a note
Status = Literal["planned", "done", "skipped", "failed"]


@dataclass(frozen=True)
class Result:
    """What became of one job, or what would ("planned")."""

    job: Job
    status: Status
    reason: str = ""
    """Why it was skipped, or the error's one line."""
    shape: tuple[int, int] | None = None
    """Height and width, px, where the photo was read."""
    seconds: float = 0.0
    remarks: tuple[str, ...] = ()
    """What the user should know of a photo that is done, as clauses."""
    error: BaseException | None = None
    proposals: tuple[Proposal, ...] = ()
    """What is on a sheet of proposals."""

    @property
    def code(self) -> str | None:
        """The stable code of the error of a failed job."""
        return self.error.code if isinstance(self.error, ColorizeGANError) else None


@dataclass(frozen=True)
class BatchRun:
    """What the jobs of a run share."""

    colorizer: Colorizer | None
    reader: Reader
    options: FileOptions
    overwrite: bool
    """Write results anew that exist."""
    ledger: Ledger | None
    originals: Originals
    budget: MemoryBudget
    stop: threading.Event
    """Set when the run is to end: no new step is begun."""


def run_job(run: BatchRun, job: Job) -> Result:
    """Do one job, whatever happens in it; only Cancelled is raised."""
    start = time.perf_counter()
    try:
        if run.stop.is_set():
            raise Cancelled
        reason, again = reason_to_skip(run, job)
        if reason or run.colorizer is None:
            return Result(job, "skipped", reason)
        report = make_result(run, job, run.colorizer, again)
    except Cancelled:
        raise
    except Exception as error:
        if run.reader.closed.is_set():  # the run is over, and so was the process that decoded the photo
            raise Cancelled from None
        ours = as_our_error(error, shown(job.source))
        note_failure(run, job, ours)
        return Result(job, "failed", str(ours), error=ours)
    seconds = time.perf_counter() - start
    if report.left_alone:
        return Result(job, "skipped", LEFT_IN_COLOR, report.shape, seconds, tuple(report.remarks))
    remarks = [*([REPLACED] if again else []), *report.remarks]
    return Result(job, "done", "", report.shape, seconds, tuple(remarks))


def reason_to_skip(run: BatchRun, job: Job) -> tuple[str, bool]:
    """Why nothing is to be done, "" where something is; and whether that replaces the result of other options.
    OutputError where something else is in the place of the result. No photo is opened."""
    standing = "kept" if run.colorizer is None else standing_of(run, job, run.colorizer)
    if standing == "earlier":
        return EARLIER_VERSION, False
    again = standing == "otherwise"
    if not may_write(job, run.overwrite or again, run.originals) or run.colorizer is None:
        return earlier_result(run, job), False
    return (LEFT_IN_COLOR if is_known_color(run, job) else ""), again


class ResultFile(ExitStack):
    """A result: made once there is something to write, and named when the block ends without an error."""

    def __init__(self, target: Path) -> None:
        super().__init__()
        self.target = target

    def open(self) -> BinaryIO:
        """The file, under another name. OutputError, OSError."""
        make_folder(self.target.parent)
        self.file = self.enter_context(atomic_file(self.target))
        return self.file


class LeftAlone(Exception):  # noqa: N818 (no error)
    """Every page of a photo turned out to be in colour, after its result was begun."""


def make_result(run: BatchRun, job: Job, colorizer: Colorizer, again: bool) -> FileReport:
    """Read, colorize, write and note one photo; OutputError where its result or the ledger cannot be written."""
    source, target = job.source, job.target
    options = replace(run.options.with_saved_hints(source), format=format_of_name(target.suffix))
    facts = facts_of(job, run, options)
    report = FileReport(left_alone=True)
    try:
        with suppress(LeftAlone), ResultFile(target) as result:
            report = colorize_file(
                source, result.open, colorizer, run.reader, options, budget=run.budget, stop=run.stop
            )
            if report.left_alone:
                raise LeftAlone
            if run.stop.is_set():
                raise Cancelled
            if report.confidence:
                report.remarks += write_confidence(report.confidence, target, overwrite=run.overwrite)
                report.confidence = ()
            if isinstance(source, Path) and not options.strip:
                made = provenance(colorizer, options)
                renew = run.overwrite or again
                remark = carry_sidecar(source, target, made, overwrite=renew, orientation=report.turned)
                report.remarks += [remark] if remark else []
            facts["output_sha256"] = sha256_of_file(result.file)
            note(run, Entry(**facts, status="writing"))
    except OutputError as error:
        error.path = error.path or str(target)
        raise
    except ColorizeGANError as error:
        raise of_photo(error, source) from error.__cause__
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", path=target) from error
    if report.left_alone:
        note(run, Entry(**facts, status="skipped", code="COLOR", message=LEFT_IN_COLOR))
    else:
        report.remarks += keep_hints(source, run.options.look)
        note(run, Entry(**facts, status="done", message="; ".join(report.remarks) or None))
    return report


def keep_hints(source: Path | bytes, look: Look) -> list[str]:
    """Write the hints that were given beside the photo, so that the next run finds them; says where it cannot."""
    if not look.hints or isinstance(source, bytes):
        return []
    path = hints_path(source)
    try:
        write_hints(path, look.points)
    except OutputError as error:
        return [f"the hints are not kept in {path.name} ({error.reason}); the result holds them in its XMP"]
    return []


def facts_of(job: Job, run: BatchRun, options: FileOptions) -> dict[str, Any]:
    """What the ledger says of a photo and how its result is made; nothing is read where there is no ledger."""
    if run.ledger is None or run.colorizer is None:
        return {"output": job.target.name}
    facts: dict[str, Any] = {
        "output": run.ledger.name_of(job.target),
        "model": run.colorizer.network.digest,
        "settings": options.shaping(),
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


def note(run: BatchRun, entry: Entry) -> None:
    if run.ledger is not None:
        run.ledger.add(entry)


def note_failure(run: BatchRun, job: Job, error: ColorizeGANError) -> None:
    """Note a photo that failed; where the ledger fails too, the first error is the one that counts."""
    if run.ledger is None:
        return
    source = "-" if isinstance(job.source, bytes) else str(job.source.absolute())
    output = run.ledger.name_of(job.target)
    with suppress(OutputError):
        run.ledger.add(Entry(output, "failed", source, code=error.code, message=str(error)))


def earlier_result(run: BatchRun, job: Job) -> str:
    """Why a job whose result is there already is left, by what the ledger knows of it. OutputError where it is none."""
    entry = run.ledger.entry(job.target) if run.ledger is not None else None
    if entry is None or not entry.output_sha256:
        check_is_ours(job.target)
        return DONE_ALREADY
    if isinstance(job.source, bytes):
        return DONE_ALREADY
    if not entry.is_of(job.source):
        return PHOTO_CHANGED
    other_model = run.colorizer is not None and entry.model != run.colorizer.network.digest
    other_settings = other_model or entry.settings != run.options.with_saved_hints(job.source).shaping()
    return OTHER_SETTINGS if other_settings else DONE_ALREADY


def standing_of(run: BatchRun, job: Job, colorizer: Colorizer) -> Literal["kept", "otherwise", "earlier"]:
    """What is to become of the result of a photo that was named by itself, by its own note.

    "otherwise": it is of this program, with other options or another model, as it was written, and is made anew.
    "earlier": only the version and the model differ, and it has no seal, which is kept.
    "kept": all else.

    Raises:
        OutputError: it is of other options, and another program has changed it since, or may have.
    """
    if run.ledger is not None or run.overwrite or isinstance(job.source, bytes):
        return "kept"
    if job.target.is_symlink() or file_identity(job.target) is None:
        return "kept"
    found, note = note_of(job.target), provenance(colorizer, run.options.with_saved_hints(job.source))
    if same_note(found, note) is not False:
        return "kept"
    if is_as_written(job.target):
        return "otherwise"
    if PROPERTY in found:
        raise OutputError(RETOUCHED, path=job.target, remedy="--overwrite replaces it; or name another output")
    known = {name: value for name, value in note.items() if name in found and name != "model"}
    if same_note({name: value for name, value in found.items() if name in known}, known):
        return "earlier"
    raise OutputError(UNSEALED, path=job.target, remedy="--overwrite replaces it; or name another output")


def is_known_color(run: BatchRun, job: Job) -> bool:
    """Whether an earlier run has found the photo to be in colour already."""
    entry = run.ledger.entry(job.target) if run.ledger is not None and not run.options.force else None
    if entry is None or entry.code != "COLOR" or isinstance(job.source, bytes):
        return False
    return entry.is_of(job.source)


def check_is_ours(target: Path) -> None:
    """OutputError where a file can be told to be none of this program's; what BMP and PNM hold tells nothing."""
    path = Path(os.path.realpath(target))  # results may have been moved elsewhere, with a link in their place
    if format_of_name(target.suffix) in NOTED and not has_note(path) and not is_our_sheet(path):
        raise not_ours(target)


def not_ours(target: Path) -> OutputError:
    """What is said of a file that only has the name of a result."""
    return OutputError(NOT_OURS, path=target, remedy="--overwrite replaces it; or name another output")


def of_photo(error: ColorizeGANError, source: Path | bytes) -> ColorizeGANError:
    """An error that names the photo; where the model failed, both."""
    if isinstance(error, ModelError) and error.path not in (None, shown(source)):
        return ModelError(f"the model {error.path} {error.reason}", path=shown(source), remedy=error.remedy)
    error.path = error.path or shown(source)
    return error
