"""Photos to learn from: every source is found, broken and gray ones are counted, crops depend on their number alone."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import blots, encoded
from PIL import Image

from colorizegan.data.cache import PhotoCache, fingerprint, open_cache
from colorizegan.data.layouts import list_photos
from colorizegan.errors import DataError
from colorizegan.training.batches.crops import (
    Crops,
    crop_batches,
    cut_square,
    open_photos,
    photos_of_sources,
    read_weights,
    split_holdout,
)
from colorizegan.training.config import DataConfig


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three good photos in two folders, one of them CMYK; one gray, one broken, one too small, one that is no photo."""
    root = tmp_path / "photos"
    (root / "b").mkdir(parents=True)
    blots(0).save(root / "one.png")
    blots(1, 300, 400).save(root / "b" / "one.jpg", quality=95)
    blots(2).convert("CMYK").save(root / "b" / "two.JPEG", quality=95)
    blots(6).save(root / "three.avif", quality=90)
    blots(3).convert("L").save(root / "gray.png")
    (root / "broken.jpg").write_bytes((root / "b" / "one.jpg").read_bytes()[:500])
    blots(4, 20, 20).save(root / "icon.png")
    (root / "notes.txt").write_text("no photo")
    return root


def test_folder_is_read_and_bad_photos_are_counted(folder: Path, tmp_path: Path) -> None:
    photos = list_photos((str(folder),))
    found = ["b/one.jpg", "b/two.JPEG", "broken.jpg", "gray.png", "icon.png", "one.png", "three.avif"]
    assert [p.key for p in photos] == found
    cache = open_cache(photos, tmp_path / "cache", store_side=100)
    assert cache.keys == ["b/one.jpg", "b/two.JPEG", "one.png", "three.avif"]
    assert cache.skipped == {"broken": 2, "gray": 1}
    assert min(cache[0].shape[:2]) == 100  # reduced
    assert np.array_equal(cache[2], np.asarray(blots(0)))  # kept as it is
    assert np.abs(cache[3] - np.asarray(blots(6), np.float32)).mean() < 5


def test_second_opening_reads_the_cache_and_damage_is_seen(folder: Path, tmp_path: Path) -> None:
    photos = list_photos((str(folder),))
    first = open_cache(photos, tmp_path / "cache")
    (pixels,) = (tmp_path / "cache").glob("*.u8")
    before = pixels.stat().st_mtime_ns
    again = open_cache(photos, tmp_path / "cache")
    assert pixels.stat().st_mtime_ns == before
    assert np.array_equal(first[1], again[1])
    del first, again
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(DataError, match="damaged"):
        open_cache(photos, tmp_path / "cache")


def test_shard_gives_the_same_photos_as_the_folder(folder: Path, tmp_path: Path) -> None:
    shard = tmp_path / "photos.tar"
    with tarfile.open(shard, "w") as tar:
        for name in ("one.png", "b/one.jpg", "notes.txt"):
            tar.add(folder / name, arcname=name.replace("b/one", "second"))
    photos = list_photos((str(shard),))
    assert [p.key for p in photos] == ["one", "second"]
    cache = open_cache(photos, tmp_path / "cache")
    assert np.array_equal(cache[0], np.asarray(Image.open(folder / "one.png")))


def test_sources_that_are_none_are_named(folder: Path, tmp_path: Path) -> None:
    empty, torn = tmp_path / "empty", tmp_path / "torn.tar"
    empty.mkdir()
    torn.write_bytes(b"x" * 1000)
    for source, words in (
        (tmp_path / "missing", "no such folder"), (folder / "notes.txt", "neither a folder nor"), (empty, "no photos"),
        (torn, "tar"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=words):
            list_photos((str(source),))
    with pytest.raises(DataError, match="--data"):
        list_photos(())
    blots(0).convert("L").save(empty / "gray.png")
    with pytest.raises(DataError, match="no usable photo"):
        open_cache(list_photos((str(empty),)), tmp_path / "cache")


def test_fingerprint_sees_a_changed_photo(folder: Path) -> None:
    photos = list_photos((str(folder),))
    before = fingerprint(photos)
    assert before == fingerprint(list_photos((str(folder),)))
    blots(5).save(folder / "one.png")  # another photo under the same name
    assert before != fingerprint(list_photos((str(folder),)))
    (folder / "one.png").unlink()
    assert before != fingerprint(list_photos((str(folder),)))
    assert before != fingerprint(photos, store_side=64)


def cache_of(count: int) -> PhotoCache:
    pixels = np.random.default_rng(0).integers(0, 256, count * 50 * 60 * 3, np.uint8)
    return PhotoCache(
        [f"k{i}" for i in range(count)],
        np.full((count, 2), (50, 60)),
        np.arange(count) * 50 * 60 * 3,
        pixels,
        {},
        np.arange(count),
    )


def test_squares_are_as_soft_as_the_bundle_wants_its_photos() -> None:
    """What is larger than `detail` of the size is reduced to that first; what is smaller already stays as it is."""
    photo = np.random.default_rng(0).integers(0, 256, (96, 120, 3), dtype=np.uint8)
    box = (10.0, 5.0, 90.0, 85.0)
    sharp, soft = cut_square(photo, box, 64), cut_square(photo, box, 64, 0.5)
    assert sharp.shape == soft.shape == (64, 64, 3)
    twice = Image.fromarray(photo).resize((32, 32), Image.Resampling.BICUBIC, box=box)
    assert np.array_equal(soft, np.asarray(twice.resize((64, 64), Image.Resampling.BICUBIC)))
    assert soft.std() < 0.8 * sharp.std()
    small = (10.0, 5.0, 40.0, 35.0)
    assert np.array_equal(cut_square(photo, small, 64, 0.5), cut_square(photo, small, 64))
    crops = Crops(cache_of(7), np.arange(7), np.ones(7), 16, 0.5, seed=3)
    softer = Crops(cache_of(7), np.arange(7), np.ones(7), 16, 0.5, seed=3, detail=0.25)
    assert not torch.equal(crops[0], softer[0])


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_from_any_position_equal_the_unbroken_ones(workers: int) -> None:
    crops = Crops(cache_of(7), np.arange(7), np.ones(7), 16, 0.5, seed=3)
    unbroken = list(crop_batches(crops, 0, 20, 4, 0))
    assert len(unbroken) == 5
    assert unbroken[0].shape == (4, 3, 16, 16)
    for expected, got in zip(unbroken[2:], crop_batches(crops, 8, 20, 4, workers), strict=True):
        assert torch.equal(expected, got)
    assert not torch.equal(unbroken[0], unbroken[1])


def test_every_epoch_shows_every_photo_once_in_another_order() -> None:
    crops = Crops(cache_of(9), np.arange(9), np.ones(9), 8, 1.0, seed=0)
    first, second = [crops.photos_of(np.arange(start, start + 9)).tolist() for start in (0, 9)]
    assert sorted(first) == sorted(second) == list(range(9))
    assert first != second


def test_shares_thin_out_photos(tmp_path: Path) -> None:
    table = tmp_path / "shares.tsv"
    table.write_text("k0\t0\nk1\t0.5\n\n")
    cache = cache_of(4)
    shares = read_weights(str(table), cache.keys)
    assert shares.tolist() == [0, 0.5, 1, 1]
    crops = Crops(cache, np.arange(4), shares, 8, 1.0, seed=0)
    seen = np.bincount(crops.photos_of(np.arange(4000)), minlength=4)
    assert seen[0] == 0
    assert 0.3 < seen[1] / seen[2] < 0.7
    table.write_text("k0 0.5")
    with pytest.raises(DataError, match="key<TAB>share"):
        read_weights(str(table), cache.keys)


def test_holdout_is_stable_and_at_most_a_tenth() -> None:
    keys = [f"photo{i}" for i in range(200)]
    training, held = split_holdout(keys, 15)
    assert len(held) == 15
    assert sorted([*training, *held]) == list(range(200))
    more = [*keys, "another"]
    # A photo more moves at most one photo: those whose key hashes lowest stay held out.
    assert len({keys[i] for i in held} & {more[i] for i in split_holdout(more, 15)[1]}) >= 14
    assert len(split_holdout(keys[:50], 15)[1]) == 5
    assert len(split_holdout(keys[:5], 15)[1]) == 0


def test_no_photo_of_a_held_out_source_reaches_a_run(folder: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.tsv"
    manifest.write_text("key\tsource\none.png\thome\nthree.avif\thome\nb/one.jpg\taway\nb/two.JPEG\taway\n")
    config = DataConfig(sources=(str(folder),), manifest=str(manifest), holdout_sources=("away",))
    photos = open_photos(config, tmp_path / "cache", shown=False)
    keys = photos.store.keys
    assert {keys[i] for i in photos.training} == {"one.png", "three.avif"}
    assert {keys[i] for i in photos.held_out} == {"b/one.jpg", "b/two.JPEG"}


def test_whole_sources_are_held_out(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.tsv"
    manifest.write_text("key\tsource\n" + "".join(f"k{i}\t{'abc'[i % 3]}\n" for i in range(60)))
    keys = [f"k{i}" for i in range(60)] + ["unlisted"]
    apart = photos_of_sources(str(manifest), ("a", "c"), keys)
    training, held = split_holdout(keys, 15, apart)
    assert training.tolist() == [*range(1, 60, 3), 60]
    assert len(held) == 15
    assert set(held % 3) == {0, 2}
    assert len(split_holdout(keys, 500, apart)[1]) == 40
    for sources, words in (
        (("a", "d"), "has no source 'd'; correct data.holdout_sources"),
        (("a", "b", "c"), "all photos are held out"),
    ):
        with pytest.raises(DataError, match=words):
            photos_of_sources(str(manifest), sources, keys[:60])
    with pytest.raises(DataError, match=r"none\.tsv: cannot be read as a table"):
        photos_of_sources(str(tmp_path / "none.tsv"), ("a",), keys)
    manifest.write_text("key,source\nk0,a\n")
    with pytest.raises(DataError, match=r"manifest\.tsv: has no column 'key'; its first line names the columns"):
        photos_of_sources(str(manifest), ("a",), keys)


def test_photo_bytes_of_a_shard_never_run_over_their_end(tmp_path: Path) -> None:
    cut = encoded(blots(0))[:-40]
    shard = tmp_path / "cut.tar"
    with tarfile.open(shard, "w") as tar:
        for name, content in (("a.png", cut), ("b.png", encoded(blots(0)))):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    cache = open_cache(list_photos((str(shard),)), tmp_path / "cache")
    assert cache.keys == ["b"]
    assert cache.skipped["broken"] == 1
