"""damage: HEIC whose coded data changed is refused or told; no whole file is called damaged."""

import contextlib
import ctypes
import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import heic, waves
from PIL import Image

from colorizegan.errors import DecodeError
from colorizegan.photo.heif import damage
from colorizegan.photo.heif.damage import damage_by_decoder
from colorizegan.photo.heif.items import coded_pictures
from colorizegan.photo.read import read_photo

GRAY = waves(192, 256, grain=8)
COLORS = np.dstack([GRAY, GRAY // 2, 255 - GRAY])
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "gray": (GRAY, {}),
    "colours": (COLORS, {}),
    "colours of full size": (COLORS, {"chroma": 444}),
    "tiles": (COLORS, {"tile_size": 64}),
    "tiles over the edge": (GRAY, {"tile_size": 80}),
    "16 bits": (Image.fromarray(GRAY.astype(np.uint16) * 257), {}),
    "opacity": (np.dstack([COLORS, GRAY]), {}),
    "lossless": (GRAY, {"quality": -1}),
    "of hardly any byte": (np.zeros((192, 256), np.uint8) + 90, {"quality": 1}),
    "rows that hang together": (GRAY, {"enc_params": {"x265:wpp": "0"}}),
    "a checksum": (COLORS, {"enc_params": {"x265:hash": "1"}}),
}


def made(kind: str) -> bytes:
    picture, options = KINDS[kind]
    return heic(picture, **options)


def data_of(raw: bytes) -> tuple[int, int]:
    """Where the longest of its coded data lie."""
    data = max((data for _, data in coded_pictures(io.BytesIO(raw))), key=len)
    return raw.index(data), len(data)


def spoilt(raw: bytes, share: float, run: int) -> bytes:
    """With other bytes a part of the way into the coded data, or with one bit turned round."""
    start, length = data_of(raw)
    at = start + 32 + int(share * (length - run - 32))  # the first few are a header
    new = bytes([raw[at] ^ 0x10]) if run == 1 else np.random.default_rng(at).bytes(run)
    return raw[:at] + new + raw[at + run :]


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_read(kind: str) -> None:
    raw = made(kind)
    assert list(coded_pictures(io.BytesIO(raw)))
    assert damage_by_decoder(io.BytesIO(raw), GRAY.size) == []
    assert read_photo(raw).gray.shape == GRAY.shape


@pytest.mark.parametrize("run", [1, 32])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "of hardly any byte"])
def test_data_that_changed_are_mostly_refused_or_told(kind: str, run: int) -> None:
    raw = made(kind)
    whole, silent, shares = read_photo(raw).gray, 0, np.linspace(0, 0.9, 15)
    for share in shares:
        bad = spoilt(raw, float(share), run)
        if damage_by_decoder(io.BytesIO(bad), GRAY.size):
            with pytest.raises(DecodeError, match=r"not end where the picture does|checksum.* is wrong|be decoded"):
                read_photo(bad)
            remarks = read_photo(bad, allow_truncated=True).remarks
            assert any(remark.startswith("damaged (") for remark in remarks)
        else:
            with contextlib.suppress(DecodeError):
                silent += not np.array_equal(read_photo(bad).gray, whole)
    assert silent <= len(shares) / 3


def test_a_checksum_tells_of_pixels_alone() -> None:
    raw = made("a checksum")
    assert [*damage_by_decoder(io.BytesIO(spoilt(raw, 0.4, 1)), GRAY.size)] == ["the checksum is wrong"]


def test_the_tile_is_named() -> None:
    raw = made("tiles")
    number = 1 + max(enumerate(coded_pictures(io.BytesIO(raw))), key=lambda tile: len(tile[1][1]))[0]
    with pytest.raises(DecodeError, match=f"of its tile {number} .*--allow-truncated"):
        read_photo(spoilt(raw, 0.3, 32))


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """libde265 is part of another library, and has no names."""
    monkeypatch.setattr(ctypes, "CDLL", lambda name: ctypes.pythonapi)
    damage._libde265.cache_clear()
    yield
    damage._libde265.cache_clear()


@pytest.mark.usefixtures("unreachable")
def test_where_the_library_is_out_of_reach_photos_are_read_all_the_same() -> None:
    raw = made("gray")
    assert read_photo(raw).gray.shape == GRAY.shape
    assert damage_by_decoder(io.BytesIO(spoilt(raw, 0.3, 32)), GRAY.size) == []


RAW = made("tiles")
HEAD = RAW.index(b"mdat")


@given(st.lists(st.tuples(st.integers(0, HEAD), st.integers(0, 255)), min_size=1, max_size=6), st.integers(0, len(RAW)))
def test_boxes_of_any_kind_raise_nothing(changes: list[tuple[int, int]], end: int) -> None:
    raw = bytearray(RAW)
    for at, value in changes:
        raw[at] = value
    for file in (bytes(raw), bytes(raw[:end])):
        assert sum(len(data) for _, data in coded_pictures(io.BytesIO(file))) <= len(file)


def test_data_that_are_said_again_and_again_are_not_read() -> None:
    """A box of a few bytes could make gigabytes of them."""
    raw = heic(GRAY)
    at, size = raw.index(b"iloc") - 4, int.from_bytes(raw[raw.index(b"iloc") - 4 : raw.index(b"iloc")], "big")
    start, length = data_of(raw)
    main = raw[raw.index(b"pitm") + 8 :][:2]
    many = main + struct.pack(">HIH", 0, 0, 60_000) + struct.pack(">II", start, length) * 60_000
    box = struct.pack(">I4sIBBH", 16 + len(many), b"iloc", 0, 0x44, 0x40, 1) + many
    meta = raw.index(b"meta") - 4
    whole = bytearray(raw[:at] + box + raw[at + size :])
    struct.pack_into(">I", whole, meta, int.from_bytes(raw[meta : meta + 4], "big") + len(box) - size)
    assert list(coded_pictures(io.BytesIO(bytes(whole)))) == []


def with_references(raw: bytes, *references: tuple[int, list[int]]) -> bytes:
    """With another box iref: of what items others are made. The places of data move by as much."""
    lists = b"".join(
        struct.pack(f">I4sHH{len(parts)}H", 12 + 2 * len(parts), b"dimg", item, len(parts), *parts)
        for item, parts in references
    )
    box = struct.pack(">I4sI", 12 + len(lists), b"iref", 0) + lists
    meta = raw.index(b"meta") - 4
    end = meta + int.from_bytes(raw[meta : meta + 4], "big")
    whole = bytearray(raw[:end] + box + raw[end:])
    struct.pack_into(">I", whole, meta, end - meta + len(box))
    start, _ = data_of(raw)
    places = whole.index(struct.pack(">I", start))
    struct.pack_into(">I", whole, places, start + len(box))
    return bytes(whole)


def main_of(raw: bytes) -> int:
    return int.from_bytes(raw[raw.index(b"pitm") + 8 :][:2], "big")


def test_a_coded_picture_is_made_of_no_others() -> None:
    """A file of 6 KB said that it is made of 900 * 900 * 900 others, each of which was looked at."""
    raw = heic(GRAY)
    main = main_of(raw)
    bad = with_references(raw, (main, [901] * 900), (901, [902] * 900), (902, [903] * 900), (903, [904] * 900))
    assert list(coded_pictures(io.BytesIO(bad))) == list(coded_pictures(io.BytesIO(raw)))
    assert np.array_equal(read_photo(bad).gray, read_photo(raw).gray)


def test_what_is_not_coded_is_followed_once() -> None:
    raw = heic(GRAY)
    rings = [*((number, [number + 1] * 300) for number in range(901, 905)), (905, [900])]
    bad = bytearray(with_references(raw, (900, [901] * 300 + [main_of(raw)] * 2), *rings))
    struct.pack_into(">H", bad, bad.index(b"pitm") + 8, 900)  # the main picture is made of others
    assert len(list(coded_pictures(io.BytesIO(bad)))) == 1


def test_no_more_is_decoded_than_the_picture_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes say little: a flat tile of 4096 x 4096 takes hardly any."""
    raw = spoilt(made("tiles"), 0.3, 32)
    assert damage_by_decoder(io.BytesIO(raw), GRAY.size)
    monkeypatch.setattr(damage, "LEAST_PIXELS", 64 * 64)
    assert damage_by_decoder(io.BytesIO(raw), GRAY.size)
    assert damage_by_decoder(io.BytesIO(raw), 0) == []
