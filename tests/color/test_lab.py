"""Colour arithmetic against scikit-image, colour-science and published figures."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import color as sk

from colorizegan.color.difference import ciede2000, colorfulness
from colorizegan.color.gamut import in_gamut_scale
from colorizegan.color.lab import (
    gray_to_lightness,
    lab_to_rgb,
    lightness_to_gray,
    linear_to_srgb,
    rgb_to_gray,
    rgb_to_lab,
    srgb_to_linear,
)

# Pairs of colours, and the published difference of each.
SHARMA = np.loadtxt(Path(__file__).with_name("ciede2000.txt"))

ALL_GRAYS = np.arange(256) / 255.0
ab_values = st.floats(-128, 128)


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    corners = np.stack(np.meshgrid(*[np.linspace(0, 1, 17)] * 3), axis=-1).reshape(-1, 3)
    return np.concatenate([corners, np.random.default_rng(0).random((20_000, 3))])


def test_transfer_function_agrees_with_colour_science():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # colour-science warns about the optional packages it lacks
        from colour.models import eotf_inverse_sRGB, eotf_sRGB
    x = np.linspace(0, 1, 4001)
    np.testing.assert_allclose(srgb_to_linear(x), eotf_sRGB(x), atol=1e-12)
    np.testing.assert_allclose(linear_to_srgb(x), eotf_inverse_sRGB(x), atol=1e-12)


def test_lab_agrees_with_scikit_image(rgb: np.ndarray):
    lab = sk.rgb2lab(rgb)
    assert np.abs(rgb_to_lab(rgb) - lab).max() < 0.02  # its white point differs in the fifth digit
    np.testing.assert_allclose(lab_to_rgb(lab), sk.lab2rgb(lab), atol=5e-4)


def test_lab_round_trip(rgb: np.ndarray):
    assert np.abs(lab_to_rgb(rgb_to_lab(rgb)) - rgb).max() < 1e-6  # the two sRGB branches meet to about 1e-7
    single = rgb.astype(np.float32)
    assert np.abs(lab_to_rgb(rgb_to_lab(single)) - single).max() < 2e-5


def test_lab_to_rgb_clips_only_when_asked():
    vivid_green = np.array([60.0, -120.0, 80.0])
    assert lab_to_rgb(vivid_green, clip=False).min() < 0
    assert lab_to_rgb(vivid_green).min() == 0


def test_gray_has_no_chroma_and_round_trips():
    lab = rgb_to_lab(np.repeat(ALL_GRAYS[:, None], 3, axis=1))
    assert np.abs(lab[:, 1:]).max() < 1e-12
    np.testing.assert_allclose(gray_to_lightness(ALL_GRAYS), lab[:, 0], atol=1e-12)
    np.testing.assert_allclose(gray_to_lightness(np.array([0.0, 1.0])), [0.0, 100.0], atol=1e-12)
    assert (np.round(lightness_to_gray(gray_to_lightness(ALL_GRAYS)) * 255) == np.arange(256)).all()
    sixteen = np.arange(65536, dtype=np.float32) / np.float32(65535)
    assert (np.round(lightness_to_gray(gray_to_lightness(sixteen)) * 65535) == np.arange(65536)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_type_and_shape_are_kept(dtype: type):
    picture = np.random.default_rng(1).random((4, 5, 3)).astype(dtype)
    plane = picture[..., 0]
    for result in (rgb_to_lab(picture), lab_to_rgb(picture * 50), lab_to_rgb(picture * 50, clip=False)):
        assert result.shape == (4, 5, 3)
        assert result.dtype == dtype
    for function in (srgb_to_linear, linear_to_srgb, gray_to_lightness, lightness_to_gray):
        assert function(plane).shape == (4, 5)
        assert function(plane).dtype == dtype
    assert in_gamut_scale(plane * 100, plane, plane).dtype == dtype
    assert ciede2000(picture, picture[::-1]).dtype == dtype


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.uint8, 0.5), (np.uint16, 1.0)])
def test_rgb_to_gray_keeps_luminance_and_neutral_codes(dtype: type, tolerance: float):
    top = np.iinfo(dtype).max
    codes = np.arange(top + 1).astype(dtype)
    neutral = np.stack([codes] * 3, axis=-1)
    assert (rgb_to_gray(neutral) == codes).all()
    neutral[0] = (9, 0, 0)  # one coloured pixel: the others are no longer taken as they are
    assert (rgb_to_gray(neutral)[1:] == codes[1:]).all()
    rgb = np.random.default_rng(3).integers(0, top + 1, (200, 300, 3)).astype(dtype)
    expected = lightness_to_gray(rgb_to_lab(rgb / top)[..., 0]) * top
    gray = rgb_to_gray(rgb)
    assert gray.dtype == dtype
    assert np.abs(gray - expected).max() <= tolerance + 0.05


def test_wrong_channel_count_is_refused():
    with pytest.raises(ValueError, match="three channels"):
        rgb_to_lab(np.zeros((4, 4)))


@given(st.floats(0, 100), ab_values, ab_values)
def test_in_gamut_scale_finds_the_boundary(lightness: float, a: float, b: float):
    t = float(in_gamut_scale(lightness, a, b))
    assert 0 <= t <= 1
    at = lab_to_rgb([lightness, t * a, t * b], clip=False)
    assert at.min() > -1e-9
    assert at.max() < 1 + 1e-9
    if t < 1:  # a bit more chroma leaves the gamut
        more = t * (1 + 1e-4) + 1e-9
        beyond = lab_to_rgb([lightness, more * a, more * b], clip=False)
        assert beyond.min() < 1e-9 or beyond.max() > 1 - 1e-9
        assert not _in_gamut(beyond) or np.isclose(lightness, [0, 100], atol=1e-6).any()


def _in_gamut(rgb: np.ndarray) -> bool:
    return bool(rgb.min() > 1e-12 and rgb.max() < 1 - 1e-12)


def test_in_gamut_scale_leaves_colours_of_the_gamut_alone(rgb: np.ndarray):
    for dtype in (np.float32, np.float64):
        lab = rgb_to_lab(rgb.astype(dtype))
        assert (in_gamut_scale(lab[:, 0], lab[:, 1], lab[:, 2]) > 0.9999).all()
        inner = rgb_to_lab((0.05 + 0.9 * rgb).astype(dtype))
        assert (in_gamut_scale(inner[:, 0], inner[:, 1], inner[:, 2]) == 1).all()


def test_in_gamut_scale_in_single_precision_agrees_with_double():
    rng = np.random.default_rng(2)
    L, a, b = rng.uniform(0, 100, 20_000), rng.uniform(-128, 128, 20_000), rng.uniform(-128, 128, 20_000)
    hue = np.degrees(np.arctan2(b, a))
    away_from_yellow = (L < 92) | (hue < 97) | (hue > 104)  # where a ray meets the boundary once
    single = in_gamut_scale(L.astype(np.float32), a.astype(np.float32), b.astype(np.float32))
    difference = np.abs(single - in_gamut_scale(L, a, b))[away_from_yellow] * np.hypot(a, b)[away_from_yellow]
    assert difference.max() < 0.1
    assert difference.mean() < 1e-3


def test_in_gamut_scale_at_the_ends_and_broadcast():
    assert in_gamut_scale(100.0, 5.0, 0.0) == 0
    assert in_gamut_scale(0.0, 0.0, -5.0) == 0
    assert in_gamut_scale(100.0, 0.0, 0.0) == 1
    assert in_gamut_scale(np.full((3, 1), 50.0), np.zeros((1, 4)), 10.0).shape == (3, 4)
    assert in_gamut_scale(np.zeros((0,)), np.zeros((0,)), np.zeros((0,))).shape == (0,)


def test_colorfulness_of_known_pictures():
    assert colorfulness(np.full((8, 8, 3), 90)) == 0
    half_red_half_cyan = np.zeros((2, 2, 3))
    half_red_half_cyan[0, :, 0] = 255
    half_red_half_cyan[1, :, 1:] = 255
    # R-G: +-255 (std 255, mean 0); (R+G)/2-B: +-127.5 (std 127.5, mean 0)
    assert colorfulness(half_red_half_cyan) == pytest.approx(np.hypot(255, 127.5))
    assert colorfulness(np.full((4, 4, 3), [255.0, 0, 0])) == pytest.approx(0.3 * np.hypot(255, 127.5))


def test_ciede2000_published_pairs():
    got = ciede2000(SHARMA[:, :3], SHARMA[:, 3:6])
    np.testing.assert_allclose(np.round(got, 4), SHARMA[:, 6], atol=1.0001e-4 / 2)
    np.testing.assert_allclose(ciede2000(SHARMA[:, 3:6], SHARMA[:, :3]), got, atol=1e-10)


@given(hnp.arrays(np.float64, (2, 3), elements=st.floats(-100, 100)))
def test_ciede2000_agrees_with_scikit_image(pair: np.ndarray):
    pair[:, 0] = np.abs(pair[:, 0])
    assert ciede2000(pair[0], pair[1]) == pytest.approx(sk.deltaE_ciede2000(pair[0], pair[1]), abs=1e-6)
    assert ciede2000(pair[0], pair[0]) == 0
