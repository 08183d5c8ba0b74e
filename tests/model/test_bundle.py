"""The model bundle: what opens, and what is refused in one line, quickly, with nothing run."""

import gc
import os
import pickle
import shutil
import stat
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from harm import Bomb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from tiny_bundle import MULTIPLE, make_tiny_bundle, write_card, write_safetensors

from colorizegan.errors import ModelError
from colorizegan.model.bundle import list_bundles, open_bundle
from colorizegan.model.predictor import Predictor

FILES = ("card.json", "model.onnx", "model.safetensors")


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return shutil.copytree(tiny_bundle, tmp_path / "bundle")


@pytest.fixture
def temp_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where temporary files go, empty."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def zip_of(folder: Path, target: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in FILES:
            archive.write(folder / name, prefix + name)
    return target


def refusal(model: Path | str) -> str:
    """Open and load a bundle that must be refused; return the one line."""
    start = time.process_time()
    with pytest.raises(ModelError) as caught:
        Predictor(open_bundle(model), threads=1)
    assert time.process_time() - start < 1  # CPU time: other programs may be busy
    line = str(caught.value)
    assert "\n" not in line
    assert line.endswith("[E_MODEL]")
    return line


def test_folder_opens(tiny_bundle: Path) -> None:
    opened = open_bundle(tiny_bundle)
    assert opened.path == tiny_bundle
    assert opened.onnx == tiny_bundle / "model.onnx"
    assert opened.card.name == "tiny"
    assert opened.card.network.multiple == MULTIPLE
    assert opened.card.ab_bins[0] == (-60.0, -60.0)
    assert len(opened.digest) == 64
    assert open_bundle(str(tiny_bundle)).digest == opened.digest


def test_digest_names_the_weights_and_the_card(tiny_bundle: Path, tmp_path: Path) -> None:
    other_weights = make_tiny_bundle(tmp_path / "other", seed=1)
    other_card = shutil.copytree(tiny_bundle, tmp_path / "card")
    write_card(other_card, temperature=1.0)
    assert len({open_bundle(path).digest for path in (tiny_bundle, other_weights, other_card)}) == 3


@pytest.mark.parametrize("prefix", ["", "tiny/"])
def test_zip_unpacks_privately_and_is_cleaned_up(
    tiny_bundle: Path, tmp_path: Path, temp_folder: Path, prefix: str
) -> None:
    path = zip_of(tiny_bundle, tmp_path / "tiny.zip", prefix)
    opened = open_bundle(path)
    assert opened.path == path
    assert opened.digest == open_bundle(tiny_bundle).digest
    Predictor(opened, threads=1)
    unpacked = opened.onnx.parent
    assert unpacked.parent == temp_folder
    assert stat.S_IMODE(unpacked.stat().st_mode) == 0o700
    del opened
    gc.collect()
    assert list(temp_folder.iterdir()) == []


def test_bundled_names(shipped: Path) -> None:
    shutil.copytree(shipped / "default", shipped / "other")
    assert list_bundles() == ["default", "other"]
    assert open_bundle().path == shipped / "default"
    assert open_bundle("other").path == shipped / "other"
    assert "(default, other)" in refusal("missing")
    shutil.rmtree(shipped)
    assert list_bundles() == []
    with pytest.raises(ModelError, match="no bundled model"):
        open_bundle()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("keep", [0, 3, 0.5, -1])
def test_torn_file(bundle: Path, name: str, keep: float) -> None:
    raw = (bundle / name).read_bytes()
    (bundle / name).write_bytes(raw[: int(len(raw) * keep) if 0 < keep < 1 else int(keep)])
    assert name in refusal(bundle)
    if name != "card.json":
        write_card(bundle)  # with a hash that matches
        assert f"{bundle / name}: " in refusal(bundle)


@pytest.mark.parametrize("name", FILES)
def test_missing_file(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    assert f"{bundle / name}: is missing" in refusal(bundle)


def test_changed_byte(bundle: Path) -> None:
    raw = bytearray((bundle / "model.safetensors").read_bytes())
    raw[-1] ^= 1
    (bundle / "model.safetensors").write_bytes(raw)
    assert "does not match its SHA-256" in refusal(bundle)


def test_fifo_is_not_opened(bundle: Path) -> None:
    (bundle / "model.onnx").unlink()
    os.mkfifo(bundle / "model.onnx")
    assert "model.onnx" in refusal(bundle)
    assert "no such model bundle" in refusal(bundle / "model.onnx")


CARD_CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "schema 2": ({"schema": 2}, "schema 2"),
    "no schema": ({"schema": None}, "schema None"),
    "no network": ({"network": None}, "`network`"),
    "multiple 0": ({"network": {"generator": "x", "parameters": 1, "multiple": 0}}, "`multiple`"),
    "multiple true": ({"network": {"generator": "x", "parameters": 1, "multiple": True}}, "`multiple`"),
    "huge working size": ({"working_size": 10**9}, "`working_size`"),
    "sharper than sharp": ({"detail": 1.5}, "`detail`"),
    "no detail at all": ({"detail": 0}, "`detail`"),
    "confidence that is a number": ({"confidence": 1}, "`confidence`"),
    "confidence without a temperature": ({"confidence": {"right": [0, 1]}}, "the temperature None"),
    "confidence that falls": ({"confidence": {"temperature": 1, "right": [0.5, 0.4]}}, "rising shares"),
    "more than sure": ({"confidence": {"temperature": 1, "right": [0, 1.1]}}, "rising shares"),
    "confidence of one step": ({"confidence": {"temperature": 1, "right": [1]}}, "rising shares"),
    "bins not pairs": ({"ab_bins": [[1, 2, 3]]}, "`ab_bins`"),
    "bins out of range": ({"ab_bins": [[1e9, 0]]}, "`ab_bins`"),
    "no bins": ({"ab_bins": []}, "`ab_bins`"),
    "other count of bins": ({"ab_bins": [[0, 0]] * 5}, "`logits`"),
    "adjustment that is none": ({"adjustment": "none"}, "`adjustment` is 'none'"),
    "contrast NaN": ({"contrast": float("nan")}, "`contrast`"),
    "more than all of a correction": ({"correction": 7}, "`correction` is 7"),
    "temperature NaN": ({"temperature": float("nan")}, "`temperature`"),
    "name not text": ({"name": 5}, "`name`"),
    "files empty": ({"files": {}}, "`files`"),
    "file outside": ({"files": dict.fromkeys(["../../x", "model.onnx", "model.safetensors"], "0" * 64)}, "plain file"),
    "hash not hex": ({"files": {"model.onnx": "z" * 64, "model.safetensors": "0"}}, "no SHA-256"),
}


@pytest.mark.parametrize("case", CARD_CHANGES)
def test_wrong_card(bundle: Path, case: str) -> None:
    changes, expected = CARD_CHANGES[case]
    write_card(bundle, **changes)
    assert expected in refusal(bundle)


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"schema": 1' + b" " * (2 << 20)])
def test_card_that_is_no_card(bundle: Path, raw: bytes) -> None:
    (bundle / "card.json").write_bytes(raw)
    assert "card.json" in refusal(bundle)


@pytest.mark.parametrize("name", FILES)
def test_pickle_under_a_false_name(bundle: Path, tmp_path: Path, name: str) -> None:
    (bundle / name).write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    if name != "card.json":
        write_card(bundle)
    assert name in refusal(bundle)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".pth", ".zip", ".onnx"])
def test_pickle_as_the_bundle(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    line = refusal(path)
    assert ("pickled weights" in line) == (suffix == ".pth")
    assert not (tmp_path / "ran").exists()


def change_graph(bundle: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    model = onnx.load(bundle / "model.onnx", load_external_data=False)
    change(model)
    (bundle / "model.onnx").write_bytes(model.SerializeToString())
    write_card(bundle)


PLACES = ["../secret", "/etc/passwd", "card.json", "model.onnx", "", "./model.safetensors"]
OUTSIDE = [("offset", "0"), ("offset", "-8"), ("offset", str(1 << 62)), ("length", str(1 << 40)), ("length", "-1")]


@pytest.mark.parametrize(("key", "value"), [*(("location", place) for place in PLACES), *OUTSIDE])
def test_weights_elsewhere(bundle: Path, key: str, value: str) -> None:
    (bundle.parent / "secret").write_bytes(bytes(100_000))

    def move(model: onnx.ModelProto) -> None:
        tensor = next(t for t in model.graph.initializer if t.external_data)
        next(entry for entry in tensor.external_data if entry.key == key).value = value

    change_graph(bundle, move)
    assert ("refers to weights in" if key == "location" else "outside the tensors") in refusal(bundle)


def weights_in_an_attribute(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="x", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.external_data.add(key="length", value="16")
    model.graph.node.append(helper.make_node("Constant", [], ["x"], value=tensor))


def a_loop(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", ["n", "c"], [], body=body))


def a_function(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("x", "f", ["a"], ["a"], [], [helper.make_opsetid("", 17)]))


def an_unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "RunShell"


def an_operator_of_a_runtime(model: onnx.ModelProto) -> None:
    """It reads beyond a picture that is no square: at times the process ends, at times not."""
    model.graph.node.append(helper.make_node("Inverse", ["L"], ["p"], domain="com.microsoft"))


def another_input(model: onnx.ModelProto) -> None:
    model.graph.input[2].name = "mask"
    for node in model.graph.node:
        node.input[:] = ["mask" if name == "hint_mask" else name for name in node.input]


def a_fixed_size(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 64


def weights_inside(model: onnx.ModelProto) -> None:
    big = helper.make_tensor("big", TensorProto.UINT8, [5 << 20], bytes(5 << 20), raw=True)
    model.graph.initializer.append(big)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (weights_in_an_attribute, "/etc/passwd"), (a_loop, "control flow"), (a_function, "local functions"),
        (an_unknown_operator, "cannot be loaded"), (another_input, "inputs or outputs"), (a_fixed_size, "of any size"),
        (weights_inside, "larger than 4 MiB"), (an_operator_of_a_runtime, "operators of 'com.microsoft'"),
    ],
)  # fmt: skip
def test_graphs_that_are_refused(bundle: Path, change: Callable[[onnx.ModelProto], None], words: str) -> None:
    change_graph(bundle, change)
    assert words in refusal(bundle)


def test_graph_of_countless_fields_is_refused_quickly(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(b"\x08\x01" * (2 << 20))
    write_card(bundle)
    assert "not an ONNX model" in refusal(bundle)


def header_of(dtype: str = "F16", shape: str = "1", offsets: str = "0, 2") -> bytes:
    return f'{{"a": {{"dtype": "{dtype}", "shape": [{shape}], "data_offsets": [{offsets}]}}}}'.encode()


HUGE = b"\xff" * 92  # and its length is said to be the largest that there is
HEADERS = [
    b"", b"[]", b'{"a": 1}', b"[" * 100_000, header_of(dtype="O"), header_of(shape="9"), header_of(shape="1e999"),
    header_of(shape="9999999999999, " * 100_000 + "1"), header_of(offsets="2, 4"), header_of(offsets="-2, 0"), HUGE,
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_hostile_safetensors_header(bundle: Path, header: bytes) -> None:
    length = b"\xff" * 8 if header == HUGE else len(header).to_bytes(8, "little")
    (bundle / "model.safetensors").write_bytes(length + header + b"\0\0")
    write_card(bundle)
    assert "model.safetensors: " in refusal(bundle)


@pytest.mark.parametrize(
    "name", ["../card.json", "/tmp/card.json", "a/../card.json", "a/b/card.json", "C:\\card.json", ".hidden", "x\n"]
)
def test_zip_with_a_path_that_leads_out(tiny_bundle: Path, tmp_path: Path, temp_folder: Path, name: str) -> None:
    path = zip_of(tiny_bundle, tmp_path / "bad.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "x")
    before = sorted(tmp_path.rglob("*"))
    assert "holds the path" in refusal(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_zip_bombs(tiny_bundle: Path, tmp_path: Path, temp_folder: Path) -> None:
    path = zip_of(tiny_bundle, tmp_path / "bomb.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(100 << 20))
    assert "would unpack to" in refusal(path)
    many = tmp_path / "many.zip"
    with zipfile.ZipFile(many, "w") as archive:
        for i in range(2000):
            archive.writestr(f"f{i}", "")
    assert "2000 files" in refusal(many)
    assert list(temp_folder.iterdir()) == []


def test_zip_that_lies_about_its_sizes(tiny_bundle: Path, tmp_path: Path, temp_folder: Path) -> None:
    path = zip_of(tiny_bundle, tmp_path / "lies.zip")
    raw = path.read_bytes()
    size = (tiny_bundle / "model.safetensors").stat().st_size.to_bytes(4, "little")
    assert raw.count(size) == 2
    path.write_bytes(raw.replace(size, (100).to_bytes(4, "little")))
    refusal(path)
    assert list(temp_folder.iterdir()) == []


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999, None])
def test_damaged_zip(tiny_bundle: Path, tmp_path: Path, temp_folder: Path, keep: float | None) -> None:
    path = zip_of(tiny_bundle, tmp_path / "damaged.zip")
    raw = bytearray(path.read_bytes())
    if keep is None:
        raw[len(raw) // 2 :: 997] = bytes(len(raw[len(raw) // 2 :: 997]))
    path.write_bytes(raw[: int(len(raw) * (keep or 1))])
    refusal(path)
    assert list(temp_folder.iterdir()) == []


def test_zip_without_a_bundle(tmp_path: Path, temp_folder: Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert f"{path}/card.json: is missing" in refusal(path)


@pytest.mark.parametrize("model", ["", "no/such", "nul\0", "x" * 5000])
def test_names_that_lead_nowhere(model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    refusal(model)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(FILES), place=st.floats(0, 1), patch=st.binary(min_size=1, max_size=40))
def test_any_patch_is_refused_or_harmless(bundle: Path, name: str, place: float, patch: bytes) -> None:
    """Whatever is overwritten, with hashes made to match: a network that loads, or one ModelError."""
    raw = (bundle / name).read_bytes()
    at = int(place * len(raw))
    try:
        (bundle / name).write_bytes(raw[:at] + patch + raw[at + len(patch) :])
        if name != "card.json":
            write_card(bundle)
        try:
            Predictor(open_bundle(bundle), threads=1)
        except ModelError as error:
            assert "\n" not in str(error)  # noqa: PT017
    finally:
        (bundle / name).write_bytes(raw)


def test_unreadable_folder_names_the_file(bundle: Path) -> None:
    (bundle / "model.onnx").unlink()
    (bundle / "model.onnx").mkdir()
    assert "model.onnx" in refusal(bundle)


def test_safetensors_as_written_by_the_tests_is_the_real_format(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    import numpy as np

    array = np.arange(6, dtype=np.float16).reshape(2, 3)
    write_safetensors(tmp_path / "x.safetensors", {"a": array})
    assert (safetensors.load_file(tmp_path / "x.safetensors")["a"] == array).all()
