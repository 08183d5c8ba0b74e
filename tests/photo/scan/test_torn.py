"""torn: what shows beside torn edges is filled by the photo; nothing of the photo itself changes."""

from pathlib import Path

import numpy as np
import pytest
from mounts import mounted
from pictures import Array, small

from colorizegan.color.lab import gray_to_lightness
from colorizegan.photo.scan.torn import from_outside, hidden_pixels, mended
from colorizegan.photo.scan.window import find_photo


@pytest.fixture(scope="module")
def photos(examples: list[Path]) -> list[Array]:
    return [small(path, 360) for path in examples]


@pytest.mark.parametrize("kind", ["torn edges", "askew"])
def test_the_network_sees_nothing_of_the_bed(photos: list[Array], kind: str) -> None:
    """White paper beside a photo darkened to half: what is white in the mended picture is of the paper."""
    rng = np.random.default_rng(1)
    for photo in photos:
        dark = (photo // 2).astype(np.uint8)
        scan, _ = mounted(kind, dark, rng)
        found = find_photo(scan)
        assert found is not None
        assert found.torn is not None
        L = gray_to_lightness(found.seen.of(scan) / 255).astype(np.float32)
        white = gray_to_lightness(0.7)
        assert (white < L).mean() > 0.01
        # What is left are pixels of an edge that hold some of both.
        assert (mended(L, found.torn) > white).mean() < 0.2 * (white < L).mean()


def test_what_is_not_torn_stays() -> None:
    L = np.random.default_rng(0).uniform(0, 100, (60, 90)).astype(np.float32)
    torn = np.zeros((30, 45), bool)
    torn[:3, 10:20] = True
    found = mended(L, torn)
    hidden = hidden_pixels(torn, L.shape)
    assert hidden[:6, 20:40].all()
    assert hidden.mean() < 0.25
    assert np.array_equal(found[~hidden], L[~hidden])
    assert not np.array_equal(found[hidden], L[hidden])


def test_a_tear_is_filled_by_its_mirror_image() -> None:
    L = np.repeat(np.arange(40, dtype=np.float32)[:, None], 60, axis=1)
    torn = np.zeros((40, 60), bool)
    torn[:5] = True
    assert np.array_equal(mended(L, torn)[:7, 30], np.arange(14, 7, -1))


def test_white_inside_of_the_photo_is_not_torn() -> None:
    like = np.zeros((20, 30), bool)
    like[:2] = like[8:12, 10:14] = like[:6, 25] = True
    reached = from_outside(like)
    assert reached[:2].all()
    assert reached[:6, 25].all()
    assert not reached[8:12, 10:14].any()
    assert reached.sum() == 2 * 30 + 4


def test_a_wholly_hidden_picture_stays() -> None:
    L = np.full((8, 8), 50, np.float32)
    assert np.array_equal(mended(L, np.ones((4, 4), bool)), L)


@pytest.mark.parametrize("light", [238, 200])
def test_the_shadow_of_a_print_is_not_shown(photos: list[Array], light: int) -> None:
    """A soft shadow of eight lines: the photo begins behind it, where a bed of one tone ends at once."""
    for photo in photos:
        scan = np.full((photo.shape[0] + 100, photo.shape[1] + 100), float(light))
        for k in range(8):
            scan[42 + k : scan.shape[0] - 42 - k, 42 + k : scan.shape[1] - 42 - k] = light - 11 * (k + 1)
        scan[50:-50, 50:-50] = photo
        found = find_photo(scan.astype(np.uint8))
        assert found is not None
        inside = 50, scan.shape[0] - 50, 50, scan.shape[1] - 50
        assert np.abs(np.array(found.seen) - inside).max() <= 4  # white fur is no shadow's end


def test_a_faded_photo_of_a_plain_sky_has_no_border(photos: list[Array]) -> None:
    """With its contrast cut to a quarter, its sky is as plain as card by the codes of a full one."""
    for photo in photos:
        rng = np.random.default_rng(2)
        full = photo * 0.6
        full[:60] = 180 + rng.normal(0, 12, (60, photo.shape[1]))
        full[-30:] = 170 + rng.normal(0, 12, (30, photo.shape[1]))
        assert find_photo(np.rint(full).clip(0, 255).astype(np.uint8)) is None
        assert find_photo(np.rint(full / 4 + 90).astype(np.uint8)) is None


def test_on_planks_nothing_is_filled(photos: list[Array]) -> None:
    """What is like planks in tone need not be of them: there the photo is shown without its edges."""
    rng = np.random.default_rng(3)
    found = [find_photo(mounted("wood", photo, rng)[0]) for photo in photos]
    assert any(found)
    assert all(one is None or one.torn is None for one in found)
    assert all(one is None or one.seen == one.filled for one in found)


def test_a_dark_plain_edge_is_no_shadow(photos: list[Array]) -> None:
    """Plain lines that are darker from one to the next by more than a shadow is: a night sky that darkens upward."""
    for photo in photos:
        night = photo // 2
        for k in range(3):
            night[k] = 150 - 60 * k
        scan = np.full((photo.shape[0] + 100, photo.shape[1] + 100), 238, np.uint8)
        scan[50:-50, 50:-50] = night
        found = find_photo(scan)
        assert found is not None
        assert found.seen.top <= 50


def test_a_shadow_is_found_at_every_side(photos: list[Array]) -> None:
    """One that is soft and wider at two sides, on a bed with grain: its first line is half like the bed."""
    rng = np.random.default_rng(4)
    for photo in photos:
        scan, (top, left, height, width) = mounted("bed with shadow", photo, rng)
        found = find_photo(scan)
        assert found is not None
        assert np.abs(np.array(found.seen) - (top, top + height, left, left + width)).max() <= 4
        assert found.window == found.seen, "the shadow gets no colour"
