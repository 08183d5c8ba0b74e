"""EXIF blocks and the tags of TIFF files: one structure (TIFF 6.0), directories of tags at byte offsets.

Blocks are carried as they are, byte for byte; only what is wrong for the result is patched in place. Tags move between
EXIF blocks and TIFF files, where each of them belongs into the other's first directory. Damaged blocks raise nothing:
what can be read is taken.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["Tag", "exif_from_tiff", "tiff_with_exif", "upright"]

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
SWAPPED = {3: 2, 8: 2, 4: 4, 5: 4, 9: 4, 10: 4, 11: 4, 13: 4, 12: 8}  # how many bytes of a type turn round together

ORIENTATION = 0x0112
EXIF, GPS, INTEROP = 0x8769, 0x8825, 0xA005  # tags that hold the offset of another directory
WIDTH, HEIGHT = 0xA002, 0xA003

# Tags of a TIFF file that tell how its pixels are stored, or that travel by another way (XMP, IPTC, ICC, Photoshop):
# they would be wrong or double in the result.
OF_THE_FILE = {*range(254, 260), 262, 263, 264, 265, 266, 273, 274, *range(277, 282), 284, *range(288, 294), 297, 301}
OF_THE_FILE |= {*range(317, 348), *range(512, 522), *range(529, 533), 700, 33723, 34377, 34675, 37724, 50255}
OF_THE_FILE |= {EXIF, GPS, INTEROP}
RESOLUTION = {282, 283, 296}

MOST_TAGS = 1000
LONGEST_TAG = 1 << 20  # bytes; scanners put whole previews into private tags


@dataclass(frozen=True)
class Tag:
    """One tag: its TIFF type, its count, its value as bytes in the byte order of where it came from."""

    type: int
    count: int
    raw: bytes


Tags = dict[int, Tag]


def upright(exif: bytes) -> bytes:
    """An EXIF block (from "II" or "MM" on) for pixels that are upright now: orientation 1, no thumbnail.

    Width and height change places where the photo was turned. The thumbnail shows the old photo: it is unlinked.
    """
    block = bytearray(exif)
    order = _byte_order(block)
    if order is None:
        return exif
    entries, end = _entries(block, order, _unpack(order + "I", block, 4))
    at = entries.get(ORIENTATION)
    turned = False
    if at is not None:
        turned = _unpack(order + "H", block, at + 8) >= 5
        block[at + 2 : at + 12] = struct.pack(order + "HIHH", 3, 1, 1, 0)
    if end + 4 <= len(block):
        block[end : end + 4] = bytes(4)  # no second directory, which is that of the thumbnail
    if turned and EXIF in entries:
        inner, _ = _entries(block, order, _unpack(order + "I", block, entries[EXIF] + 8))
        if WIDTH in inner and HEIGHT in inner:
            w, h = (slice(inner[tag] + 2, inner[tag] + 12) for tag in (WIDTH, HEIGHT))
            block[w], block[h] = block[h], block[w]
    return bytes(block)


def exif_from_tiff(stream: BinaryIO) -> bytes:
    """What the first page of a TIFF or BigTIFF file tells of the photo, as an EXIF block; b"" if that is nothing."""
    stream.seek(0)
    head = stream.read(16)
    order = _byte_order(head)
    if order is None:
        return b""
    big = _unpack(order + "H", head, 2) == 43
    first = _unpack(order + ("Q" if big else "I"), head, 8 if big else 4)
    tags = _read_directory(stream, order, first, big)
    kept = {tag: value for tag, value in tags.items() if tag not in OF_THE_FILE}
    inner = {
        tag: _read_directory(stream, order, _offset_in(tags[tag], order), big) for tag in (EXIF, GPS) if tag in tags
    }
    inner.get(EXIF, {}).pop(INTEROP, None)
    inner = {tag: values for tag, values in inner.items() if values}
    if not inner and not kept.keys() - RESOLUTION:
        return b""
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return header + _write_directories(kept, inner, order, 8)


def tiff_with_exif(tiff: bytes, exif: bytes) -> bytes:
    """A classic little-endian TIFF file of one page, with the tags of an EXIF block that it lacks added.

    The directory is written anew at the end of the file. Notes of camera makers that hold offsets into the old file
    lose their meaning; this cannot be helped, as their layout is secret.
    """
    order = _byte_order(exif)
    if order is None or tiff[:4] != b"II*\0":
        return tiff
    block = _Block(exif)
    outer = _read_directory(block, order, _unpack(order + "I", exif, 4), big=False)
    inner = {
        tag: _read_directory(block, order, _offset_in(outer[tag], order), False) for tag in (EXIF, GPS) if tag in outer
    }
    inner.get(EXIF, {}).pop(INTEROP, None)
    own = _read_directory(_Block(tiff), "<", _unpack("<I", tiff, 4), big=False, longest=len(tiff))
    extra = {tag: value for tag, value in outer.items() if tag not in OF_THE_FILE}
    tags = {tag: _to_little(value, order) for tag, value in extra.items()} | own
    directories = {tag: {k: _to_little(v, order) for k, v in values.items()} for tag, values in inner.items() if values}
    padding = bytes(len(tiff) % 2)
    at = len(tiff) + len(padding)
    return tiff[:4] + struct.pack("<I", at) + tiff[8:] + padding + _write_directories(tags, directories, "<", at)


class _Block:
    """The two methods of a file that `_read_directory` needs, on bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def seek(self, at: int) -> int:
        self.at = at
        return at

    def read(self, size: int) -> bytes:
        start, self.at = self.at, self.at + size
        return self.data[start : self.at]


def _byte_order(block: bytes | bytearray) -> str | None:
    return {b"II": "<", b"MM": ">"}.get(bytes(block[:2])) if len(block) >= 8 else None


def _unpack(layout: str, data: bytes | bytearray, at: int) -> int:
    size = struct.calcsize(layout)
    return struct.unpack_from(layout, data, at)[0] if 0 <= at <= len(data) - size else 0


def _offset_in(tag: Tag, order: str) -> int:
    return _unpack(order + ("Q" if len(tag.raw) == 8 else "I"), tag.raw, 0)


def _entries(block: bytearray, order: str, start: int) -> tuple[dict[int, int], int]:
    """Where each tag of the directory at `start` has its 12-byte entry, and where the directory ends."""
    if not 8 <= start <= len(block) - 2:
        return {}, len(block)
    count = _unpack(order + "H", block, start)
    end = start + 2 + 12 * count
    if end > len(block):
        return {}, len(block)
    return {_unpack(order + "H", block, at): at for at in range(start + 2, end, 12)}, end


def _read_directory(stream: BinaryIO | _Block, order: str, start: int, big: bool, longest: int = LONGEST_TAG) -> Tags:
    """The tags of the directory at `start`; what is damaged or longer than `longest` is left out."""
    count_layout, entry_layout, inline = ("Q", "HHQ8s", 8) if big else ("H", "HHI4s", 4)
    count_size, entry_size = struct.calcsize(order + count_layout), struct.calcsize(order + entry_layout)
    if start < 8 or start >= 1 << 62:
        return {}
    stream.seek(start)
    count = min(_unpack(order + count_layout, stream.read(count_size), 0), MOST_TAGS)
    data = stream.read(count * entry_size)
    tags: Tags = {}
    for tag, kind, n, value in struct.iter_unpack(order + entry_layout, data[: len(data) // entry_size * entry_size]):
        size = SIZES.get(kind, 0) * n
        if not 0 < size <= longest:
            continue
        if size > inline:
            offset = _unpack(order + ("Q" if big else "I"), value, 0)
            if offset >= 1 << 62:
                continue
            stream.seek(offset)
            value = stream.read(size)
            if len(value) < size:
                continue
        tags[tag] = Tag(kind, n, value[:size])
    return tags


def _write_directories(outer: Tags, inner: dict[int, Tags], order: str, at: int) -> bytes:
    """The directory `outer` to lie at offset `at`, then its values, then the directories in `inner`."""
    outer = {tag: value for tag, value in outer.items() if value.type in SIZES and value.type < 16}
    outer = outer | {tag: Tag(4, 1, bytes(4)) for tag in inner}
    first = _write_directory(outer, order, at)
    written = b""
    for tag, tags in inner.items():
        start = at + len(first) + len(written)
        outer[tag] = Tag(4, 1, struct.pack(order + "I", start))
        written += _write_directory({t: v for t, v in tags.items() if v.type < 16}, order, start)
    return _write_directory(outer, order, at) + written


def _write_directory(tags: Tags, order: str, at: int) -> bytes:
    entries, values = b"", b""
    after = at + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        raw = value.raw
        if len(raw) > 4:
            raw = struct.pack(order + "I", after + len(values))
            values += value.raw + bytes(len(value.raw) % 2)
        entries += struct.pack(order + "HHI4s", tag, value.type, value.count, raw)
    return struct.pack(order + "H", len(tags)) + entries + bytes(4) + values


def _to_little(tag: Tag, order: str) -> Tag:
    unit = SWAPPED.get(tag.type, 1)
    if order == "<" or unit == 1:
        return tag
    turned = b"".join(tag.raw[i : i + unit][::-1] for i in range(0, len(tag.raw), unit))
    return Tag(tag.type, tag.count, turned)
