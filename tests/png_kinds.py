"""PNG files of every kind that its specification allows, written from that and nothing else.

Portable Network Graphics, third edition (W3C, 2025): colour types and depths (11.2.1), Adam7 (8.1), filters (9), and
the chunks that describe the picture (11.3). Each file is valid; a reader that calls one damaged is wrong.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from pictures import Array

DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # colour type: bits a sample
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, bits: int = 8, color: int = 0) -> bytes:
    """A file whose head promises a size, and that holds a hundred zeros."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def samples(color: int, depth: int, height: int, width: int) -> Array:
    """A picture (H, W, C) of whole numbers: a ramp with some noise."""
    y, x = np.mgrid[0:height, 0:width]
    top = (1 << depth) - 1
    planes = [(x / max(width - 1, 1) + y / max(height - 1, 1)) / 2, x / max(width - 1, 1), y / max(height - 1, 1)]
    planes = [(planes[i % 3] + 0.1 * np.random.default_rng(i).random((height, width))) % 1 for i in range(4)]
    return np.rint(np.stack(planes[: SAMPLES[color]], axis=-1) * top).astype(np.uint16)


def packed(rows: Array, depth: int) -> list[bytes]:
    """Rows (H, W, C) as the bytes of scan lines."""
    flat = rows.reshape(len(rows), -1)
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in flat]
    if depth == 8:
        return [row.astype(np.uint8).tobytes() for row in flat]
    bits = (flat[..., None] >> np.arange(depth - 1, -1, -1)) & 1  # the leftmost sample in the highest bits
    return [np.packbits(row.ravel().astype(np.uint8)).tobytes() for row in bits]


def filtered(lines: list[bytes], kind: int, step: int) -> bytes:
    """Scan lines with a filter type before each: kind 0 .. 4, or 5 for all in turn."""
    out, above = b"", bytes(len(lines[0]) if lines else 0)
    for number, line in enumerate(lines):
        filter = number % 5 if kind == 5 else kind
        raw, up = np.frombuffer(line, np.uint8).astype(int), np.frombuffer(above, np.uint8).astype(int)
        left = np.concatenate((np.zeros(min(step, len(raw)), int), raw[:-step]))
        corner = np.concatenate((np.zeros(min(step, len(raw)), int), up[:-step]))
        guess = left + up - corner
        apart = np.abs(np.stack((left, up, corner)) - guess)
        paeth = np.choose(apart.argmin(axis=0), (left, up, corner))
        taken = (0, left, up, (left + up) // 2, paeth)[filter]
        out += bytes([filter]) + ((raw - taken) % 256).astype(np.uint8).tobytes()
        above = line
    return out


def png(
    picture: Array,
    color: int,
    depth: int,
    *,
    interlaced: bool = False,
    filter: int = 0,
    before: bytes = b"",
    after: bytes = b"",
    piece: int | None = None,
    level: int = 6,
) -> bytes:
    """A PNG file.

    Args:
        picture: (H, W, C) samples.
        before, after: chunks before and after the pixels; a palette is put in where one is needed.
        piece: bytes of an IDAT chunk; None = all in one.
    """
    height, width = picture.shape[:2]
    step = max(1, SAMPLES[color] * depth // 8)
    parts = [picture[y::dy, x::dx] for y, x, dy, dx in ADAM7] if interlaced else [picture]
    raw = b"".join(filtered(packed(part, depth), filter, step) for part in parts if part.size)
    data = zlib.compress(raw, level)
    pieces = [data[i : i + piece] for i in range(0, len(data), piece)] if piece else [data]
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + b"".join(chunk(b"IDAT", one) for one in pieces)
        + after
        + chunk(b"IEND", b"")
    )


def palette(depth: int) -> bytes:
    """A gray palette, as long as the depth allows."""
    count = 1 << depth
    return b"".join(bytes([round(i * 255 / (count - 1))] * 3) for i in range(count))


def opaque(color: int, depth: int) -> dict[str, bytes]:
    """tRNS and bKGD chunks as a colour type has them."""
    if color == 3:
        return {"tRNS": chunk(b"tRNS", bytes([0, 128])), "bKGD": chunk(b"bKGD", bytes([1]))}
    gray = struct.pack(">H", (1 << depth) // 2)
    found = {"bKGD": chunk(b"bKGD", gray * (1 if color in (0, 4) else 3))}
    if color in (0, 2):
        found["tRNS"] = chunk(b"tRNS", gray * (1 if color == 0 else 3))
    return found


def described(color: int, depth: int) -> dict[str, tuple[bytes, bytes]]:
    """Chunks that describe a picture, one kind a name: (before the pixels, after them)."""
    zipped = zlib.compress(b"A long text. " * 40)
    bits = bytes([min(depth, 8)] * {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}[color])
    chromaticities = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    every = {
        **{
            f"gAMA {gamma}": chunk(b"gAMA", struct.pack(">I", gamma)) for gamma in (35000, 45455, 55000, 100000, 250000)
        },
        "cHRM": chunk(b"cHRM", chromaticities),
        **{f"sRGB {intent}": chunk(b"sRGB", bytes([intent])) for intent in range(4)},
        "cICP": chunk(b"cICP", bytes([1, 13, 0, 1])),
        "sBIT": chunk(b"sBIT", bits),
        "pHYs": chunk(b"pHYs", struct.pack(">IIB", 11811, 11811, 1)),
        "pHYs, shape": chunk(b"pHYs", struct.pack(">IIB", 1, 4, 0)),
        "oFFs": chunk(b"oFFs", struct.pack(">iiB", 10, -10, 0)),
        "tEXt": chunk(b"tEXt", b"Title\0A picture"),
        "tEXt, empty": chunk(b"tEXt", b"Comment\0"),
        "tEXt, Latin-1": chunk(b"tEXt", "Größe\0Übergröße".encode("latin-1")),
        "zTXt": chunk(b"zTXt", b"Description\0\0" + zipped),
        "iTXt": chunk(b"iTXt", b"Title\0\0\0fi\0Otsikko\0" + "Tämä on kuva".encode()),
        "iTXt, compressed": chunk(b"iTXt", b"Title\0\1\0en\0Title\0" + zipped),
        "tIME": chunk(b"tIME", struct.pack(">HBBBBB", 2000, 1, 1, 23, 59, 60)),
        "eXIf": chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0\0\0\0\0"),
        "private": chunk(b"prVt", b"anything"),
        "sPLT": chunk(b"sPLT", b"six\0\x08" + bytes([10, 20, 30, 255, 0, 1] * 6)),
    }
    found = {name: (one, b"") for name, one in every.items()}
    for name in ("tEXt", "zTXt", "iTXt", "tIME"):
        found[f"{name} behind"] = (b"", every[name])
    return found


def every_kind() -> Iterator[tuple[str, bytes, int, int, Array]]:
    """(name, file, colour type, depth, samples) of each kind."""
    for color, depths in DEPTHS.items():
        for depth in depths:
            plte = chunk(b"PLTE", palette(depth)) if color == 3 else b""

            def kind(
                what: str, size: tuple[int, int] = (32, 32), color: int = color, depth: int = depth,
                before: bytes = plte, **options: Any,
            ) -> tuple[str, bytes, int, int, Array]:  # fmt: skip
                picture = samples(color, depth, *size)
                file = png(picture, color, depth, before=before, **options)
                return f"type {color}, {depth} bit, {what}", file, color, depth, picture

            for interlaced in (False, True):
                for filter in range(6):
                    yield kind(f"interlaced {interlaced}, filter {filter}", interlaced=interlaced, filter=filter)
                for height, width in ((1, 1), (1, 7), (9, 1), (2, 3), (5, 5), (8, 33), (39, 40)):
                    what = f"{width} x {height}, interlaced {interlaced}"
                    yield kind(what, (height, width), interlaced=interlaced)
            for piece in (1, 7, 100):
                yield kind(f"pieces of {piece}", piece=piece)
            for level in (0, 9):
                yield kind(f"level {level}", level=level)
            yield kind("empty IDAT", before=plte + chunk(b"IDAT", b""))
            for what, one in opaque(color, depth).items():
                yield kind(what, before=plte + one)
            if color in (2, 6):
                yield kind("suggested palette", before=chunk(b"PLTE", palette(4)))
            if color == 3:
                hist = chunk(b"hIST", struct.pack(f">{1 << depth}H", *range(1, 1 + (1 << depth))))
                yield kind("hIST", before=plte + hist)
            early = ("gAMA", "cHRM", "sRGB", "cICP", "sBIT")
            for what, (before, after) in described(color, depth).items():
                yield kind(what, before=before + plte if what.startswith(early) else plte + before, after=after)
