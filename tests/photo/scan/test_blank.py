"""blank: scans that show nothing get a remark; faint and small things are something."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import call
from pictures import encoded, put
from PIL import Image

from colorizegan.photo.read import read_photo
from colorizegan.photo.scan.blank import blank_tone
from colorizegan.photo.scan.window import glance

Array = np.ndarray[Any, Any]


def grainy(level: float, grain: float, shape: tuple[int, int] = (300, 400), top: int = 255) -> Array:
    """One tone as a scanner gives it, of 8 or 16 bits."""
    noise = np.random.default_rng(0).normal(level, grain, shape)
    return np.clip(noise * (top / 255), 0, top).astype(np.uint8 if top == 255 else np.uint16)


@pytest.mark.parametrize(("level", "tone"), [(0, "black"), (8, "black"), (128, "gray"), (247, "white"), (255, "white")])
@pytest.mark.parametrize("grain", [0, 2])
@pytest.mark.parametrize("top", [255, 65535])
def test_one_tone_is_told_with_grain_and_without(level: float, tone: str, grain: float, top: int) -> None:
    assert blank_tone(glance(grainy(level, grain, top=top))) == tone


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (40, 3), (700, 500)])
def test_of_any_size(shape: tuple[int, int]) -> None:
    assert blank_tone(glance(np.full(shape, 255, np.uint8))) == "white"


def with_moon() -> Array:
    night = grainy(3, 1)
    night[40:60, 300:320] = 220
    return night


def with_horizon() -> Array:
    fog = grainy(200, 1)
    fog[180:] -= 6
    return fog


SOMETHING = {
    "a moon at night": with_moon(),
    "a horizon in fog": with_horizon(),
    "an even slope": np.tile(np.linspace(120, 130, 400), (300, 1)).astype(np.uint8),
    "grass": grainy(128, 25),
    "a bird": np.where(np.hypot(*np.mgrid[-150:150, -200:200]) < 4, 90, 240).astype(np.uint8),
}


@pytest.mark.parametrize("name", SOMETHING)
def test_what_shows_something_is_not_blank(name: str) -> None:
    assert blank_tone(glance(SOMETHING[name])) == ""


def test_no_photo_is(repository: Path) -> None:
    for path in (repository / "examples/photos/gray").iterdir():
        assert not any("nothing to colour" in remark for remark in read_photo(path).remarks)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG"])
def test_it_is_a_remark_and_no_error(folder: Path, format: str) -> None:
    path = put(folder / f"scan.{format.lower()}", grainy(250, 1), format=format)
    done = call("colorize", path, "-o", "out")
    assert done.exit_code == 0
    assert done.stderr.count("is white all over: there is nothing to colour, and the scan may have failed") == 1
    assert Path("out", path.name).is_file()


def test_each_page_is_judged_by_itself() -> None:
    pages = [grainy(0, 0), np.tile(np.arange(200, dtype=np.uint8), (100, 1))]
    raw = encoded(pages[0], "TIFF", save_all=True, append_images=[Image.fromarray(pages[1])])
    assert ["all over" in " ".join(read_photo(raw, page=page).remarks) for page in (0, 1)] == [True, False]
