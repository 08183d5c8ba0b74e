"""Colours with a meaning: regions are found where they are, hues judged as scikit-image has them, tables checked."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from skimage.color import lch2lab

from colorizegan.bench.evaluate import evaluate
from colorizegan.bench.measures.regions import KINDS, Labels, find_regions, hits
from colorizegan.bench.metrics import METRICS
from colorizegan.bench.protocols import Protocol, open_photos, prepare, read_protocol
from colorizegan.color.lab import lab_of
from colorizegan.errors import DataError

HEAD = "photo\tkind\tleft\ttop\tright\tbottom\n"


def scene() -> np.ndarray:
    """Lab (96, 128, 3): smooth blue above, textured green below, a blue box inside the green."""
    rng = np.random.default_rng(0)
    lab = np.zeros((96, 128, 3), np.float32)
    lab[:40] = (65, -5, -30)
    lab[40:] = (45, -30, 35)
    lab[40:, :, 0] += rng.normal(0, 6, (56, 128))
    lab[60:80, 20:60] = (60, -10, -30)
    return lab


def of_hue(degrees: float, chroma: float, lightness: float = 60.0) -> np.ndarray:
    """(20, 20, 3) Lab of one colour."""
    return np.broadcast_to(lch2lab(np.array([lightness, chroma, np.radians(degrees)])).astype(np.float32), (20, 20, 3))


def test_detectors_find_sky_at_the_top_and_textured_green():
    found = find_regions(scene())
    assert set(found) == {"sky", "vegetation"}  # water and skin have no detector
    assert found["sky"][5:35].all()
    assert not found["sky"][45:].any()  # the blue box does not touch the top
    assert found["vegetation"][50:58, 5:120].mean() > 0.9
    assert not found["vegetation"][:38].any()
    smooth = scene()
    smooth[40:, :, 0] = 45
    assert "vegetation" not in find_regions(smooth[:, 64:])  # a green wall is none
    upside_down = scene()[::-1].copy()
    assert "sky" not in find_regions(upside_down)


def test_marked_regions_are_what_looks_like_its_kind_in_the_box():
    labels = Labels({"p": {"water": [(0.1, 0.5, 0.6, 1.0)], "vegetation": [(0, 0, 0.25, 1)]}})
    found = find_regions(scene(), labels, "folder/p")
    water = found["water"]
    assert water[62:78, 22:58].all()
    assert not water[:58].any()
    assert not water[82:].any()
    assert found["vegetation"][:, 32:].sum() == 0
    assert found["vegetation"][:, :32].any()
    assert "sky" in found  # no photo of the table has sky: the detector looks
    elsewhere = find_regions(scene(), labels, "another")
    assert set(elsewhere) == {"sky"}  # the table knows of vegetation, and names none here


@pytest.mark.parametrize("name", list(KINDS))
def test_hues_inside_the_sector_are_right(name: str):
    kind = KINDS[name]
    region = {name: np.ones((20, 20), bool)}
    low, high = kind.hue
    for hue, chroma, share in (
        (low + 1, kind.chroma + 1, 1.0),
        (high - 1, kind.chroma + 1, 1.0),
        (low - 2, 30, 0.0),
        ((high + 2) % 360, 30, 0.0),
        ((low + high) / 2, kind.chroma - 0.5, 0.0),  # right hue, but gray
    ):
        columns = hits(of_hue(hue, chroma), region)
        assert columns[f"{name}_hit"] == share, (hue, chroma)
        assert columns[f"{name}_seen"] == 1
    assert hits(of_hue((low + high) / 2, 30), {})[f"{name}_seen"] == 0


def test_hits_are_shares_of_the_region():
    lab = np.concatenate([of_hue(270, 30), of_hue(90, 30)])
    region = np.zeros((40, 20), bool)
    region[10:30] = True
    assert hits(lab, {"sky": region})["sky_hit"] == 0.5
    region[:] = False
    region[:10] = True
    assert hits(lab, {"sky": region})["sky_hit"] == 1
    assert hits(lab, {"sky": region})["sky_area"] == 0.25


def test_large_regions_weigh_more_by_pixels_than_by_photos():
    """All of a small region right, none of one three times as large."""
    whole = np.ones((20, 20), bool)
    quarter = np.zeros((20, 20), bool)
    quarter[:, :5] = True
    right, wrong = hits(of_hue(270, 30), {"sky": quarter}), hits(of_hue(90, 30), {"sky": whole & ~quarter})
    none = hits(of_hue(270, 30), {})  # another photo, without sky
    means = {name: np.array([np.mean([right[name], wrong[name], none[name]])]) for name in right}
    by_photo, by_pixel = METRICS["sky_right"].formula, METRICS["sky_pixels"].formula
    assert by_photo is not None
    assert by_pixel is not None
    assert by_photo(means)[0] == pytest.approx(50)
    assert by_pixel(means)[0] == pytest.approx(25)


def test_what_counts_as_seen_is_right():
    """So that the truth scores 100."""
    for kind in KINDS.values():
        assert kind.hue[0] <= kind.seen_hue[0] < kind.seen_hue[1] <= kind.hue[1]
        assert kind.seen_chroma[0] >= kind.chroma


def test_a_table_is_read(tmp_path: Path):
    path = tmp_path / "regions.tsv"
    path.write_text(HEAD + "a\tsky\t0\t0\t1\t0.5\na\tsky\t0\t0.5\t0.5\t1\n\nb\tskin\t0.2\t0.2\t0.4\t0.4\n")
    labels = Labels.read(path)
    assert labels.kinds == {"sky", "skin"}
    assert labels.of("x/a") == {"sky": [(0, 0, 1, 0.5), (0, 0.5, 0.5, 1)]}
    assert labels.of("c") == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "starts with the line photo kind left top right bottom"),
        ("a\tsky\t0\t0\t1\t1\n", "starts with the line"),
        (HEAD + "a\tsky\t0\t0\t1\n", "line 2 is not a photo, a kind and four numbers"),
        (HEAD + "a\tsky\t0\t0\t1\t1\nb\tsky\t0\t0\tone\t1\n", "line 3 is not a photo"),
        (HEAD + "a\tsand\t0\t0\t1\t1\n", "line 2 has the unknown kind 'sand'; use sky, vegetation, water, skin"),
        (HEAD + "a\tsky\t0.5\t0\t0.5\t1\n", "line 2 has no box within 0..1; left < right, top < bottom"),
        (HEAD + "a\tsky\t0\t0\t1\t40\n", "line 2 has no box"),
        (HEAD + "a\tsky\t0\t0\tnan\t1\n", "line 2 has no box"),
    ],
)
def test_mistakes_in_a_table_are_one_line(text: str, complaint: str, tmp_path: Path):
    path = tmp_path / "regions.tsv"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        Labels.read(path)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="cannot be read"):
        Labels.read(tmp_path / "none.tsv")


def test_figures_of_a_report(tmp_path: Path):
    """Truth 100, gray 0, and the note says how many photos had which region."""
    from PIL import Image

    from colorizegan.color.lab import lab_to_rgb

    (tmp_path / "photos").mkdir()
    for index in range(6):
        rgb = np.rint(lab_to_rgb(np.roll(scene(), 3 * index, axis=1)) * 255).astype(np.uint8)
        Image.fromarray(rgb).save(tmp_path / "photos" / f"p{index}.png")
    table = tmp_path / "regions.tsv"
    table.write_text(HEAD + "".join(f"p{index}\twater\t0.1\t0.5\t0.9\t1\n" for index in range(5)))
    report = evaluate("folder-full", tmp_path / "photos", {}, resamples=50, regions=table)
    for kind in ("sky", "vegetation", "water"):
        assert report.scores["truth"][f"{kind}_right"].value == 100
        assert report.scores["gray"][f"{kind}_right"].value == 0
        assert report.scores["truth"][f"{kind}_pixels"].value == pytest.approx(100)
        assert report.scores["gray"][f"{kind}_pixels"].value == 0
    assert "skin_right" not in report.scores["truth"]
    assert report.notes == ["Photos with a region: sky 6 (by detector), vegetation 6 (by detector), water 5 (marked)."]


def own_protocol(repository: Path, name: str) -> tuple[Protocol, Labels]:
    """A protocol of benchmarks/protocols and its marked regions."""
    protocol = read_protocol(repository / "benchmarks" / "protocols" / f"{name}.json")
    assert protocol.regions
    return protocol, Labels.read(protocol.regions)


def test_every_region_that_is_marked_on_kodak_is_there(shared_data: Path, repository: Path):
    protocol, labels = own_protocol(repository, "kodak-256")
    photos = open_photos(protocol, shared_data)
    seen: Counter[str] = Counter()
    for key in photos.keys:
        lab = lab_of(prepare(photos.read(key), protocol))
        found = find_regions(lab, labels, key)
        assert set(found) == set(labels.of(key)), key
        seen.update(list(found))
    assert seen == {"sky": 3, "vegetation": 10, "water": 2, "skin": 5}


@pytest.mark.slow
def test_the_table_of_photos_val_and_the_accuracy_of_the_detectors(shared_data: Path, repository: Path):
    """On 300 photos: every marked region is found, and what the detectors find is mostly marked as right."""
    protocol, labels = own_protocol(repository, "photos-val-256")
    photos = open_photos(protocol, shared_data)
    assert set(labels.boxes) <= set(photos.keys)
    found: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for key in photos.keys[:300]:
        lab = lab_of(prepare(photos.read(key), protocol))
        assert set(find_regions(lab, labels, key)) == set(labels.of(key))
        for kind in find_regions(lab):
            found[kind] += 1
            right[kind] += kind in labels.of(key)
    # over all 1,500 photos: sky 128 of 165, vegetation 219 of 259 (docs/evaluation.md)
    assert right["sky"] / found["sky"] > 0.6
    assert right["vegetation"] / found["vegetation"] > 0.7
    assert min(found.values()) > 15
