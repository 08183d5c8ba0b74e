"""Lists of names, as shells and editors of all systems write them."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colorizegan.data import name_list
from colorizegan.data.name_list import is_utf8, split_list

NAMES = ["a b.jpg", "scans/Ünïcödé.tif", "Фото/Москва 1950.jpg", "C:\\写真\\猫.png"]


def names(raw: bytes, *, nul: bool = False) -> list[str]:
    return list(split_list(io.BytesIO(raw), nul=nul))


def test_lines_and_nul_bytes() -> None:
    assert names(b"a b.jpg\r\n\nc\xff.jpg") == ["a b.jpg", "c\udcff.jpg"]
    assert names(b"a\nb.jpg\0c.jpg\0", nul=True) == ["a\nb.jpg", "c.jpg"]
    assert names(b"") == names(b"\xff\xfe") == names(b"\xef\xbb\xbf\r\n") == []


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero")
@pytest.mark.parametrize("nul", [False, True])
def test_what_never_ends_is_no_list(nul: bool) -> None:
    with Path("/dev/zero").open("rb") as file, pytest.raises(ValueError, match="no text"):
        list(split_list(file, nul=nul))


# Windows PowerShell's > and Notepad's "Unicode" are UTF-16 with a mark; newer ones UTF-8, with or without.
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_of_all_systems(encoding: str, ending: str) -> None:
    raw = "".join(name + ending for name in NAMES).encode(encoding)
    assert names(raw) == NAMES
    mark = next((mark for mark, named in name_list.MARKS.items() if named == encoding), b"")
    assert names(mark + raw) == NAMES


def test_nul_bytes_between_names_of_utf_16() -> None:
    assert names("a\nb.jpg\0ü.jpg\0".encode("utf-16"), nul=True) == ["a\nb.jpg", "ü.jpg"]


BINARY = {
    "photo.jpg": b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01",
    "photo.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "photo.tif": b"II*\0\x08\0\0\0\x0e\0",
    "list.zip": b"PK\x03\x04\x14\0",
    "list.gz": b"\x1f\x8b\x08\0",
    "program": b"\x7fELF\x02\x01\x01\0",
}


@pytest.mark.parametrize("nul", [False, True])
@pytest.mark.parametrize("raw", BINARY.values(), ids=BINARY)
def test_what_is_no_text_is_no_list(raw: bytes, nul: bool) -> None:
    with pytest.raises(ValueError, match="it holds no text"):
        names(raw + b"\nmore\n", nul=nul)


@pytest.mark.parametrize("nul", [False, True])
def test_names_of_files_may_hold_control_characters(tmp_path: Path, nul: bool) -> None:
    """As in a list that `find` has written."""
    wanted = [str(tmp_path / name) for name in ("a\x01.jpg", "b\x1a\x08.jpg")]
    Path(wanted[0]).touch()
    assert names(("\0" if nul else "\n").join(wanted).encode(), nul=nul) == wanted


@pytest.mark.parametrize("nul", [False, True])
def test_names_with_control_characters_of_files_that_moved(nul: bool) -> None:
    wanted = ["moved/a.jpg", "moved/b\x01.jpg"]
    assert names(("\0" if nul else "\n").join(wanted).encode(), nul=nul) == wanted


def test_what_is_not_what_its_mark_says() -> None:
    with pytest.raises(UnicodeError):
        names("a.jpg".encode("utf-16") + b"x")


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=9)


@given(st.lists(TEXT, max_size=9), st.integers(1, 40), st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_any_names_however_they_arrive(wanted: list[str], chunk: int, encoding: str) -> None:
    before = name_list.CHUNK
    name_list.CHUNK = chunk
    try:
        assert names("\n".join(wanted).encode(encoding)) == wanted
    finally:
        name_list.CHUNK = before


@given(st.binary(max_size=40))
def test_what_utf_8_is(raw: bytes) -> None:
    try:
        raw.decode()
    except UnicodeDecodeError:
        assert not is_utf8(os.fsdecode(raw))
    else:
        assert is_utf8(os.fsdecode(raw))
