"""Shards: what is packed is what was there, from files and from a Hugging Face dataset, whole or not at all."""

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import blots, encoded, put
from PIL import Image

from colorizegan.data.decode import decode, read_bytes
from colorizegan.data.layouts import list_photos
from colorizegan.data.shards import pack, pack_dataset
from colorizegan.errors import DataError, OutputError


@pytest.fixture
def album(tmp_path: Path) -> Path:
    root = tmp_path / "album"
    for seed, name in enumerate(("a/img.2020.jpg", "b/img.2020.JPG", "b/img_2020.png", "large.jpg")):
        put(root / name, blots(seed, *((300, 200) if name == "large.jpg" else (80, 60))))
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff" + bytes(99))
    return root


def test_files_go_in_as_they_are_and_broken_ones_stay_out(album: Path, tmp_path: Path) -> None:
    shards, broken = pack(list_photos((str(album),)), tmp_path / "out", per_shard=3)
    assert [path.name for path in shards] == ["photos-00000.tar", "photos-00001.tar"]
    assert broken == 1
    members: dict[str, bytes] = {}
    for path in shards:
        with tarfile.open(path) as tar:
            members |= {m.name: tar.extractfile(m).read() for m in tar}  # pyright: ignore[reportOptionalMemberAccess]
    assert members == {
        "a-img_2020.jpg": (album / "a/img.2020.jpg").read_bytes(),
        "b-img_2020.jpg": (album / "b/img.2020.JPG").read_bytes(),
        "b-img_2020-2.png": (album / "b/img_2020.png").read_bytes(),
        "large.jpg": (album / "large.jpg").read_bytes(),
    }
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [path.name for path in shards]
    again = list_photos((f"shards:{tmp_path / 'out'}",))
    assert {read_bytes(photo) for photo in again} == set(members.values())
    with pytest.raises(OutputError, match="holds shards already"):
        pack(list_photos((str(album),)), tmp_path / "out")


def test_large_photos_are_reduced_on_demand(album: Path, tmp_path: Path) -> None:
    pack(list_photos((str(album),)), tmp_path / "out", side=100)
    photos = {photo.key: photo for photo in list_photos((f"shards:{tmp_path / 'out'}",))}
    with Image.open(io.BytesIO(read_bytes(photos["large"]))) as image:
        assert image.size == (150, 100)
    assert read_bytes(photos["a-img_2020"]) == (album / "a/img.2020.jpg").read_bytes()


class Rows:
    """What `datasets.Dataset` offers of itself here: a length and rows."""

    def __init__(self, cells: list[Any]) -> None:
        self.cells = cells

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"image": self.cells[index], "label": 0}


def test_a_hugging_face_dataset_of_any_kind_of_cell(tmp_path: Path) -> None:
    raw = encoded(blots(0))
    blots(1).save(tmp_path / "file.png")
    cells = [
        blots(2),
        {"bytes": raw, "path": None},
        {"bytes": None, "path": str(tmp_path / "file.png")},
        np.asarray(blots(3)),
        raw,
    ]
    (shard,) = pack_dataset(Rows(cells), tmp_path / "out")
    found = [decode(photo, 60) for photo in list_photos((str(shard),))]
    for rgb, seed in zip(found, (2, 0, 1, 3, 0), strict=True):
        assert rgb is not None
        assert np.abs(rgb.astype(int) - np.asarray(blots(seed))).mean() < 3  # Pillow images go through a JPEG


def test_a_dataset_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'img'; it has image, label"):
        pack_dataset(Rows([blots(0)]), tmp_path / "out", column="img")
    with pytest.raises(DataError, match="row 1 holds a str"):
        pack_dataset(Rows([blots(0), "a.jpg"]), tmp_path / "out")
    with pytest.raises(DataError, match="not one photo"):
        pack_dataset(Rows([]), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
