"""text_page: pages are told from photos."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mounts import PAGES, text_page
from PIL import Image

from colorizegan.color.lab import rgb_to_gray
from colorizegan.photo.scan.text_page import is_text_page


@pytest.mark.parametrize("kind", PAGES)
def test_pages_are_text(kind: str) -> None:
    rng = np.random.default_rng(1)
    assert all(is_text_page(text_page(kind, rng)) for _ in range(3))
    assert is_text_page(text_page(kind, rng).astype(np.uint16) * 257)


def test_photos_are_not(examples: list[Path]) -> None:
    for path in examples:
        assert not is_text_page(np.asarray(Image.open(path).convert("L"))), path


def test_kodak_photos_are_not(shared_data: Path) -> None:
    from colorizegan.data.photoset import PhotoSet

    photos = PhotoSet(shared_data / "kodak.tar")
    assert not any(is_text_page(rgb_to_gray(np.asarray(photos.read(key)))) for key in photos.keys)


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("shape", [(1, 1), (400, 400), (5, 2000)])
def test_empty_pictures_are_not(shape: tuple[int, int], level: int) -> None:
    assert not is_text_page(np.full(shape, level, np.uint8))


def test_textures_on_white_are_not() -> None:
    rng = np.random.default_rng(0)
    snow = np.clip(225 + rng.normal(0, 25, (600, 800)), 0, 255).astype(np.uint8)
    check = np.where((np.add.outer(np.arange(600) // 4, np.arange(800) // 4)) % 2, 250, 30).astype(np.uint8)
    assert not is_text_page(snow)
    assert not is_text_page(check)


def letters(
    size: tuple[int, int] = (5, 3), cell: tuple[int, int] = (10, 8), ink: float = 40, paper: float = 240
) -> np.ndarray[Any, Any]:
    """A page (768, 1024) of marks of one size, one in each cell."""
    y, x = np.mgrid[:768, :1024]
    return np.where((y % cell[0] < size[0]) & (x % cell[1] < size[1]), ink, paper).astype(np.float64)


def on_papers_of_its_own() -> np.ndarray[Any, Any]:
    tones = np.random.default_rng(0).uniform(195, 250, (24, 32))
    return np.where(letters() < 100, 40, np.kron(tones, np.ones((32, 32))))


def with_photo() -> np.ndarray[Any, Any]:
    page = letters()
    page[448:] = np.random.default_rng(0).uniform(0, 255, (320, 1024))
    return page


def signed() -> np.ndarray[Any, Any]:
    page = np.full((768, 1024), 240.0)
    page[640:704, 512:896] = letters()[640:704, 512:896]
    return page


def test_a_page_of_drawn_letters_is_one() -> None:
    assert is_text_page(letters().astype(np.uint8))


NO_TEXT = {
    "a trace of ink": letters(ink=225),
    "bars": letters((10, 3)),
    "dots": np.roll(letters((20, 20), (32, 32)), (6, 6), (0, 1)),
    "no one paper": on_papers_of_its_own(),
    "a large photo beside text": with_photo(),
    "a signature": signed(),
}


@pytest.mark.parametrize("kind", NO_TEXT)
def test_what_lacks_one_mark_of_text_is_none(kind: str) -> None:
    assert not is_text_page(NO_TEXT[kind].astype(np.uint8))
