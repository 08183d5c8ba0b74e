"""What hostile TIFFs in Deflate cost: a row of docs/reliability.md.

    python benchmarks/tiff_bombs.py [--only NAME]

Files of at most 64 MB whose tiles share bytes, hold more than they should, or are more than the picture has. Each goes
through the command line (which colorizes what is a picture) and the service. Told are the processor's time of reading
it, how much of that the check of checksums takes (photo/tiff/checksums.py), and the answers.
"""

import argparse
import asyncio
import io
import logging
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from load import Service, ask

from colorizegan.errors import ColorizeGANError
from colorizegan.photo.read import read_photo
from colorizegan.photo.tiff.checksums import damage_by_checksum
from colorizegan.photo.tiff.pages import find_pages

EMPTY = b"\0\0\0\xff\xff"  # a block of Deflate that holds nothing (RFC 1951, 3.2.4)


def tiff(data: bytes, sides: tuple[int, int], tile: int, places: list[int], lengths: list[int]) -> bytes:
    """A gray picture of tiles, or where `tile` is 0 of strips of one row, whose places in `data` are given."""
    width, height = sides
    layout = {322: [tile], 323: [tile], 324: places, 325: lengths} if tile else {278: [1], 273: places, 279: lengths}
    tags = {256: [width], 257: [height], 258: [8], 259: [8], 262: [1], 277: [1], **layout}
    entries, values = b"", b""
    start = 8 + len(data)
    for tag, numbers in sorted(tags.items()):
        raw = (np.array(numbers, "<u4") + (8 if tag in (273, 324) else 0)).tobytes()
        if len(raw) > 4:
            raw, values = struct.pack("<I", start + 6 + 12 * len(tags) + len(values)), values + raw
        entries += struct.pack("<HHI", tag, 4, len(numbers)) + raw
    head = b"II*\0" + struct.pack("<I", start)
    return head + data + struct.pack("<H", len(tags)) + entries + bytes(4) + values


def packed(pixels: int, behind: bytes = b"") -> bytes:
    """Zeros in Deflate; with bytes behind them, without their end."""
    deflate = zlib.compressobj(9)
    return deflate.compress(bytes(pixels)) + (deflate.flush(zlib.Z_SYNC_FLUSH) + behind if behind else deflate.flush())


def shared(data: bytes, sides: tuple[int, int], tile: int, count: int) -> bytes:
    """All tiles or strips are the same bytes."""
    return tiff(data, sides, tile, [0] * count, [len(data)] * count)


def overlapping() -> bytes:
    """Each tile begins further on in the same bytes, and goes on to their end."""
    piece = packed(256, EMPTY * 20)
    places = [number * len(piece) for number in range(4096)]
    data = piece * 4096
    return tiff(data, (1024, 1024), 16, places, [len(data) - place for place in places])


FILES: dict[str, Callable[[], bytes]] = {
    "a tile for all of 49 Mpx": lambda: shared(packed(256 * 256), (7000, 7000), 256, 28 * 28),
    "small tiles": lambda: shared(packed(256), (7000, 7000), 16, 438 * 438),
    "8,000,000 tiles for 0.3 Mpx": lambda: shared(packed(256), (640, 480), 16, 8_000_000),
    "rows that hold 64 MB": lambda: shared(packed(1 << 26), (1000, 1000), 0, 1000),
    "small tiles that hold 64 MB": lambda: shared(packed(1 << 26), (2048, 2048), 16, 128 * 128),
    "tiles with 1 MB of nothing behind": lambda: shared(packed(256, EMPTY * 200_000), (2048, 2048), 16, 128 * 128),
    "tiles that overlap": overlapping,
    "rows of one pixel": lambda: shared(packed(1), (1, 200_000), 0, 200_000),
}


def cost(raw: bytes) -> tuple[float, float, str]:
    """Seconds of the processor to read a file, and of those in the check; what came out."""
    begun = time.process_time()
    try:
        read_photo(raw)
        answer = "read"
    except ColorizeGANError as error:
        answer = error.code
    whole, begun = time.process_time() - begun, time.process_time()
    pages = find_pages(io.BytesIO(raw), 1)
    if pages is not None:
        damage_by_checksum(io.BytesIO(raw), pages, pages.photos[0])
    return whole, time.process_time() - begun, answer


async def over_http(service: Service, raw: bytes) -> str:
    reply = await ask(service.port, "POST", "/v1/colorize", raw)
    return f"{reply.status or 'cut'} in {reply.seconds:.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description="What hostile TIFFs in Deflate cost.")
    parser.add_argument("--only", choices=FILES, help="this one only")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print("| file | MB | to read it, s | of that the check, s | it is | command | service |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        for name in [args.only] if args.only else FILES:
            raw = FILES[name]()
            path = Path(folder, "bomb.tif")
            path.write_bytes(raw)
            whole, check, answer = cost(raw)
            command = [sys.executable, "-m", "colorizegan", "colorize", path, "-o", path.with_name("out.tif")]
            begun = time.perf_counter()
            status = subprocess.run([*command, "--overwrite", "--quiet"], capture_output=True, check=False).returncode
            told = f"status {status} in {time.perf_counter() - begun:.1f} s"
            http = asyncio.run(over_http(service, raw))
            row = (name, f"{len(raw) / 1e6:.2f}", f"{whole:.2f}", f"{check:.2f}", answer, told, http)
            print(f"| {' | '.join(row)} |", flush=True)
        service.process.terminate()
        service.process.wait()


if __name__ == "__main__":
    main()
