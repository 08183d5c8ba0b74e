"""A large JPEG encoded in parts, on several cores; restart markers (ITU-T T.81, F.1.2.3) stand between them.

Each part is a whole JPEG of some rows of the picture, all with the same tables. The pixels are those of a JPEG encoded
as one, bit for bit, and the file is some bytes longer. How it is divided depends on the picture's size
alone, so that the bytes do not depend on the number of threads.
"""

import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PART = 1 << 21  # pixels, about: half of the 65,535 blocks of 8 x 8 that may lie between two restart markers
BLOCK = 16  # px, rows of the largest block that is encoded as one
LONGEST_SIDE = 65500  # px, of libjpeg
FRAME, SCAN, INTERVAL, RESTART, END = 0xC0, 0xDA, 0xDD, 0xD0, b"\xff\xd9"


def save_jpeg(image: Any, threads: int, *, part: int = PART, **settings: Any) -> tuple[bytes, list[bytes | memoryview]]:
    """The header of a JPEG, and the pieces that follow it.

    Args:
        threads: the bytes do not depend on it.
        part: pixels of a part, about.
        settings: of `jpegsave_buffer`, of a baseline JPEG.

    Raises pyvips.Error where the picture is too large for JPEG.
    """
    width, height = image.width, image.height
    rows = max(BLOCK, part // width // BLOCK * BLOCK)
    if height <= rows or height > LONGEST_SIDE:  # which libvips refuses itself
        raw = image.jpegsave_buffer(**settings)
        start = dict(_segments(raw))[SCAN]
        return raw[:start], [memoryview(raw)[start:]]

    def save(top: int) -> bytes:
        return image.crop(0, top, width, min(rows, height - top)).jpegsave_buffer(**settings)

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(save, range(0, height, rows)))
    return _joined(parts, rows, width, height)


def _joined(parts: list[bytes], rows: int, width: int, height: int) -> tuple[bytes, list[bytes | memoryview]]:
    """Parts of so many rows as one JPEG: its header, and the pieces that follow it."""
    at = dict(_segments(parts[0]))
    frame, scan = at[FRAME], at[SCAN]
    head = bytearray(parts[0][:scan])
    struct.pack_into(">H", head, frame + 5, height)
    sampling = head[frame + 11]  # of the first component, which has the most: across, down
    blocks = rows // (8 * (sampling & 15)) * -(-width // (8 * (sampling >> 4)))
    head += struct.pack(">BBHH", 0xFF, INTERVAL, 4, blocks)
    data = scan + 2 + struct.unpack_from(">H", parts[0], scan + 2)[0]  # the same place in all
    pieces: list[bytes | memoryview] = [memoryview(parts[0])[scan : -len(END)]]
    for number, part in enumerate(parts[1:]):
        pieces += [bytes((0xFF, RESTART + number % 8)), memoryview(part)[data : -len(END)]]
    return bytes(head), [*pieces, END]


def _segments(jpeg: bytes) -> Iterator[tuple[int, int]]:
    """(marker, where it stands) of each segment up to that of the first scan."""
    at, marker = 2, 0
    while marker != SCAN:
        marker, length = struct.unpack_from(">xBH", jpeg, at)
        yield marker, at
        at += 2 + length
