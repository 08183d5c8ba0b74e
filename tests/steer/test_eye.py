"""What the network sees of a scan: the photo alone, in its tones; and the whole scan gets its colours back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mounts import MOUNTS, PAGES, faded, mounted, text_page
from pictures import Array, encoded, small, torn_on_white
from PIL import Image

from colorizegan import Colorizer, Hint, Look, UsageError, read_photo
from colorizegan.color.lab import rgb_to_lab
from colorizegan.steer.eye import Eye, see


@pytest.fixture(scope="module")
def photo(examples: list[Path]) -> Array:
    return small(examples[0], 360)


def chroma(rgb: Array) -> Array:
    return np.hypot(*np.moveaxis(rgb_to_lab(rgb / np.iinfo(rgb.dtype).max)[..., 1:], -1, 0))


@pytest.mark.parametrize("kind", ["white", "gray", "black", "corner of a bed", "target below"])
def test_the_mount_is_neutral_and_the_photo_has_its_own_colours(colorizer: Colorizer, photo: Array, kind: str) -> None:
    scan, (top, left, height, width) = mounted(kind, photo, np.random.default_rng(0))
    look = Look(size=256)
    rgb, own = colorizer.colorize(scan, look), colorizer.colorize(photo, look)
    as_it_is = colorizer.paint(scan, colorizer.predict(scan, look, eye=Eye.open_wide(scan.shape)).ab)
    assert rgb.shape == (*scan.shape, 3)
    inside = np.zeros(scan.shape, bool)
    inside[max(0, top - 5) : top + height + 5, max(0, left - 5) : left + width + 5] = True
    assert chroma(rgb)[~inside].max() < 2
    now, before = (np.abs(x[top : top + height, left : left + width].astype(int) - own).mean() for x in (rgb, as_it_is))
    assert now < 0.6 * before
    assert chroma(rgb[top : top + height, left : left + width]).mean() > 0.8 * chroma(own).mean() > 2


def test_brightness_is_that_of_the_file(colorizer: Colorizer, photo: Array) -> None:
    gray = faded("a quarter of its contrast", photo)
    rgb = colorizer.colorize(gray)
    apart = rgb_to_lab(rgb / 255)[..., 0] - rgb_to_lab(np.repeat(gray[..., None], 3, 2) / 255)[..., 0]
    assert np.abs(apart).max() < 1.5


def test_a_photo_that_was_cut_after_it_was_read_is_looked_at_anew(colorizer: Colorizer, photo: Array) -> None:
    scan, (top, left, height, width) = mounted("black", photo, np.random.default_rng(0))
    read = read_photo(encoded(Image.fromarray(scan), "PNG"))
    assert read.scan is not None
    assert read.scan.has_border
    inside = np.ascontiguousarray(read.gray[top : top + height, left : left + width])
    ab = colorizer.predict(replace(read, gray=inside)).ab
    assert np.array_equal(ab, colorizer.predict(inside).ab)


def test_a_faded_photo_has_the_colours_of_the_full_one(colorizer: Colorizer, photo: Array) -> None:
    gray = faded("a quarter of its contrast", photo)
    full = colorizer.predict(photo).ab
    moved = np.hypot(*(colorizer.predict(gray).ab - full)).mean()
    as_it_is = colorizer.predict(gray, eye=Eye.open_wide(gray.shape)).ab
    assert moved < 0.5 * np.hypot(*(as_it_is - full)).mean()


def test_a_photo_without_border_is_seen_as_it_is(colorizer: Colorizer, photo: Array) -> None:
    assert see(photo) == Eye.open_wide((photo.shape[0], photo.shape[1]))
    assert np.array_equal(colorizer.predict(photo).ab, colorizer.predict(photo, eye=Eye.open_wide(photo.shape)).ab)


def test_hints_keep_their_place_on_a_mounted_photo(colorizer: Colorizer, photo: Array) -> None:
    scan, (top, left, height, width) = mounted("cream", photo, np.random.default_rng(0))
    hint = Hint(left + width // 3, top + height // 4, "#3060b0")
    rgb = colorizer.colorize(scan, Look(hints=[hint]))
    own = colorizer.colorize(photo, Look(hints=[Hint(width // 3, height // 4, "#3060b0")]))
    spot = slice(hint.y - 2, hint.y + 3), slice(hint.x - 2, hint.x + 3)
    wanted = own[height // 4 - 2 : height // 4 + 3, width // 3 - 2 : width // 3 + 3]
    assert np.abs(rgb[spot].astype(int) - wanted).mean() < 12
    assert rgb_to_lab(rgb[spot].mean((0, 1)) / 255)[2] < -10  # blue


def test_a_hint_on_the_border_says_that_it_is_none(colorizer: Colorizer, photo: Array) -> None:
    scan, _ = mounted("cream", photo, np.random.default_rng(0))
    hint = Hint(4, 4, "#a04020")
    assert see(scan, (hint,)).photo == scan.shape
    rgb = colorizer.colorize(scan, Look(hints=[hint]))
    assert rgb_to_lab(rgb[4, 4] / 255)[1] > 3


def test_a_hint_outside_of_the_scan_is_refused_by_its_own_place(colorizer: Colorizer, photo: Array) -> None:
    scan, _ = mounted("white", photo, np.random.default_rng(0))
    with pytest.raises(UsageError, match=f"{scan.shape[1]},3,#112233 lies outside"):
        colorizer.predict(scan, Look(hints=[Hint(scan.shape[1], 3, "#112233")]))


def test_the_border_is_surely_neutral_and_proposals_come_back_by_their_hints(
    colorizer: Colorizer, photo: Array
) -> None:
    scan, (top, left, height, width) = mounted("gray", photo, np.random.default_rng(0))
    found = colorizer.predict(scan)
    sure = found.confidence()
    assert sure.shape == found.logits.shape[1:]
    assert found.ab.shape[1:] == (2 * sure.shape[0], 2 * sure.shape[1])
    assert sure[0, 0] == sure[-1, -1] == 1
    assert sure[sure.shape[0] // 2, sure.shape[1] // 2] < 1
    proposals = colorizer.propose(scan, count=3, seed=1)
    for one in proposals:
        assert one.ab.shape == found.ab.shape
        assert not one.ab[:, 0].any()
        assert all(top <= hint.y < top + height and left <= hint.x < left + width for hint in one.hints)
        assert np.abs(colorizer.predict(scan, Look(hints=one.hints)).ab - one.ab).max() < 1e-3


def test_a_reference_on_a_mount_has_the_palette_of_its_photo(colorizer: Colorizer, photo: Array) -> None:
    rgb = np.dstack((photo, photo // 2 + 60, 255 - photo))
    scan = np.full((photo.shape[0] + 80, photo.shape[1] + 80, 3), 240, np.uint8)
    scan[40:-40, 40:-40] = rgb
    own, mount = colorizer.palette(rgb), colorizer.palette(scan)
    assert np.abs(own.ab.mean(1) - mount.ab.mean(1)).max() < 2


@pytest.mark.parametrize("kind", PAGES)
def test_pages_of_text_stay_neutral(colorizer: Colorizer, kind: str) -> None:
    page = text_page(kind, np.random.default_rng(0))
    rgb = colorizer.colorize(page)
    assert np.array_equal(rgb, np.repeat(page[..., None], 3, axis=2))
    (only,) = colorizer.propose(page, count=3)
    assert not only.hints
    assert not only.ab.any()
    assert colorizer.colorize(page, Look(hints=[Hint(300, 300, "#a03020")])).std(axis=2).any()


def test_every_kind_of_mount_keeps_shape_and_type(colorizer: Colorizer, photo: Array) -> None:
    for kind in MOUNTS:
        scan, _ = mounted(kind, photo, np.random.default_rng(2))
        deep = scan.astype(np.uint16) * 257
        assert colorizer.colorize(deep).shape == (*scan.shape, 3)
        assert colorizer.colorize(deep).dtype == np.uint16


def test_of_torn_paper_nothing_is_shown_and_nothing_counts() -> None:
    """The network gets the photo in full tones, and no white beside it."""
    gray = torn_on_white()
    eye = see(gray)
    assert eye.torn is not None
    assert eye.tones is not None
    assert eye.tones.white < 120 / 255, "of the photo, not of the paper"
    shown, raw = (replace(eye, tones=None, torn=torn).lightness(gray, 256, 1.0) for torn in (eye.torn, None))
    # What is left are pixels of an edge that hold some of both.
    assert (shown > 60).mean() < 0.2 * (raw > 60).mean()
