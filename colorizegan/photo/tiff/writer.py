"""TIFF files written page by page.

libvips writes one page, or pages of one size; archives bind pages of any size. So every page is encoded as a file of
its own, which is then taken in: its bytes are copied as they are and its directory is written anew.
"""

import io
import shutil
import struct
from typing import BinaryIO

from colorizegan.errors import OutputError
from colorizegan.photo.tiff.directory import Tag, Tags, byte_order, read_directory, to_little, unpack, write_directories
from colorizegan.photo.tiff.pages import PAGE, PAGE_NUMBER, SUBFILE, tags_of_photo

OFFSETS = {273, 324}  # of strips and of tiles
LARGEST = (1 << 32) - (1 << 20)  # bytes of a classic TIFF file, with room for its directories


class TiffWriter:
    """A little-endian TIFF file of `count` pages that grows page by page.

    file: empty, open for reading and writing; big: write BigTIFF, which may be larger than 4 GiB.
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
        """Take in a page: a classic little-endian TIFF file of one page, or `file` itself. OutputError over 4 GiB.

        exif: block of which the page gets the tags that it lacks. Notes of camera makers that hold offsets into the old
        file lose their meaning; this cannot be helped, as their layout is secret.
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
    outer, inner = tags_of_photo(io.BytesIO(exif), order, unpack(order + "I", exif, 4), False)
    tags, *others = ({t: to_little(v, order) for t, v in found.items()} for found in (outer, *inner.values()))
    return tags, dict(zip(inner, others, strict=True))
