"""Weights that PyTorch has pickled (.pth), read in a process of their own that may hold weights and nothing else.

A pickle is a program. PyTorch's `weights_only` runs none of it but what makes tensors; should that fail, the process
has limits of time and memory, and only tensors come back, as safetensors.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from colorizegan.errors import InputError, ModelError
from colorizegan.machine import child_command, limit_process

MOST_BYTES = 8 << 30  # of a file
MOST_TENSORS = 10_000  # the largest network that is read here has some hundred
SECONDS = 300  # of the process, by the clock
REFUSED = 3  # its exit status, where it says why
NESTED = ("state_dict", "params", "params_ema", "model", "generator", "netG")  # names under which weights are put


def read_pickled(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth file by name.

    InputError where there is none; ModelError where it holds more than weights, is damaged, or takes too long.
    """
    if not path.is_file():
        raise InputError("no such file", path=path)
    if path.stat().st_size > MOST_BYTES:
        raise ModelError(f"is larger than {MOST_BYTES >> 30} GiB", path=path)
    with tempfile.TemporaryDirectory(prefix="colorizegan-") as folder:
        out = Path(folder) / "weights.safetensors"
        command = child_command("colorizegan.training.export.pickled", str(path.absolute()), str(out))
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 (our own)
        except subprocess.TimeoutExpired:
            raise ModelError(f"took more than {SECONDS} s to read", path=path) from None
        if done.returncode == REFUSED:
            raise ModelError(done.stdout.decode("utf-8", "replace"), path=path, remedy="get the published file")
        if done.returncode or not out.is_file():
            raise ModelError("cannot be read: its reader died", path=path, remedy="get the published file")
        return load_file(out)


def main() -> None:
    """The process: FILE.pth -> OUT.safetensors, or REFUSED with the reason on standard output."""
    source, target = (Path(argument) for argument in sys.argv[1:3])
    limit_process(for_good=True, DATA=(4 << 30) + 4 * source.stat().st_size, CPU=SECONDS)
    try:
        weights = tensors_of(torch.load(source, map_location="cpu", weights_only=True))
    except Exception as error:  # whatever an unpickler makes of bytes that anybody may have written
        known = isinstance(error, ValueError)
        reason = str(error) if known else "is no file of weights alone, as torch.save writes it"
        sys.stdout.write(reason)
        sys.exit(REFUSED)
    save_file(weights, target)


def tensors_of(found: Any) -> dict[str, Tensor]:
    """Names and tensors of what a file holds; ValueError where that is something else."""
    for name in NESTED:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict) or not found or len(found) > MOST_TENSORS:
        raise ValueError("holds no table of weights")
    weights: dict[str, Tensor] = {}
    for name, tensor in found.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
            raise ValueError(f"holds {str(name)[:60]!r}, which is no tensor")
        weights[name.removeprefix("module.")] = tensor.detach().clone().contiguous()  # "module.": of several GPUs
    return weights
