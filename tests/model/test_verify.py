"""Hostile and damaged weight files at every door of training: one line, at once, with nothing run."""

import hashlib
import io
import json
import os
import pickle
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from harm import Bomb
from safetensors.torch import save
from tiny_run import overrides

from colorizegan.errors import ColorizeGANError
from colorizegan.training.build import build_generator
from colorizegan.training.checkpoint import checkpoint_path, load_checkpoint
from colorizegan.training.configure import load_config
from colorizegan.training.export import export_bundle
from colorizegan.training.loop import train
from colorizegan.training.networks.squeezenet import SqueezeNetFeatures

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def torch_archive(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def with_header(header: bytes, length: int | None = None) -> bytes:
    return (len(header) if length is None else length).to_bytes(8, "little") + header + bytes(16)


def with_facts(facts: str) -> bytes:
    return save({"generator.stem.weight": torch.zeros(3)}, metadata={"facts": facts})


CASES: dict[str, Callable[[Path], bytes]] = {
    "pickle": lambda trace: pickle.dumps(Bomb(trace)),
    "torch archive": lambda trace: torch_archive({"average": Bomb(trace)}),
    "empty": lambda _: b"",
    "noise": lambda _: bytes(range(256)) * 4000,
    "header longer than the file": lambda _: with_header(b"{}", 1 << 40),
    "header of all bits": lambda _: b"\xff" * 100,
    "header that is no table": lambda _: with_header(b"[]"),
    "header nested without end": lambda _: with_header(b"[" * 100_000),
    "tensor outside the file": lambda _: with_header(
        b'{"a": {"dtype": "F32", "shape": [1000000], "data_offsets": [0, 4000000]}}'
    ),
    "tensors that overlap": lambda _: with_header(
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},'
        b' "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}'
    ),
    "sizes that overflow": lambda _: with_header(
        b'{"a": {"dtype": "F32", "shape": [9223372036854775807, 4], "data_offsets": [0, 16]}}'
    ),
    "no facts": lambda _: save({"a": torch.zeros(3)}),
    "facts without a run": lambda _: with_facts("{}"),
    "facts that are no table": lambda _: with_facts("[1]"),
    "facts of other kinds": lambda _: with_facts('{"config": 5, "network": [], "state": "x", "data": 1}'),
    "facts nested without end": lambda _: with_facts("[" * 100_000),
}


def refusal(door: Callable[[], object]) -> str:
    """The one line, given within a second of the processor's time."""
    start = time.process_time()
    with pytest.raises(ColorizeGANError) as caught:
        door()
    assert time.process_time() - start < 1
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 600
    return line


@pytest.fixture
def hostile(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Such a file under a checkpoint's name, its hash beside it."""
    path = checkpoint_path(tmp_path / "hostile" / "checkpoints", 7)
    path.parent.mkdir(parents=True)
    content = CASES[request.param](tmp_path / "ran")
    path.write_bytes(content)
    path.with_suffix(".sha256").write_text(hashlib.sha256(content).hexdigest())
    return path


@pytest.mark.parametrize("hostile", CASES, indirect=True)
def test_hostile_files_are_refused_at_every_door(hostile: Path, photos: Path, run: Path, tmp_path: Path) -> None:
    def config(*changes: str) -> Any:
        return load_config("tiny", None, overrides(photos, *changes))

    cache = run / "cache"
    doors: dict[str, Callable[[], object]] = {
        "network.start": lambda: build_generator(config(f"network.start={hostile}")),
        "network.encoder": lambda: build_generator(config(f"network.encoder={hostile}")),
        "losses.features": lambda: SqueezeNetFeatures(hostile),
        "train --resume": lambda: train(config(), hostile.parent.parent, resume=True, cache=cache),
        "export of a file": lambda: export_bundle(hostile, tmp_path / "bundle"),
        "export of a run": lambda: export_bundle(hostile.parent.parent, tmp_path / "bundle"),
    }
    for name, door in doors.items():
        assert refusal(door), name
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("cut", [0.0, 0.001, 0.5, 0.999])
def test_torn_weights_for_the_encoder(cut: float, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    content = save({"conv1.weight": torch.zeros(96, 3, 7, 7), "conv1.bias": torch.zeros(96)})
    path.write_bytes(content[: int(cut * len(content))])
    assert "not a readable safetensors file" in refusal(lambda: SqueezeNetFeatures(path))
    path.write_bytes(content)
    assert "holds no SqueezeNet 1.0 (fires.0.s1.weight of 16x96x1x1" in refusal(lambda: SqueezeNetFeatures(path))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = checkpoint_path(tmp_path, 1)
    os.mkfifo(pipe)
    assert "no such file" in refusal(lambda: load_checkpoint(pipe))
    assert "no such file" in refusal(lambda: SqueezeNetFeatures(pipe))


def test_weights_of_another_network_under_the_same_settings(run: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    (out / "checkpoints").mkdir(parents=True)
    last = sorted((run / "checkpoints").glob("*.safetensors"))[-1]
    facts = json.dumps(load_checkpoint(last).facts)
    content = save({"generator.stem.weight": torch.zeros(3)}, metadata={"facts": facts})
    path = out / "checkpoints" / last.name
    path.write_bytes(content)
    path.with_suffix(".sha256").write_text(hashlib.sha256(content).hexdigest())
    config = load_config("tiny", None, overrides(photos))
    line = refusal(lambda: train(config, out, resume=True, cache=run / "cache"))
    assert f"{last.name}: holds another network" in line
    shutil.rmtree(out)
