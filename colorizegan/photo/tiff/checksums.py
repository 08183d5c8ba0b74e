"""The checksums of Deflate data in TIFF: Adler-32 at the end of each strip and tile (RFC 1950), which libtiff skips."""

import io
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
CHUNK, MOST = 1 << 16, 1 << 20  # bytes that are taken in and given out at once


def damage_by_checksum(stream: BinaryIO, pages: TiffPages, page: TiffPage) -> list[str]:
    """What the checksums of a page tell that its decoder did not: which piece is damaged first, if any is.

    Data that end before their checksum are left to the decoder, which knows how many pixels lack.
    """
    if page.compression not in DEFLATE:
        return []
    stream.seek(0, io.SEEK_END)  # libvips has moved the place of the file, of which Python's buffer knows nothing
    tags = read_directory(stream, pages.order, page.offset, pages.big, LONGEST_LIST)
    if FILL_ORDER in tags and 2 in _numbers(tags[FILL_ORDER], pages.order):
        return []  # the bits of each byte stand the other way round, which hardly any file has
    for piece, places, lengths in PIECES:
        if places in tags and lengths in tags:
            spans = zip(_numbers(tags[places], pages.order), _numbers(tags[lengths], pages.order), strict=False)
            for number, (start, length) in enumerate(spans, 1):
                if _is_damaged(stream, start, length):
                    return [f"the checksum of its {piece} {number} is wrong"]
    return []


def _numbers(tag: Tag, order: str) -> list[int]:
    return np.frombuffer(tag.raw, order + INTEGERS[tag.type]).tolist() if tag.type in INTEGERS else []


def _is_damaged(stream: BinaryIO, start: int, length: int) -> bool:
    inflate = zlib.decompressobj()
    stream.seek(start)
    while length > 0 and not inflate.eof and (part := stream.read(min(CHUNK, length))):
        length -= len(part)
        while part and not inflate.eof:
            try:
                inflate.decompress(part, MOST)
            except zlib.error:
                return True
            part = inflate.unconsumed_tail
    return False
