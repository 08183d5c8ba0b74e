"""A tiny valid model bundle with seeded random weights, made without torch: runtime tests run it."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

MULTIPLE = 8
BINS = [[a, b] for a in (-60.0, -20.0, 20.0, 60.0) for b in (-60.0, -20.0, 20.0, 60.0)]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_safetensors(path: Path, tensors: dict[str, np.ndarray[Any, Any]]) -> dict[str, tuple[int, int]]:
    """Write float16 tensors; return where each one's bytes lie in the file: name -> (offset, length)."""
    header: dict[str, Any] = {}
    at = 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F16", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(array.tobytes())
    start = 8 + len(text)
    return {
        name: (start + entry["data_offsets"][0], array.nbytes)
        for (name, entry), array in zip(header.items(), tensors.values(), strict=True)
    }


def external(
    name: str, shape: tuple[int, ...], place: tuple[int, int], location: str = "model.safetensors"
) -> TensorProto:
    """A float16 tensor whose bytes lie in another file at `place` = (offset, length)."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT16, dims=shape, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", place[0]), ("length", place[1])):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def random_weights(seed: int, width: int) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    shapes = {
        "down2.weight": (width, 4, 3, 3),
        "down4.weight": (width, width, 3, 3),
        "down8.weight": (width, width, 3, 3),
        "up4.weight": (width, width, 2, 2),  # transposed convolution: in, out, kernel
        "up2.weight": (width, width, 2, 2),
        "ab.weight": (2, width, 3, 3),
        "logits.weight": (len(BINS), width, 1, 1),
    }
    weights = {}
    for name, shape in shapes.items():
        fan_in = int(np.prod(shape[1:]))
        weights[name] = (rng.standard_normal(shape) * (1.5 / fan_in**0.5)).astype(np.float16)
        channels = shape[1] if name.startswith("up") else shape[0]
        weights[name.replace("weight", "bias")] = (rng.standard_normal(channels) * 0.1).astype(np.float16)
    return weights


def make_graph(weights: dict[str, np.ndarray[Any, Any]], places: dict[str, tuple[int, int]]) -> onnx.ModelProto:
    """A U of three halvings with skips: any H, W divisible by 8 in, ab at half and logits at quarter size out."""
    node = helper.make_node
    floats = {"hundred": 100.0, "half": 0.5, "ab_scale": 110.0}
    initializers = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in floats.items()]
    nodes = []
    for name, array in weights.items():
        initializers.append(external(name, array.shape, places[name]))
        nodes.append(node("Cast", [name], [name + ".f32"], to=TensorProto.FLOAT))

    def conv(op: str, source: str, name: str, target: str, **attributes: Any) -> None:
        nodes.append(node(op, [source, name + ".weight.f32", name + ".bias.f32"], [target], **attributes))

    half: dict[str, Any] = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    double: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes += [node("Div", ["L", "hundred"], ["L01"]), node("Sub", ["L01", "half"], ["L_scaled"])]
    nodes += [node("Div", ["hint_ab", "ab_scale"], ["hint_scaled"])]
    nodes += [node("Concat", ["L_scaled", "hint_scaled", "hint_mask"], ["x"], axis=1)]  # (N, 4, H, W)
    conv("Conv", "x", "down2", "x2_", **half)
    nodes.append(node("Relu", ["x2_"], ["x2"]))  # (N, C, H/2, W/2)
    conv("Conv", "x2", "down4", "x4_", **half)
    nodes.append(node("Relu", ["x4_"], ["x4"]))
    conv("Conv", "x4", "down8", "x8_", **half)
    nodes.append(node("Relu", ["x8_"], ["x8"]))
    conv("ConvTranspose", "x8", "up4", "y4_", **double)
    nodes.append(node("Add", ["y4_", "x4"], ["y4"]))
    conv("ConvTranspose", "y4", "up2", "y2_", **double)
    nodes.append(node("Add", ["y2_", "x2"], ["y2"]))
    conv("Conv", "y2", "ab", "ab_raw", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    nodes += [node("Tanh", ["ab_raw"], ["ab_01"]), node("Mul", ["ab_01", "ab_scale"], ["ab"])]
    conv("Conv", "y4", "logits", "logits", kernel_shape=[1, 1])

    def value(name: str, channels: int, height: str, width: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, height, width])

    graph = helper.make_graph(
        nodes,
        "tiny",
        [value("L", 1, "H", "W"), value("hint_ab", 2, "H", "W"), value("hint_mask", 1, "H", "W")],
        [value("ab", 2, "h2", "w2"), value("logits", len(BINS), "h4", "w4")],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def write_card(folder: Path, **changes: Any) -> None:
    """Write card.json for the files that lie in the folder; `changes` replaces top-level keys (None drops one)."""
    card: dict[str, Any] = {
        "schema": 1,
        "name": "tiny",
        "version": "0",
        "created": "2025-01-01",
        "licence": "MIT",
        "network": {"generator": "tiny", "parameters": 0, "multiple": MULTIPLE},
        "working_size": 64,
        "ab_bins": BINS,
        "temperature": 0.38,
        "training": {"seed": 0},
        "data": [{"name": "none", "count": 0, "licence": "none"}],
        "metrics": {"auc_rebalanced": 0.5, "command": "none"},
        "files": {
            name: sha256(folder / name) for name in ("model.onnx", "model.safetensors") if (folder / name).exists()
        },
    }
    card.update(changes)
    text = json.dumps({key: entry for key, entry in card.items() if entry is not None}, indent=1)
    (folder / "card.json").write_text(text, encoding="utf-8")


def make_tiny_bundle(folder: Path, *, seed: int = 0, width: int = 8) -> Path:
    """Write model.onnx, model.safetensors and card.json into `folder` (made if missing); return the folder.

    Args:
        seed: of the weights.
        width: channels of every inner layer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = random_weights(seed, width)
    places = write_safetensors(folder / "model.safetensors", weights)
    model = make_graph(weights, places)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    parameters = sum(w.size for w in weights.values())
    write_card(folder, network={"generator": "tiny", "parameters": parameters, "multiple": MULTIPLE})
    return folder
