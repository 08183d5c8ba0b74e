"""Texts that photos carry for people: those of PNG, comments of JPEG, GIF and PNM.

libvips gives them too, but takes every text for UTF-8, which stops at the Latin-1 of PNG, and forgets those of JPEG.
"""

import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from colorizegan.photo.metadata.containers import jpeg_segments, png_chunks

MOST = 1_000  # texts
LONGEST = 1 << 20  # bytes of a text
XMP = "XML:com.adobe.xmp"


def read_comments(stream: BinaryIO, format: str) -> list[tuple[str, str]]:
    """(keyword, text) of each text in a file; the keyword of a comment is "Comment". Damaged ones are left out."""
    readers = {"gif": _of_gif, "jpeg": _of_jpeg, "png": _of_png, "pnm": _of_pnm}
    found: list[tuple[str, str]] = []
    if format in readers:
        for keyword, text in readers[format](stream):
            if len(found) == MOST:
                break
            if text:
                found.append((keyword, text))
    return found


def _text(raw: bytes) -> str:
    """UTF-16 by its mark, else UTF-8 or Latin-1; without the NUL that some programs put at the end."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw[: len(raw) // 2 * 2].decode("utf-16", "replace").rstrip("\0")
    raw = raw.rstrip(b"\0")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _of_jpeg(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """Segments COM before the picture (ITU-T T.81, B.2.4.5)."""
    for marker, size in jpeg_segments(stream):
        if marker == 0xFE:
            yield "Comment", _text(stream.read(size))


def _of_png(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """Chunks tEXt, zTXt and iTXt (PNG, third edition, 11.3.3)."""
    for name, size in png_chunks(stream):
        if name not in (b"tEXt", b"zTXt", b"iTXt") or size > LONGEST:
            continue
        keyword, _, rest = stream.read(size).partition(b"\0")
        if name == b"tEXt":
            text = rest.decode("latin-1")
        elif name == b"zTXt":
            text = _inflated(rest[1:]).decode("latin-1")
        else:
            raw = rest[2:].partition(b"\0")[2].partition(b"\0")[2]  # after the language and the translated keyword
            text = _text(_inflated(raw) if rest[:1] == b"\1" else raw)
        if keyword.decode("latin-1") != XMP:
            yield keyword.decode("latin-1"), text


def _inflated(data: bytes) -> bytes:
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(data, LONGEST)
        return text if unpacker.eof else b""
    except zlib.error:
        return b""


def _of_gif(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """Comment extensions (GIF89a, 24)."""
    stream.seek(10)
    flags = stream.read(3)[:1]
    stream.seek(_table(flags), 1)
    while kind := stream.read(1):
        if kind == b"\x21":
            is_comment = stream.read(1) == b"\xfe"
            data = b"".join(_blocks(stream))
            if is_comment:
                yield "Comment", _text(data[:LONGEST])
        elif kind == b"\x2c":
            flags = stream.read(9)[8:]
            stream.seek(_table(flags) + 1, 1)
            for _ in _blocks(stream):
                pass
        else:
            return


def _of_pnm(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """Lines that begin with # in the header (pgm(5))."""
    stream.seek(0)
    head = stream.read(LONGEST)
    numbers, at = 2 if head[1:2] in b"14" else 3, 2
    while numbers and (part := re.compile(rb"\s*(?:#([^\n\r]*)|\d{1,9})").match(head, at)):
        at = part.end()
        if part[1] is None:
            numbers -= 1
        elif text := _text(part[1]).strip():
            yield "Comment", text


def _table(flags: bytes) -> int:
    """Bytes of a table of colours."""
    return 3 << (flags[0] % 8 + 1) if flags and flags[0] & 0x80 else 0


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    while (size := stream.read(1)) and size != b"\0":
        yield stream.read(size[0])
