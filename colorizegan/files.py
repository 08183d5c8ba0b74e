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
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from colorizegan.errors import OutputError

log = logging.getLogger(__name__)

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
PART = re.compile(r"\.colorizegan-([0-9a-f]{12})-[0-9a-f]{12}\.part")
CHUNK = 1 << 20  # bytes read at a time


@contextmanager
def atomic_file(target: Path) -> Iterator[BinaryIO]:
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


def write_atomic(target: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all: see `atomic_file`. OutputError where it cannot be written."""
    try:
        with atomic_file(target) as file:
            file.write(content)
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", path=target) from error


def remove_leftovers(targets: Iterable[Path] = (), *, folders: Iterable[Path] = ()) -> None:
    """Remove what a process that was killed left of these targets, or in folders that nobody else writes to."""
    tags: defaultdict[Path, set[str]] = defaultdict(set)
    for target in targets:
        tags[target.parent].add(_tag(target.name))
    alone = set(folders)
    for folder in tags.keys() | alone:
        try:
            with os.scandir(folder) as entries:
                found = [(entry.path, PART.fullmatch(entry.name)) for entry in entries]
        except OSError:  # the folder is made later, or tells what is wrong with it when it is written to
            continue
        for part, match in found:
            if match is not None and (folder in alone or match[1] in tags[folder]):
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


def _tag(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:12]
