"""Graphs that crash, hang or fill the machine end a process of their own, and are told in one line."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from foreign_models import write_colorizer
from onnx import NodeProto, TensorProto, helper
from tiny_bundle import write_card

from colorizegan import Colorizer, ModelError
from colorizegan.model.trial import mark_of, resource, try_graph

node = helper.make_node
Poison = Callable[[onnx.GraphProto], list[NodeProto]]
LEAST = -(2**63)


def number(graph: onnx.GraphProto, name: str, values: list[int], kind: int = TensorProto.INT64) -> str:
    graph.initializer.append(helper.make_tensor(name, kind, [len(values)], values))
    return name


def division(kind: int, least: int, op: str = "Div") -> Poison:
    """The smallest integer divided by -1, which the processor answers with a fault."""

    def make(graph: onnx.GraphProto) -> list[NodeProto]:
        top, by = number(graph, "top", [least], kind), number(graph, "by", [-1], kind)
        return [node(op, [top, by], ["p0"]), node("Cast", ["p0"], ["poison"], to=TensorProto.FLOAT)]

    return make


def division_at_work(graph: onnx.GraphProto) -> list[NodeProto]:
    """The same by a number that is known when the picture is."""
    top = number(graph, "top", [LEAST])
    nodes = [node("Shape", ["L"], ["p0"], start=0, end=1), node("Neg", ["p0"], ["p1"])]  # the batch: 1
    return [*nodes, node("Div", [top, "p1"], ["p2"]), node("Cast", ["p2"], ["poison"], to=TensorProto.FLOAT)]


def flood_of_zeros(graph: onnx.GraphProto) -> list[NodeProto]:
    shape = number(graph, "shape", [1 << 32])
    return [node("ConstantOfShape", [shape], ["p0"]), node("ReduceMax", ["p0"], ["poison"], keepdims=1)]


def flood_by_tiling(graph: onnx.GraphProto) -> list[NodeProto]:
    times = number(graph, "times", [1, 13_000, 10, 1])
    return [node("Tile", ["L", times], ["p0"]), node("ReduceMax", ["p0"], ["poison"], keepdims=0)]


def flood_by_range(graph: onnx.GraphProto) -> list[NodeProto]:
    for name, value in (("start", 0), ("end", 1 << 31), ("step", 1)):
        graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [], [value]))
    nodes = [node("Range", ["start", "end", "step"], ["p0"]), node("ReduceMax", ["p0"], ["p1"], keepdims=1)]
    return [*nodes, node("Cast", ["p1"], ["poison"], to=TensorProto.FLOAT)]


def endless(graph: onnx.GraphProto) -> list[NodeProto]:
    """Products of large matrices, one after the other; folded or not."""
    shape = number(graph, "shape", [1, 1, 2500, 2500])
    nodes = [node("ReduceMax", ["L"], ["m"], keepdims=1), node("Expand", ["m", shape], ["p0"])]
    nodes += [node("MatMul", [f"p{i}", f"p{i}"], [f"p{i + 1}"]) for i in range(400)]
    return [*nodes, node("ReduceMax", ["p400"], ["poison"], keepdims=0)]


def poisoned(bundle: Path, target: Path, poison: Poison) -> Path:
    """A copy of a bundle, whole by its hashes, whose `ab` waits for something worse."""
    shutil.copytree(bundle, target)
    path = target / "model.onnx"
    model = onnx.load(path, load_external_data=False)
    for one in model.graph.node:
        for i, name in enumerate(one.output):
            if name == "ab":
                one.output[i] = "clean"
    model.graph.node.extend([*poison(model.graph), node("Add", ["clean", "poison"], ["ab"])])
    path.write_bytes(model.SerializeToString())
    write_card(target)
    return target


CRASHES = {
    "int64": division(TensorProto.INT64, LEAST),
    "int32": division(TensorProto.INT32, -(2**31)),
    "remainder": division(TensorProto.INT64, LEAST, "Mod"),
    "only at work": division_at_work,
}
FLOODS = {"zeros": flood_of_zeros, "tiles": flood_by_tiling, "range": flood_by_range}


@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_is_one_line(tiny_bundle: Path, tmp_path: Path, name: str) -> None:
    bundle = poisoned(tiny_bundle, tmp_path / "bundle", CRASHES[name])
    with pytest.raises(ModelError, match="ends the program") as caught:
        Colorizer(bundle)
    assert caught.value.path == str(bundle)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(resource is None, reason="memory cannot be limited here")
@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_one_line(tiny_bundle: Path, tmp_path: Path, name: str) -> None:
    bundle = poisoned(tiny_bundle, tmp_path / "bundle", FLOODS[name])
    with pytest.raises(ModelError, match=r"takes more than 2\.\d GB of memory"):
        Colorizer(bundle)


def test_a_hang_is_one_line(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = poisoned(tiny_bundle, tmp_path / "bundle", endless)
    with pytest.raises(ModelError, match=r"does not end within \d s of the processor's time"):
        try_graph(bundle / "model.onnx", 0, 64, "", bundle, cpu_seconds=1.0)


def test_a_graph_that_waits_is_one_line(tiny_bundle: Path, tmp_path: Path) -> None:
    """By the clock it gets longer, on a machine with much to do; the line says which it was."""
    bundle = poisoned(tiny_bundle, tmp_path / "bundle", endless)
    with pytest.raises(ModelError, match=r"does not end within 4 s;"):
        try_graph(bundle / "model.onnx", 0, 64, "", bundle, cpu_seconds=20.0, patience=0.2)


def test_models_of_other_projects_are_tried_too(tmp_path: Path) -> None:
    path = write_colorizer(tmp_path / "colorizer.onnx", inputs=1, outputs=2)
    model = onnx.load(path)
    model.graph.output[0].name = model.graph.node[-1].output[0]
    last = model.graph.node[-1]
    name, last.output[0] = last.output[0], "clean"
    poison = division(TensorProto.INT64, LEAST)(model.graph)
    model.graph.node.extend([*poison, node("Add", ["clean", "poison"], [name])])
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="ends the program"):
        Colorizer(f"{path}?layout=lab&size=64")


def test_what_came_through_is_remembered_and_a_shipped_model_is_known(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    digest = Colorizer(tiny_bundle).network.digest
    mark = mark_of(digest)
    assert mark is not None
    assert mark.is_file()
    assert mark.is_relative_to(tmp_path)
    monkeypatch.setattr(sys, "executable", os.fspath(tmp_path / "nothing"))  # no process can be started any more
    assert Colorizer(tiny_bundle).network.digest == digest
    mark.unlink()
    with pytest.raises(FileNotFoundError):
        Colorizer(tiny_bundle)
    Colorizer()  # the model of the package
    assert not mark.exists()


def test_a_cache_that_cannot_be_written_only_costs_time(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    gray = np.full((40, 50), 90, np.uint8)
    assert Colorizer(tiny_bundle).colorize(gray).shape == (40, 50, 3)
