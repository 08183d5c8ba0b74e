"""Files that appear under their name whole or not at all, and stay through a power cut once they are there."""

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

__all__ = ["is_disk_full", "remove_leftovers", "sync_folder", "whole_file", "write_whole"]

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
