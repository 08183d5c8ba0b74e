"""pnm: binary and plain values, where they begin, what is no value."""

import io

import numpy as np
import pytest
from PIL import Image

from colorizegan.errors import DecodeError
from colorizegan.photo.read import read_photo
from colorizegan.photo.write import encode_photo

GRAY = np.add.outer(np.arange(24), 4 * np.arange(40)).astype(np.uint8)
VALUES = GRAY.tobytes()


@pytest.mark.parametrize(
    "head",
    [
        b"P5\n40 24\n255\n", b"P5 40 24 255 ", b"P5\r\n40 24\r\n255\r\n", b"P5\n# Anna 1921\n40 24 # wide, high\n255\n",
        b"P5\n40 24\n255# white\n", b"P5\n#\n#\n40\n24\n255\t",
    ],
    ids=["usual", "blanks", "CR LF", "comments", "comment behind the maximum", "empty comments"],
)  # fmt: skip
def test_values_begin_behind_the_header(head: bytes) -> None:
    assert np.array_equal(read_photo(head + VALUES).gray, GRAY)


def test_a_first_value_that_looks_like_an_end_of_line_is_one() -> None:
    gray = GRAY.copy()
    gray[0, :2] = 10, 35  # LF and "#"
    assert np.array_equal(read_photo(b"P5\n40 24\n255\n" + gray.tobytes()).gray, gray)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"P2\n2 2\n255\n9 1.5 3 4\n", "'1.5'"), (b"P2\n2 2\n255\n9 0x10 3 4\n", "'0x10'"),
        (b"P2\n2 2\n255\n9 1_0 3 4\n", "'1_0'"), (b"P2\n2 2\n255\n9 +10 3 4\n", r"'\+10'"),
        (b"P2\n2 2\n255\n1 2 3 99999999999999999999\n", "'99999999999999999999'"),
        (b"P3\n2 1\n255\n7 7 7 red 9 9\n", "'red'"), (b"P1\n2 2\n1 0 x 0\n", "'x'"),
        (b"P2\n2 2\n255\n1 -2 3 4\n", "-2"),
        (b"P1\n2 2\n0 2 1 0\n", "value 2"), (b"P5\n2 2\n9\n\1\2\3\12", "value 10"),
    ],
)  # fmt: skip
def test_what_is_no_value_is_named(text: bytes, words: str) -> None:
    with pytest.raises(DecodeError, match=words) as caught:
        read_photo(text)
    assert "int()" not in str(caught.value)
    photo = read_photo(text, allow_truncated=True)
    assert any("damaged" in remark for remark in photo.remarks)


def test_comments_come_back() -> None:
    photo = read_photo(b"P5\n# written on the back:\n# Anna, Gro\xc3\x9fmutter\n40 24\n255\n" + VALUES)
    texts = ["written on the back:", "Anna, Großmutter"]
    assert [text for _, text in photo.metadata.comments] == texts
    rgb = np.dstack([GRAY] * 3)
    result = encode_photo(rgb, photo)
    again = read_photo(result)
    assert [text for _, text in again.metadata.comments] == texts
    with Image.open(io.BytesIO(result)) as image:
        assert np.array_equal(np.asarray(image), rgb)
    assert b"Anna" in encode_photo(rgb, photo, format="jpeg")
    assert b"Anna" not in encode_photo(rgb, photo, strip=True)


@pytest.mark.parametrize(
    ("head", "name"),
    [(b"P7\nWIDTH 2\n", "PAM"), (b"Pf\n2 2\n-1.0\n", "PFM"), (b"qoif\0\0\0\2", "QOI"), (b"gimp xcf v011", "GIMP")],
)
def test_kinds_near_it_are_named(head: bytes, name: str) -> None:
    with pytest.raises(DecodeError, match=name):
        read_photo(head + bytes(64))
