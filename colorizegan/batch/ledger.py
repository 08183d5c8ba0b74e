"""The ledger: a JSON line for each photo of a run, so that a stopped run goes on and it is known how a result was made.

A result's line is written after the result has its name and is synced before the next step, so a line never promises a
file that is not there. Shortly before the rename a line "writing" is noted: where a run is killed between the two, the
next one knows the file as its own by the hash in that line.
"""

import errno
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from colorizegan.errors import DISK_FULL_ERRORS, OutputError
from colorizegan.files import open_regular, sha256_of_file

NAME = "colorizegan"


@dataclass(frozen=True)
class Entry:
    """One line: what became of one photo."""

    output: str
    """The result, relative to the ledger's folder."""
    status: str
    """done, skipped or failed; writing just before a result gets its name."""
    input: str = ""
    """Absolute path of the photo."""
    size: int = 0
    """Of the photo, bytes."""
    mtime_ns: int = 0
    """When the photo was changed last, ns since 1970."""
    sha256: str = ""
    """Of the photo, hex."""
    output_sha256: str = ""
    """Of the result, hex."""
    model: str = ""
    """Digest of the model bundle."""
    settings: Mapping[str, Any] | None = None
    """What shapes the result."""
    code: str | None = None
    """Of the error of a photo that failed; "COLOR" of one that is in colour already."""
    message: str | None = None

    def is_of(self, source: Path) -> bool:
        """Whether the photo is the one that the line tells of: same size and date, or else same content."""
        try:
            found = source.stat()
            if found.st_size != self.size:
                return False
            return found.st_mtime_ns == self.mtime_ns or sha256_of_file(source) == self.sha256
        except OSError:
            return False


KINDS: dict[str, type] = dict.fromkeys(Entry.__dataclass_fields__, str)
KINDS |= {"size": int, "mtime_ns": int, "settings": dict}
LONGEST_LINE = 1 << 20  # bytes; longer ones are not ours


class Ledger:
    """The ledgers of a folder: all are read (unless `read` is False), one is written. Thread-safe.

    Of what earlier runs wrote only the place of each result's last line is kept: a million take some 300 MB. The file
    is `colorizegan.jsonl`, of a shard (i, n) `colorizegan.2-of-8.jsonl`, so that several machines may share the folder.
    It is made with its first line: that of a result whose run was killed before it, if `adopt`, or what is added.
    """

    def __init__(
        self, folder: Path, shard: tuple[int, int] | None = None, *, read: bool = True, adopt: bool = True
    ) -> None:
        self.folder = folder
        self.path = folder / (f"{NAME}.jsonl" if shard is None else f"{NAME}.{shard[0]}-of-{shard[1]}.jsonl")
        self.read: list[Path] = []
        self.known: dict[str, tuple[int, int]] = {}  # result -> which of `read`, and where in it
        self.lock = threading.Lock()
        self.descriptor: int | None = None
        writing: dict[str, tuple[int, int]] = {}
        for path in sorted(folder.glob(f"{NAME}*.jsonl")) if read else ():
            self.read_places(path, writing)
        for output, place in writing.items():
            entry = self.entry_at(place)
            known = self.entry(folder / output)
            if entry is None or (known is not None and known.output_sha256 == entry.output_sha256):
                continue
            if is_file_with(folder / output, entry.output_sha256):
                self.known[output] = place  # killed before the line was written
                if adopt:
                    self.add(Entry(**{**vars(entry), "status": "done"}))

    def read_places(self, path: Path, writing: dict[str, tuple[int, int]]) -> None:
        """Note where each result's last line is; in `writing` the results that got no line after they were written."""
        number, digests = len(self.read), dict[str, str]()
        self.read.append(path)
        for place, output, status, digest in read_lines(path):
            if status == "writing":
                writing[output], digests[output] = (number, place), digest
            else:
                self.known[output] = (number, place)
                if digests.get(output) == digest:
                    del writing[output], digests[output]

    def entry(self, target: Path) -> Entry | None:
        """What earlier runs say of a result."""
        place = self.known.get(self.name_of(target))
        return None if place is None else self.entry_at(place)

    def entries(self) -> Iterator[Entry]:
        """What earlier runs say of all results, in the order of their names."""
        yield from filter(None, (self.entry_at(self.known[output]) for output in sorted(self.known)))

    def entry_at(self, place: tuple[int, int]) -> Entry | None:
        """The line at a place."""
        number, start = place
        try:
            with os.fdopen(open_regular(self.read[number]), "rb") as file:
                file.seek(start)
                return as_entry(file.readline(LONGEST_LINE))
        except OSError:
            return None

    def name_of(self, target: Path) -> str:
        """A result's name in the ledger."""
        return Path(os.path.relpath(target, self.folder)).as_posix()

    def add(self, *entries: Entry) -> None:
        """Write lines, which are on the disk when this returns; those of "writing" only have to outlive the process.

        OutputError where they cannot be written, so that nothing more should be done.
        """
        raw = b"".join(as_line(entry) for entry in entries)
        try:
            with self.lock:
                if self.descriptor is None:
                    self.descriptor = open_to_append(self.path)
                rest = memoryview(raw)
                while rest:
                    rest = rest[os.write(self.descriptor, rest) :]
            if any(entry.status != "writing" for entry in entries):
                os.fsync(self.descriptor)
        except OSError as error:
            what = f"the ledger cannot be written ({error.strerror})"
            raise OutputError(what, path=self.path, remedy=remedy_of(error)) from error

    def close(self) -> None:
        """Let go of the file; the next line opens it again."""
        with self.lock:
            if self.descriptor is not None:
                os.close(self.descriptor)
                self.descriptor = None


def remedy_of(error: OSError) -> str:
    """What to do about a ledger that cannot be written."""
    if error.errno in DISK_FULL_ERRORS:
        return "make room; the same command goes on"
    move = error.errno in (errno.ELOOP, errno.EINVAL, errno.EISDIR)  # something else is in its place
    return ("move it away" if move else "see that it may be written") + ", or name another folder for the results"


def as_line(entry: Entry) -> bytes:
    """An entry as a line of the ledger."""
    return json.dumps({key: value for key, value in vars(entry).items() if value not in ("", None)}).encode() + b"\n"


def open_to_append(path: Path) -> int:
    """A descriptor for whole lines: a last line that a crash cut short is ended first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    size = os.fstat(descriptor).st_size
    if size:
        os.lseek(descriptor, size - 1, os.SEEK_SET)
        if os.read(descriptor, 1) != b"\n":
            os.write(descriptor, b"\n")
    return descriptor


# How a line begins that `add` wrote. A quotation mark or backslash inside a value has a backslash before it.
HEAD = re.compile(rb'\{"output": "((?:[^"\\]|\\.)*)", "status": "(\w+)"')
DIGEST = b', "output_sha256": "'
DIGITS = 64  # of a SHA-256


def read_lines(path: Path) -> Iterator[tuple[int, str, str, str]]:
    """Of the lines that are whole and ours: place in the file, output, status, SHA-256 of the result or "".

    A ledger that cannot be read, or is no regular file, tells nothing.
    """
    start = 0
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            while line := file.readline(LONGEST_LINE):
                head = HEAD.match(line) if line.endswith(b"}\n") else None
                if head is not None:  # enough, as reading all of it would take ten times as long
                    output, digest = plain(head[1]), line.find(DIGEST, head.end())
                    found = b"" if digest < 0 else line[digest + len(DIGEST) :][:DIGITS]
                    if not leads_elsewhere(output):
                        yield start, output, head[2].decode(), found.decode("ascii", "replace")
                elif (entry := as_entry(line)) is not None:
                    yield start, entry.output, entry.status, entry.output_sha256
                start += len(line)
    except OSError:
        return


def plain(inside: bytes) -> str:
    """What stands between two quotation marks of JSON; "" where that is nothing that JSON has."""
    if b"\\" not in inside:
        return inside.decode("utf-8", "replace")
    try:
        return json.loads(b'"' + inside + b'"')
    except ValueError:
        return ""


def as_entry(line: bytes) -> Entry | None:
    """The entry that a line holds; None where it holds none, or one of a file outside the ledger's folder."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    kept = {key: value for key, value in values.items() if key in KINDS}
    if not {"output", "status"} <= kept.keys() or not all(isinstance(kept[key], KINDS[key]) for key in kept):
        return None
    return None if leads_elsewhere(kept["output"]) else Entry(**kept)


def leads_elsewhere(output: str) -> bool:
    """Whether a name is none of a file in the ledger's folder."""
    if not output or "\0" in output:
        return True
    if ".." not in output and ":" not in output and output[:1] not in ("/", "\\"):
        return False  # as nearly all, told without taking the name apart
    return PurePath(output).is_absolute() or ".." in PurePath(output).parts


def is_file_with(path: Path, digest: str) -> bool:
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            return sha256_of_file(file) == digest
    except (OSError, ValueError):
        return False
