"""The items of a HEIF file: pictures, tiles, and where their data lie (ISO/IEC 14496-12, boxes iloc, iref, iprp)."""

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from colorizegan.photo.heif.boxes import MOST_BOXES, boxes

LONGEST_BOX = 1 << 20  # bytes: tens of thousands of tiles
IN_FILE, IN_BOX = 0, 1  # where the data of an item lie: in the file, or in the box idat
DAMAGED = (struct.error, IndexError, OSError)


class Part(NamedTuple):
    """A stretch of the data of an item."""

    item: int
    where: int
    """IN_FILE, IN_BOX, or what is not read here."""
    start: int
    length: int
    """0: up to the end."""


class Fields(io.BytesIO):
    """Numbers in the body of a box; IndexError where it ends too early."""

    def number(self, size: int) -> int:
        """The next bytes as a number."""
        raw = self.read(size)
        if len(raw) < size:
            raise IndexError
        return int.from_bytes(raw, "big")


def parts_beyond_end(stream: BinaryIO) -> tuple[int, int]:
    """How many parts of the items lie behind the file's end, and how many there are.

    libheif leaves tiles that lack out of a picture, and says nothing.
    """
    end = stream.seek(0, 2)
    try:
        found = _meta(stream).get(b"iloc")
        parts = [] if found is None else [part for part in _parts(_body(stream, *found)) if part.length]
    except DAMAGED:
        return 0, 0
    ends = [part.start + part.length for part in parts if part.where == IN_FILE]
    return sum(place > end for place in ends), len(ends)


def coded_pictures(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Of a HEIC file's main picture, or of each of its tiles once, how it was coded (box hvcC), and its data.

    Of a file that is damaged, or holds more data than it has bytes, those before.
    """
    end = stream.seek(0, 2)
    try:
        meta = _meta(stream)
        main = _body(stream, *meta[b"pitm"])
        root = main.number(2 if main.number(4) >> 24 == 0 else 4)
        coding, tiles = _codings(stream, *meta[b"iprp"]), _tiles(stream, meta)
        parts: dict[int, list[Part]] = {}
        for part in _parts(_body(stream, *meta[b"iloc"])):
            parts.setdefault(part.item, []).append(part)
        left = end
        for item in _leaves(root, tiles, coding):
            data: list[bytes] = []
            for part in parts.get(item, ()):
                begin = {IN_FILE: 0, IN_BOX: meta.get(b"idat", (end, 0))[0]}.get(part.where, end) + part.start
                left -= part.length or end - begin
                if left < 0 or begin > end:
                    return
                stream.seek(begin)
                data.append(stream.read(part.length or -1))
            if data:
                yield coding[item], b"".join(data)
    except (*DAMAGED, KeyError):
        return


def _meta(stream: BinaryIO) -> dict[bytes, tuple[int, int]]:
    """Where the boxes in the box meta begin, and how long they are, by their names."""
    budget = [MOST_BOXES]
    for name, size in boxes(stream, 0, stream.seek(0, 2), 1, budget):
        if name == b"meta":
            start = stream.tell()
            return {inner: (stream.tell(), n) for inner, n in boxes(stream, start + 4, start + size, 1, budget)}
    return {}


def _body(stream: BinaryIO, start: int, size: int) -> Fields:
    stream.seek(start)
    return Fields(stream.read(min(size, LONGEST_BOX)))


def _parts(box: Fields) -> Iterator[Part]:
    """ItemLocationBox."""
    version, sizes = box.number(4) >> 24, box.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    wide = 4 if version == 2 else 2
    for _ in range(box.number(wide)):
        item = box.number(wide)
        where = box.number(2) & 15 if version else IN_FILE
        box.number(2)  # of the file
        base, extents = box.number(base_size), box.number(2)
        if extents > 1 and not offset_size + length_size + index_size:
            raise IndexError  # many extents of no byte: a few bytes would keep us busy for hours
        for _ in range(extents):
            box.number(index_size)
            offset, length = box.number(offset_size), box.number(length_size)
            yield Part(item, where, base + offset, length)


def _tiles(stream: BinaryIO, meta: dict[bytes, tuple[int, int]]) -> dict[int, list[int]]:
    """ItemReferenceBox: of what items others are made (dimg)."""
    if b"iref" not in meta:
        return {}
    start, size = meta[b"iref"]
    wide = 2 if _body(stream, start, 4).number(4) >> 24 == 0 else 4
    tiles: dict[int, list[int]] = {}
    for name, length in boxes(stream, start + 4, start + min(size, LONGEST_BOX), 1, [MOST_BOXES]):
        if name == b"dimg":
            box = _body(stream, stream.tell(), length)
            item = box.number(wide)
            tiles[item] = [box.number(wide) for _ in range(box.number(2))]
    return tiles


def _leaves(root: int, tiles: dict[int, list[int]], coding: dict[int, bytes]) -> Iterator[int]:
    """The coded items of which one is made in the end: itself, or its tiles; each once, whatever the file says."""
    seen: set[int] = set()
    waiting = [root]
    while waiting and len(seen) < MOST_BOXES:
        item = waiting.pop()
        if item in seen:
            continue
        seen.add(item)
        if item in coding:
            yield item
        else:
            waiting += reversed(tiles.get(item, []))


def _codings(stream: BinaryIO, start: int, size: int) -> dict[int, bytes]:
    """ItemPropertiesBox: the box hvcC of each item that has one."""
    inside = {name: (stream.tell(), n) for name, n in boxes(stream, start, start + size, 1, [MOST_BOXES])}
    begin, length = inside[b"ipco"]
    properties = [_body(stream, stream.tell(), n).read() if name == b"hvcC" else None
                  for name, n in boxes(stream, begin, begin + length, 1, [MOST_BOXES])]  # fmt: skip
    box = _body(stream, *inside[b"ipma"])
    head = box.number(4)
    codings: dict[int, bytes] = {}
    for _ in range(box.number(4)):
        item = box.number(2 if head >> 24 == 0 else 4)
        for _ in range(box.number(1)):
            # The first bit says whether readers must know it.
            index = box.number(2) & 0x7FFF if head & 1 else box.number(1) & 0x7F
            if 0 < index <= len(properties) and (coding := properties[index - 1]) is not None:
                codings[item] = coding
    return codings
