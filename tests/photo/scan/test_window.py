"""window: the photo is found on made-up mounts and beds, and in photos without any nothing is cut off."""

from pathlib import Path

import numpy as np
import pytest
from mounts import MOUNTS, mounted
from pictures import Array, small

from colorizegan.color.lab import rgb_to_gray
from colorizegan.photo.scan.window import Window, find_photo

FAR = 0.05  # share of the photo's shorter side by which an edge may be missed: prints askew, torn edges
NOT_ONE_RECTANGLE = {"oval mat", "two on a page"}  # what is known not to be found as such: docs/reliability.md


@pytest.fixture(scope="module")
def photos(examples: list[Path]) -> list[Array]:
    return [small(path, 640) for path in examples]


def find_window(scan: Array) -> Window | None:
    found = find_photo(scan)
    return None if found is None else found.window


@pytest.mark.parametrize("kind", sorted(set(MOUNTS) - NOT_ONE_RECTANGLE))
def test_the_photo_is_found(photos: list[Array], kind: str) -> None:
    rng = np.random.default_rng(3)
    missed: list[object] = []
    for photo in photos:
        scan, (top, left, height, width) = mounted(kind, photo, rng)
        window = find_window(scan)
        wanted = np.array([top, top + height, left, left + width])
        if window is None or np.abs(wanted - window).max() > FAR * min(height, width):
            missed.append((window, tuple(wanted)))
    # A tone of the photo may be that of its mount, along a whole side.
    assert len(missed) <= 1, missed


def test_deep_and_turned_scans_are_seen_alike(photos: list[Array]) -> None:
    scan, _ = mounted("cream", photos[0], np.random.default_rng(0))
    plain = find_window(scan)
    assert plain is not None
    assert find_window(scan.astype(np.uint16) * 257) == plain
    turned = find_window(np.ascontiguousarray(scan[::-1]))
    assert turned is not None
    assert np.abs(np.array(turned) - (len(scan) - plain.bottom, len(scan) - plain.top, *plain[2:])).max() <= 4


def test_photos_without_a_border_stay_whole(photos: list[Array]) -> None:
    assert [find_window(photo) for photo in photos] == [None] * len(photos)


def test_kodak_photos_stay_whole(shared_data: Path) -> None:
    from colorizegan.data.photoset import PhotoSet

    photos = PhotoSet(shared_data / "kodak.tar")
    assert {find_window(rgb_to_gray(np.asarray(photos.read(key)))) for key in photos.keys} == {None}


def test_a_sky_is_no_border() -> None:
    """Plain and bright above, and at the sides down to the roofs, which differ in height."""
    rng = np.random.default_rng(0)
    picture = np.full((300, 400), 235.0) + rng.normal(0, 1, (300, 400))
    for left, roof in zip(range(0, 400, 25), rng.integers(60, 250, 16), strict=True):
        picture[roof:, left : left + 25] = rng.uniform(20, 180) + rng.normal(0, 12, (300 - roof, 25))
    assert find_window(np.clip(picture, 0, 255).astype(np.uint8)) is None


def test_sea_and_sky_are_no_border() -> None:
    picture = np.full((300, 400), 210.0)
    picture[150:] = 90 + 25 * np.sin(np.arange(150)[:, None] / 3) * np.sin(np.arange(400) / 5)
    assert find_window(picture.astype(np.uint8)) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (23, 23), (24, 24), (30, 3000)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_empty_and_tiny_pictures_are_whole(shape: tuple[int, int], level: int) -> None:
    assert find_window(np.full(shape, level, np.uint8)) is None


def test_scaled_windows_lose_nothing() -> None:
    assert Window(1, 3, 1, 2).scaled((4, 4), (10, 10)) == Window(2, 8, 2, 5)
    assert Window(3, 7, 2, 9).scaled((10, 10), (4, 4)) == Window(1, 3, 0, 4)


def framed(top: int, bottom: int, left: int, right: int, depth: int = 40) -> Array:
    """A grainy photo with a plain strip of a tone at each side; negative = none there."""
    rng = np.random.default_rng(5)
    picture = np.clip(120 + 70 * np.sin(np.arange(400) / 9) + rng.normal(0, 25, (300, 400)), 0, 255)
    for tone, where in (
        (left, np.s_[:, :depth]), (right, np.s_[:, -depth:]), (top, np.s_[:depth]), (bottom, np.s_[-depth:]),
    ):  # fmt: skip
        if tone >= 0:
            picture[where] = tone
    return picture.astype(np.uint8)


def test_a_card_at_three_sides_is_a_border() -> None:
    """The scan was cut at the fourth."""
    found = find_window(framed(235, 235, 235, -1))
    assert found is not None
    assert np.abs(np.array(found) - (40, 260, 40, 400)).max() <= 2


def test_strips_of_four_tones_are_no_border() -> None:
    assert find_window(framed(235, 235, 235, 235)) is not None
    assert find_window(framed(250, 10, 190, 70)) is None


def test_a_card_with_hardly_any_photo_is_no_border() -> None:
    """What would be left is no photo: a label, a stamp."""
    assert find_window(framed(235, 235, 235, 235, depth=90)) is not None
    assert find_window(framed(235, 235, 235, 235, depth=125)) is None
