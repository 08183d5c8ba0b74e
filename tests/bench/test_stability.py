"""Stability: known turns of the hue come out as what they are, and the inputs are changed as the metrics say."""

from pathlib import Path

import numpy as np
import pytest
from pictures import encoded, pixels
from PIL import Image

from colorizegan.bench.entrants import Colorization, colour_with
from colorizegan.bench.evaluate import evaluate
from colorizegan.bench.stability import CHANGES, GRAIN, changed, stability
from colorizegan.errors import ModelError


def photo(width: int = 300, height: int = 200, seed: int = 0) -> Image.Image:
    small = np.random.default_rng(seed).integers(90, 190, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


class Turner:
    """Paints the whole picture in one colour, whose hue angle is `angle` of the size that it is asked to work at."""

    live = True

    def __init__(self, angles: dict[int, float]) -> None:
        self.angles = angles
        self.facts: dict[str, str | float | int] = {}
        self.seen: list[tuple[np.ndarray, int]] = []

    def colorize(self, key: str, gray: np.ndarray, *, size: int | None = None) -> Colorization:
        assert size is not None
        self.seen.append((gray, size))
        angle = np.radians(self.angles.get(size, 0.0))
        return Colorization(colour_with(gray, np.array([12 * np.cos(angle), 12 * np.sin(angle)], np.float32)))


def test_a_turn_is_measured_in_degrees_and_weighted_by_chroma():
    rng = np.random.default_rng(0)
    before = rng.normal(0, 20, (2, 30, 40)).astype(np.float32)
    turn = np.radians(np.where(np.arange(40) < 20, 30.0, -170.0))
    a, b = before
    after = np.stack([a * np.cos(turn) - b * np.sin(turn), a * np.sin(turn) + b * np.cos(turn)]).astype(np.float32)
    found = changed(before, after)
    chroma = np.hypot(a, b)
    chroma[chroma < 1] = 0
    expected = (30 * chroma[:, :20].sum() + 170 * chroma[:, 20:].sum()) / chroma.sum()
    assert found["turn"] / found["chroma"] == pytest.approx(expected, rel=1e-5)
    assert found["move"] == pytest.approx(np.sqrt(((before - after).astype(np.float64) ** 2).sum(0)).sum(), rel=1e-5)
    assert found["pixels"] == 1200


def test_a_gray_has_no_hue():
    before = np.zeros((2, 5, 5), np.float32)
    before[0, 0, 0] = 0.5
    assert changed(before, -before)["chroma"] == 0
    assert changed(before, -before)["move"] == pytest.approx(1)


def test_sizes_are_averaged_and_other_changes_left_alone():
    found = stability(Turner({192: 40.0, 384: 20.0}), "p", photo())
    assert found["size_turn"] / found["size_chroma"] == pytest.approx(30, abs=1.5)
    chord = (2 * 12 * np.sin(np.radians(20)) + 2 * 12 * np.sin(np.radians(10))) / 2
    assert found["size_move"] / found["size_pixels"] == pytest.approx(chord, rel=0.05)
    assert found["size_pixels"] == 2 * 384 * 256  # all are compared at the size of the first
    for change in ("jpeg", "grain"):
        assert found[f"{change}_turn"] / found[f"{change}_chroma"] < 4  # rounding to 8 bits


def test_inputs_are_changed_as_stated():
    turner = Turner({})
    stability(turner, "folder/p", photo())
    (clean, *_), small, large, jpeg, grain = turner.seen
    assert [size for _, size in turner.seen] == [256, 192, 384, 256, 256]
    assert clean.shape == (256, 384)
    assert small[0].shape == (192, 288)
    assert large[0].shape == (384, 576)
    assert np.array_equal(jpeg[0], pixels(encoded(clean, "JPEG", quality=30)))
    noise = grain[0].astype(float) - clean
    assert noise.std() == pytest.approx(GRAIN, rel=0.05)
    assert abs(noise.mean()) < 0.2
    again = Turner({})
    stability(again, "p", photo())  # grain hangs on the photo's name, not on its folder
    assert np.array_equal(again.seen[-1][0], grain[0])
    stability(again, "q", photo())
    assert not np.array_equal(again.seen[-1][0], grain[0])


def test_a_photo_that_is_not_tested_adds_nothing():
    nothing = stability(Turner({}), "p", None)
    assert nothing.keys() == stability(Turner({}), "p", photo()).keys()
    assert set(nothing.values()) == {0}


def test_a_network_of_one_size_says_how_to_go_on():
    class Stubborn(Turner):
        def colorize(self, key: str, gray: np.ndarray, *, size: int | None = None) -> Colorization:
            raise ModelError("the network failed at 288x192", path="x.onnx")

    with pytest.raises(ModelError, match=r"x.onnx: .*in the stability test; leave .*--stability 0"):
        stability(Stubborn({}), "p", photo())


def test_in_a_report_only_the_first_photos_count(tmp_path: Path, tiny_bundle: Path):
    (tmp_path / "photos").mkdir()
    for index in range(7):
        photo(60, 50, index).save(tmp_path / "photos" / f"{index}.png")
    entrants = {"tiny": str(tiny_bundle), "as it is": str(tmp_path / "photos")}
    report = evaluate("folder-full", tmp_path / "photos", entrants, resamples=50, stable=6)
    columns = report.columns["tiny"]
    assert np.count_nonzero(columns["size_pixels"]) == 6
    figure = report.scores["tiny"]["size_ab"]
    assert figure.value == pytest.approx(columns["size_move"].sum() / columns["size_pixels"].sum())
    assert 0 < figure.low < figure.value < figure.high
    assert not any(name.startswith(tuple(CHANGES)) for name in report.scores["as it is"])  # a folder cannot be asked
    assert "Stability: on the first 6 of 7 photos." in report.notes
    few = evaluate("folder-full", tmp_path / "photos", entrants, resamples=50, stable=4)
    assert np.isnan(few.scores["tiny"]["size_ab"].low)  # four photos carry no interval
    assert "size_ab" not in {d.metric for d in few.differences}
    none = evaluate("folder-full", tmp_path / "photos", entrants, resamples=50, stable=0)
    assert "size_ab" not in none.scores["tiny"]
