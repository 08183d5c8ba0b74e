"""Lists of names of files: one a line, or separated by NUL bytes, as editors and shells of all systems write them."""

import codecs
import os
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from colorizegan.errors import InputError
from colorizegan.files import CHUNK

# How a list begins -> its encoding. Marks of 32 bits come first, as they begin like those of 16.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",  # of Windows PowerShell (>) and Notepad
    codecs.BOM_UTF16_BE: "utf-16-be",
    codecs.BOM_UTF8: "utf-8",
}
HEAD = 4096  # bytes that tell what a list is
# Control characters that text has none of, and hardly any name; NUL, which may separate names, is not among them.
UNLIKE_TEXT = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
MOST_NAMELESS = 1 << 21  # bytes in which no name ends: of /dev/zero, say, which has no end
LONGEST_TOLD = 200  # characters of what is no name


def split_list(file: BinaryIO, *, nul: bool) -> Iterator[str]:
    """The file names in a list: one a line, or separated by NUL bytes; empty ones are left out.

    UnicodeError where it is not in the encoding that its first bytes tell; ValueError where it is no text. Without a
    mark names are bytes, as files have them.
    """
    end, rest, nameless = b"\0" if nul else b"\n", b"", 0
    for chunk in read_bytes(file, nul=nul):
        *whole, rest = (rest + chunk).split(end)
        nameless = 0 if any(whole) else nameless + len(chunk)
        if nameless > MOST_NAMELESS:
            raise ValueError("it holds no text")
        yield from list_names(whole, nul=nul)
    yield from list_names([rest], nul=nul)


def read_bytes(file: BinaryIO, *, nul: bool) -> Iterator[bytes]:
    """The bytes of a list; in UTF-8 where its first bytes tell that it is of UTF-16 or UTF-32."""
    head = file.read(HEAD)
    mark = next((mark for mark in MARKS if head.startswith(mark)), b"")
    encoding = MARKS.get(mark)
    if encoding is None and not nul and len(head) >= 4:  # no name holds a NUL, so every second byte tells
        encoding = {(True, False): "utf-16-be", (False, True): "utf-16-le"}.get(
            (not any(head[:4:2]), not any(head[1:4:2]))
        )
    if encoding is None and UNLIKE_TEXT.search(head) and not _holds_names(head, nul=nul):
        raise ValueError("it holds no text")
    if encoding in (None, "utf-8"):
        yield head[len(mark) :]
        while chunk := file.read(CHUNK):
            yield chunk
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    yield decoder.decode(head[len(mark) :]).encode()
    while chunk := file.read(CHUNK):
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


def _holds_names(head: bytes, *, nul: bool) -> bool:
    """Whether what holds control characters is a list: a name of a file may hold what it likes, a photo is none."""
    first, *more = re.split(rb"\0" if nul else rb"[\0\r\n]", head)
    if os.path.lexists(first):
        return True
    if not nul:
        return b"\0" not in head
    # NUL bytes stand one after the other in a photo, or its first bytes or most of its parts are no text.
    unlike = [name for name in more if UNLIKE_TEXT.search(name)]
    return not UNLIKE_TEXT.search(first) and b"" not in more[:-1] and 2 * len(unlike) <= 1 + len(more)


def list_names(lines: Iterable[bytes], *, nul: bool) -> Iterator[str]:
    """The names that the lines of a list hold."""
    for line in lines:
        name = line if nul else line.removesuffix(b"\r")
        if name:
            yield os.fsdecode(name)


def is_utf8(name: str) -> bool:
    """Whether the bytes of a name are UTF-8."""
    return name.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in name)


def unlikely(name: str, *, listed: bool) -> InputError | None:
    """Why a name means no file: mostly as the list that it is from was written in a way that lists are not read."""
    if "\0" in name:
        remedy = "save the list as UTF-8, or say -0 where NUL bytes separate its names"
        return InputError("is no name of a file: it holds a NUL byte", path=name[:LONGEST_TOLD], remedy=remedy)
    if not listed or (is_utf8(name) and "\r" not in name) or os.path.lexists(name):
        return None
    if "\r" in name:
        what = "is not there: in the list it ends with a carriage return alone, as on old Macs"
        return InputError(what, path=name, remedy="save the list with the line ends of Unix or Windows")
    return InputError("is not there, and its name in the list is not UTF-8", path=name, remedy="save the list as UTF-8")
