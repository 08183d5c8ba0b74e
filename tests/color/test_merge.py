"""The join: light is kept to the rounding, colour stays in gamut and on its side of edges, threads change nothing."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_thread import processors_used
from PIL import Image

from colorizegan.color import gamut
from colorizegan.color import lab as color
from colorizegan.color.lab import gray_to_lightness, rgb_to_lab
from colorizegan.color.merge import EPSILON, GAMUT_SLACK, merge


def lightness(rgb: np.ndarray) -> np.ndarray:
    """L of sRGB codes of either depth."""
    return rgb_to_lab(rgb.astype(np.float64) / np.iinfo(rgb.dtype).max)[..., 0]


def chroma(seed: int, h: int, w: int, size: float) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-size, size, (2, h, w)).astype(np.float32)


def window_mean(x: np.ndarray) -> np.ndarray:
    """Mean of the 3 x 3 cells around each cell of (h, w), of those inside."""
    padded = np.pad(x, 1, constant_values=np.nan)
    return np.nanmean(np.lib.stride_tricks.sliding_window_view(padded, (3, 3)), axis=(2, 3))


def enlarged(x: np.ndarray, height: int, width: int) -> np.ndarray:
    """(h, w) -> (height, width), linear between the centres of cells, constant beyond the outermost."""
    for axis, size in ((0, height), (1, width)):
        cells = x.shape[axis]
        at = (np.arange(size) + 0.5) * cells / size - 0.5
        x = np.apply_along_axis(lambda line, at=at, cells=cells: np.interp(at, np.arange(cells), line), axis, x)
    return x


def plain_join(gray: np.ndarray, ab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `merge` is to give, in float64: sRGB 0..1 (H, W, 3); and how many codes off it may be, (H, W)."""
    top = np.iinfo(gray.dtype).max
    gap = 2.0 if gray.dtype == np.uint8 else None
    small = Image.fromarray(gray).resize(ab.shape[:0:-1], Image.Resampling.BOX, reducing_gap=gap)
    g = np.asarray(small if gray.shape != ab.shape[1:] else gray).astype(float) / top
    full = []
    for plane in ab.astype(float):
        covariance = window_mean(g * plane) - window_mean(g) * window_mean(plane)
        slope = window_mean(covariance / (window_mean(g * g) - window_mean(g) ** 2 + EPSILON))
        full.append(enlarged(slope, *gray.shape) * (gray / top) + enlarged(plane - slope * g, *gray.shape))
    light = gray_to_lightness(gray / top)
    linear = color.srgb_to_linear(color.lab_to_rgb(np.stack((light, *full), axis=-1), clip=False))
    # What rounds to a colour of sRGB is one, and is cut.
    low, high = (max(GAMUT_SLACK / (slope * top), 2e-6) for slope in (12.92, 0.44))
    least, most = linear.min(axis=-1), linear.max(axis=-1)
    scale = np.where((least >= -low) & (most <= 1 + high), 1.0, gamut.in_gamut_scale(light, *full))
    rgb = color.lab_to_rgb(np.stack((light, full[0] * scale, full[1] * scale), axis=-1))
    lab = rgb_to_lab(rgb)
    # Beside pure yellow the gamut has several boundaries along a ray, any of which may be taken.
    yellow = (lab[..., 0] > 90) & (np.abs(np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) - 103) < 10)
    close = np.minimum(np.abs(least + low), np.abs(most - 1 - high)) < 1e-5
    # Near black half a code of 16 bits is at the limit of float32, and where the gamut ends is sought to that.
    most_codes = np.where(scale == 1, 1.0 if gray.dtype == np.uint8 else 2.0, 1.0 if gray.dtype == np.uint8 else 16.0)
    return rgb, np.where(yellow | close, np.inf, most_codes)


@given(
    st.integers(1, 60), st.integers(1, 60), st.integers(1, 9), st.integers(1, 9),
    st.sampled_from([np.uint8, np.uint16]), st.sampled_from([0, 5, 40, 110, 300]), st.integers(0, 1 << 20),
)  # fmt: skip
def test_the_fast_join_gives_what_the_plain_formulas_give(
    height: int, width: int, h: int, w: int, dtype: type, size: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    gray = rng.integers(0, top, (height, width), dtype, endpoint=True)
    gray[rng.random(gray.shape) < 0.2] = 0
    gray[rng.random(gray.shape) < 0.2] = top
    ab = chroma(seed, h, w, size)
    expected, most_codes = plain_join(gray, ab)
    found = merge(gray, ab)
    fits = (np.abs(found - expected * top) <= most_codes[..., None]).all(axis=-1)
    if dtype == np.uint8:  # where chroma is reduced, by a table whose corners are off by up to 2 Lab units
        fits |= np.linalg.norm(rgb_to_lab(found / top) - rgb_to_lab(expected), axis=-1) < 2.5
    assert fits.all()


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


def test_no_other_threads_are_started() -> None:
    # Those of BLAS wait for work by turning in circles: the join took three times the processor's time.
    setup = (
        "from colorizegan.color.merge import merge\n"
        "gray, ab = np.tile(np.arange(250, dtype=np.uint8), (1000, 4)), np.ones((2, 112, 112), np.float32)"
    )
    assert processors_used(setup, "merge(gray, ab)") < 1.3
