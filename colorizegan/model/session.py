"""A graph in ONNX Runtime, on the CPU or another device: the only file that knows ONNX Runtime."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Newer versions of ONNX Runtime note this machine in the user's cache folder and send it off; read on its import.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

from colorizegan.errors import ModelError, UsageError, first_line
from colorizegan.machine import cpu_threads

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "dml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
IN_PLACE = "{0} in place of onnxruntime (pip uninstall onnxruntime, then pip install {0})"
NEEDS = {
    "cuda": f"an NVIDIA GPU with its driver, CUDA with cuDNN, and {IN_PLACE.format('onnxruntime-gpu')}",
    "dml": f"Windows with DirectX 12, and {IN_PLACE.format('onnxruntime-directml')}",
    "coreml": "macOS, whose onnxruntime holds it",
}
"""What a device takes to be there."""
FLOAT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
"""Of inputs, by ONNX Runtime's names."""
FATAL_ONLY = 4  # ONNX Runtime's level of messages: what goes wrong is raised, not printed


class Session:
    """A graph in memory, ready to run. Thread-safe.

    Args:
        onnx: the graph; weights that it keeps outside itself lie in the same folder.
        device: one of PROVIDERS; `NEEDS` says what it takes.
        shrink_arena: give the memory that a run took back to the system after it.
        shown: what errors name, the bundle; None = the graph itself.

    Raises ModelError where it cannot be loaded, UsageError for a device that is unknown, or is not here.
    """

    def __init__(
        self, onnx: Path, threads: int, device: str = "cpu", *, shrink_arena: bool = False, shown: Path | None = None
    ) -> None:
        checked_device(device)
        self.shown = shown or onnx
        options = onnxruntime.SessionOptions()
        options.log_severity_level = FATAL_ONLY
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Measured on the default network at 256 x 384: 175 MB peak like this, 188 MB with patterns (a plan is kept for
        # each shape of photo), 202 MB without the arena (the heap fragments).
        options.enable_mem_pattern = False
        # Idle threads sleep instead of spinning: decoding and encoding need the cores between two photos.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that a device does not work is told below, in one line
                self.graph = onnxruntime.InferenceSession(onnx, options, providers=[PROVIDERS[device]])
        except Exception as error:
            path = onnx if shown is None else shown / onnx.name
            raise ModelError(f"cannot be loaded ({first_line(error)})", path=path) from None
        if self.graph.get_providers()[0] != PROVIDERS[device]:  # ONNX Runtime would go on with the CPU
            raise UsageError(f"device {device!r} does not work here", remedy=f"use cpu; it needs {NEEDS[device]}")
        self.inputs, self.outputs = self.graph.get_inputs(), self.graph.get_outputs()
        self.run_options = onnxruntime.RunOptions()
        self.run_options.log_severity_level = FATAL_ONLY
        if shrink_arena:
            self.run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(self, outputs: list[str], feeds: Mapping[str, NDArray[np.floating]]) -> list[NDArray[Any]]:
        """The outputs of these names; ModelError in one line where the graph fails."""
        try:
            return [np.asarray(out) for out in self.graph.run(outputs, dict(feeds), self.run_options)]
        except Exception as error:  # ONNX Runtime's own classes derive from Exception only, and differ between versions
            raise ModelError(f"the network failed ({first_line(error)})", path=self.shown) from None


def checked_threads(threads: int | None) -> int:
    """CPU threads for a network; default as many as this process may use. UsageError below 1."""
    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}", remedy="use 1 or more, or leave it out")
    return threads or cpu_threads()


def checked_device(device: str) -> str:
    """The device itself; UsageError for one that is unknown, or not here."""
    if device not in PROVIDERS:
        raise UsageError(f"unknown device {device!r}", remedy=f"use one of {', '.join(PROVIDERS)}")
    if device not in available_devices():
        raise UsageError(f"device {device!r} is not available here", remedy=f"use cpu; it needs {NEEDS[device]}")
    return device


def available_devices() -> list[str]:
    """The devices that networks can run on here: "cpu" and perhaps others of PROVIDERS."""
    found = onnxruntime.get_available_providers()
    return [device for device, provider in PROVIDERS.items() if provider in found]
