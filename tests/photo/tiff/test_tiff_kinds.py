"""TIFF beyond plain gray and RGB: raw files, infrared channels, CIELAB, compressions not read, damaged tiles."""

import io
import logging
import struct
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
from numpy.typing import NDArray
from pictures import encoded, tiff

from colorizegan.color.lab import rgb_to_lab
from colorizegan.errors import DecodeError
from colorizegan.photo.read import read_photo
from colorizegan.photo.write import encode_photo

HEIGHT, WIDTH = 96, 144


def scene(dtype: Any = np.uint8, height: int = HEIGHT, width: int = WIDTH) -> NDArray[Any]:
    y, x = np.mgrid[:height, :width]
    light = 0.5 + 0.25 * np.sin(x / 9) * np.cos(y / 7) + 0.2 * (x / width - 0.5)
    return np.rint(light * np.iinfo(dtype).max).astype(dtype)


def patched(raw: bytes, tag: int, value: int) -> bytes:
    """A little-endian TIFF with the SHORT of a tag of its first directory set to another value."""
    changed = bytearray(raw)
    at = struct.unpack_from("<I", raw, 4)[0]
    for i in range(struct.unpack_from("<H", raw, at)[0]):
        entry = at + 2 + 12 * i
        if struct.unpack_from("<H", raw, entry)[0] == tag:
            changed[entry + 8 : entry + 10] = struct.pack("<H", value)
            return bytes(changed)
    raise AssertionError("no such tag")


# --- raw files -------------------------------------------------------------------------------------------------------


def thumbnail_first(**first: Any) -> bytes:
    """A reduced-size copy in the first directory, the picture below it: DNG of scanners, NEF, ARW, TIFF/EP."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file, **first) as writer:
        writer.write(scene(height=24, width=36), subifds=1, subfiletype=1)
        writer.write(scene(np.uint16), subfiletype=0, photometric="minisblack")
    return file.getvalue()


def no_thumbnail(tags: list[Any], photometric: int | None = None) -> bytes:
    raw = tiff(scene(np.uint16), extratags=tags)
    return raw if photometric is None else patched(raw, 262, photometric)


def larger_below() -> bytes:
    """As a camera's file without the mark that the first directory is a copy."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(scene(height=24, width=36), subifds=1)
        writer.write(scene(np.uint16), subfiletype=0)
    return file.getvalue()


@pytest.mark.parametrize(
    "raw",
    [
        thumbnail_first(), thumbnail_first(byteorder=">"), thumbnail_first(bigtiff=True), larger_below(),
        no_thumbnail([(50706, "B", 4, b"\1\4\0\0", True)]), no_thumbnail([], 32803), no_thumbnail([], 34892),
    ],
    ids=["reduced", "big-endian", "BigTIFF", "unmarked", "DNG", "filtered", "linear"],
)  # fmt: skip
def test_a_raw_file_is_named_and_its_thumbnail_never_taken(raw: bytes) -> None:
    for allow_truncated in (False, True):
        with pytest.raises(DecodeError, match="raw file of a camera or scanner") as caught:
            read_photo(raw, allow_truncated=allow_truncated)
        assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("head", [b"IIRO\x08\0\0\0", b"IIU\0\x08\0\0\0", b"FUJIFILMCCD-RAW 0201", b"FOVb\0\0\2\0"])
def test_raw_files_of_other_makers_are_named(head: bytes) -> None:
    with pytest.raises(DecodeError, match="raw file of a camera"):
        read_photo(head + bytes(500))


def test_a_pyramid_is_no_raw_file() -> None:
    gray = scene(height=256, width=384)
    image = pyvips.Image.new_from_memory(gray.tobytes(), 384, 256, 1, "uchar").copy(interpretation="b-w")
    for below in (True, False):
        raw = image.tiffsave_buffer(pyramid=True, tile=True, tile_width=64, tile_height=64, subifd=below)
        assert np.array_equal(read_photo(raw).gray, gray)


# --- channels beyond colour ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_an_infrared_channel_is_no_opacity(dtype: Any, planar: str) -> None:
    gray = scene(dtype)
    infrared = np.full_like(gray, np.iinfo(dtype).max // 4)
    bands = np.stack([gray, gray, gray, infrared], axis=-1 if planar == "contig" else 0)
    raw = tiff(bands, photometric="rgb", extrasamples=["unspecified"], planarconfig=planar)
    photo = read_photo(raw)
    assert np.array_equal(photo.gray, gray)
    assert photo.alpha is None
    assert any("left out" in remark for remark in photo.remarks)
    with tifffile.TiffFile(io.BytesIO(encode_photo(np.dstack([gray] * 3), photo, format="tiff"))) as result:
        assert 338 not in result.pages[0].tags, "no extra samples are claimed"


def test_opacity_is_found_behind_an_infrared_channel() -> None:
    gray, opacity = scene(), scene()[::-1]
    bands = np.stack([gray, gray, gray, np.zeros_like(gray), opacity], axis=-1)
    photo = read_photo(tiff(bands, photometric="rgb", extrasamples=["unspecified", "unassalpha"]))
    assert np.array_equal(photo.gray, gray)
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, opacity)


@pytest.mark.parametrize("kinds", [["unspecified"], ["unspecified", "unspecified"]])
def test_extra_channels_of_gray_scans_are_left_out(kinds: list[str]) -> None:
    gray = scene(np.uint16)
    bands = np.stack([gray, *(gray // 3 for _ in kinds)], axis=-1)
    photo = read_photo(tiff(bands, photometric="minisblack", extrasamples=kinds, planarconfig="contig"))
    assert np.array_equal(photo.gray, gray)
    assert photo.alpha is None


# --- CIELAB ----------------------------------------------------------------------------------------------------------


def lab_tiff(dtype: Any, tone: tuple[float, float], *, icc: bool = False, bands: int = 3, **options: Any) -> bytes:
    """A scene in L, a, b of TIFF 6.0 (CIELAB) or Adobe (ICCLAB)."""
    wide = dtype == np.uint16
    light = scene(np.uint16).astype(float) / 65535  # L / 100
    top = {(False, False): 255, (True, False): 65535, (False, True): 255, (True, True): 0xFF00}[wide, icc]
    step = 256 if wide else 1
    channels = [np.rint(light * top)]
    for value in tone:
        stored = np.full_like(light, value * step) + (128 * step if icc else 0)
        channels.append(stored % (256 * step))
    pixels = np.stack(channels[:bands], axis=-1).astype(dtype)
    pixels = pixels[..., 0] if bands == 1 else pixels
    raw = tiff(pixels, photometric="rgb" if bands == 3 else "minisblack", **options)
    return patched(raw, 262, 9 if icc else 8)


@pytest.mark.parametrize(
    ("dtype", "icc", "bands", "options"),
    [
        (np.uint8, False, 3, {}), (np.uint8, False, 3, {"compression": "zlib"}), (np.uint8, True, 3, {}),
        (np.uint16, False, 3, {"tile": (16, 16)}), (np.uint16, True, 3, {}), (np.uint8, False, 1, {}),
        (np.uint16, False, 1, {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tone", [(0.0, 0.0), (6.0, 14.0)])
def test_cielab_keeps_its_lightness(
    dtype: Any, icc: bool, bands: int, options: dict[str, Any], tone: tuple[float, float]
) -> None:
    photo = read_photo(lab_tiff(dtype, tone, icc=icc, bands=bands, **options))
    top = np.iinfo(dtype).max
    assert photo.gray.dtype == dtype
    assert not photo.is_color, "toned at most"
    found = rgb_to_lab(np.repeat(photo.gray.reshape(-1, 1), 3, axis=1).astype(np.float32) / np.float32(top))[:, 0]
    expected = scene(np.uint16).ravel() / 65535 * 100
    assert np.abs(found - expected).max() < (0.8 if dtype == np.uint8 else 0.1)


def test_cielab_with_colours_of_its_own_is_in_colour() -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    pixels = np.stack([scene(), (x * 100 // WIDTH - 50) % 256, (y * 100 // HEIGHT - 50) % 256], axis=-1)
    assert read_photo(patched(tiff(pixels.astype(np.uint8), photometric="rgb"), 262, 8)).is_color


# --- compressions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["zstd", "lzma"])
def test_a_whole_file_in_a_compression_that_is_not_read_is_not_called_damaged(name: str) -> None:
    raw = encoded(scene(), "TIFF", compression=name)
    for allow_truncated in (False, True):
        with pytest.raises(DecodeError, match=r"compression \((Zstandard|LZMA)\) is not read; save it") as caught:
            read_photo(raw, allow_truncated=allow_truncated)
        assert "damaged" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "name"),
    [(6, "old-style JPEG"), (34712, "JPEG 2000"), (34887, "LERC"), (50000, "Zstandard"), (52546, "JPEG XL")],
)
@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_every_compression_that_is_not_read_is_named(number: int, name: str, tile: tuple[int, int] | None) -> None:
    raw = patched(tiff(scene(), tile=tile), 259, number)
    for allow_truncated in (False, True):
        with pytest.raises(DecodeError, match=f"compression \\({name}\\) is not read"):
            read_photo(raw, allow_truncated=allow_truncated)


# --- damaged tiles and strips ----------------------------------------------------------------------------------------


def tiled(compression: str, **more: Any) -> bytes:
    gray = scene(height=256, width=320)
    image = pyvips.Image.new_from_memory(gray.tobytes(), 320, 256, 1, "uchar").copy(interpretation="b-w")
    return image.tiffsave_buffer(compression=compression, tile=True, tile_width=64, tile_height=64, **more)


def tile_tags(raw: bytes) -> dict[int, tuple[str, int]]:
    """Tag -> (layout of a value, where its values are) of TileOffsets and TileByteCounts in a little-endian file."""
    at = struct.unpack_from("<I", raw, 4)[0]
    entries = (struct.unpack_from("<HHII", raw, at + 2 + 12 * i) for i in range(struct.unpack_from("<H", raw, at)[0]))
    return {tag: ({3: "<H", 4: "<I"}[kind], value) for tag, kind, _, value in entries if tag in (324, 325)}


def tile_place(raw: bytes, number: int) -> list[tuple[str, int]]:
    """Of the offset and of the length of a tile, the layout and where it stands."""
    return [(layout, at + struct.calcsize(layout) * number) for layout, at in tile_tags(raw).values()]


def tile_span(raw: bytes, number: int) -> tuple[int, int]:
    """Where a tile begins, and its length."""
    start, size = (struct.unpack_from(layout, raw, at)[0] for layout, at in tile_place(raw, number))
    return start, size


def with_tile(raw: bytes, number: int, *, offset: int | None = None, count: int | None = None) -> bytes:
    changed = bytearray(raw)
    for (layout, at), value in zip(tile_place(raw, number), (offset, count), strict=True):
        if value is not None:
            struct.pack_into(layout, changed, at, value)
    return bytes(changed)


def spoilt(raw: bytes, number: int) -> bytes:
    """The data of a tile from its middle on overwritten with ones."""
    start, size = tile_span(raw, number)
    return raw[: start + size // 2] + b"\xff" * (size - size // 2) + raw[start + size :]


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("damage", ["cut off", "missing", "half", "beyond the end"])
def test_a_lost_tile_is_refused_or_told(compression: str, damage: str) -> None:
    raw = tiled(compression)
    bad = {
        "cut off": with_tile(raw, 7, offset=len(raw) - 20),
        "missing": with_tile(raw, 7, offset=0, count=0),
        "half": with_tile(raw, 7, count=tile_span(raw, 7)[1] // 2),
        "beyond the end": with_tile(raw, 7, offset=1 << 30),
    }[damage]
    with pytest.raises(DecodeError, match="may be damaged"):
        read_photo(bad)
    photo = read_photo(bad, allow_truncated=True)
    assert any("damaged" in remark for remark in photo.remarks)
    assert photo.gray.shape == (256, 320)
    assert photo.gray.std() > 20, "the other tiles are there"


@pytest.mark.parametrize("compression", ["lzw", "deflate"])
@pytest.mark.parametrize("where", ["half", "all"])
def test_a_spoilt_tile_is_refused_or_told(compression: str, where: str) -> None:
    raw = tiled(compression)
    start, size = tile_span(raw, 3)
    bad = spoilt(raw, 3) if where == "half" else raw[:start] + bytes(size) + raw[start + size :]
    with pytest.raises(DecodeError, match="may be damaged"):
        read_photo(bad)
    assert any("damaged" in remark for remark in read_photo(bad, allow_truncated=True).remarks)


@pytest.mark.parametrize("silence", ["all", "level", "disabled"])
def test_damage_is_heard_in_a_program_that_has_switched_its_log_off(
    silence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gray, logger = scene(height=128), logging.getLogger("pyvips")
    image = pyvips.Image.new_from_memory(gray.tobytes(), WIDTH, 128, 1, "uchar").copy(interpretation="b-w")
    raw = image.tiffsave_buffer(compression="jpeg")
    cut = patched(raw, 279, len(raw) // 3)  # of its one strip
    assert read_photo(raw).gray.shape == gray.shape
    if silence == "all":
        monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    else:  # as logging.config.dictConfig does with loggers that are there
        monkeypatch.setattr(logger, silence, {"level": logging.CRITICAL, "disabled": True}[silence])
    with pytest.raises(DecodeError, match="may be damaged"):
        read_photo(cut)


def test_a_cut_fax_scan_is_refused_or_told() -> None:
    ink = (scene(height=256, width=320) > 128).astype(np.uint8) * 255
    image = pyvips.Image.new_from_memory(ink.tobytes(), 320, 256, 1, "uchar").copy(interpretation="b-w")
    raw = image.tiffsave_buffer(compression="ccittfax4", bitdepth=1, tile=True, tile_width=64, tile_height=64)
    assert np.array_equal(read_photo(raw).gray, ink)
    with pytest.raises(DecodeError):
        read_photo(with_tile(raw, 7, count=3))


def test_nothing_readable_gives_no_black_picture() -> None:
    raw = tiled("deflate")
    for number in range(20):
        raw = with_tile(raw, number, offset=1 << 30)
    with pytest.raises(DecodeError, match="nothing can be read of it"):
        read_photo(raw, allow_truncated=True)


def test_warnings_about_tags_are_no_damage() -> None:
    gray = scene()
    unknown = [(60001, "H", 3, (1, 2, 3), True), (60002, "s", 0, "private", True)]
    assert np.array_equal(read_photo(tiff(gray, extratags=unknown, tile=(32, 32))).gray, gray)
    unsorted = patched(tiff(gray), 305, 0)
    assert np.array_equal(read_photo(unsorted).gray, gray)
