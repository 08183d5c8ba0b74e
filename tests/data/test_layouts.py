"""Data sets as they are downloaded: every official layout with its oddities, lists, shards, pipes, weights."""

import io
import json
import shlex
import tarfile
from pathlib import Path

import numpy as np
import pictures
import pytest
from PIL import Image

from colorizegan.data.cache import open_cache
from colorizegan.data.decode import decode
from colorizegan.data.layouts import LAYOUTS, expand, list_photos, split_source
from colorizegan.errors import DataError


def put(path: Path, kind: str = "JPEG", mode: str = "RGB", seed: int = 0) -> Path:
    """A colourful picture of 80 x 60 px under any name, in any format and mode."""
    return pictures.put(path, pictures.blots(seed).convert(mode), format=kind)


def keys(source: str) -> list[str]:
    return [photo.key for photo in list_photos((source,))]


def imagenet(root: Path) -> None:
    """Training photos with what ILSVRC really holds: a PNG and CMYK, gray and broken JPEGs, all named .JPEG."""
    folder = root / "n01440764"
    put(folder / "n01440764_18.JPEG")
    put(folder / "n01440764_19.JPEG", mode="CMYK", seed=1)
    put(folder / "n01440764_20.JPEG", mode="L", seed=2)
    put(root / "n02105855" / "n02105855_2933.JPEG", "PNG", seed=3)
    (root / "n02105855" / "n02105855_9.JPEG").write_bytes(b"\xff\xd8\xff" + bytes(200))


@pytest.mark.parametrize("place", ["train", "ILSVRC/Data/CLS-LOC/train", "Data/CLS-LOC/train", "."])
def test_imagenet_wherever_it_was_unpacked(tmp_path: Path, place: str) -> None:
    imagenet(tmp_path / "ilsvrc" / place)
    photos = list_photos((f"imagenet:{tmp_path / 'ilsvrc'}",))
    assert [p.key for p in photos][:2] == ["n01440764/n01440764_18.JPEG", "n01440764/n01440764_19.JPEG"]
    cache = open_cache(photos, tmp_path / "cache")
    assert cache.skipped == {"broken": 1, "gray": 1}
    assert [Path(key).name for key in cache.keys] == ["n01440764_18.JPEG", "n01440764_19.JPEG", "n02105855_2933.JPEG"]
    assert [photos[place].key for place in cache.places] == cache.keys


def test_imagenet_validation_flat_or_sorted_is_never_trained_on(tmp_path: Path) -> None:
    imagenet(tmp_path / "train")
    with pytest.raises(DataError, match=r"has no val/\*\.JPEG"):
        keys(f"imagenet-val:{tmp_path}")
    names = ["ILSVRC2012_val_00000001.JPEG", "n01440764/ILSVRC2012_val_00000002.JPEG"]
    for name in names:
        put(tmp_path / "val" / name)
    (tmp_path / "val" / "readme.txt").write_text("not a photo")
    assert keys(f"imagenet-val:{tmp_path}") == names
    assert not any("val" in key for key in keys(f"imagenet:{tmp_path}"))


def test_a_root_of_another_layout_says_what_is_missing(tmp_path: Path) -> None:
    put(tmp_path / "some" / "photo.jpg")
    (tmp_path / "train").mkdir()  # there, but empty
    for layout, wanted in (("imagenet", "train/<wnid>"), ("places365", "data_256/a/abbey"), ("coco", "train2017")):
        with pytest.raises(DataError, match=wanted):
            keys(f"{layout}:{tmp_path}")
    for layout in LAYOUTS:
        with pytest.raises(DataError):
            keys(f"{layout}:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize(("folder", "variant"), [("data_256", "standard"), ("data_large_challenge", "challenge")])
def test_places365_with_and_without_its_list(tmp_path: Path, folder: str, variant: str) -> None:
    for name in ("a/abbey/00000001.jpg", "a/apartment_building/outdoor/00000002.jpg", "z/zen_garden/00000003.jpg"):
        put(tmp_path / folder / name)
    put(tmp_path / "val_256" / "Places365_val_00000001.jpg")
    assert len(keys(f"places365:{tmp_path}")) == 3
    lists = tmp_path / f"filelist_places365-{variant}"
    lists.mkdir()
    (lists / f"places365_train_{variant}.txt").write_text(
        "/a/apartment_building/outdoor/00000002.jpg 18\n/z/zen_garden/00000003.jpg 364\n"
    )
    (lists / "places365_val.txt").write_text("Places365_val_00000001.jpg 165\n")
    assert keys(f"places365:{tmp_path}") == ["a/apartment_building/outdoor/00000002.jpg", "z/zen_garden/00000003.jpg"]
    assert keys(f"places365-val:{tmp_path}") == ["Places365_val_00000001.jpg"]


def test_places365_takes_large_images_before_small_ones(tmp_path: Path) -> None:
    put(tmp_path / "data_256" / "a" / "abbey" / "1.jpg")
    put(tmp_path / "data_large" / "a" / "abbey" / "1.jpg")
    (photo,) = list_photos((f"places365:{tmp_path}",))
    assert "data_large" in photo.path


@pytest.mark.parametrize("year", ["2017", "2014"])
def test_coco_needs_no_annotations_and_minds_none(tmp_path: Path, year: str) -> None:
    put(tmp_path / f"train{year}" / "000000000009.jpg")
    put(tmp_path / f"val{year}" / "000000000139.jpg")
    assert keys(f"coco:{tmp_path}") == ["000000000009.jpg"]
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / f"instances_train{year}.json").write_text(json.dumps({"images": []}))
    assert keys(f"coco:{tmp_path}") == ["000000000009.jpg"]
    assert keys(f"coco-val:{tmp_path}") == ["000000000139.jpg"]


def test_a_list_counts_what_is_not_there(tmp_path: Path) -> None:
    put(tmp_path / "album" / "one.png", "PNG")
    elsewhere = put(tmp_path / "elsewhere" / "two words.jpg")
    names = tmp_path / "names.txt"
    names.write_text(f"album/one.png\n\n{elsewhere}\nalbum/gone.jpg\n")
    cache = open_cache(list_photos((f"list:{names}",)), tmp_path / "cache")
    assert cache.keys == ["album/one.png", str(elsewhere).lstrip("/")]
    assert cache.skipped == {"broken": 1, "gray": 0}


def shard(path: Path, names: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for seed, name in enumerate(names):
            file = put(path.parent / "photo.jpg", seed=seed)
            tar.add(file, name)
            note = tarfile.TarInfo(f"{Path(name).stem}.cls")
            note.size = 1
            tar.addfile(note, io.BytesIO(b"3"))
            file.unlink()
    return path


def test_shards_by_number_by_folder_and_alone(tmp_path: Path) -> None:
    for number in (8, 9, 10):
        shard(tmp_path / f"photos-{number:03d}.tar", [f"a{number}.jpg"])
    assert keys(f"{tmp_path}/photos-{{008..010}}.tar") == ["a8", "a9", "a10"]
    assert keys(f"shards:{tmp_path}") == ["a8", "a9", "a10"]
    assert keys(str(tmp_path / "photos-009.tar")) == ["a9"]
    with pytest.raises(DataError, match=r"photos-011\.tar"):
        keys(f"{tmp_path}/photos-{{010..011}}.tar")
    assert expand("x{1..2}y{08..09}") == ["x1y08", "x1y09", "x2y08", "x2y09"]


def test_a_pipe_and_a_url_are_read_once_by_webdataset(tmp_path: Path) -> None:
    path = shard(tmp_path / "far.tar", ["a.jpg", "b.jpg"])
    here = list_photos((str(path),))
    counter = tmp_path / "calls"
    pipe = f"pipe:echo x >> {shlex.quote(str(counter))}; cat {shlex.quote(str(path))}"
    for source in (pipe, f"file://{path}", pipe):
        photos = list_photos((source,), tmp_path / "downloads")
        assert [p.key for p in photos] == ["a", "b"]
        for far, near in zip(photos, here, strict=True):
            there, known = decode(far, 60), decode(near, 60)
            assert there is not None
            assert known is not None
            assert np.array_equal(there, known)
    assert counter.read_text() == "x\n"


@pytest.mark.parametrize("command", ["exit 3", "true", "head -c 700 SHARD"])
def test_a_pipe_that_fails_leaves_nothing_behind(tmp_path: Path, command: str) -> None:
    path = shard(tmp_path / "far.tar", ["a.jpg"])
    with pytest.raises(DataError, match="pipe:"):
        list_photos((f"pipe:{command.replace('SHARD', str(path))}",), tmp_path / "downloads")
    assert list((tmp_path / "downloads").glob("*")) == []


def test_weights_are_relative_to_the_largest(tmp_path: Path) -> None:
    for name in ("one", "two", "me@home"):
        put(tmp_path / name / "a.jpg")
    sources = (f"{tmp_path}/one@2", f"folder:{tmp_path}/two@0.5", f"{tmp_path}/me@home")
    assert [photo.share for photo in list_photos(sources)] == [1.0, 0.25, 0.5]
    assert split_source("coco:/data/coco@.5") == ("coco", "/data/coco", 0.5)
    assert split_source("C:/photos") == ("", "C:/photos", 1.0)
    assert split_source("pipe:curl -s https://me@host/a.tar@3") == ("", "pipe:curl -s https://me@host/a.tar", 3.0)
    with pytest.raises(DataError, match="weight"):
        split_source("album@0")


def test_photos_are_turned_upright(tmp_path: Path) -> None:
    path = tmp_path / "album" / "phone.jpg"
    path.parent.mkdir()
    sideways = np.zeros((60, 90, 3), np.uint8)
    sideways[:, :45] = (250, 40, 40)
    sideways[:, 45:] = (40, 40, 250)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right to see it upright
    Image.fromarray(sideways).save(path, quality=95, exif=exif)
    rgb = decode(list_photos((str(path.parent),))[0], 60)
    assert rgb is not None
    assert rgb.shape == (90, 60, 3)
    assert rgb[10, 30, 0] > 200 > 100 > rgb[80, 30, 0]  # red is on top


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig", "utf-8"])
def test_lists_of_windows(tmp_path: Path, encoding: str) -> None:
    put(tmp_path / "Fähre 1.jpg")
    put(tmp_path / "b.jpg", seed=1)
    names = tmp_path / "list.txt"
    names.write_bytes("b.jpg\r\nFähre 1.jpg\r\n".encode(encoding))
    assert [(photo.key, photo.size > 0) for photo in list_photos((f"list:{names}",))] == [
        ("Fähre 1.jpg", True), ("b.jpg", True),
    ]  # fmt: skip
    names.write_bytes("b.jpg\nFähre 1.jpg\n".encode("latin-1"))
    with pytest.raises(DataError, match="it is not in UTF-8; save it as UTF-8"):
        list_photos((f"list:{names}",))
    names.write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF\0")
    with pytest.raises(DataError, match="is no list of photos: it holds no text; leave out list:, or name a list"):
        list_photos((f"list:{names}",))
    names.write_bytes(b"b.jpg\rc.jpg\r")
    with pytest.raises(DataError, match="as on old Macs; save it with the line ends of Unix or Windows"):
        list_photos((f"list:{names}",))


def test_folders_of_systems_and_other_programs_hold_no_training_photos(tmp_path: Path) -> None:
    """They hold small copies of photos, which would be learnt from and tested on at once."""
    put(tmp_path / "a.jpg")
    put(tmp_path / ".a.jpg", seed=8)
    for seed, name in enumerate(("@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", ".thumbnails/1.jpg", "__MACOSX/._a.jpg"), 1):
        put(tmp_path / name, seed=seed)
    put(tmp_path / "My.photoslibrary/resources/derivatives/1.jpg", seed=9)
    assert keys(str(tmp_path)) == ["a.jpg"]
    assert keys(str(tmp_path / "My.photoslibrary")) == ["resources/derivatives/1.jpg"]
