"""The predictor: shapes, hints, padding, sameness of results, errors."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from command import python
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import Array
from tiny_bundle import BINS, MULTIPLE, make_tiny_bundle, write_card

from colorizegan.errors import ModelError, UsageError
from colorizegan.machine import cpu_threads
from colorizegan.model.bundle import Bundle, open_bundle
from colorizegan.model.card import Calibration
from colorizegan.model.network import Prediction
from colorizegan.model.predictor import Predictor


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def predictor(bundle: Bundle) -> Predictor:
    return Predictor(bundle, threads=1)


def lightness(height: int, width: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(0, 100, (height, width)).astype(np.float32)


@settings(max_examples=50, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 70))
def test_any_size(predictor: Predictor, height: int, width: int) -> None:
    prediction = predictor.predict(lightness(height, width))
    assert prediction.ab.shape == (2, (height + 1) // 2, (width + 1) // 2)
    assert prediction.logits.shape == (len(BINS), (height + 3) // 4, (width + 3) // 4)
    assert prediction.ab.dtype == prediction.logits.dtype == np.float32
    confidence = prediction.confidence()
    assert confidence.shape == prediction.logits.shape[1:]
    assert confidence.min() >= 0
    assert confidence.max() <= 1


def test_padding_repeats_the_edge(predictor: Predictor) -> None:
    L = lightness(21, 30)
    padded = np.pad(L, [(0, -21 % MULTIPLE), (0, -30 % MULTIPLE)], mode="edge")
    expected = predictor.predict(padded)
    found = predictor.predict(L)
    assert np.array_equal(found.ab, expected.ab[:, :11, :15])
    assert np.array_equal(found.logits, expected.logits[:, :6, :8])


def test_result_depends_on_lightness_and_hints(predictor: Predictor) -> None:
    L = lightness(16, 24)
    plain = predictor.predict(L).ab
    assert np.ptp(plain) > 1
    assert not np.array_equal(plain, predictor.predict(100 - L).ab)
    ab, mask = np.zeros((2, 16, 24)), np.zeros((1, 16, 24))
    assert np.array_equal(plain, predictor.predict(L, hint_ab=ab, hint_mask=mask).ab)
    ab[:, 4:8, 4:8], mask[:, 4:8, 4:8] = 60, 1
    assert not np.array_equal(plain, predictor.predict(L, hint_ab=ab, hint_mask=mask).ab)


def test_input_is_not_changed(predictor: Predictor) -> None:
    L = lightness(16, 16).astype(np.float64)
    before = L.copy()
    predictor.predict(L)
    assert np.array_equal(L, before)


def test_same_bytes_over_runs_and_thread_counts(tmp_path: Path) -> None:
    # Wide enough for ONNX Runtime to share the work out.
    bundle = open_bundle(make_tiny_bundle(tmp_path / "wide", width=96))
    L = lightness(128, 192)
    results = [Predictor(bundle, threads=threads).predict(L) for threads in (1, 1, 2, 3, 5, None)]
    assert len({(r.ab.tobytes(), r.logits.tobytes()) for r in results}) == 1


def test_half_precision_weights_are_widened_once_at_load(tiny_bundle: Path, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(tiny_bundle / "model.onnx", options, providers=["CPUExecutionProvider"])
    optimized = onnx.load(tmp_path / "optimized.onnx")
    assert "Cast" in {node.op_type for node in onnx.load(tiny_bundle / "model.onnx").graph.node}
    assert "Cast" not in {node.op_type for node in optimized.graph.node}


def test_confidence_of_known_distributions() -> None:
    logits = np.zeros((4, 1, 3), np.float32)
    logits[0, 0, 1] = 1000  # one colour
    logits[:2, 0, 2] = 50  # two of four
    prediction = Prediction(np.zeros((2, 2, 6), np.float32), logits, np.zeros((4, 2), np.float32))
    assert prediction.confidence() == pytest.approx(np.array([[0, 1, 0.5]]), abs=1e-6)
    told = replace(prediction, calibration=Calibration(1.0, (0.2, 0.8, 0.9)), known=np.array([[0.6, 0, 0]], np.float32))
    assert told.confidence() == pytest.approx(np.array([[0.6, 0.9, 0.8]]), abs=1e-6)


def test_the_cards_calibration_sharpens_the_distribution(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_bundle, tmp_path / "calibrated")
    write_card(folder, confidence={"temperature": 0.25, "right": [0.1, 1.0]})
    found = Predictor(open_bundle(folder)).predict(lightness(16, 24))
    odds = torch.from_numpy(found.logits / 0.25).softmax(0)
    entropy = torch.special.entr(odds).sum(0) / np.log(len(BINS))
    assert found.confidence() == pytest.approx(0.1 + 0.9 * (1 - entropy.numpy()), abs=1e-4)


@pytest.mark.parametrize("shape", [(0, 5), (5,), (1, 5, 5), ()])
def test_wrong_shape_of_lightness(predictor: Predictor, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="L has shape"):
        predictor.predict(np.zeros(shape, np.float32))


def test_wrong_hints(predictor: Predictor) -> None:
    L = lightness(8, 8)
    with pytest.raises(UsageError, match="come together"):
        predictor.predict(L, hint_ab=np.zeros((2, 8, 8)))
    with pytest.raises(UsageError, match=r"hint_mask has shape \(8, 8\).*make it \(1, 8, 8\)"):
        predictor.predict(L, hint_ab=np.zeros((2, 8, 8)), hint_mask=np.zeros((8, 8)))


def test_wrong_settings(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match="threads is 0"):
        Predictor(bundle, threads=0)
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        Predictor(bundle, device="tpu")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(UsageError, match="'cuda' is not available"):
            Predictor(bundle, device="cuda")


def test_a_device_that_does_not_work(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["DmlExecutionProvider"])
    with pytest.raises(UsageError, match=r"'dml' does not work here; use cpu; it needs Windows"):
        Predictor(bundle, device="dml")


def test_network_that_gives_nan(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_bundle, tmp_path / "nan")
    raw = bytearray((folder / "model.safetensors").read_bytes())
    raw[-2:] = b"\x00\x7e"  # the last float16 weight: NaN
    (folder / "model.safetensors").write_bytes(raw)
    write_card(folder)
    with pytest.raises(ModelError, match=r"not finite.*\[E_MODEL\]"):
        Predictor(open_bundle(folder)).predict(lightness(8, 8))


def test_network_of_another_multiple_fails_in_one_line(bundle: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    card = replace(bundle.card, network=replace(bundle.card.network, multiple=4))
    predictor = Predictor(replace(bundle, card=card))
    with pytest.raises(ModelError) as caught:
        predictor.predict(lightness(12, 12))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_threads_follow_the_affinity() -> None:
    assert cpu_threads() >= 1
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); import colorizegan.model.session as s; "
    assert python("-c", code + "print(s.cpu_threads())").stdout.strip() == "1"
