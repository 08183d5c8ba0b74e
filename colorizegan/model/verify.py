"""What model.onnx and its safetensors files say of themselves, read without running or allocating anything.

ONNX Runtime trusts the graph it is given: where its weights lie, how deep it nests. A bundle may come from anywhere, so
the few facts that matter are read here first, straight from the safetensors header and the protobuf wire format
(https://protobuf.dev/programming-guides/encoding/), and everything that a plain network does not need is refused.
"""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from colorizegan.errors import ModelError

MAX_GRAPH_BYTES = 4 << 20  # the weights lie beside the graph, so the graph alone is small
MAX_GRAPH_FIELDS = 100_000  # a graph of 100 layers has some 5,000
MAX_HEADER_BYTES = 4 << 20
MAX_RANK = 8  # of a tensor; weights of layers have 4 at most
ITEM_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2}
ITEM_BYTES |= {"I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8}

# Messages of onnx.proto that lead to a tensor: message -> field number -> message of that field.
FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "subgraph", 10: "tensor", 11: "subgraph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
    "external": {},
    # Only where any graph is taken:
    "subgraph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "subgraph", 2: "subgraph"},
    "function": {7: "node"},
}
NODE_DOMAIN = 7  # field of a node: whose operator it is
# Operators that runtimes add check less of what they are given: com.microsoft's Inverse reads beyond a matrix that is
# no square, which may end the process or not, so that a first run tells nothing.
OWN_DOMAINS = (b"", b"ai.onnx")
REFUSED = {"training": "a training graph", "function": "local functions", "subgraph": "control flow"}


def check_model_files(graph: Path, weights: Sequence[Path]) -> None:
    """Refuse model files that are damaged or that ask for more than a plain network needs: ModelError.

    All weights that the graph keeps outside itself must lie inside one of `weights`, safetensors files in its folder.
    """
    if graph.stat().st_size > MAX_GRAPH_BYTES:
        raise ModelError(f"larger than {MAX_GRAPH_BYTES >> 20} MiB: a bundle's weights lie beside it", path=graph)
    spans = {file.name: (check_safetensors(file), file.stat().st_size) for file in weights}  # of the tensors' bytes
    for location, offset, length in external_tensors(graph):
        if location not in spans:
            raise ModelError(f"refers to weights in {location!r}: only {', '.join(spans)} is read", path=graph)
        start, size = spans[location]
        if offset < start or length < 0 or offset + length > size:
            raise ModelError(f"refers to bytes {offset}+{length} outside the tensors of {location}", path=graph)


def check_safetensors(path: Path) -> int:
    """Check the header of a safetensors file against its size; return the offset of the first tensor's bytes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        count = int.from_bytes(file.read(8), "little")
        if size < 8 or count > min(size - 8, MAX_HEADER_BYTES):
            raise ModelError("not a safetensors file, or cut short", path=path)
        raw = file.read(count)
    try:
        header = json.loads(raw)
        spans = sorted(tensor_span(entry) for name, entry in header.items() if name != "__metadata__")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ModelError("its safetensors header is damaged", path=path) from None
    at = 0
    for begin, end in spans:
        if begin != at:
            raise ModelError("its tensors overlap or leave a gap", path=path)
        at = end
    if 8 + count + at != size:
        raise ModelError(f"holds {size} bytes where its header says {8 + count + at}: cut short or damaged", path=path)
    return 8 + count


def tensor_span(entry: dict[str, Any]) -> tuple[int, int]:
    """Byte range of one tensor; ValueError where range, shape and dtype disagree."""
    begin, end = entry["data_offsets"]
    shape = entry["shape"]
    if len(shape) > MAX_RANK or any(type(n) is not int or not 0 <= n < 1 << 48 for n in (begin, end, *shape)):
        raise ValueError
    if end - begin != math.prod(shape) * ITEM_BYTES[entry["dtype"]]:
        raise ValueError
    return begin, end


def external_tensors(path: Path) -> Iterator[tuple[str, int, int]]:
    """Yield (location, offset, length) of every tensor that a model.onnx keeps outside itself."""
    for entries in external_entries(path):
        try:
            # Without a length ONNX takes it from the shape; a bundle states it.
            yield entries["location"], int(entries.get("offset", "0")), int(entries["length"])
        except (ValueError, KeyError):
            raise ModelError("not an ONNX model, or a damaged one", path=path) from None


def external_entries(
    path: Path, *, max_fields: int = MAX_GRAPH_FIELDS, any_graph: bool = False
) -> Iterator[dict[str, str]]:
    """Yield what an ONNX file says of every tensor that it keeps outside itself: location and perhaps offset, length.

    any_graph: take training graphs, local functions and control flow, too.
    """
    try:
        data = path.read_bytes()
        budget = [max_fields]
        if all(number != 7 for number, _ in wire_fields(memoryview(data), budget)):  # no graph: text, a pickle, nothing
            raise ValueError
        for external in walk(memoryview(data), "model", path, budget, any_graph):
            pairs = [dict(wire_fields(pair, budget)) for pair in external]
            yield {text(pair[1]): text(pair[2]) for pair in pairs}
    except (ValueError, KeyError, TypeError, IndexError):
        raise ModelError("not an ONNX model, or a damaged one", path=path) from None


def walk(data: memoryview, message: str, path: Path, budget: list[int], any_graph: bool) -> Iterator[list[memoryview]]:
    """Yield, for every tensor below this message, its external_data entries (where it has any)."""
    known = FIELDS[message]
    externals = []
    for number, value in wire_fields(data, budget):
        if message == "node" and number == NODE_DOMAIN and not any_graph and value not in OWN_DOMAINS:
            raise ModelError(f"uses operators of {text(value)[:40]!r}, not only ONNX's own", path=path)
        if number not in known:
            continue
        inner = known[number]
        if inner in REFUSED and not any_graph:
            raise ModelError(f"holds {REFUSED[inner]}, which a bundle's network may not", path=path)
        if not isinstance(value, memoryview):
            raise ValueError
        if inner == "external":
            externals.append(value)
        else:
            yield from walk(value, inner, path, budget, any_graph)
    if externals:
        yield externals


def wire_fields(data: memoryview, budget: list[int]) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value) of a protobuf message, bytes as views; ValueError or IndexError where damaged."""
    at, end = 0, len(data)
    while at < end:
        budget[0] -= 1
        if budget[0] < 0:
            raise ValueError
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        value: int | memoryview
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
            value, at = data[at : at + length], at + length
        else:  # groups were never part of ONNX
            raise ValueError
        if at > end or number == 0:
            raise ValueError
        yield number, value


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """Decode one base-128 number at `at`: (value, position behind it)."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError


def text(value: object) -> str:
    if not isinstance(value, memoryview):
        raise ValueError
    return bytes(value).decode()
