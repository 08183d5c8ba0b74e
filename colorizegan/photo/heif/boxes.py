"""The boxes of a HEIF file, and how many frames its sequences have (ISO/IEC 14496-12, boxes trak, hdlr, stsz)."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

MOST_BOXES = 10_000  # more are no photo's
DEEPEST = 6  # moov / trak / mdia / minf / stbl / stsz
LEAST_FRAME = 2  # bytes that a frame takes at least
NESTED = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def count_sequence(stream: BinaryIO) -> int:
    """The samples of the longest track of pictures; 1 where there is none. struct.error where it is damaged."""
    return max((count for kind, count in _tracks(stream) if kind in (b"pict", b"vide")), default=1)


def frames_alone(stream: BinaryIO) -> int:
    """The frames of a file that is nothing but a sequence, without the box of a still picture; else 0."""
    end = stream.seek(0, 2)
    try:
        if any(name == b"meta" for name, _ in boxes(stream, 0, end, 1, [MOST_BOXES])):
            return 0
        frames = count_sequence(stream)
    except (struct.error, OSError):
        return 0
    return frames if 1 < frames <= end // LEAST_FRAME else 0


def _tracks(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Of each track what it holds, and how many samples."""
    kind = b""
    for name, size in boxes(stream, 0, stream.seek(0, 2), DEEPEST, [MOST_BOXES]):
        if name == b"hdlr" and size >= 12:
            kind = stream.read(12)[8:12]
        if name == b"stsz" and size >= 12:
            yield kind, struct.unpack(">I", stream.read(12)[8:12])[0]


def boxes(stream: BinaryIO, start: int, end: int, depth: int, budget: list[int]) -> Iterator[tuple[bytes, int]]:
    """Names and sizes of the boxes between two places, and of those in NESTED; the stream stands at their body."""
    at = start
    while at + 8 <= end and depth and budget[0] > 0:
        budget[0] -= 1
        stream.seek(at)
        size, name = struct.unpack(">I4s", stream.read(8))
        body = at + 8
        if size == 1:
            (size,) = struct.unpack(">Q", stream.read(8))
            body += 8
        stop = end if size == 0 else at + size
        if not body <= stop <= end:
            return
        if name in NESTED:
            yield from boxes(stream, body, stop, depth - 1, budget)
        else:
            yield name, stop - body
        at = stop
