"""Jobs to results: read, colorize, write, one photo after the other. One bad file never stops the rest."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from colorizegan.colorizer import Colorizer
from colorizegan.errors import ColorizeGANError, OutputError, TooLargeError
from colorizegan.jobs import Job, shown
from colorizegan.photo import Photo, encode_photo, read_photo, write_photo

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Result", "Settings", "colorize_stream", "needs_work", "run_jobs"]

COLORED = "in colour already, left alone; --force colorizes it anyway"
EXISTS = "done already; --overwrite does it again"


@dataclass(frozen=True)
class Settings:
    """How photos are colorized and written."""

    saturation: float = 1.0
    """Factor on the chroma, 0 .. 4."""
    size: int | None = None
    """Shorter side of the network's input, px; None = the model's own."""
    format: str | None = None
    """Format written; None = that of the target's name, else the source's."""
    quality: int = 95
    """Of JPEG and WebP, 1 .. 100."""
    overwrite: bool = False
    """Write results anew that exist."""
    force: bool = False
    """Colorize photos too that are in colour already."""
    allow_truncated: bool = False
    """Colorize what can be read of a file that ends too early."""
    strip: bool = False
    """Leave private metadata out."""


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
    error: BaseException | None = None

    @property
    def code(self) -> str | None:
        """The stable code of the error of a failed job."""
        return self.error.code if isinstance(self.error, ColorizeGANError) else None


def needs_work(jobs: Iterable[Job], settings: Settings) -> bool:
    """Whether any job is left to do, and so a model is needed."""
    return settings.overwrite or not all(os.path.lexists(job.target) for job in jobs)


def run_jobs(jobs: Sequence[Job], colorizer: Colorizer | None, settings: Settings) -> Iterator[Result]:
    """Do the jobs in order; yield one result for each, whatever happens in it.

    Args:
        jobs: no target twice.
        colorizer: None where `needs_work` is False.
        settings: for all of them.
    """
    originals = {identity for job in jobs if (identity := file_identity(job.source)) is not None}
    for job in jobs:
        start = time.perf_counter()
        try:
            shape, reason = run_job(job, colorizer, settings, originals)
            status = "skipped" if reason else "done"
            yield Result(job, status, reason, shape, time.perf_counter() - start)
        except Exception as error:
            folded = fold(error, job.source)
            yield Result(job, "failed", str(folded), None, time.perf_counter() - start, folded)


def run_job(
    job: Job, colorizer: Colorizer | None, settings: Settings, originals: set[tuple[int, int]]
) -> tuple[tuple[int, int] | None, str]:
    """Do one job: (height and width, why it was skipped or "")."""
    if not may_write(job, settings, originals) or colorizer is None:
        return None, EXISTS
    photo, rgb = colorize_source(job.source, colorizer, settings)
    shape = photo.gray.shape[0], photo.gray.shape[1]
    if rgb is None:
        return shape, COLORED
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be made ({error.strerror})", path=job.target.parent) from None
    write_photo(rgb, photo, job.target, quality=settings.quality, strip=settings.strip)
    return shape, ""


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


def file_identity(path: Path | bytes) -> tuple[int, int] | None:
    """What is the same for every name of a file, links included; None where there is none."""
    if isinstance(path, bytes):
        return None
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def colorize_source(
    source: Path | bytes, colorizer: Colorizer, settings: Settings
) -> tuple[Photo, NDArray[Any] | None]:
    """Read and colorize one photo: (photo, rgb), rgb None where it is in colour already and is left alone."""
    try:
        photo = read_photo(source, allow_truncated=settings.allow_truncated)
    except ColorizeGANError as error:
        error.path = error.path or shown(source)
        raise
    if photo.is_color and not settings.force:
        return photo, None
    return photo, colorizer.colorize_photo(photo, saturation=settings.saturation, size=settings.size)


def colorize_stream(source: Path | bytes, colorizer: Colorizer, settings: Settings) -> tuple[bytes, str]:
    """Colorize one photo for standard output: (the file's bytes, a remark or "").

    A photo in colour is passed on as it came, so that a pipe still carries a photo.
    """
    photo, rgb = colorize_source(source, colorizer, settings)
    if rgb is None:
        return source if isinstance(source, bytes) else source.read_bytes(), COLORED
    raw = encode_photo(rgb, photo, format=settings.format, quality=settings.quality, strip=settings.strip)
    return raw, ""


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
