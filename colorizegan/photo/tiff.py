"""The pages of TIFF files: which there are, what each tells of its photo, and files written page by page.

libvips writes one page, or pages of one size; archives bind pages of any size. So every page is encoded as a file of
its own, which is then taken in: its bytes are copied as they are and its directory is written anew.
"""

from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass
from typing import BinaryIO

from colorizegan.errors import OutputError, TooLargeError
from colorizegan.photo.exif import (
    EXIF,
    GPS,
    INTEROP,
    Block,
    Tag,
    Tags,
    byte_order,
    offset_in,
    read_directory,
    to_little,
    unpack,
    write_directories,
)

# Tags of a TIFF file that tell how its pixels are stored, or that travel by another way (XMP, IPTC, ICC, Photoshop):
# they would be wrong or double in the result.
OF_THE_FILE = {*range(254, 260), 262, 263, 264, 265, 266, 273, 274, *range(277, 282), 284, *range(288, 294), 297, 301}
OF_THE_FILE |= {*range(317, 348), *range(512, 522), *range(529, 533), 700, 33723, 34377, 34675, 37724, 50255}
OF_THE_FILE |= {EXIF, GPS, INTEROP}
RESOLUTION = {282, 283, 296}

SUBFILE, PAGE_NUMBER, TILE_WIDTH, TILE_HEIGHT = 254, 297, 322, 323
REDUCED, PAGE, MASK = 1, 2, 4  # bits of SUBFILE
EXTRA_SAMPLES, ASSOCIATED = 338, 1
OFFSETS = {273, 324}  # of strips and of tiles
LARGEST = (1 << 32) - (1 << 20)  # bytes of a classic TIFF file, with room for its directories


@dataclass(frozen=True)
class TiffPages:
    """What a TIFF file holds."""

    offsets: tuple[int, ...]
    """Where the directory of each photo is."""
    numbers: tuple[int, ...]
    """Which of the file's pages it is, from 0 on."""
    premultiplied: tuple[bool, ...]
    """Whether its colours are multiplied by its opacity."""
    left_out: int
    """Pages that are no photos: smaller copies of another page, and masks."""
    order: str
    """Byte order, as `struct` calls it."""
    big: bool
    """BigTIFF."""
    tile: tuple[int, int] | None
    """Width and height of the first page's tiles; None where it is in strips."""


def find_pages(stream: BinaryIO, most: int) -> TiffPages | None:
    """The pages of a TIFF or BigTIFF file; None where it is damaged so that there is none.

    Args:
        stream: the file.
        most: the limit of pages.

    Raises:
        TooLargeError: it has more.
    """
    stream.seek(0)
    head = stream.read(16)
    order = byte_order(head)
    if order is None:
        return None
    big = unpack(order + "H", head, 2) == 43
    at = unpack(order + ("Q" if big else "I"), head, 8 if big else 4)
    found: list[tuple[int, int, bool]] = []  # (offset, kind, premultiplied)
    seen: set[int] = set()
    tile = None
    while 8 <= at < 1 << 62 and at not in seen:
        if len(found) == most:
            raise TooLargeError(f"has more than {most:,} pages", remedy="split it first")
        seen.add(at)
        tags = read_directory(stream, order, at, big)
        if not tags:
            break
        if not found and TILE_WIDTH in tags and TILE_HEIGHT in tags:
            tile = _number(tags[TILE_WIDTH], order), _number(tags[TILE_HEIGHT], order)
        kind = _number(tags[SUBFILE], order) if SUBFILE in tags else 0
        extra = tags.get(EXTRA_SAMPLES)
        found.append((at, kind, extra is not None and unpack(order + "H", extra.raw, 0) == ASSOCIATED))
        at = _following(stream, order, at, big)
    if not found:
        return None
    numbers = tuple(i for i, (_, kind, _) in enumerate(found) if not kind & (REDUCED | MASK)) or (0,)
    offsets, premultiplied = tuple(found[i][0] for i in numbers), tuple(found[i][2] for i in numbers)
    return TiffPages(offsets, numbers, premultiplied, len(found) - len(numbers), order, big, tile)


def read_exif(stream: BinaryIO, pages: TiffPages, page: int) -> bytes:
    """What a page tells of its photo, as an EXIF block; b"" if that is nothing."""
    order, big = pages.order, pages.big
    tags = read_directory(stream, order, pages.offsets[page], big)
    kept = {tag: value for tag, value in tags.items() if tag not in OF_THE_FILE}
    inner = {tag: read_directory(stream, order, offset_in(tags[tag], order), big) for tag in (EXIF, GPS) if tag in tags}
    inner.get(EXIF, {}).pop(INTEROP, None)
    inner = {tag: values for tag, values in inner.items() if values}
    if not inner and not kept.keys() - RESOLUTION:
        return b""
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return header + write_directories(kept, inner, order, 8)[0]


class TiffWriter:
    """A little-endian TIFF file that grows page by page.

    Args:
        file: empty, open for reading and writing.
        count: pages that there will be.
        big: write BigTIFF, which may be larger than 4 GiB.
    """

    def __init__(self, file: BinaryIO, count: int, *, big: bool) -> None:
        self.file, self.count, self.big = file, count, big
        self.pages = 0
        self.link = 0  # where the offset of the next directory goes

    @property
    def takes_first_in_place(self) -> bool:
        """Whether the first page may be encoded into `file` itself: then `add(file, ...)` copies nothing."""
        return self.pages == 0 and not self.big

    def add(self, page: BinaryIO, exif: bytes) -> None:
        """Take in a page.

        Args:
            page: a classic little-endian TIFF file of one page, or `file` itself.
            exif: block of which the page gets the tags that it lacks. Notes of camera makers that hold offsets into
                the old file lose their meaning; this cannot be helped, as their layout is secret.

        Raises:
            OutputError: a file that is not BigTIFF is to be larger than 4 GiB.
        """
        page.seek(0)
        head = page.read(8)
        own = read_directory(page, "<", unpack("<I", head, 4), big=False, longest=LARGEST)
        tags, inner = _tags_of(exif)
        if self.count > 1:
            number = struct.pack("<HH", self.pages, self.count)
            own |= {SUBFILE: Tag(4, 1, struct.pack("<I", PAGE)), PAGE_NUMBER: Tag(3, 2, number)}
        elif page is self.file and not tags and not inner:
            self.pages += 1
            return  # nothing to add: it stays as it is
        base = 0
        if page is self.file:
            self.link = 4
        else:
            if self.pages == 0:
                self.file.write(
                    struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0) if self.big else struct.pack("<2sHI", b"II", 42, 0)
                )
                self.link = 8 if self.big else 4
            base = self._end()
            page.seek(0)
            shutil.copyfileobj(page, self.file, 1 << 20)
        for tag in OFFSETS & own.keys():
            own[tag] = self._moved(own[tag], base)
        at = self._end()
        raw, following = write_directories(tags | own, inner, "<", at, big=self.big)
        if not self.big and at + len(raw) > LARGEST:
            raise OutputError("would be larger than 4 GiB", remedy="split the photo's pages, or use --format png")
        self.file.write(raw)
        self.file.seek(self.link)
        self.file.write(struct.pack("<Q" if self.big else "<I", at))
        self.link = at + following
        self.pages += 1

    def _end(self) -> int:
        """Go to the end of the file, which is made even."""
        at = self.file.seek(0, 2)
        self.file.write(bytes(at % 2))
        return at + at % 2

    def _moved(self, tag: Tag, base: int) -> Tag:
        size = 2 if tag.type == 3 else 8 if tag.type == 16 else 4
        values = struct.unpack(f"<{tag.count}{ {2: 'H', 4: 'I', 8: 'Q'}[size] }", tag.raw)
        kind, layout = (16, "Q") if self.big else (4, "I")
        if not self.big and values and base + max(values) > LARGEST:
            raise OutputError("would be larger than 4 GiB", remedy="split the photo's pages, or use --format png")
        return Tag(kind, tag.count, struct.pack(f"<{tag.count}{layout}", *(base + value for value in values)))


def _tags_of(exif: bytes) -> tuple[Tags, dict[int, Tags]]:
    """The tags of an EXIF block that may stand in a TIFF file, and its directories of EXIF and GPS; little-endian."""
    order = byte_order(exif)
    if order is None:
        return {}, {}
    block = Block(exif)
    outer = read_directory(block, order, unpack(order + "I", exif, 4), big=False)
    inner = {
        tag: read_directory(block, order, offset_in(outer[tag], order), False) for tag in (EXIF, GPS) if tag in outer
    }
    inner.get(EXIF, {}).pop(INTEROP, None)
    tags = {tag: to_little(value, order) for tag, value in outer.items() if tag not in OF_THE_FILE}
    return tags, {tag: {k: to_little(v, order) for k, v in values.items()} for tag, values in inner.items() if values}


def _number(tag: Tag, order: str) -> int:
    return unpack(order + {2: "H", 4: "I", 8: "Q"}.get(len(tag.raw), "B"), tag.raw, 0)


def _following(stream: BinaryIO, order: str, at: int, big: bool) -> int:
    """The offset of the directory after the one at `at`; 0 = none."""
    stream.seek(at)
    count = unpack(order + ("Q" if big else "H"), stream.read(8 if big else 2), 0)
    if count > 1 << 16:
        return 0
    stream.seek(at + (8 + 20 * count if big else 2 + 12 * count))
    return unpack(order + ("Q" if big else "I"), stream.read(8 if big else 4), 0)
