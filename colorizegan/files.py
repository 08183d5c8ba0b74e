"""Files on disk: whole or not at all, their SHA-256, what interrupted runs leave behind."""

import errno
import hashlib
import itertools
import logging
import os
import re
import secrets
import stat
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from colorizegan.errors import DISK_FULL_ERRORS, OutputError

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed anyway
    fcntl = None

log = logging.getLogger(__name__)

PART_NAME = re.compile(r"\.colorizegan-([0-9a-f]{12})-[0-9a-f]{12}\.part")
CHUNK = 1 << 20  # bytes read at a time
TOGETHER = 100_000  # targets whose leftovers are looked for in one go over their folders
ABANDONED = 3600  # seconds without a change
LONGEST_NAME = 255  # bytes of a file name, on nearly every file system
_own: set[str] = set()  # parts that this process is writing


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a regular file: no link is followed, no pipe or device waited for. OSError where it is none."""
    extra = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise OSError(errno.ELOOP, "is a link, which is not followed", str(path))
    try:
        descriptor = os.open(path, flags | extra, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "is a link, which is not followed", str(path)) from None
        raise
    found = os.fstat(descriptor)
    writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
    if not stat.S_ISREG(found.st_mode) or (writes and found.st_nlink > 1):
        os.close(descriptor)
        why = "has a second name, so writing it would change another file" if found.st_nlink > 1 else "is no file"
        raise OSError(errno.EINVAL, why, str(path))
    return descriptor


def fitting_name(stem: str, ending: str) -> str:
    """stem + ending; where that is too long for a file name, the stem is cut and marked by its hash."""
    if len(os.fsencode(stem + ending)) <= LONGEST_NAME:
        return stem + ending
    mark = f"~{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}"
    while stem and len(os.fsencode(stem + mark + ending)) > LONGEST_NAME:
        stem = stem[:-1]
    return stem + mark + ending


def is_too_long(name: str) -> bool:
    """Whether the system takes no name of this length."""
    try:
        os.lstat(name)
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    except ValueError:  # a NUL in it
        pass
    return False


def make_folder(folder: Path) -> None:
    """Make a folder, with its parents, if it is not there; OutputError where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _disk_full_or(error, folder, f"cannot be made ({error.strerror})", "name another folder") from error


@contextmanager
def kept_if_used(folder: Path) -> Iterator[None]:
    """A folder, made with its parents or OutputError; where the block fails, what was made and is empty goes again."""
    missing = list(itertools.takewhile(lambda place: not os.path.lexists(place), (folder, *folder.parents)))
    make_folder(folder)
    try:
        yield
    except BaseException:
        for place in missing:
            with suppress(OSError):  # it holds something
                place.rmdir()
        raise


@contextmanager
def results_folder(folder: Path) -> Iterator[None]:
    """As `kept_if_used`; OutputError too where no files can be made in the folder."""
    with kept_if_used(folder):
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            what = f"is no folder that can be written to ({error.strerror})"
            raise _disk_full_or(error, folder, what, "name another folder") from None
        yield


def is_dangling(path: Path) -> bool:
    """Whether a path is a link to what is not there, perhaps only at the moment: on a drive that is not mounted."""
    return path.is_symlink() and file_identity(path) is None


@contextmanager
def atomic_file(target: Path) -> Iterator[BinaryIO]:
    """A new file, open for writing and reading, that gets the name `target` when the block ends without an error.

    It is written under another name in the same folder, synced, and renamed, which replaces a file of that name.
    OSError where it cannot be written, or its name is that of a link that leads nowhere; nothing is left behind.
    """
    if is_dangling(target):
        raise OSError(errno.ELOOP, "is a link that leads nowhere, which is not replaced", str(target))
    part, descriptor = _new_part(target)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            try:
                yield file
                file.flush()
                os.fsync(descriptor)
            except BaseException:  # is what is told, though what the buffer holds may find no room either
                with suppress(OSError):
                    file.close()
                raise
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)
        _own.discard(str(part))


def _new_part(target: Path) -> tuple[Path, int]:
    """A new file beside the target, locked while it is open, so that other runs see that it is in use."""
    while True:
        part = target.with_name(f".colorizegan-{name_tag(target.name)}-{secrets.token_hex(6)}.part")
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        _own.add(str(part))
        if try_lock(descriptor) is not False and (os.name == "nt" or os.fstat(descriptor).st_nlink):
            return part, descriptor
        os.close(descriptor)  # another run took it for a leftover before it was locked
        _own.discard(str(part))


def try_lock(descriptor: int) -> bool | None:
    """Lock a file or folder until it is closed; False where it is locked already, None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a network drive may know no locks
        return None
    return True


def _is_left_over(part: str) -> bool:
    """Whether nobody writes a part any more; where the file system knows no locks, whether it is an hour old."""
    try:
        descriptor = open_regular(Path(part), os.O_RDONLY)
    except OSError:
        return False
    try:
        locked = try_lock(descriptor)
        return locked or (locked is None and time.time() - os.fstat(descriptor).st_mtime > ABANDONED)
    finally:
        os.close(descriptor)


def write_atomic(target: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all: see `atomic_file`. OutputError where it cannot be written."""
    try:
        with atomic_file(target) as file:
            file.write(content)
    except OSError as error:
        raise _disk_full_or(error, target, f"cannot be written ({error.strerror})") from error


def remove_leftovers(targets: Iterable[Path] = (), *, folders: Iterable[Path] = (), own: bool = False) -> int:
    """Remove what a process that was killed left of these targets, or in these folders.

    What a living process writes stays; with `own` also what this one still writes is removed. Returns how much stays.
    """
    stays = 0
    left = iter(targets)
    alone = set(folders)
    while (some := list(itertools.islice(left, TOGETHER))) or alone:
        tags: defaultdict[Path, set[str]] = defaultdict(set)
        for target in some:
            tags[target.parent].add(name_tag(target.name))
        stays += _remove_parts(tags, alone, own)
        alone = set()
    return stays


def _remove_parts(tags: Mapping[Path, set[str]], alone: set[Path], own: bool) -> int:
    """Remove parts in the folders that belong to their targets, or all in the folders that stand alone."""
    stays = 0
    for folder in tags.keys() | alone:
        try:
            with os.scandir(folder) as entries:
                found = [(entry.path, PART_NAME.fullmatch(entry.name)) for entry in entries]
        except OSError:  # the folder is made later, or tells what is wrong with it when it is written to
            continue
        for part, match in found:
            if match is not None and (folder in alone or match[1] in tags[folder]):
                if not (own if part in _own else _is_left_over(part)):
                    stays += 1
                    continue
                with suppress(OSError):
                    Path(part).unlink(missing_ok=True)
                log.info("removed %s, which a stopped run left", part)
    return stays


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets folders be synced."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        log.debug("%s cannot be synced", folder)
    finally:
        os.close(descriptor)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, says that there is no room left."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_FULL_ERRORS:
            return True
        error = error.__cause__ or error.__context__
    return False


def disk_full(path: Path) -> OutputError:
    """What is said where there is no room for a file of a run that goes on from where it was."""
    return OutputError("the disk is full", path=path, remedy="make room; the same command goes on")


def _disk_full_or(error: OSError, path: Path, what: str, remedy: str = "") -> OutputError:
    if is_disk_full(error):
        what, remedy = "the disk is full", "make room and try again"
    return OutputError(what, path=path, remedy=remedy)


def sha256_of_file(source: Path | BinaryIO) -> str:
    """SHA-256 of a regular file, or of one that is open for reading, from its beginning, hex."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return sha256_of_file(file)
    source.flush()
    source.seek(0)
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def file_identity(path: Path | bytes) -> tuple[int, int] | None:
    """What is the same for every name of a file, links included; None where there is none."""
    if isinstance(path, bytes):
        return None
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def name_tag(name: str) -> str:
    """Twelve hex digits that follow from the name of a result: in the hidden names of what belongs to it."""
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:12]
