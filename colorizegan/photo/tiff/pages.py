"""The pages of TIFF files: which there are, how each stores its photo, and what it tells of it."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from colorizegan.errors import DecodeError, TooLargeError
from colorizegan.photo.tiff.directory import (
    EXIF,
    GPS,
    INTEROP,
    Tag,
    Tags,
    byte_order,
    find_value,
    offset_in,
    read_directory,
    unpack,
    write_directories,
)

# Tags of a TIFF file that tell how its pixels are stored, or that travel by another way (XMP, IPTC, ICC, Photoshop):
# they would be wrong or double in the result.
OF_THE_FILE = {*range(254, 260), 262, 263, 264, 265, 266, 273, 274, *range(277, 282), 284, *range(288, 294), 297, 301}
OF_THE_FILE |= {*range(317, 348), *range(512, 522), *range(529, 533), 700, 33723, 34377, 34675, 37724, 50255}
OF_THE_FILE |= {EXIF, GPS, INTEROP}
RESOLUTION = {282, 283, 296}
WIDTH, HEIGHT, BITS = 256, 257, 258

SUBFILE, OLD_SUBFILE, PAGE_NUMBER, TILE_WIDTH, TILE_HEIGHT, SUB_DIRECTORIES = 254, 255, 297, 322, 323, 330
REDUCED, PAGE, MASK = 1, 2, 4  # bits of SUBFILE
OLD_REDUCED = 2  # of OLD_SUBFILE
COMPRESSION, PHOTOMETRIC, SAMPLES, EXTRA_SAMPLES, SUBSAMPLING = 259, 262, 277, 338, 530
ASSOCIATED, UNASSOCIATED = 1, 2  # kinds of extra samples that are opacity, multiplied into the colours or not
CHANNELS = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3, 8: 3, 9: 3}  # photometric -> channels of colour
CIELAB, ICCLAB, FILTERED, LINEAR_RAW = 8, 9, 32803, 34892  # photometric
FULL = (b"\1\0\1\0", b"\0\1\0\1")  # one across, one down, in either byte order
DNG_VERSION = 50706
MOST_SUB_DIRECTORIES = 16  # that are looked into


@dataclass(frozen=True)
class TiffPage:
    """One photo of a TIFF file."""

    offset: int
    """Where its directory is."""
    number: int
    """Which of the file's pages it is, from 0 on."""
    opacity: int | None
    """Which of its extra channels is opacity, from 0 on; None where none says so."""
    extra: int
    """Channels beyond those of colour and opacity: the infrared of scanners, spot colours, masks."""
    lab: int | None
    """CIELAB or ICCLAB, where its colours are so; None for all others."""
    channels: int
    """Of colour."""
    photometric_at: int
    """Where in the file the value of its tag PhotometricInterpretation is; 0 where it has none."""
    compression: int
    """As the tag has it; 1 = none."""
    photometric: int
    """As the tag PhotometricInterpretation has it."""
    bits: int
    """Of a sample."""
    full_chroma: bool
    """Whether YCbCr would have as many values of Cb and Cr as of Y."""


@dataclass(frozen=True)
class TiffPages:
    """What a TIFF file holds."""

    photos: tuple[TiffPage, ...]
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

    TooLargeError where it has more than `most`; DecodeError for a raw file of a camera or scanner in the clothes of
    TIFF.
    """
    stream.seek(0)
    head = stream.read(16)
    order = byte_order(head)
    if order is None:
        return None
    big = unpack(order + "H", head, 2) == 43
    at = unpack(order + ("Q" if big else "I"), head, 8 if big else 4)
    found: list[tuple[TiffPage, bool]] = []  # (page, is it a smaller copy or a mask)
    seen: set[int] = set()
    tile = None
    larger_below = False
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
        old_kind = _number(tags[OLD_SUBFILE], order) if OLD_SUBFILE in tags else 0
        is_copy = bool(kind & (REDUCED | MASK)) or old_kind == OLD_REDUCED
        _refuse_raw(tags, order, head)
        if not is_copy or not found:
            larger_below = larger_below or _has_larger_below(stream, tags, order, big, any_size=is_copy)
        found.append((_page(stream, tags, order, big, at, len(found)), is_copy))
        at = _following(stream, order, at, big)
    if not found:
        return None
    photos = tuple(page for page, is_copy in found if not is_copy)
    if larger_below and (not photos or not found[0][1]):
        raise _raw("TIFF/EP")
    photos = photos or (found[0][0],)
    return TiffPages(photos, len(found) - len(photos), order, big, tile)


def _refuse_raw(tags: Tags, order: str, head: bytes) -> None:
    photometric = _number(tags[PHOTOMETRIC], order) if PHOTOMETRIC in tags else 0
    if DNG_VERSION in tags or photometric == LINEAR_RAW:
        raise _raw("DNG")
    if photometric == FILTERED:
        raise _raw("TIFF/EP")
    if head[8:10] == b"CR":
        raise _raw("CR2")


def _raw(kind: str) -> DecodeError:
    return DecodeError(
        f"is a raw file of a camera or scanner ({kind}), whose picture is not read",
        remedy="develop it with a raw converter and save that as TIFF or JPEG",
    )


def _has_larger_below(stream: BinaryIO, tags: Tags, order: str, big: bool, *, any_size: bool) -> bool:
    """Whether a directory below this one holds a picture of more pixels; with `any_size`, a picture at all."""
    if SUB_DIRECTORIES not in tags:
        return False
    pointers = tags[SUB_DIRECTORIES]
    size = len(pointers.raw) // max(1, pointers.count)
    if size not in (4, 8):
        return False
    own = _pixels(tags, order)
    for i in range(min(pointers.count, MOST_SUB_DIRECTORIES)):
        below = read_directory(stream, order, unpack(order + {4: "I", 8: "Q"}[size], pointers.raw, size * i), big)
        if _pixels(below, order) > (0 if any_size else own):
            return True
    return False


def _pixels(tags: Tags, order: str) -> int:
    return _number(tags[WIDTH], order) * _number(tags[HEIGHT], order) if WIDTH in tags and HEIGHT in tags else 0


def _page(stream: BinaryIO, tags: Tags, order: str, big: bool, at: int, number: int) -> TiffPage:
    numbers = {tag: _number(tags[tag], order) for tag in (COMPRESSION, PHOTOMETRIC, SAMPLES, BITS) if tag in tags}
    photometric = numbers.get(PHOTOMETRIC, 1)
    channels = CHANNELS.get(photometric, 1)
    beyond = numbers.get(SAMPLES, 1) - channels
    if photometric in (CIELAB, ICCLAB) and beyond < 0:
        channels = 1  # L alone
        beyond = numbers.get(SAMPLES, 1) - 1
    kinds: list[int] = []
    if EXTRA_SAMPLES in tags and beyond > 0:
        raw = tags[EXTRA_SAMPLES].raw
        kinds = [unpack(order + "H", raw, 2 * i) for i in range(min(beyond, len(raw) // 2))]
    opacity = next((i for i, kind in enumerate(kinds) if kind in (ASSOCIATED, UNASSOCIATED)), None)
    return TiffPage(
        offset=at,
        number=number,
        opacity=opacity,
        extra=max(0, beyond - (opacity is not None)),
        lab=photometric if photometric in (CIELAB, ICCLAB) else None,
        channels=channels,
        photometric_at=find_value(stream, order, at, big, PHOTOMETRIC),
        compression=numbers.get(COMPRESSION, 1),
        photometric=photometric,
        bits=numbers.get(BITS, 1),
        full_chroma=SUBSAMPLING in tags and tags[SUBSAMPLING].raw[:4] in FULL,
    )


def read_exif(stream: BinaryIO, pages: TiffPages, page: int) -> bytes:
    """What a page tells of its photo, as an EXIF block; b"" if that is nothing."""
    order = pages.order
    kept, inner = tags_of_photo(stream, order, pages.photos[page].offset, pages.big)
    if not inner and not kept.keys() - RESOLUTION:
        return b""
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return header + write_directories(kept, inner, order, 8)[0]


def tags_of_photo(stream: BinaryIO, order: str, at: int, big: bool) -> tuple[Tags, dict[int, Tags]]:
    """What the directory at a place tells of its photo: tags that are not of the file, and those of EXIF and GPS."""
    tags = read_directory(stream, order, at, big)
    inner = {tag: read_directory(stream, order, offset_in(tags[tag], order), big) for tag in (EXIF, GPS) if tag in tags}
    inner.get(EXIF, {}).pop(INTEROP, None)
    kept = {tag: value for tag, value in tags.items() if tag not in OF_THE_FILE}
    return kept, {tag: values for tag, values in inner.items() if values}


def _number(tag: Tag, order: str) -> int:
    size = len(tag.raw) // max(1, tag.count)
    return unpack(order + {2: "H", 4: "I", 8: "Q"}.get(size, "B"), tag.raw, 0)


def _following(stream: BinaryIO, order: str, at: int, big: bool) -> int:
    """The offset of the directory after the one at `at`; 0 = none."""
    stream.seek(at)
    count = unpack(order + ("Q" if big else "H"), stream.read(8 if big else 2), 0)
    if count > 1 << 16:
        return 0
    stream.seek(at + (8 + 20 * count if big else 2 + 12 * count))
    return unpack(order + ("Q" if big else "I"), stream.read(8 if big else 4), 0)
