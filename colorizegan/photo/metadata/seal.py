"""The seal of a result: the SHA-256 of the file, kept in its own XMP note, tells whether it is as it was written.

A program that retouches a photo keeps its XMP, so the note alone does not say whose pixels these are. The seal is of
all bytes but its own digits and, in PNG, the check sum that these change.
"""

import hashlib
import io
import mmap
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from colorizegan.files import open_regular

PROPERTY = "sha256"
UNSEALED = "0" * 64
"""In place of the seal while a file is written."""
DIGITS = re.compile(rb"<colorizegan:sha256>([0-9a-f]{64})</")
PNG = b"\x89PNG\r\n\x1a\n"
CHUNK = 1 << 21  # bytes of the iTXt chunk before the seal, at most
Span = tuple[int, int]


def seal(file: BinaryIO) -> None:
    """Put the seal into a file that is written and holds UNSEALED in its note; nothing happens without a note.

    file: open for reading and writing; stays where it stands.
    """
    at = file.tell()
    file.flush()
    with _mapped(file) as raw:
        places = [found.span(1) for found in DIGITS.finditer(raw) if found[1] == UNSEALED.encode()]
        sums = _check_sums(raw, places)
        digest = _digest(raw, places, sums)
        patches = [(first, digest) for first, _ in places]
        for start, end in sums:
            inside = [first for first, _ in places if start <= first < end]
            chunk = bytearray(raw[start:end])
            for first in inside:
                chunk[first - start : first - start + len(digest)] = digest
            patches.append((end, zlib.crc32(chunk).to_bytes(4, "big")))
    for first, patch in patches:
        file.seek(first)
        file.write(patch)
    file.seek(at)


def is_as_written(path: Path) -> bool:
    """Whether a result is, byte for byte, as this program wrote it; False for one without a seal."""
    try:
        with os.fdopen(open_regular(path), "rb") as file, _mapped(file) as raw:
            found = list(DIGITS.finditer(raw))
            places = [one.span(1) for one in found]
            digest = _digest(raw, places, _check_sums(raw, places))
            return bool(found) and all(one[1] == digest for one in found)
    except (OSError, ValueError):  # an empty file has no map
        return False


@contextmanager
def _mapped(file: BinaryIO) -> Iterator[bytes | mmap.mmap]:
    if isinstance(file, io.BytesIO):
        yield file.getvalue()
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        yield raw


def _digest(raw: bytes | mmap.mmap, places: Iterable[Span], sums: Iterable[Span]) -> bytes:
    """SHA-256, hex, of all bytes but those of the digits and of the four bytes behind each chunk."""
    digest, at = hashlib.sha256(), 0
    with memoryview(raw) as view:
        for first, last in sorted([*places, *((end, end + 4) for _, end in sums)]):
            digest.update(view[at:first])
            at = max(at, last)
        digest.update(view[at:])
    return digest.hexdigest().encode()


def _check_sums(raw: bytes | mmap.mmap, places: Iterable[Span]) -> set[Span]:
    """Of a PNG, where the chunks around the places begin with their name, and where their check sums stand."""
    sums: set[Span] = set()
    for first, _ in places if raw[:8] == PNG else ():
        start = raw.rfind(b"iTXt", max(0, first - CHUNK), first)
        if start < 4:
            raise ValueError("no chunk of text around the note")
        sums.add((start, start + 4 + int.from_bytes(raw[start - 4 : start], "big")))
    return sums
