"""checksums: Deflate data in TIFF whose pixels changed are told by their Adler-32; no whole file is called damaged."""

import contextlib
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
from pictures import encoded, waves

from colorizegan.errors import DecodeError
from colorizegan.photo.read import read_photo
from colorizegan.photo.tiff.checksums import damage_by_checksum
from colorizegan.photo.tiff.pages import find_pages

Array = np.ndarray[Any, Any]
GRAY = waves(96, 128)


def by_libvips(**options: Any) -> bytes:
    image = pyvips.Image.new_from_memory(GRAY.tobytes(), 128, 96, 1, "uchar").copy(interpretation="b-w")
    return image.tiffsave_buffer(compression="deflate", **options)


def by_tifffile(pixels: Array = GRAY, pages: int = 1, **options: Any) -> bytes:
    """Strips of 16 rows."""
    file = io.BytesIO()
    of_file = {name: options.pop(name) for name in ("bigtiff", "byteorder") if name in options}
    with tifffile.TiffWriter(file, **of_file) as out:
        for _ in range(pages):
            how: dict[str, Any] = {"compression": "zlib", "rowsperstrip": 16}
            out.write(pixels, **(how | options))
    return file.getvalue()


def pieces(raw: bytes, page: int = 0) -> list[tuple[int, int]]:
    """Place and length of the strips or tiles."""
    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        found: Any = file.pages[page]
        return list(zip(found.dataoffsets, found.databytecounts, strict=True))


def changed(raw: bytes, at: int) -> bytes:
    """With one bit turned round."""
    return raw[:at] + bytes([raw[at] ^ 0x10]) + raw[at + 1 :]


def with_piece(raw: bytes, number: int, piece: bytes, page: int = 0) -> bytes:
    """With another strip or tile, at the end of the file."""
    data = bytearray(raw + piece)
    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        tags: Any = file.pages[page].tags
        for codes, value in (((273, 324), len(raw)), ((279, 325), len(piece))):
            tag = next(tags[code] for code in codes if code in tags)
            layout = file.byteorder + {3: "H", 4: "I", 16: "Q"}[int(tag.dtype)]
            struct.pack_into(layout, data, tag.valueoffset + number * struct.calcsize(layout), value)
    return bytes(data)


def spoilt(raw: bytes, number: int, page: int = 0) -> bytes:
    """A code that stands for one byte more than it did: libtiff has its pixels before the end, and looks no further."""
    start, length = pieces(raw, page)[number]
    pixels = bytearray(zlib.decompress(raw[start : start + length]))
    pixels[len(pixels) // 2] ^= 0x40
    wrong = zlib.compress(bytes(pixels) + b"\1")
    return with_piece(raw, number, changed(wrong, len(wrong) - 1), page)


KINDS: dict[str, Callable[[], bytes]] = {
    "strips": by_tifffile,
    "tiles": lambda: by_tifffile(tile=(32, 32), rowsperstrip=None),
    "BigTIFF": lambda: by_tifffile(bigtiff=True),
    "big-endian": lambda: by_tifffile(byteorder=">"),
    "16 bits": lambda: by_tifffile(waves(96, 128, top=65535)),
    "colours": lambda: by_tifffile(np.dstack([GRAY, GRAY // 2, GRAY // 3])),
    "planes": lambda: by_tifffile(np.stack([GRAY] * 3), planarconfig="separate", photometric="rgb"),
    "another number": lambda: by_tifffile(compression="deflate"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [0, 3])
def test_pixels_that_changed_are_refused_or_told(kind: str, number: int) -> None:
    raw = KINDS[kind]()
    whole, bad = read_photo(raw).gray, spoilt(raw, number)
    with pytest.raises(DecodeError, match=rf"checksum of its (strip|tile) {number + 1} is wrong.*--allow-truncated"):
        read_photo(bad)
    photo = read_photo(bad, allow_truncated=True)
    assert any("damaged (the checksum" in remark for remark in photo.remarks)
    assert 0 < (photo.gray != whole).mean() < 0.2, "the others are there"


@pytest.mark.parametrize("options", [{}, {"predictor": "none"}, {"tile": True, "tile_width": 64, "tile_height": 32}])
def test_no_bit_of_packed_data_turns_round_in_silence(options: dict[str, Any]) -> None:
    raw = by_libvips(**options)
    whole = read_photo(raw).gray
    rng = np.random.default_rng(0)
    for start, length in pieces(raw)[:4]:
        for at in rng.integers(2, length, 12):  # the first two bytes are no data
            photo = None
            with contextlib.suppress(DecodeError):
                photo = read_photo(changed(raw, start + int(at)))
            assert photo is None or np.array_equal(photo.gray, whole)


def test_a_page_is_judged_by_its_own_data() -> None:
    bad = spoilt(by_tifffile(pages=2), 2, page=1)
    assert np.array_equal(read_photo(bad, page=0).gray, GRAY)
    with pytest.raises(DecodeError, match="strip 3 is wrong"):
        read_photo(bad, page=1)


def repacked(change: bytes | int) -> bytes:
    """The third strip with so many bytes less, or with bytes behind it."""
    raw = by_tifffile()
    start, length = pieces(raw)[2]
    piece = raw[start : start + length]
    return with_piece(raw, 2, piece[:change] if isinstance(change, int) else piece + change)


@pytest.mark.parametrize(
    "raw",
    [
        by_libvips(), by_libvips(predictor="none"), by_libvips(tile=True, tile_width=48, tile_height=32),
        encoded(GRAY, "TIFF", compression="tiff_adobe_deflate"), repacked(-4), repacked(b"more"),
    ],
    ids=["libvips", "no predictor", "tiles over the edge", "Pillow", "no checksum", "bytes behind"],
)  # fmt: skip
def test_whole_files_are_read(raw: bytes) -> None:
    assert np.array_equal(read_photo(raw).gray, GRAY)


def test_lengths_that_are_too_long_hide_no_damage() -> None:
    """Each strip says that it goes on to the end of the file."""
    raw = bytearray(spoilt(by_tifffile(waves(960, 1280)), 50))
    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        found: Any = file.pages[0]
        tag = found.tags[279]
        lengths = [len(raw) - place for place in found.dataoffsets]
        layout = f"{file.byteorder}{len(lengths)}" + {3: "H", 4: "I"}[int(tag.dtype)]
        if layout.endswith("H"):
            lengths = [min(length, 0xFFFF) for length in lengths]
        struct.pack_into(layout, raw, tag.valueoffset, *lengths)
    with pytest.raises(DecodeError, match="strip 51 is wrong"):
        read_photo(bytes(raw))


def test_bits_that_stand_the_other_way_round_are_no_damage() -> None:
    """FillOrder 2: libtiff turns the bits of each byte before it inflates."""
    raw = bytearray(by_tifffile(description="in its place"))
    with tifffile.TiffFile(io.BytesIO(bytes(raw))) as file:
        page: Any = file.pages[0]
        at = page.tags[270].offset
    struct.pack_into("<HHIHH", raw, at, 266, 3, 1, 2, 0)
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    for start, length in pieces(bytes(raw)):
        raw[start : start + length] = raw[start : start + length].translate(turned)
    assert np.array_equal(read_photo(bytes(raw)).gray, GRAY)


class Counting(io.BytesIO):
    """A file that counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        self.taken += len(part)
        return part


def with_all_at(raw: bytes, piece: bytes, *, shorter: int = 0) -> bytes:
    """Each strip or tile is this one at the end of the file, or so many bytes shorter than the one before."""
    for number in range(len(pieces(raw))):
        raw = with_piece(raw, number, piece if number == 0 else b"")
    data = bytearray(raw)
    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        tags: Any = file.pages[0].tags
        for codes, first, less in (((273, 324), len(raw) - len(piece), 0), ((279, 325), len(piece), shorter)):
            tag = next(tags[code] for code in codes if code in tags)
            layout = "<" + {3: "H", 4: "I", 16: "Q"}[int(tag.dtype)]
            for n in range(tag.count):
                struct.pack_into(layout, data, tag.valueoffset + n * struct.calcsize(layout), first - n * less)
    return bytes(data)


@pytest.mark.parametrize("shorter", [0, 5])
def test_bytes_that_many_pieces_hold_are_not_inflated_again_and_again(shorter: int) -> None:
    """Else a file of 1 MB would be inflated 16,000 times."""
    deflate = zlib.compressobj()
    piece = deflate.compress(bytes(32 * 32)) + deflate.flush(zlib.Z_SYNC_FLUSH) + b"\0\0\0\xff\xff" * 12_000
    bomb = with_all_at(by_tifffile(tile=(32, 32), rowsperstrip=None), piece, shorter=shorter)
    pages = find_pages(io.BytesIO(bomb), 1)
    assert pages is not None
    stream = Counting(bomb)
    damage_by_checksum(stream, pages, pages.photos[0])
    assert stream.taken < 2 * len(bomb), "11 times where all are read"


def test_damage_behind_tiles_that_are_one_is_found() -> None:
    raw = spoilt(by_tifffile(np.zeros((96, 128), np.uint8) + 9, tile=(32, 32), rowsperstrip=None), 7)
    start, _ = pieces(raw)[0]
    shared = bytearray(raw)
    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        tag: Any = file.pages[0].tags[324]
        struct.pack_into(f"<{6}I", shared, tag.valueoffset, *[start] * 6)
    with pytest.raises(DecodeError, match="tile 8 is wrong"):
        read_photo(bytes(shared))
