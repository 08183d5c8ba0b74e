"""The checksums of Deflate data in TIFF: Adler-32 at the end of each strip and tile (RFC 1950), which libtiff skips."""

import io
import math
import zlib
from typing import BinaryIO

import numpy as np

from colorizegan.photo.tiff.directory import Tag, read_directory
from colorizegan.photo.tiff.pages import TiffPage, TiffPages

DEFLATE = {8, 32946}  # compressions
FILL_ORDER = 266
# Tags with the places and the lengths of the pieces of a picture.
PIECES = (("strip", 273, 279), ("tile", 324, 325))
INTEGERS = {3: "u2", 4: "u4", 16: "u8"}  # TIFF types
LONGEST_LIST = 1 << 26  # bytes of such a tag
CHUNK, MOST_INFLATED = 1 << 16, 1 << 20  # bytes that are taken in and given out at once
LEAST_BUDGET = 1 << 26  # bytes that all pieces may have inflated; more where the picture has more
SIZES = (256, 257, 277)  # tags: width, height, samples


def damage_by_checksum(stream: BinaryIO, pages: TiffPages, page: TiffPage) -> list[str]:
    """What the checksums of a page tell that its decoder did not: which piece is damaged first, if any is.

    Data that end before their checksum are left to the decoder, which knows how many pixels lack.
    """
    if page.compression not in DEFLATE:
        return []
    # libvips has moved the place of the file, of which Python's buffer knows nothing.
    unread = stream.seek(0, io.SEEK_END)  # bytes: no honest piece holds those of another
    tags = read_directory(stream, pages.order, page.offset, pages.big, LONGEST_LIST)
    if FILL_ORDER in tags and 2 in _numbers(tags[FILL_ORDER], pages.order):
        return []  # the bits of each byte stand the other way round, which hardly any file has
    samples = math.prod((_numbers(tags[tag], pages.order) or [1])[0] for tag in SIZES if tag in tags)
    budget = max(LEAST_BUDGET, 2 * samples * page.bits // 8)
    for piece, places, lengths in PIECES:
        if places in tags and lengths in tags:
            starts, sizes = (_numbers(tags[tag], pages.order, samples) for tag in (places, lengths))
            seen: set[tuple[int, int]] = set()
            for number, span in enumerate(zip(starts, sizes, strict=False), 1):
                if span in seen:  # empty tiles may be one
                    continue
                seen.add(span)
                damaged, taken, size = _inflated(stream, *span, unread=unread, most=budget)
                if damaged:
                    return [f"the checksum of its {piece} {number} is wrong"]
                unread, budget = unread - taken, budget - size
                if budget <= 0 or unread < 0:
                    return []  # more than the picture, or the file, can have: a bomb, for the decoder to refuse
    return []


def _numbers(tag: Tag, order: str, most: int = 1) -> list[int]:
    """The first numbers of a tag; none where it holds others."""
    return np.frombuffer(tag.raw, order + INTEGERS[tag.type])[:most].tolist() if tag.type in INTEGERS else []


def _inflated(stream: BinaryIO, start: int, length: int, unread: int, most: int) -> tuple[bool, int, int]:
    """Whether a piece is damaged, its bytes in the file, up to about `unread`, and inflated, up to about `most`.

    Bytes behind the end of its data do not count: pieces may say that they are longer than they are.
    """
    inflate, size, taken = zlib.decompressobj(), 0, 0
    stream.seek(start)
    while taken <= min(length - 1, unread) and not inflate.eof and (part := stream.read(min(CHUNK, length - taken))):
        taken += len(part)
        while part and not inflate.eof and size < most:
            try:
                size += len(inflate.decompress(part, MOST_INFLATED))
            except zlib.error:
                return True, taken, size
            part = inflate.unconsumed_tail
        if size >= most:
            break
    return False, taken - len(inflate.unused_data) - len(inflate.unconsumed_tail), size
