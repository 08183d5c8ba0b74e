"""Small lightness and hints in, chroma and its distribution out: the only file that knows ONNX Runtime."""

import os
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorizegan.model.bundle import Bundle

# Newer versions of ONNX Runtime note this machine in the user's cache folder and send it off; read on its import.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

from colorizegan.errors import ModelError, UsageError, first_line
from colorizegan.machine import cpu_threads
from colorizegan.model.network import Network, NetworkInput, Prediction
from colorizegan.model.trial import try_graph

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
INPUTS = {"L": 1, "hint_ab": 2, "hint_mask": 1}
QUIET = 4  # ONNX Runtime's level for fatal errors: what goes wrong is raised, not printed


class Predictor(Network):
    """A bundle's network in ONNX Runtime. Thread-safe.

    On one machine the same input gives the same bytes, whatever the thread count.

    Args:
        bundle: a verified bundle. A large one, whose weights lie in several files, is loaded when it is first asked.
        threads: CPU threads; default as many as this process may use.
        device: one of PROVIDERS; `NEEDS` says what it takes. Others than the CPU may give other bytes.
        shrink_arena: give the memory that a large photo took back to the system after it, for programs that run long.

    Raises:
        ModelError: the graph cannot be loaded or does not have the inputs and outputs of a bundle.
        UsageError: unknown or absent device, threads below 1.
    """

    def __init__(
        self, bundle: Bundle, *, threads: int | None = None, device: str = "cpu", shrink_arena: bool = False
    ) -> None:
        self.bundle = bundle
        self.card, self.digest = bundle.card, bundle.digest
        self.threads = checked_threads(threads)
        self.bins = np.asarray(bundle.card.ab_bins, dtype=np.float32)
        self.device = checked_device(device)
        self.run_options = open_run_options(shrink_arena)
        self.loading = threading.Lock()
        self.loaded: onnxruntime.InferenceSession | None = None
        if len(bundle.card.weights) == 1:
            self.session()  # at once, so that what is wrong with it is told before any photo

    def session(self) -> onnxruntime.InferenceSession:
        """The graph in memory. ModelError where it cannot be loaded or does not have the ports of a bundle."""
        with self.loading:
            if self.loaded is None:
                onnx = self.bundle.onnx
                if not self.bundle.ships:
                    files = [onnx, *(onnx.parent / name for name in self.card.weights)]
                    size = sum(file.stat().st_size for file in files)
                    try_graph(onnx, size, self.card.working_size, self.digest, self.bundle.path)
                loaded = open_session(onnx, self.threads, self.device, shown=self.bundle.path / onnx.name)
                check_ports(loaded, self.bundle)
                self.loaded = loaded
            return self.loaded

    def predict_batch(self, inputs: Sequence[NetworkInput]) -> list[Prediction]:
        """As `Network.predict_batch`."""
        photos = [self._planes(photo) for photo in inputs]
        feeds = {name: np.stack([planes[name] for planes in photos]) for name in INPUTS}  # (N, C, H', W')
        predictions: list[Prediction] = []
        for photo, ab, logits in zip(inputs, *self.run(feeds), strict=True):
            height, width = photo.L.shape
            # Copies, so that the arrays of the batch can go.
            own_ab = ab[:, : -(-height // 2), : -(-width // 2)].copy()
            own_logits = logits[:, : -(-height // 4), : -(-width // 4)].copy()
            predictions.append(Prediction(own_ab, own_logits, self.bins, calibration=self.card.confidence))
        return predictions

    def _planes(self, photo: NetworkInput) -> dict[str, NDArray[np.float32]]:
        """The inputs of the graph for one photo, (C, H', W') each, padded to the network's multiple."""
        height, width = photo.L.shape
        multiple = self.card.network.multiple
        padding = [(0, 0), (0, -height % multiple), (0, -width % multiple)]
        planes: dict[str, NDArray[np.float32]] = {}
        for (name, channels), array in zip(
            INPUTS.items(), (photo.L[None], photo.hint_ab, photo.hint_mask), strict=True
        ):
            if array is None:
                array = np.zeros((channels, height, width), np.float32)
            # Edges are repeated for L; no hint is made up outside the picture.
            padded = np.pad(array, padding, mode="edge" if name == "L" else "constant")
            planes[name] = padded.astype(np.float32, copy=False)
        return planes

    def run(self, feeds: dict[str, NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the graph on padded inputs (N, C, H', W'): ab (N, 2, H'/2, W'/2), logits (N, Q, H'/4, W'/4)."""
        ab, logits = run_session(self.session(), ["ab", "logits"], feeds, self.run_options, self.bundle.path)
        count, _, height, width = feeds["L"].shape
        for name, array, channels, step in (("ab", ab, 2, 2), ("logits", logits, len(self.bins), 4)):
            if array.shape != (count, channels, height // step, width // step):
                raise ModelError(f"its output `{name}` has shape {array.shape}", path=self.bundle.path)
            if not np.isfinite(array).all():
                raise ModelError(
                    f"its output `{name}` is not finite", path=self.bundle.path, remedy="use another model"
                )
        return ab, logits


def open_session(onnx: Path, threads: int, device: str, *, shown: Path | None = None) -> onnxruntime.InferenceSession:
    """Load a graph; ModelError in one line, naming `shown`, where that fails."""
    checked_device(device)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Measured on the default network at 256 x 384: 175 MB peak like this, 188 MB with patterns (a plan is kept for each
    # shape of photo), 202 MB without the arena (the heap fragments).
    options.enable_mem_pattern = False
    # Idle threads sleep instead of spinning: decoding and encoding need the cores between two photos.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a device does not work is told below, in one line
            session = onnxruntime.InferenceSession(onnx, options, providers=[PROVIDERS[device]])
    except Exception as error:
        raise ModelError(f"cannot be loaded ({first_line(error)})", path=shown or onnx) from None
    if session.get_providers()[0] != PROVIDERS[device]:  # ONNX Runtime would go on with the CPU
        raise UsageError(f"device {device!r} does not work here", remedy=f"use cpu; it needs {NEEDS[device]}")
    return session


def open_run_options(shrink_arena: bool) -> onnxruntime.RunOptions:
    """How a network is run: without a word, and perhaps giving memory back to the system afterwards."""
    options = onnxruntime.RunOptions()
    options.log_severity_level = QUIET
    if shrink_arena:
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def run_session(
    session: onnxruntime.InferenceSession,
    outputs: list[str],
    feeds: Mapping[str, NDArray[np.floating]],
    options: onnxruntime.RunOptions,
    shown: Path,
) -> list[NDArray[Any]]:
    """The outputs of a graph; ModelError in one line, naming `shown`, where it fails."""
    try:
        return [np.asarray(out) for out in session.run(outputs, dict(feeds), options)]
    except Exception as error:  # ONNX Runtime's own classes derive from Exception only, and differ between versions
        raise ModelError(f"the network failed ({first_line(error)})", path=shown) from None


def check_ports(session: onnxruntime.InferenceSession, bundle: Bundle) -> None:
    """ModelError where the graph's inputs and outputs are not those of a bundle."""
    outputs = {"ab": 2, "logits": len(bundle.card.ab_bins)}
    for wanted, found in ((INPUTS, session.get_inputs()), (outputs, session.get_outputs())):
        ports: dict[str, Any] = {port.name: port for port in found}
        if ports.keys() != wanted.keys():
            names = f"{', '.join(sorted(ports))[:200]} instead of {', '.join(wanted)}"
            raise ModelError(f"its network has the inputs or outputs {names}", path=bundle.path)
        for name, channels in wanted.items():
            shape = ports[name].shape
            fixed = len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != channels)
            if fixed or ports[name].type != "tensor(float)" or any(isinstance(n, int) for n in shape[2:]):
                what = f"`{name}` is {ports[name].type} {shape}, not float (N, {channels}, H, W) of any size"
                raise ModelError(f"its network's {what}", path=bundle.path)


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
