"""text_page: pages are told from photos."""

from pathlib import Path

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
