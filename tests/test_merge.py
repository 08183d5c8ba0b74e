"""The join: light is kept to the rounding, colour stays in gamut and on its side of edges, threads change nothing."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from colorizegan.color import gray_to_lightness, rgb_to_lab
from colorizegan.merge import merge


def lightness(rgb: np.ndarray) -> np.ndarray:
    """L of sRGB codes of either depth."""
    return rgb_to_lab(rgb.astype(np.float64) / np.iinfo(rgb.dtype).max)[..., 0]


def chroma(seed: int, h: int, w: int, size: float) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-size, size, (2, h, w)).astype(np.float32)


@pytest.mark.parametrize(("dtype", "mean", "most"), [(np.uint8, 0.2, 1.0), (np.uint16, 0.002, 0.02)])
def test_lightness_is_kept_even_with_colours_that_leave_the_gamut(dtype: type, mean: float, most: float) -> None:
    rng = np.random.default_rng(0)
    gray = rng.integers(0, np.iinfo(dtype).max, (90, 120), dtype, endpoint=True)
    for size in (20, 150):
        apart = np.abs(lightness(merge(gray, chroma(1, 12, 16, size))) - gray_to_lightness(gray / np.iinfo(dtype).max))
        assert apart.mean() < mean
        assert apart.max() < most


def test_lightness_is_kept_on_real_photos(shared_data: Path) -> None:
    with tarfile.open(shared_data / "kodak.tar") as tar:
        members = [m for m in tar.getmembers() if m.isfile()][::8]
        photos = [Image.open(io.BytesIO(tar.extractfile(m).read())).convert("L") for m in members]  # pyright: ignore
    for i, photo in enumerate(photos):
        gray = np.asarray(photo)
        apart = np.abs(lightness(merge(gray, chroma(i, 48, 64, 60))) - gray_to_lightness(gray / 255))
        assert apart.mean() < 0.5
        assert np.quantile(apart, 0.999) < 2.0


def test_flat_colour_on_flat_light_comes_out_exactly() -> None:
    gray = np.full((40, 60), 119, np.uint8)
    ab = np.stack([np.full((5, 7), 20.0), np.full((5, 7), -30.0)]).astype(np.float32)
    lab = rgb_to_lab(merge(gray, ab) / 255)
    assert np.abs(lab[..., 1] - 20).max() < 0.6
    assert np.abs(lab[..., 2] + 30).max() < 0.6
    half = rgb_to_lab(merge(gray, ab, saturation=0.5) / 255)
    assert half[..., 1].mean() == pytest.approx(10, abs=0.6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_no_saturation_is_gray_to_the_bit(dtype: type) -> None:
    gray = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (9, 11), dtype, endpoint=True)
    assert np.array_equal(merge(gray, chroma(0, 3, 4, 50), saturation=0), np.repeat(gray[..., None], 3, 2))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_neutral_chroma_gives_neutral_codes(dtype: type) -> None:
    gray = np.arange(256).astype(dtype)[None] * (1 if dtype is np.uint8 else 257)
    rgb = merge(gray, np.zeros((2, 1, 8), np.float32)).astype(int)
    assert np.abs(rgb - gray[..., None].astype(int)).max() <= (0 if dtype is np.uint8 else 3)


def test_colour_stops_at_the_photo_s_edge_where_bilinear_bleeds() -> None:
    gray = np.full((64, 128), 70, np.uint8)
    gray[:, 63:] = 180  # the edge lies inside a cell of the small ab
    truth = np.where(gray == 70, 30.0, -30.0)
    full = np.stack([truth, np.zeros_like(truth)]).astype(np.float32)
    small = np.stack([np.asarray(Image.fromarray(p).resize((16, 8), Image.Resampling.BOX)) for p in full])
    ours = rgb_to_lab(merge(gray, small) / 255)[..., 1]
    plain = np.asarray(Image.fromarray(small[0]).resize((128, 64), Image.Resampling.BILINEAR))
    near = slice(55, 72)
    bleeding = [np.abs(x - truth)[:, near].mean() for x in (ours, plain)]
    assert bleeding[0] < 0.5 * bleeding[1]


@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(1, 9),
    st.sampled_from([np.uint8, np.uint16]), st.floats(0, 4),
)  # fmt: skip
def test_any_size_goes_and_threads_change_no_byte(
    height: int, width: int, h: int, w: int, dtype: type, saturation: float
) -> None:
    gray = np.random.default_rng(height).integers(0, np.iinfo(dtype).max, (height, width), dtype, endpoint=True)
    ab = chroma(width, h, w, 90)
    one = merge(gray, ab, saturation=saturation, threads=1)
    assert one.shape == (height, width, 3)
    assert one.dtype == dtype
    assert np.array_equal(one, merge(gray, ab, saturation=saturation, threads=2))


def test_inputs_are_left_as_they_were_and_large_photos_are_pieced_together() -> None:
    gray = np.tile(np.arange(256, dtype=np.uint8), (700, 3))
    ab = chroma(0, 20, 30, 60)
    before = gray.copy(), ab.copy()
    whole = merge(gray, ab, threads=2)
    assert np.array_equal(gray, before[0])
    assert np.array_equal(ab, before[1])
    assert np.array_equal(whole, merge(gray, ab, threads=1))


@pytest.mark.parametrize(
    ("gray", "ab"),
    [
        (np.zeros((4, 4), np.float32), np.zeros((2, 1, 1), np.float32)),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((2, 1, 1), np.float32)),
        (np.zeros((0, 4), np.uint8), np.zeros((2, 1, 1), np.float32)),
        (np.zeros((4, 4), np.uint8), np.zeros((3, 1, 1), np.float32)),
    ],
)
def test_other_shapes_are_refused(gray: np.ndarray, ab: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be"):
        merge(gray, ab)
