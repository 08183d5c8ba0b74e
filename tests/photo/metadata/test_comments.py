"""Texts that photos carry: Latin-1 in PNG, comments of JPEG and GIF; all come back in the result."""

import io
import struct
import zlib

import numpy as np
import pytest
from pictures import encoded
from PIL import Image
from png_kinds import chunk

from colorizegan.photo.read import read_photo
from colorizegan.photo.write import encode_photo

GRAY = np.add.outer(np.arange(24), 4 * np.arange(40)).astype(np.uint8)
RGB = np.dstack([GRAY] * 3)


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    raw = encoded(GRAY)
    return raw[:33] + b"".join(chunk(*one) for one in chunks) + raw[33:]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ((b"tEXt", "Légende\0été à Orléans".encode("latin-1")), ("Légende", "été à Orléans")),
        ((b"tEXt", b"Title\0\x94quoted\x94"), ("Title", "\x94quoted\x94")),
        ((b"zTXt", b"Titre\0\0" + zlib.compress("forêt".encode("latin-1"))), ("Titre", "forêt")),
        ((b"iTXt", b"Title\0\0\0de\0Titel\0" + "Straße 東京".encode()), ("Title", "Straße 東京")),
        ((b"iTXt", b"Title\0\1\0\0\0" + zlib.compress("Brücke".encode())), ("Title", "Brücke")),
    ],
)
def test_texts_of_png_are_carried_whatever_their_letters(text: tuple[bytes, bytes], expected: tuple[str, str]) -> None:
    photo = read_photo(with_chunks(text))
    assert np.array_equal(photo.gray, GRAY)
    assert photo.metadata.comments == (expected,)
    result = encode_photo(RGB, photo)
    assert read_photo(result).metadata.comments == (expected,)
    with Image.open(io.BytesIO(result)) as image:
        image.load()
        assert image.info[expected[0]] == expected[1]


def test_a_text_that_unpacks_without_end_is_left_out() -> None:
    bomb = zlib.compress(bytes(50 << 20))
    photo = read_photo(with_chunks((b"zTXt", b"a\0\0" + bomb), (b"tEXt", b"b\0kept")))
    assert photo.metadata.comments == (("b", "kept"),)


@pytest.mark.parametrize("format", ["JPEG", "GIF"])
@pytest.mark.parametrize("text", ["written on the back: Anna 1921", "Großmutter, été 1921"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_comments_are_carried(format: str, text: str, encoding: str) -> None:
    photo = read_photo(encoded(GRAY, format, comment=text.encode(encoding)))
    assert photo.metadata.comments == (("Comment", text),)
    with Image.open(io.BytesIO(encode_photo(RGB, photo, format="jpeg"))) as image:
        assert image.info["comment"] == text.encode()
    assert b"1921" not in encode_photo(RGB, photo, strip=True)


def test_several_comments_of_a_jpeg_are_carried() -> None:
    raw = encoded(GRAY, "JPEG")
    first, second = (struct.pack(">HH", 0xFFFE, len(text) + 2) + text for text in (b"front", b"back"))
    photo = read_photo(raw[:2] + first + b"\xff" + second + raw[2:])
    assert [text for _, text in photo.metadata.comments] == ["front", "back"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_comments_of_two_bytes_a_letter_are_read(encoding: str) -> None:
    raw = ("\ufeff" + "Großmutter 1921\0").encode(encoding)
    assert read_photo(encoded(GRAY, "JPEG", comment=raw)).metadata.comments == (("Comment", "Großmutter 1921"),)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF"])
def test_photos_without_texts_have_none(format: str) -> None:
    assert read_photo(encoded(GRAY, format)).metadata.comments == ()
