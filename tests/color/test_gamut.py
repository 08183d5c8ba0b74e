"""The table of the gamut's edge against the equations, and against the colours that come out."""

import numpy as np

from colorizegan.color.gamut import gamut_scale, in_gamut_scale
from colorizegan.color.lab import gray_to_lightness, lab_to_rgb, rgb_to_lab


def cases(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Codes, their L, and a and b of up to 150 units of chroma in all directions."""
    rng = np.random.default_rng(0)
    code = rng.integers(0, 256, count).astype(np.uint8)
    angle, chroma = rng.uniform(0, 2 * np.pi, count), rng.uniform(0, 150, count)
    a, b = (chroma * np.cos(angle)).astype(np.float32), (chroma * np.sin(angle)).astype(np.float32)
    return code, gray_to_lightness(code / 255), a, b


def test_the_table_gives_the_chroma_that_the_equations_give() -> None:
    code, L, a, b = cases(200_000)
    found, exact = gamut_scale(code, a, b), in_gamut_scale(L, a, b)
    hue = np.degrees(np.arctan2(b, a)) % 360
    plain = ~((L > 90) & (hue > 90) & (hue < 110))  # beside pure yellow a ray may meet the edge three times
    apart = (found - exact) * np.hypot(a, b)
    assert np.abs(apart[plain]).max() < 2
    assert np.quantile(np.abs(apart[plain]), 0.999) < 0.3
    assert np.abs(found[plain & (exact == 1)] - 1).max() < 0.01  # colours of the gamut are left alone


def test_lightness_is_kept_everywhere() -> None:
    code, L, a, b = cases(200_000)
    scale = gamut_scale(code, a, b)
    rgb = np.rint(255 * lab_to_rgb(np.stack((L, a * scale, b * scale), -1))) / 255
    assert np.abs(rgb_to_lab(rgb)[..., 0] - L).max() < 0.3  # rounding to codes alone is 0.25


def test_black_and_white_have_no_room_and_the_axes_are_in_their_places() -> None:
    strong = np.array([80, -80, 0, 0], np.float32)
    for code in (0, 255):
        assert gamut_scale(np.full(4, code, np.uint8), strong, strong[::-1].copy()).max() < 0.01
    zero = np.zeros(3, np.float32)
    assert np.array_equal(gamut_scale(np.array([0, 128, 255], np.uint8), zero, zero), np.ones(3))
    for a, b in ((90, 0), (-90, 0), (0, 90), (0, -90)):
        code = np.array([128], np.uint8)
        found = gamut_scale(code, np.array([a], np.float32), np.array([b], np.float32))
        assert abs(float(found[0]) - float(in_gamut_scale(gray_to_lightness(128 / 255), a, b))) < 0.005
