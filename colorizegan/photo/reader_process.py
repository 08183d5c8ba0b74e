"""The process that decodes photos for `reader.py`, so that a fault in a decoder's library costs one photo.

It reads requests from standard input and answers on standard output: frames of a JSON header, whose length stands
before it, and blocks of bytes, whose sizes stand in it. Nothing in a frame is ever executed or unpickled.
"""

import dataclasses
import io
import json
import math
import os
import signal
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from colorizegan.errors import as_our_error
from colorizegan.machine import limit_process
from colorizegan.photo.metadata.metadata import Metadata
from colorizegan.photo.photo import Limits, Photo
from colorizegan.photo.read import read_photo
from colorizegan.photo.scan.levels import Tones
from colorizegan.photo.scan.scan import Scan
from colorizegan.photo.scan.window import LOOKED_AT, Window

BLOBS = ("exif", "xmp", "iptc", "photoshop")
LONGEST_HEADER = 1 << 26  # bytes

# What a decoder may use, beside what the limits of a photo allow it to be: far above need, far below harm.
CPU_SECONDS, CPU_SECONDS_A_MPX = 8, 1.0
MEMORY, MEMORY_A_PIXEL = 1 << 30, 48  # bytes; stacks of its threads are in the first
MEMORY_A_FILE_BYTE = 3  # formats whose files are read as a whole


@dataclasses.dataclass(frozen=True)
class Request:
    """A photo to read."""

    path: str | None
    """None where its bytes follow."""
    limits: dict[str, Any]
    allow_truncated: bool
    page: int
    colors_too: bool
    keep_color: bool


def send(stream: BinaryIO, header: dict[str, Any], blocks: Sequence[Any] = ()) -> None:
    """Write a frame; `blocks` are bytes or contiguous arrays."""
    views = [memoryview(block).cast("B") if len(block) else memoryview(b"") for block in blocks]
    raw = json.dumps({**header, "blocks": [view.nbytes for view in views]}).encode()
    stream.write(struct.pack("<I", len(raw)) + raw)
    for view in views:
        stream.write(view)
    stream.flush()


def receive(stream: BinaryIO) -> dict[str, Any]:
    """Read the header of a frame; its blocks stand next. EOFError where there is none, ValueError for no frame."""
    size = struct.unpack("<I", take(stream, 4))[0]
    if size > LONGEST_HEADER:
        raise ValueError("a header of that length is none")
    header = json.loads(take(stream, size))
    if not isinstance(header, dict):
        raise ValueError("a header is an object")
    return header


def main() -> None:
    """Answer requests until standard input ends."""
    # Libraries may write to standard output; the answers go where they cannot.
    answers = os.fdopen(os.dup(1), "wb")
    requests = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    # The parent ends this process; a Ctrl-C, which both get, must not end it in the middle of a photo.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        while True:
            answer(receive(requests), requests, answers)
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        os._exit(0)


def answer(header: dict[str, Any], requests: BinaryIO, answers: BinaryIO) -> None:
    """Read one photo and send it, or the error."""
    blocks = header.pop("blocks")
    request = Request(**header)
    source = requests.read(blocks[0]) if request.path is None else Path(request.path)
    allow(0, 0)
    size = len(source) if isinstance(source, bytes) else 0
    if isinstance(source, Path) and source.is_file():
        size = source.stat().st_size

    def admit(pixels: int) -> None:
        send(answers, {"pixels": pixels})
        receive(requests)  # sent as soon as there is room for so many
        allow(pixels, size)

    try:
        photo = read_photo(
            source,
            limits=Limits(**request.limits),
            allow_truncated=request.allow_truncated,
            page=request.page,
            colors_too=request.colors_too,
            keep_color=request.keep_color,
            admit=admit,
        )
    except Exception as error:  # even a fault of ours is no reason to end
        ours = as_our_error(error, report="please report this")
        send(answers, {"error": type(ours).__name__, "reason": ours.reason, "remedy": ours.remedy, "path": ours.path})
        return
    header, blocks = as_frame(photo)
    send(answers, header, blocks)


def allow(pixels: int, file: int) -> None:
    """Set what this process may use until it is through with a photo of so many pixels in a file of so many bytes."""
    seconds = math.ceil(time.process_time() + CPU_SECONDS + CPU_SECONDS_A_MPX * pixels / 1e6)
    limit_process(CPU=seconds, DATA=MEMORY + MEMORY_A_PIXEL * pixels + MEMORY_A_FILE_BYTE * file)


def as_frame(photo: Photo) -> tuple[dict[str, Any], list[Any]]:
    """A photo as header and blocks."""
    metadata = {field.name: getattr(photo.metadata, field.name) for field in dataclasses.fields(Metadata)}
    blobs = [metadata.pop(name) for name in BLOBS]
    scan, torn = photo.scan, None if photo.scan is None else photo.scan.torn
    header = {
        "shape": photo.gray.shape,
        "dtype": photo.gray.dtype.name,
        "alpha": photo.alpha is not None,
        "rgb": photo.rgb is not None,
        "metadata": metadata,
        "scan": None if scan is None else {**vars(scan), "torn": None if torn is None else torn.shape},
        **{name: getattr(photo, name) for name in ("is_color", "format", "pages", "remarks")},
    }
    return header, [x for x in (photo.gray, photo.alpha, photo.rgb, torn) if x is not None] + blobs


def take_photo(header: dict[str, Any], stream: BinaryIO, pixels: int) -> Photo:
    """The photo of a frame whose header was received, of so many pixels as were admitted.

    EOFError where the stream ends too early; ValueError, KeyError, TypeError where that is no photo, or a larger one.
    """
    height, width = (int(side) for side in header["shape"])
    if height < 1 or width < 1 or height * width != pixels:
        raise ValueError("another size than was admitted")
    dtype = np.dtype({"uint8": np.uint8, "uint16": np.uint16}[header["dtype"]])
    shapes = {"gray": (height, width), "alpha": (height, width), "rgb": (height, width, 3)}
    arrays: dict[str, Any] = {}
    for name, shape in shapes.items():
        arrays[name] = np.empty(shape, dtype) if name == "gray" or header[name] else None
        if arrays[name] is not None:
            fill(memoryview(arrays[name]).cast("B"), stream)
    scan = None if header["scan"] is None else take_scan(header["scan"], (height, width), stream)
    sizes = header["blocks"][-len(BLOBS) :]
    if sum(sizes) > LONGEST_HEADER or min(sizes) < 0:
        raise ValueError("metadata of that size are none")
    blobs: dict[str, Any] = {name: take(stream, size) for name, size in zip(BLOBS, sizes, strict=True)}
    metadata = header["metadata"]
    metadata["comments"] = tuple((str(key), str(text)) for key, text in metadata["comments"])
    for name in ("density", "tile"):
        metadata[name] = None if metadata[name] is None else tuple(metadata[name])
    return Photo(
        **arrays,
        is_color=bool(header["is_color"]),
        format=str(header["format"]),
        metadata=Metadata(**metadata, **blobs),
        pages=int(header["pages"]),
        scan=scan,
        remarks=tuple(map(str, header["remarks"])),
    )


def take_scan(found: dict[str, Any], shape: tuple[int, int], stream: BinaryIO) -> Scan:
    """What was found in a photo of this shape (H, W). Errors as of `take_photo`."""
    window, seen = (Window(*map(int, found[name])) for name in ("window", "seen"))
    for top, bottom, left, right in (window, seen):
        if not (0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]):
            raise ValueError("a photo outside of itself")
    torn = None
    if found["torn"] is not None:
        rows, columns = (int(side) for side in found["torn"])
        if not (0 < rows <= LOOKED_AT and 0 < columns <= LOOKED_AT):
            raise ValueError("a small picture of that size is none")
        torn = np.frombuffer(take(stream, rows * columns), np.uint8).reshape(rows, columns) > 0
    tones = None if found["tones"] is None else Tones(*map(float, found["tones"]))
    return Scan(shape, window, seen, tones, bool(found["text"]), str(found["blank"]), torn)


def take(stream: BinaryIO, size: int) -> bytes:
    """Exactly so many bytes; EOFError where there are fewer."""
    raw = stream.read(size)
    if len(raw) < size:
        raise EOFError
    return raw


def fill(view: memoryview, stream: BinaryIO) -> None:
    """Fill a block of memory from a stream; EOFError where that ends before."""
    readinto: Any = getattr(stream, "readinto", None) or io.BytesIO(stream.read(len(view))).readinto
    while view:
        count = readinto(view)
        if not count:
            raise EOFError
        view = view[count:]


if __name__ == "__main__":
    sys.exit("this is started by colorizegan.photo.reader")
