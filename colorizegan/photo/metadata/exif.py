"""EXIF blocks, made true for the result.

Blocks are carried as they are, byte for byte; only what is wrong for the result is patched in place. Damaged blocks
raise nothing: what can be read is taken.
"""

import struct

from colorizegan.photo.tiff.directory import EXIF, byte_order, unpack

ORIENTATION = 0x0112
WIDTH, HEIGHT = 0xA002, 0xA003


def upright(exif: bytes) -> bytes:
    """An EXIF block (from "II" or "MM" on) for pixels that are upright now: orientation 1, no thumbnail.

    Width and height change places where the photo was turned. The thumbnail shows the old photo: it is unlinked.
    """
    block = bytearray(exif)
    order = byte_order(block)
    if order is None:
        return exif
    entries, end = _entries(block, order, unpack(order + "I", block, 4))
    at = entries.get(ORIENTATION)
    turned = False
    if at is not None:
        turned = unpack(order + "H", block, at + 8) >= 5
        block[at + 2 : at + 12] = struct.pack(order + "HIHH", 3, 1, 1, 0)
    if end + 4 <= len(block):
        block[end : end + 4] = bytes(4)  # no second directory, which is that of the thumbnail
    if turned and EXIF in entries:
        inner, _ = _entries(block, order, unpack(order + "I", block, entries[EXIF] + 8))
        if WIDTH in inner and HEIGHT in inner:
            w, h = (slice(inner[tag] + 2, inner[tag] + 12) for tag in (WIDTH, HEIGHT))
            block[w], block[h] = block[h], block[w]
    return bytes(block)


def _entries(block: bytearray, order: str, start: int) -> tuple[dict[int, int], int]:
    """Where each tag of the directory at `start` has its 12-byte entry, and where the directory ends."""
    if not 8 <= start <= len(block) - 2:
        return {}, len(block)
    count = unpack(order + "H", block, start)
    end = start + 2 + 12 * count
    if end > len(block):
        return {}, len(block)
    return {unpack(order + "H", block, at): at for at in range(start + 2, end, 12)}, end
