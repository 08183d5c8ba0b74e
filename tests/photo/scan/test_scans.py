"""Scans of prints as they are read: colours beside the photo do not count, pages of text are told."""

from pathlib import Path

import numpy as np
import pytest
from mounts import text_page
from pictures import Array, encoded, small

from colorizegan import read_photo

SEPIA = (0.8, 1.0, 1.35)
PATCHES = ((0, 122, 190), (0, 145, 70), (240, 220, 0), (200, 30, 40), (190, 60, 120), (255, 255, 255), (0, 0, 0))


@pytest.fixture(scope="module")
def sepia(repository: Path) -> Array:
    photo = small(repository / "examples/photos/gray/chelsea.jpg", 400)
    return np.rint((photo[..., None] / 255) ** np.array(SEPIA) * 255).astype(np.uint8)


def on(color: tuple[int, int, int], photo: Array, grain: float = 0.0) -> Array:
    under = np.full((photo.shape[0] + 120, photo.shape[1] + 120, 3), color, np.float64)
    under += np.random.default_rng(0).normal(0, grain, under.shape)
    scan = np.clip(under, 0, 255).astype(np.uint8)
    scan[60:-60, 60:-60] = photo
    return scan


def with_target(photo: Array, *, right: bool) -> Array:
    scan = np.full((photo.shape[0] + 90, photo.shape[1] + 90, 3), 235, np.uint8)
    scan[20 : 20 + photo.shape[0], 20 : 20 + photo.shape[1]] = photo
    size = (photo.shape[0] if right else photo.shape[1]) // 8
    for i, color in enumerate(PATCHES):
        along, across = slice(20 + i * size, 20 + (i + 1) * size), slice(-55, -15)
        scan[(along, across) if right else (across, along)] = color
    return scan


MADE = {
    "orange card, JPEG": ("jpeg", lambda photo: on((210, 120, 40), photo)),
    "blue card with grain, PNG": ("png", lambda photo: on((40, 60, 140), photo, 4)),
    "green album, TIFF": ("tiff", lambda photo: on((30, 130, 60), photo, 2)),
    "target below, WebP": ("webp", lambda photo: with_target(photo, right=False)),
    "target at the right, TIFF": ("tiff", lambda photo: with_target(photo, right=True)),
    "target at the left, PNG": ("png", lambda photo: np.ascontiguousarray(with_target(photo, right=True)[:, ::-1])),
}


@pytest.mark.parametrize("name", MADE)
def test_colours_in_the_border_do_not_count(sepia: Array, name: str) -> None:
    format, make = MADE[name]
    photo = read_photo(encoded(make(sepia), format, quality=92))
    assert not photo.is_color
    assert any("beside the photo" in remark for remark in photo.remarks)


@pytest.mark.parametrize("color", [(250, 250, 250), (20, 20, 20), (210, 120, 40)])
def test_a_photo_in_colour_on_a_mount_is_in_colour(repository: Path, color: tuple[int, int, int]) -> None:
    photo = read_photo(encoded(on(color, small(repository / "examples/photos/original/coffee.jpg", 400, "RGB"))))
    assert photo.is_color
    assert not any("beside the photo" in remark for remark in photo.remarks)


@pytest.mark.parametrize("kind", ["printed", "newspaper", "small"])
@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_pages_of_text_are_told(kind: str, format: str) -> None:
    page = encoded(text_page(kind, np.random.default_rng(5)), format)
    assert any("page of text" in remark for remark in read_photo(page).remarks)


def test_photos_have_no_such_remarks(examples: list[Path]) -> None:
    for path in examples:
        assert read_photo(path).remarks == ()
