"""A graph as model.onnx, with its weights in safetensors files beside it as ONNX external data.

So they are stored once, and can be read back for fine-tuning under their names in the network.
"""

import json
import logging
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import Tensor, nn

from colorizegan import __version__
from colorizegan.model.card import GRAPH, weight_names
from colorizegan.training.checkpoint import divided

PREFIX = "net."  # of the weights' names in the graph
KINDS = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT, "I64": TensorProto.INT64}  # of safetensors -> of ONNX


def write_graph(graph: nn.Module, folder: Path, multiple: int, file_bytes: int | None = None) -> None:
    """Write model.onnx and its weights.

    graph: forward(L, hint_ab, hint_mask) -> ab, logits; the network is its `net`, and takes sides that are multiples of
    `multiple`, px. file_bytes: the most bytes of weights in one file (a larger tensor has its own); None = one file.
    """
    height, width = 2 * multiple, 3 * multiple  # a side of one multiple would be taken for a constant
    example = (torch.rand(2, 1, height, width) * 100, *(torch.zeros(2, n, height, width) for n in (2, 1)))
    batch, rows, columns = torch.export.Dim("N"), torch.export.Dim("h", min=1), torch.export.Dim("w", min=1)
    size = {0: batch, 2: multiple * rows, 3: multiple * columns}
    with warnings.catch_warnings(), ExitStack() as after:
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        talker = logging.getLogger("torch.onnx")  # and of packages that it could use
        after.callback(talker.setLevel, talker.level)
        talker.setLevel(logging.ERROR)
        program = torch.onnx.export(
            graph,
            example,
            dynamo=True,
            # The optimizer would fold batch norms into convolutions: ONNX Runtime does that on loading, and the
            # stored weights stay those of the network.
            optimize=False,
            dynamic_shapes=(size, size, size),
            input_names=["L", "hint_ab", "hint_mask"],
            output_names=["ab", "logits"],
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    strip_debug(model)
    settle_casts(model)
    store_outside(model, folder, file_bytes)


def strip_debug(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes: they hold paths of this machine and are larger than the graph."""
    model.producer_name, model.producer_version = "colorizegan", __version__
    del model.metadata_props[:]
    graph = model.graph
    graph.doc_string = ""
    for item in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.value_info[:]


def settle_casts(model: onnx.ModelProto) -> None:
    """Put numbers in the place of constants that are cast to the type of a tensor, which is float32 everywhere here.

    ONNX Runtime would do that too late to join what depends on it: norms and ReLU6 with their convolutions.
    """
    constants = {node.output[0]: node for node in model.graph.node if node.op_type == "Constant"}
    for node in model.graph.node:
        if node.op_type == "CastLike" and node.input[0] in constants:
            value = helper.get_attribute_value(constants[node.input[0]].attribute[0])
            array = numpy_helper.to_array(value) if isinstance(value, TensorProto) else value
            number = numpy_helper.from_array(np.asarray(array, np.float32))
            node.CopyFrom(helper.make_node("Constant", [], [node.output[0]], value=number))
    used = {name for node in model.graph.node for name in node.input}
    kept = [node for node in model.graph.node if node.op_type != "Constant" or node.output[0] in used]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def store_outside(model: onnx.ModelProto, folder: Path, file_bytes: int | None = None) -> None:
    """Write the graph with its weights in files beside it: matrices as float16, the rest as it is.

    Each float16 weight gets a Cast to float32, which ONNX Runtime computes once, on loading.
    """
    kept: list[TensorProto] = []
    weights: dict[str, Tensor] = {}
    casts: list[onnx.NodeProto] = []
    renamed: dict[str, str] = {}
    for item in model.graph.initializer:
        array = numpy_helper.to_array(item)
        if not item.name.startswith(PREFIX):
            kept.append(item)
            continue
        name = item.name[len(PREFIX) :]
        half = array.dtype == np.float32 and array.ndim > 1
        # One statistic or bias too small for half precision would shift a whole channel; they are few.
        weights[name] = torch.from_numpy(array.astype(np.float16) if half else array.copy())
        if half:
            renamed[item.name] = f"{item.name}.f32"
            casts.append(helper.make_node("Cast", [item.name], [renamed[item.name]], to=TensorProto.FLOAT))
    for node in model.graph.node:
        for i, used in enumerate(node.input):
            node.input[i] = renamed.get(used, used)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)

    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    parts = divided(weights, file_bytes)
    for file, part in zip(weight_names(len(parts)), parts, strict=True):
        save_file(part, folder / file, metadata={"format": "pt"})
        model.graph.initializer.extend(outside(folder / file, *tensor) for tensor in tensors_in(folder / file))
    onnx.save_model(model, folder / GRAPH)
    onnx.checker.check_model(folder / GRAPH)


def tensors_in(path: Path) -> list[tuple[str, dict[str, Any], int]]:
    """Name, header entry and first byte of each tensor of a safetensors file."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return [(n, e, 8 + length + e["data_offsets"][0]) for n, e in header.items() if n != "__metadata__"]


def outside(path: Path, name: str, entry: dict[str, Any], start: int) -> TensorProto:
    """An initializer that points into a safetensors file."""
    begin, end = entry["data_offsets"]
    tensor = TensorProto(name=PREFIX + name, dims=entry["shape"], data_type=KINDS[entry["dtype"]])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", path.name), ("offset", start), ("length", end - begin)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor
