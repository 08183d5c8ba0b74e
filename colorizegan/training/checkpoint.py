"""Training state on disk: safetensors and JSON, never pickle; atomic, hashed, the last good ones kept.

A checkpoint is one file `step-<n>.safetensors` whose header carries the JSON part, and `step-<n>.sha256` beside it.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.optim import Optimizer

from colorizegan.errors import CheckpointError
from colorizegan.files import remove_leftovers, write_atomic

_NAME = re.compile(r"step-(\d+)\.safetensors")
KEPT = 2  # the newest one, and one to fall back on


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by dotted name and JSON-ready facts."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors below `prefix.`, with the prefix taken off."""
        return {k[len(prefix) + 1 :]: v for k, v in self.tensors.items() if k.startswith(prefix + ".")}


_FACTS = {"config": dict, "network": dict, "state": dict, "skipped": dict, "data": str, "photos": int}


class _Facts(dict[str, Any]):
    """Facts read from a file: one that is not there is that file's fault."""

    def __init__(self, facts: dict[str, Any], path: Path) -> None:
        super().__init__(facts)
        self.path = path

    def __missing__(self, name: str) -> Any:
        raise CheckpointError(f"does not say {name!r}", path=self.path, remedy="is it a checkpoint of a training run?")


def _read_facts(text: str, path: Path) -> _Facts:
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise ValueError("its facts are no table")
    for name, kind in _FACTS.items():
        if not isinstance(facts.get(name, kind()), kind):
            raise ValueError(f"its {name!r} is no {kind.__name__}")
    if "state" in facts:
        facts["state"] = _Facts(facts["state"], path)
    return _Facts(facts, path)


def checkpoint_path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:09d}.safetensors"


def save_checkpoint(folder: Path, step: int, checkpoint: Checkpoint, kept: int | None = KEPT) -> Path:
    """Write a checkpoint and drop older ones than the last `kept`; None drops none."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folders=[folder])
    path = checkpoint_path(folder, step)
    # A clone each: tensors that share storage (tied weights, views) are refused by the format.
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in checkpoint.tensors.items()}
    content = save(tensors, metadata={"facts": json.dumps(checkpoint.facts)})
    write_atomic(path.with_suffix(".sha256"), hashlib.sha256(content).hexdigest().encode())
    write_atomic(path, content)
    for old in list_checkpoints(folder)[:-kept] if kept else []:
        old.unlink(missing_ok=True)
        old.with_suffix(".sha256").unlink(missing_ok=True)
    return path


def divided(weights: dict[str, Tensor], file_bytes: int | None) -> list[dict[str, Tensor]]:
    """The weights, in order, in as many parts as needed so that none has more bytes, but for a single larger tensor."""
    parts: list[dict[str, Tensor]] = [{}]
    room = float("inf") if file_bytes is None else file_bytes
    used = 0
    for name, tensor in weights.items():
        if parts[-1] and used + tensor.nbytes > room:
            parts.append({})
            used = 0
        parts[-1][name] = tensor
        used += tensor.nbytes
    return parts


def list_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints in a folder, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and verify one checkpoint; CheckpointError for one that is missing, torn, changed since, or none."""
    if not path.is_file():  # a pipe would be waited for
        raise CheckpointError("no such file", path=path)
    try:
        expected = path.with_suffix(".sha256").read_text("ascii").strip()
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise CheckpointError("does not match its hash", path=path, remedy="an older checkpoint may be whole")
        with safe_open(path, framework="pt") as file:
            facts = _read_facts((file.metadata() or {})["facts"], path)
            return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, facts)  # noqa: SIM118
    except FileNotFoundError as error:
        raise CheckpointError("no such file", path=error.filename) from None
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError) as error:
        raise CheckpointError(f"is no readable checkpoint ({error})", path=path) from None


def load_newest(folder: Path) -> tuple[Checkpoint | None, list[CheckpointError]]:
    """The newest whole checkpoint in a folder, or None; and what was wrong with newer ones that were passed over."""
    passed: list[CheckpointError] = []
    for path in reversed(list_checkpoints(folder)):
        try:
            return load_checkpoint(path), passed
        except CheckpointError as error:
            passed.append(error)
    return None, passed


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """An optimizer's state as tensors named `<parameter number>.<quantity>`."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": torch.as_tensor(value) for i, values in state.items() for name, value in values.items()}


def load_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`, for an optimizer over the same parameters."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        i, quantity = name.split(".", 1)
        own = tensor.clone()  # the optimizer changes its state in place
        if tensor.shape == parameters[int(i)].shape:
            # A fused step walks through memory: moments must lie there in the order of their parameter's numbers,
            # which for channels_last is not the order in the file.
            own = torch.empty_like(parameters[int(i)], dtype=tensor.dtype).copy_(tensor)
        state.setdefault(int(i), {})[quantity] = own
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
