"""Large bundles: weights in several files, loaded when they are needed; what `models` says they take."""

import shutil
import threading
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from command import call, json_lines
from tiny_bundle import MULTIPLE, make_graph, make_tiny_bundle, random_weights, sha256, write_card, write_safetensors

from colorizegan import Colorizer, ModelError
from colorizegan.model.bundle import open_bundle
from colorizegan.model.card import weight_names
from colorizegan.model.predictor import Predictor

PARTS = weight_names(3)
GRAY = np.random.default_rng(1).integers(0, 256, (96, 130), np.uint8)


def divide(folder: Path, *, seed: int = 0) -> Path:
    """The tiny bundle with its weights in three files."""
    folder.mkdir()
    weights = random_weights(seed, 8)
    names = list(weights)
    places, home = {}, {}
    for number, file in enumerate(PARTS):
        part = {name: weights[name] for name in names[number::3]}
        places |= write_safetensors(folder / file, part)
        home |= dict.fromkeys(part, file)
    model = make_graph(weights, places)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = home[tensor.name]
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    write(folder)
    return folder


def write(folder: Path, *missing: str) -> None:
    """The card of what lies in the folder, but for some files."""
    files = {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.name not in ("card.json", *missing)}
    write_card(folder, files=files, network={"generator": "tiny", "parameters": 2282, "multiple": MULTIPLE})


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return divide(tmp_path / "large")


def test_it_answers_as_the_same_weights_in_one_file(large: Path, tmp_path: Path) -> None:
    one = make_tiny_bundle(tmp_path / "one")
    wanted = Colorizer(one).colorize(GRAY)
    assert np.array_equal(Colorizer(large).colorize(GRAY), wanted)
    with zipfile.ZipFile(tmp_path / "large.zip", "w") as archive:
        for file in large.iterdir():
            archive.write(file, f"large/{file.name}")
    assert np.array_equal(Colorizer(tmp_path / "large.zip").colorize(GRAY), wanted)
    assert call("models", "add", "big", large, "-y").exit_code == 0
    assert np.array_equal(Colorizer("big+default:2").colorize(GRAY), Colorizer(f"{one}+default:2").colorize(GRAY))


def test_it_is_loaded_when_it_is_needed_and_once(large: Path) -> None:
    network = Predictor(open_bundle(large))
    assert network.loaded is None
    first = network.session()
    threads = [threading.Thread(target=network.predict, args=(np.zeros((64, 64), np.float32),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert network.session() is first


def test_what_is_wrong_with_its_graph_is_told_then(large: Path) -> None:
    model = onnx.load(large / "model.onnx", load_external_data=False)
    model.graph.output[1].name = "other"
    model.graph.node[-1].output[0] = "other"
    (large / "model.onnx").write_bytes(model.SerializeToString())
    write(large)
    network = Predictor(open_bundle(large))
    with pytest.raises(ModelError, match="has the inputs or outputs"):
        network.predict(np.zeros((64, 64), np.float32))


@pytest.mark.parametrize("damage", ["missing", "not named", "another", "all in one name", "outside"])
def test_a_bundle_of_which_a_part_is_wrong(large: Path, damage: str) -> None:
    words = "does not name model.onnx and model.safetensors, or all its parts"
    if damage == "missing":
        (large / PARTS[1]).unlink()
        words = f"{PARTS[1]}: is missing, though card.json names it"
    elif damage == "not named":
        write(large, PARTS[2])
    elif damage == "another":
        shutil.copy(large / PARTS[0], large / PARTS[1])
        words = "does not match its SHA-256"
    elif damage == "all in one name":
        shutil.copy(large / PARTS[0], large / "model.safetensors")
        write(large)
    else:
        model = onnx.load(large / "model.onnx", load_external_data=False)
        entries = [entry for tensor in model.graph.initializer for entry in tensor.external_data]
        next(entry for entry in entries if entry.key == "location").value = "card.json"
        (large / "model.onnx").write_bytes(model.SerializeToString())
        write(large)
        words = "refers to weights in 'card.json'"
    with pytest.raises(ModelError) as caught:
        open_bundle(large)
    assert words in str(caught.value)


def test_models_says_what_it_takes(large: Path) -> None:
    assert call("models", "add", "big", large, "-y").exit_code == 0
    text = call("models").stdout
    assert "weights 0.0 MB in 3 files, loaded when they are needed; 0 MB of memory" in text
    told = json_lines(call("models", "--measure", "--json").stdout)
    (big,) = (line for line in told if line["bundle"] == "big")
    assert big["memory_bytes"] == 4 * 2282
    assert big["weights_bytes"] == sum((large / part).stat().st_size for part in PARTS)
    took = big["measured"]
    assert took["photo_seconds"] > 0
    assert took["threads"] >= 1
    assert 10e6 < took["peak_bytes"] < 2e9
    assert "opens in " in call("models", "--measure").stdout
