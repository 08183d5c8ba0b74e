"""The exception tree: every error that ColorizeGAN raises on purpose, each with a stable code.

The text of an error is one line: what is wrong, with which file, what to do about it.
"""

import difflib
import errno
import re
from collections.abc import Iterable
from os import PathLike

__all__ = [
    "CheckpointError",
    "ColorizeGANError",
    "ConfigError",
    "DataError",
    "DecodeError",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "OutputError",
    "TooLargeError",
    "UsageError",
]


DISK_FULL_ERRORS = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
SECRET = re.compile(r"(?<=://)[^/@\s]+@")  # what comes before the host in a URL: who asks, with which password


class ColorizeGANError(Exception):
    """Base of all errors raised on purpose. `str(error)` is one line: `path: reason; remedy [CODE]`.

    Args:
        reason: what is wrong, a short clause without a full stop.
        path: the file or folder concerned, if there is one.
        remedy: what the user can do, a short clause.
    """

    code = "E_INTERNAL"

    def __init__(self, reason: str, *, path: str | PathLike[str] | None = None, remedy: str = "") -> None:
        # Decoders and file names can carry newlines; one error is one line, whatever they say.
        self.reason = " ".join(reason.split())
        self.path = None if path is None else str(path)
        self.remedy = " ".join(remedy.split())
        super().__init__(self.reason)

    def __str__(self) -> str:
        where = "" if self.path is None else " ".join(self.path.splitlines()) + ": "
        then = f"; {self.remedy}" if self.remedy else ""
        line = SECRET.sub("", f"{where}{self.reason}{then} [{self.code}]")
        return line.encode("utf-8", "replace").decode()  # names that are not valid UTF-8 must still print


class UsageError(ColorizeGANError, ValueError):
    """An argument is out of range or contradicts another one."""

    code = "E_USAGE"


class InputError(ColorizeGANError, FileNotFoundError):
    """The input is missing, is not a regular file or may not be read."""

    code = "E_INPUT"

    __str__ = ColorizeGANError.__str__  # FileNotFoundError would otherwise take over the text


class DecodeError(ColorizeGANError):
    """The input is not a photo that can be decoded: another format, damaged, empty or truncated."""

    code = "E_DECODE"


class TooLargeError(ColorizeGANError):
    """The input is over a limit of pixels, bytes, pages or frames; nothing was allocated for it."""

    code = "E_TOO_LARGE"


class OutputError(ColorizeGANError):
    """The result could not be written; nothing half-written is left behind."""

    code = "E_OUTPUT"


class ModelError(ColorizeGANError):
    """The model bundle is missing, damaged or of another layout."""

    code = "E_MODEL"


class MissingExtraError(ColorizeGANError, ImportError):
    """A command needs an optional part of the package that is not installed.

    Args:
        reason: what needs which package.
        extra: the extra of pyproject.toml that brings it; "" where every installation should have it.
        packages: what to install instead, where no extra brings it.
    """

    code = "E_EXTRA"

    def __init__(self, reason: str, *, extra: str = "", packages: str = "") -> None:
        # From the project's own folder: a name of PyPI could be a stranger's package.
        own = f'in the folder of ColorizeGAN: pip install ".[{extra}]"' if extra else "pip install ."
        super().__init__(reason, remedy=f"pip install {packages}" if packages else own)

    __str__ = ColorizeGANError.__str__  # not that of ImportError


class ConfigError(ColorizeGANError, ValueError):
    """A training or evaluation setting is unknown, of the wrong type or out of range."""

    code = "E_CONFIG"


class DataError(ColorizeGANError):
    """The data set is missing, empty or not in a layout that is known."""

    code = "E_DATA"


class CheckpointError(ColorizeGANError):
    """The training checkpoint is missing, damaged or belongs to another run."""

    code = "E_CHECKPOINT"


def as_our_error(
    error: Exception, path: str | None = None, *, report: str = "please report this, with the output of --debug"
) -> ColorizeGANError:
    """Any error as one of ours, which prints as one line with a code; `report`: what to do with an unexpected one."""
    if isinstance(error, ColorizeGANError):
        return error
    if isinstance(error, MemoryError):
        ours = TooLargeError("does not fit in memory", path=path, remedy="close other programs or make it smaller")
    elif isinstance(error, OSError) and error.errno in DISK_FULL_ERRORS:  # that of standard output, say
        ours = OutputError("the disk is full", path=path, remedy="make room, or write elsewhere")
    else:
        ours = ColorizeGANError(f"unexpected {type(error).__name__}: {str(error)[:300]}", path=path, remedy=report)
    ours.__cause__ = error
    return ours


def nearest(name: str, known: Iterable[str], remedy: str) -> str:
    """A remedy for a name that nothing has, with the known one that was likely meant."""
    found = difflib.get_close_matches(name, list(known), 1)
    return f"{remedy}; did you mean {found[0]}?" if found else remedy


def first_line(error: BaseException) -> str:
    """What a library says of an error, as much as fits into a line."""
    # As long as this, since model/trial.py looks for "Allocat", which ONNX Runtime says after long paths.
    return (getattr(error, "strerror", None) or str(error).strip() or type(error).__name__).splitlines()[0][:300]
