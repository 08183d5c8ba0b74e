"""What is left out of files of several pictures is told, whatever holds them."""

import io
import re
import struct
import zlib
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from pictures import encoded
from PIL import Image

from colorizegan import DecodeError, read_photo
from colorizegan.photo.formats import NEAREST
from colorizegan.photo.metadata.containers import count_frames
from colorizegan.photo.photo import Photo
from colorizegan.photo.write import PageWriter

KINDS = {"png": "png", "avif": "avif", "mpo": "jpeg", "webp": "webp", "gif": "gif"}


def animation(kind: str, count: int, size: tuple[int, int] = (60, 44)) -> bytes:
    rng = np.random.default_rng(count)
    frames = [Image.fromarray(rng.integers(0, 255, size[::-1], np.uint8)) for _ in range(count)]
    more: dict[str, Any] = {"save_all": True, "append_images": frames[1:]} if count > 1 else {}
    return encoded(frames[0], kind if count > 1 or kind != "mpo" else "jpeg", **more)


def written(photo: Photo) -> tuple[str, list[str]]:
    """The format of its result, and what is lost."""
    format = NEAREST.get(photo.format, photo.format)
    writer = PageWriter(io.BytesIO(), format, 90)
    writer.add(np.repeat(photo.gray[..., None], 3, axis=2), photo)
    return format, writer.lost


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_counted_and_told(kind: str, count: int) -> None:
    photo = read_photo(animation(kind, count))
    assert photo.format == KINDS[kind]
    assert photo.pages == count
    assert f"it has {count} frames, of which {written(photo)[0]} gets the first" in written(photo)[1]


@pytest.mark.parametrize("claimed", [20_000, 1 << 20, (1 << 31) + 1])
@pytest.mark.parametrize(("kind", "mark", "before"), [("png", b"acTL", 4), ("avif", b"stsz", 12)])
def test_a_number_of_frames_that_the_file_cannot_hold_is_not_told(
    kind: str, mark: bytes, before: int, claimed: int
) -> None:
    raw = bytearray(SAMPLES[kind])
    for found in re.finditer(mark, raw):
        struct.pack_into(">I", raw, found.start() + before, claimed)
    if kind == "png":  # whose chunks have check sums
        at = raw.index(mark)
        struct.pack_into(">I", raw, at + 12, zlib.crc32(raw[at : at + 12]))
    assert count_frames(io.BytesIO(raw), kind) == 1
    if kind == "png":  # the decoder of AVIF refuses it
        assert written(read_photo(bytes(raw)))[1] == []


@pytest.mark.parametrize("kind", KINDS)
def test_one_picture_is_one(kind: str) -> None:
    photo = read_photo(animation(kind, 1))
    assert photo.pages == 1
    assert written(photo)[1] == []


def sequence(count: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """A HEIC sequence that is nothing else: the track of an HEVC film under the brand of a sequence."""
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as film:
        stream = film.add_stream("libx265", rate=5, options={"x265-params": "log-level=none"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for n in range(count):
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 40 + 10 * n, np.uint8), format="rgb24")
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    raw = file.getvalue().replace(b"vide\0", b"pict\0")
    (length,) = struct.unpack(">I", raw[:4])
    brands = (b"hevc\0\0\0\0msf1hevc" + b"iso8" * 10)[: length - 8]
    return raw[:8] + brands + raw[length:]


@pytest.mark.parametrize("count", [4, 7, 9])
def test_a_sequence_without_a_photo_is_no_damaged_photo(count: int) -> None:
    for raw in (sequence(count), sequence(count, (96, 128))):
        with pytest.raises(DecodeError) as error:
            read_photo(raw)
        assert f"is a sequence of {count} frames without a photo that stands for them; c" in str(error.value)


def with_index(order: str, kinds: list[int]) -> bytes:
    """A JPEG whose Multi-Picture index lists pictures of these kinds."""
    jpeg = animation("jpeg", 1)
    head = b"II*\0" if order == "<" else b"MM\0*"
    entries = b"".join(struct.pack(order + "IIIHH", kind, 0, 0, 0, 0) for kind in kinds)
    index = struct.pack(order + "H", 1) + struct.pack(order + "HHII", 0xB002, 7, len(entries), 26) + bytes(4)
    body = b"MPF\0" + head + struct.pack(order + "I", 8) + index + entries
    return jpeg[:2] + struct.pack(">HH", 0xFFE2, len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize("order", ["<", ">"])
def test_smaller_copies_do_not_count(order: str) -> None:
    assert count_frames(io.BytesIO(with_index(order, [0x030000, 0x010001, 0x010002])), "jpeg") == 1
    assert count_frames(io.BytesIO(with_index(order, [0x20030000, 0x020002, 0x020002])), "jpeg") == 3


@given(st.sampled_from(["png", "avif", "mpo"]), st.data())
def test_damage_is_no_error(kind: str, data: st.DataObject) -> None:
    raw = bytearray(SAMPLES[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, min(len(raw), 900) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    assert count_frames(io.BytesIO(raw), KINDS[kind]) >= 1


SAMPLES = {kind: animation(kind, 3) for kind in ("png", "avif", "mpo")}


def test_a_file_cut_short_is_refused_as_before() -> None:
    with pytest.raises(DecodeError):
        read_photo(SAMPLES["avif"][:200])
