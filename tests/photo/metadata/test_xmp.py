"""sidecar: XMP beside a photo is carried to its result with a note, and nothing that is there is lost."""

import os
from pathlib import Path

import pytest

from colorizegan.photo.metadata.xmp import LONGEST, carry_sidecar

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>'
)
NOTE: dict[str, object] = {"tool": "ColorizeGAN test", "model": "default"}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A photo, with a sidecar, and its result."""
    source, target = tmp_path / "a.tif", tmp_path / "out" / "a.colorized.tif"
    target.parent.mkdir()
    source.write_bytes(b"photo")
    target.write_bytes(b"result")
    Path(f"{source}.xmp").write_bytes(XMP)
    return source, target


def test_it_keeps_what_it_says_and_gains_the_note(pair: tuple[Path, Path]) -> None:
    source, target = pair
    assert carry_sidecar(source, target, NOTE, overwrite=False) == ""
    carried = Path(f"{target}.xmp").read_bytes()
    assert b'xmp:Rating="4"' in carried
    assert b"ColorizeGAN test" in carried
    assert b"lgorithmic" in carried
    assert Path(f"{source}.xmp").read_bytes() == XMP, "the original's is as it was"
    assert carry_sidecar(source, target, NOTE, overwrite=False) == "", "the same again is no conflict"


def test_photos_without_one_get_none(pair: tuple[Path, Path]) -> None:
    source, target = pair
    Path(f"{source}.xmp").unlink()
    assert carry_sidecar(source, target, NOTE, overwrite=False) == ""
    assert not Path(f"{target}.xmp").exists()


def test_one_that_is_there_is_only_replaced_when_asked(pair: tuple[Path, Path]) -> None:
    source, target = pair
    place = Path(f"{target}.xmp")
    place.write_bytes(b"somebody's work")
    assert "left as it is" in carry_sidecar(source, target, NOTE, overwrite=False)
    assert place.read_bytes() == b"somebody's work"
    assert carry_sidecar(source, target, NOTE, overwrite=True) == ""
    assert b"Rating" in place.read_bytes()


@pytest.mark.parametrize("kind", ["pipe", "folder", "large", "no xmp", "broken link"])
def test_what_is_no_sidecar_stays_behind_with_a_word(pair: tuple[Path, Path], kind: str) -> None:
    source, target = pair
    found = Path(f"{source}.xmp")
    found.unlink()
    if kind == "pipe":
        os.mkfifo(found)
    elif kind == "folder":
        found.mkdir()
    elif kind == "large":
        found.write_bytes(XMP + b" " * LONGEST)
    elif kind == "no xmp":
        found.write_bytes(b"rating = 4")
    else:
        found.symlink_to("nowhere")
    assert "a.tif.xmp" in carry_sidecar(source, target, NOTE, overwrite=False)
    assert not Path(f"{target}.xmp").exists()


def test_a_photo_written_beside_itself_does_not_touch_its_own(pair: tuple[Path, Path]) -> None:
    source, _ = pair
    assert "left as it is" in carry_sidecar(source, source, NOTE, overwrite=True)
    assert Path(f"{source}.xmp").read_bytes() == XMP
