"""ONNX files with exactly the inputs and outputs of published colorizers, of a few seeded weights."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Side = int | str


def write_colorizer(
    path: Path,
    *,
    inputs: int,
    outputs: int,
    names: tuple[str, str] = ("input", "output"),
    size: Side = 64,
    gain: float = 1.0,
    bias: float = 0.0,
    seed: int = 0,
    batch: Side = 1,
    divide: float = 1.0,
    squash: bool = True,
    more_inputs: int = 0,
    kind: int = TensorProto.FLOAT,
    outside: bool = False,
) -> Path:
    """A colorizer: x / divide -> convolution 3x3 -> tanh -> convolution 1x1 -> * gain + bias.

    Args:
        size: of both sides; a text makes them of any size.
        squash: with the tanh.
        more_inputs: how many further inputs it wants.
        outside: keep the weights in a file of their own.
    """
    rng = np.random.default_rng(seed)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    sides = [size, size] if isinstance(size, int) else [f"{size}0", f"{size}1"]
    tensors = {
        "w1": rng.standard_normal((8, inputs, 3, 3)) * 0.6,
        "w2": rng.standard_normal((outputs, 8, 1, 1)) * 0.5,
        "divide": np.array(divide),
        "gain": np.array(gain),
        "bias": np.array(bias),
    }
    weights = [numpy_helper.from_array(np.asarray(value, dtype), name) for name, value in tensors.items()]
    given, taken = names
    nodes = [
        helper.make_node("Div", [given, "divide"], ["x"]),
        helper.make_node("Conv", ["x", "w1"], ["h"], pads=[1, 1, 1, 1]),
        helper.make_node("Tanh" if squash else "Identity", ["h"], ["t"]),
        helper.make_node("Conv", ["t", "w2"], ["c"]),
        helper.make_node("Mul", ["c", "gain"], ["g"]),
        helper.make_node("Add", ["g", "bias"], [taken]),
    ]
    ports = [helper.make_tensor_value_info(given, kind, [batch, inputs, *sides])]
    ports += [helper.make_tensor_value_info(f"more{i}", kind, [batch, 1, *sides]) for i in range(more_inputs)]
    output = helper.make_tensor_value_info(taken, kind, [batch, outputs, *sides])
    graph = helper.make_graph(nodes, "colorizer", ports, [output], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    saving: dict[str, Any] = {}
    if outside:
        saving = {"save_as_external_data": True, "location": f"{path.name}.data", "size_threshold": 0}
    onnx.save(model, path, **saving)
    return path


def ddcolor(folder: Path, size: Side = 512, **other: Any) -> Path:
    """DDColor's: `input` (1, 3, S, S), gray RGB 0..1 -> `output` (1, 2, S, S), ab in Lab units."""
    return write_colorizer(folder / "ddcolor.onnx", inputs=3, outputs=2, size=size, gain=40.0, **other)


def deoldify(folder: Path, size: Side = "side", **other: Any) -> Path:
    """DeOldify's: gray RGB 0..255 -> RGB 0..255, of any size in steps of 16."""
    given: dict[str, Any] = {"inputs": 3, "outputs": 3, "names": ("input", "out"), "gain": 60.0, "bias": 128.0}
    return write_colorizer(folder / "deoldify-artistic.onnx", size=size, divide=255.0, **(given | other))


def zhang(folder: Path, name: str = "eccv16.onnx", size: Side = 256, **other: Any) -> Path:
    """Zhang's of 2016 and 2017: L 0..100, (1, 1, 256, 256) -> ab in Lab units."""
    given: dict[str, Any] = {"inputs": 1, "outputs": 2, "gain": 40.0, "divide": 100.0}
    return write_colorizer(folder / name, size=size, **(given | other))
