"""Steering through the library: hints are kept, wishes do what they say, nonsense is refused in one line."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import Array
from PIL import Image

from colorizegan import Colorizer, Hint, UsageError
from colorizegan.color.difference import ciede2000
from colorizegan.color.lab import rgb_to_lab
from colorizegan.model.bundle import open_bundle
from colorizegan.model.network import NetworkInput, Prediction
from colorizegan.model.predictor import Predictor
from colorizegan.steer.colors import annealed_mean
from colorizegan.steer.confidence import confidence_map, overlay
from colorizegan.steer.eye import Eye
from colorizegan.steer.film import FILMS, Emulsion, as_the_eye_sees
from colorizegan.steer.look import Look


class Calm(Predictor):
    """In place of a trained network: its colours follow brightness, and its distribution is spread around them."""

    def predict(self, L: Array, *, hint_ab: Array | None = None, hint_mask: Array | None = None) -> Prediction:
        height, width = L.shape
        half = np.asarray(Image.fromarray(L).resize((-(-width // 2), -(-height // 2)), Image.Resampling.BOX))
        ab = np.stack((0.2 * (half - 50), 0.1 * (50 - half))).astype(np.float32)
        colors = ab[:, ::2, ::2].copy()
        spread = np.full(colors.shape[1:], 30.0)
        if hint_ab is not None and hint_mask is not None:
            told = hint_mask[0, ::4, ::4] > 0
            colors[:, told] = hint_ab[:, ::4, ::4][:, told]
            spread[told] = 10.0
        distance = np.square(colors[None] - self.bins[:, :, None, None]).sum(1)
        return Prediction(ab, (-distance / (2 * spread**2)).astype(np.float32), self.bins)


@pytest.fixture(scope="module")
def colorizer(tiny_bundle: Path) -> Colorizer:
    return Colorizer(Calm(open_bundle(tiny_bundle), threads=1))


class Spreading(Calm):
    """In place of Zhang's of 2017: gray without hints, and the hint's colour everywhere with one."""

    def predict_batch(self, inputs: Sequence[NetworkInput]) -> list[Prediction]:
        (photo,) = inputs
        height, width = (-(-side // 2) for side in photo.L.shape)
        ab = np.zeros((2, height, width), np.float32)
        if photo.hint_ab is not None and photo.hint_mask is not None:
            ab += photo.hint_ab[:, photo.hint_mask[0] > 0][:, 0, None, None]
        return [Prediction(ab, np.zeros((1, -(-height // 2), -(-width // 2)), np.float32), self.bins[:1])]

    def predict(self, L: Array, *, hint_ab: Array | None = None, hint_mask: Array | None = None) -> Prediction:
        return self.predict_batch([NetworkInput(L, hint_ab, hint_mask)])[0]


@pytest.mark.parametrize("color", ["#c04040", "teal", "#26f"])
def test_a_network_that_was_made_for_hints_spreads_them_itself(tiny_bundle: Path, color: str) -> None:
    network = Spreading(open_bundle(tiny_bundle), threads=1)
    made = replace(network.card.network, generator="zhang17")
    network.card = replace(network.card, network=made, ab_bins=((0.0, 0.0),))
    colorizer = Colorizer(network)
    assert np.abs(colorizer.predict(scene()).ab).max() == 0
    ab = colorizer.predict(scene(), Look(hints=[Hint(100, 120, color)])).ab
    assert np.hypot(*ab).min() > 15, "on the wall and the floor too, which are not as dark as the disc"
    assert np.ptp(ab, axis=(1, 2)).max() < 1


def scene() -> Array:
    """A dark disc before a light wall, over a gray floor, with some grain, (240, 320)."""
    y, x = np.mgrid[0:240, 0:320]
    disc = (y - 120) ** 2 + (x - 100) ** 2 < 60**2
    noise = np.random.default_rng(0).normal(0, 2, (240, 320))
    return np.clip(np.where(disc, 90, np.where(y < 205, 190, 150)) + noise, 0, 255).astype(np.uint8)


def lab(rgb: Array) -> Array:
    return rgb_to_lab(rgb / 255.0)


def test_no_wishes_change_nothing(colorizer: Colorizer) -> None:
    gray = scene()
    plain = colorizer.colorize(gray)
    assert np.array_equal(plain, colorizer.colorize(gray, Look(hints=[], temperature=None, emulsion="auto")))


@pytest.mark.parametrize("color", ["#b03020", "#3050a0", "#208040", "#808080"])
def test_a_hint_is_kept_at_its_place(colorizer: Colorizer, color: str) -> None:
    gray = scene()
    hint = Hint(100, 120, color)
    rgb = colorizer.colorize(gray, Look(hints=[hint], size=240))
    region = lab(rgb[116:125, 96:105]).reshape(-1, 3).mean(0)
    assert ciede2000(region, np.array([region[0], *hint.ab])) < 3
    # Its brightness stays that of the photo.
    assert abs(lab(rgb)[..., 0] - lab(np.repeat(gray[..., None], 3, 2))[..., 0]).max() < 1


def test_a_hint_colors_its_thing_and_not_a_disc(colorizer: Colorizer) -> None:
    gray = scene()
    plain, red = colorizer.colorize(gray), colorizer.colorize(gray, Look(hints=[Hint(70, 120, "#c02020")]))
    moved = np.hypot(*np.moveaxis(lab(red)[..., 1:] - lab(plain)[..., 1:], -1, 0))
    inside, outside = (
        moved[100:140, 130:150].mean(),
        moved[100:140, 190:210].mean(),
    )  # as far from the hint to both sides
    assert inside > 2 * outside
    assert inside > 5


def test_many_hints_are_all_kept(colorizer: Colorizer) -> None:
    gray = scene()
    hints = [Hint(x, y, c) for x, y, c in ((100, 120, "#b03020"), (250, 40, "#4060a0"), (250, 200, "#508040"))]
    rgb = colorizer.colorize(gray, Look(hints=hints, size=240))
    for hint in hints:
        region = lab(rgb[hint.y - 3 : hint.y + 4, hint.x - 3 : hint.x + 4]).reshape(-1, 3).mean(0)
        assert ciede2000(region, np.array([region[0], *hint.ab])) < 3


def test_hints_go_with_every_kind_of_photo(colorizer: Colorizer) -> None:
    gray, hint = scene(), Hint(100, 120, "#b03020")
    as_array = colorizer.colorize(gray, Look(hints=[hint], size=240))
    assert np.array_equal(np.asarray(colorizer.colorize(Image.fromarray(gray), Look(hints=[hint], size=240))), as_array)
    wide = colorizer.colorize(gray.astype(np.uint16) * 257, Look(hints=[hint], size=240))
    assert wide.dtype == np.uint16
    assert abs(wide / 257.0 - as_array).max() < 3


def test_temperature_is_zhangs_annealed_mean(colorizer: Colorizer) -> None:
    logits = np.log(np.array([0.7, 0.2, 0.1], np.float32))[:, None, None]
    bins = np.array([[10, 0], [0, 10], [-10, -10]], np.float32)
    prediction = Prediction(np.zeros((2, 2, 2), np.float32), logits, bins)
    assert annealed_mean(prediction, 1.0)[:, 0, 0] == pytest.approx([6, 1], abs=1e-4)
    assert annealed_mean(prediction, 0.05)[:, 0, 0] == pytest.approx([10, 0], abs=1e-3)
    gray = scene()
    by_model = colorizer.colorize(gray)
    tuned = colorizer.network.card.temperature
    assert abs(colorizer.colorize(gray, Look(temperature=tuned)).astype(int) - by_model).max() <= 1
    assert abs(colorizer.colorize(gray, Look(temperature=2.0)).astype(int) - by_model).max() > 3


def test_unsure_places_are_toned_down_and_hinted_ones_are_not(colorizer: Colorizer) -> None:
    gray, hint = np.pad(scene(), ((0, 0), (0, 640)), mode="edge"), Hint(100, 120, "#c02020")
    looks = (Look(hints=[hint], tone_down_unsure=toned) for toned in (False, True))
    wide = Eye.open_wide((gray.shape[0], gray.shape[1]))  # the even wall is no mount here
    full, toned = (colorizer.paint(gray, colorizer.predict(gray, look, eye=wide).ab) for look in looks)
    chroma = [np.hypot(*np.moveaxis(lab(rgb)[..., 1:], -1, 0)) for rgb in (full, toned)]
    assert (chroma[1] <= chroma[0] + 1.5).all()
    far = (slice(0, 40), slice(890, 960))
    assert chroma[1][far].mean() < 0.9 * chroma[0][far].mean()
    assert chroma[1][118:123, 98:103].mean() == pytest.approx(chroma[0][118:123, 98:103].mean(), rel=0.05)


def test_confidence_is_a_map_of_the_photo_and_one_at_hints(colorizer: Colorizer) -> None:
    gray = scene()
    looks = (Look(), Look(hints=[(100, 120, "#c02020")]))
    plain, told = (confidence_map(colorizer.predict(gray, look).confidence(), *gray.shape) for look in looks)
    assert plain.shape == gray.shape
    assert plain.dtype == np.uint8
    assert told[120, 100] > 240 > plain[120, 100]
    assert np.array_equal(confidence_map(np.ones((3, 4), np.float32), 9, 7), np.full((9, 7), 255))


def test_the_overlay_marks_doubt_only() -> None:
    rgb = np.full((2, 2, 3), 100, np.uint8)
    sure = np.array([[255, 255], [0, 166]], np.uint8)
    marked = overlay(rgb, sure)
    assert np.array_equal(marked[0], rgb[0])
    assert marked[1, 0, 0] > 190 > marked[1, 0, 1]
    assert np.array_equal(marked[1, 1], rgb[1, 1])


@pytest.mark.parametrize("film", list(FILMS))
def test_the_eyes_brightness_is_found_again(film: Emulsion) -> None:
    """Known colours: what the film recorded of them, turned back, is their lightness."""
    from colorizegan.color.lab import gray_to_lightness, linear_to_srgb, srgb_to_linear

    rng = np.random.default_rng(0)
    rgb = rng.uniform(0.3, 0.7, (20, 20, 3))
    true = rgb_to_lab(rgb).astype(np.float32)
    filmed = gray_to_lightness(linear_to_srgb(srgb_to_linear(rgb) @ np.array(FILMS[film]))).astype(np.float32)
    found = as_the_eye_sees(filmed, np.moveaxis(true[..., 1:], -1, 0), film)
    before, after = abs(filmed - true[..., 0]).mean(), abs(found - true[..., 0]).mean()
    assert after < 0.5 * before
    gray = np.zeros((2, 20, 20), np.float32)
    np.testing.assert_allclose(as_the_eye_sees(filmed, gray, film), filmed, atol=0.05)


def test_the_palette_of_a_photo_goes_to_what_looks_the_same(colorizer: Colorizer) -> None:
    gray = scene()
    accepted = colorizer.colorize(gray, Look(hints=[Hint(100, 120, "#c02020"), Hint(250, 60, "#3060c0")]))
    neighbour = np.ascontiguousarray(gray[:, ::-1])
    alone = colorizer.colorize(neighbour)
    like = colorizer.colorize(neighbour, Look(like=colorizer.palette(accepted)))
    wanted = accepted[:, ::-1]
    assert ciede2000(lab(like), lab(wanted)).mean() < 0.6 * ciede2000(lab(alone), lab(wanted)).mean()


def test_a_photo_is_like_itself(colorizer: Colorizer) -> None:
    gray = scene()
    plain = colorizer.colorize(gray)
    again = colorizer.colorize(gray, Look(like=colorizer.palette(plain)))
    assert ciede2000(lab(again), lab(plain)).mean() < 2


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"saturation": 5}, "saturation is 5"),
        ({"size": 15}, "size is 15"),
        ({"hints": [(1, 2, "no colour")]}, "colour 'no colour' is none"),
        ({"temperature": 0.01}, "temperature is 0.01"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"emulsion": "kodachrome"}, "no emulsion 'kodachrome'"),
    ],
)
def test_wishes_out_of_range_are_refused(wish: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Look(**wish)


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4), (0, 3, 3), (10, 10, 3)])
def test_a_reference_without_colors_is_refused(colorizer: Colorizer, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="has no colours"):
        colorizer.palette(np.zeros(shape, np.uint8))


def test_a_gray_file_is_no_reference(colorizer: Colorizer, tmp_path: Path) -> None:
    Image.fromarray(scene()).convert("RGB").save(tmp_path / "gray.jpg")
    with pytest.raises(UsageError, match=r"gray\.jpg has no colours"):
        colorizer.palette(tmp_path / "gray.jpg")
