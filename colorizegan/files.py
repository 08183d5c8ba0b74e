"""Files on disk: whole or not at all, their SHA-256, what interrupted runs leave behind."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from colorizegan.errors import ModelError, OutputError

log = logging.getLogger(__name__)

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
PART = re.compile(r"\.colorizegan-([0-9a-f]{12})-[0-9a-f]{12}\.part")


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A new file, open for writing and reading, that gets the name `target` when the block ends without an error.

    It is written under another name in the same folder, synced, and renamed, which replaces a file of that name.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    part = target.with_name(f".colorizegan-{_tag(target.name)}-{secrets.token_hex(6)}.part")
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def write_whole(target: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all: see `whole_file`."""
    with whole_file(target) as file:
        file.write(data)


def remove_leftovers(targets: Iterable[Path]) -> None:
    """Remove what a process that was killed left of these targets; what others are writing there stays."""
    tags: defaultdict[Path, set[str]] = defaultdict(set)
    for target in targets:
        tags[target.parent].add(_tag(target.name))
    for folder, wanted in tags.items():
        try:
            with os.scandir(folder) as entries:
                parts = [entry.path for entry in entries if (m := PART.fullmatch(entry.name)) and m[1] in wanted]
        except OSError:  # the folder is made later, or tells what is wrong with it when it is written to
            continue
        for part in parts:
            Path(part).unlink(missing_ok=True)
            log.info("removed %s, which a stopped run left", part)


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
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def _tag(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:12]


def hash_file(path: Path) -> str:
    """SHA-256 of a file, hex; ModelError where it is missing."""
    if not path.is_file():
        raise ModelError("is missing, though card.json names it", path=path)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


CHUNK = 1 << 20


def file_sha256(path: Path) -> str:
    """SHA-256 of a regular file, hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_of(file: BinaryIO) -> str:
    """SHA-256 of an open file from its beginning, hex."""
    file.flush()
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
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


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that its name never stands for a partial one, even if the machine stops at any moment."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise OutputError(f"cannot be written ({error.strerror})", path=path) from None
