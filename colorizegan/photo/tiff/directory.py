"""Directories of tags, as TIFF files and EXIF blocks hold them (TIFF 6.0, BigTIFF).

Damaged ones raise nothing: what can be read is taken.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
SWAPPED = {3: 2, 8: 2, 4: 4, 5: 4, 9: 4, 10: 4, 11: 4, 13: 4, 12: 8}
SWAPPED |= {16: 8, 17: 8, 18: 8}  # how many bytes of a type turn round together

EXIF, GPS, INTEROP = 0x8769, 0x8825, 0xA005  # tags that hold the offset of another directory

MOST_TAGS = 1000
LONGEST_TAG = 1 << 20  # bytes; scanners put whole previews into private tags


@dataclass(frozen=True)
class Tag:
    """One tag: its TIFF type, its count, its value as bytes in the byte order of where it came from."""

    type: int
    count: int
    raw: bytes


Tags = dict[int, Tag]


def byte_order(block: bytes | bytearray) -> str | None:
    """How `struct` calls the order of an EXIF block or TIFF file; None where it is neither."""
    return {b"II": "<", b"MM": ">"}.get(bytes(block[:2])) if len(block) >= 8 else None


def unpack(layout: str, data: bytes | bytearray, at: int) -> int:
    """One number at a place in the data; 0 where they do not reach so far."""
    size = struct.calcsize(layout)
    return struct.unpack_from(layout, data, at)[0] if 0 <= at <= len(data) - size else 0


def offset_in(tag: Tag, order: str) -> int:
    """The offset that a tag holds, of 4 or 8 bytes."""
    return unpack(order + ("Q" if len(tag.raw) == 8 else "I"), tag.raw, 0)


def read_directory(stream: BinaryIO, order: str, start: int, big: bool, longest: int = LONGEST_TAG) -> Tags:
    """The tags of the directory at `start`; what is damaged or longer than `longest` is left out."""
    count_layout, entry_layout, inline = ("Q", "HHQ8s", 8) if big else ("H", "HHI4s", 4)
    count_size, entry_size = struct.calcsize(order + count_layout), struct.calcsize(order + entry_layout)
    if start < 8 or start >= 1 << 62:
        return {}
    stream.seek(start)
    count = min(unpack(order + count_layout, stream.read(count_size), 0), MOST_TAGS)
    data = stream.read(count * entry_size)
    tags: Tags = {}
    for tag, kind, n, value in struct.iter_unpack(order + entry_layout, data[: len(data) // entry_size * entry_size]):
        size = SIZES.get(kind, 0) * n
        if not 0 < size <= longest:
            continue
        if size > inline:
            offset = unpack(order + ("Q" if big else "I"), value, 0)
            if offset >= 1 << 62:
                continue
            stream.seek(offset)
            value = stream.read(size)
            if len(value) < size:
                continue
        tags[tag] = Tag(kind, n, value[:size])
    return tags


def find_value(stream: BinaryIO, order: str, start: int, big: bool, tag: int) -> int:
    """Where the value of a tag stands that fits into its entry in the directory at `start`; 0 where it has none."""
    stream.seek(start)
    count_size, entry_size, before = (8, 20, 12) if big else (2, 12, 8)
    count = min(unpack(order + ("Q" if big else "H"), stream.read(count_size), 0), MOST_TAGS)
    data = stream.read(count * entry_size)
    found = (at for at in range(0, len(data) - entry_size + 1, entry_size) if unpack(order + "H", data, at) == tag)
    at = next(found, None)
    return 0 if at is None else start + count_size + at + before


def write_directories(
    outer: Tags, inner: dict[int, Tags], order: str, at: int, *, big: bool = False
) -> tuple[bytes, int]:
    """The directory `outer` to lie at offset `at`, then its values, then the directories in `inner`.

    And where in these bytes the offset of the next directory stands (0 = none).
    """
    outer = {tag: value for tag, value in outer.items() if value.type in SIZES and (big or value.type < 16)}
    link = Tag(16, 1, bytes(8)) if big else Tag(4, 1, bytes(4))
    outer = outer | dict.fromkeys(inner, link)
    first, following = _write_directory(outer, order, at, big)
    written = b""
    for tag, tags in inner.items():
        start = at + len(first) + len(written)
        outer[tag] = Tag(link.type, 1, struct.pack(order + ("Q" if big else "I"), start))
        tags = {name: value for name, value in tags.items() if value.type in SIZES and (big or value.type < 16)}
        written += _write_directory(tags, order, start, big)[0]
    return _write_directory(outer, order, at, big)[0] + written, following


def _write_directory(tags: Tags, order: str, at: int, big: bool) -> tuple[bytes, int]:
    """A directory with its values, and where in it the offset of the next one stands."""
    count, entry, offset = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
    inline = struct.calcsize(order + offset)
    entries, values = b"", b""
    following = struct.calcsize(order + count) + struct.calcsize(order + entry) * len(tags)
    after = at + following + inline
    for tag, value in sorted(tags.items()):
        raw = value.raw
        if len(raw) > inline:
            raw = struct.pack(order + offset, after + len(values))
            values += value.raw + bytes(len(value.raw) % 2)
        entries += struct.pack(order + entry, tag, value.type, value.count, raw)
    return struct.pack(order + count, len(tags)) + entries + bytes(inline) + values, following


def to_little(tag: Tag, order: str) -> Tag:
    """A tag with its value in little-endian order."""
    unit = SWAPPED.get(tag.type, 1)
    if order == "<" or unit == 1:
        return tag
    turned = b"".join(tag.raw[i : i + unit][::-1] for i in range(0, len(tag.raw), unit))
    return Tag(tag.type, tag.count, turned)
