"""A bundle's network: small lightness and hints in, chroma and its distribution out."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorizegan.errors import ModelError
from colorizegan.model.bundle import Bundle
from colorizegan.model.network import INPUTS, Network, NetworkInput, Prediction
from colorizegan.model.session import Session, checked_device, checked_threads
from colorizegan.model.trial import try_graph


class Predictor(Network):
    """A bundle's network in ONNX Runtime. Thread-safe.

    On one machine the same input gives the same bytes, whatever the thread count.

    Args:
        bundle: a verified bundle. A large one, whose weights lie in several files, is loaded when it is first asked.
        threads: CPU threads; default as many as this process may use.
        device: one of `session.PROVIDERS`; others than the CPU may give other bytes.
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
        self.device, self.shrink_arena = checked_device(device), shrink_arena
        self.loading = threading.Lock()
        self.loaded: Session | None = None
        if len(bundle.card.weights) == 1:
            self.session()  # at once, so that what is wrong with it is told before any photo

    def session(self) -> Session:
        """The graph in memory. ModelError where it cannot be loaded or does not have the ports of a bundle."""
        with self.loading:
            if self.loaded is None:
                onnx, shown = self.bundle.onnx, self.bundle.path
                if not self.bundle.ships:
                    files = [onnx, *(onnx.parent / name for name in self.card.weights)]
                    size = sum(file.stat().st_size for file in files)
                    try_graph(onnx, size, self.card.working_size, self.digest, shown)
                loaded = Session(onnx, self.threads, self.device, shrink_arena=self.shrink_arena, shown=shown)
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
        ab, logits = self.session().run(["ab", "logits"], feeds)
        count, _, height, width = feeds["L"].shape
        for name, array, channels, step in (("ab", ab, 2, 2), ("logits", logits, len(self.bins), 4)):
            if array.shape != (count, channels, height // step, width // step):
                raise ModelError(f"its output `{name}` has shape {array.shape}", path=self.bundle.path)
            if not np.isfinite(array).all():
                what = f"its output `{name}` is not finite"
                raise ModelError(what, path=self.bundle.path, remedy="use another model")
        return ab, logits


def check_ports(session: Session, bundle: Bundle) -> None:
    """ModelError where the graph's inputs and outputs are not those of a bundle."""
    outputs = {"ab": 2, "logits": len(bundle.card.ab_bins)}
    for wanted, found in ((INPUTS, session.inputs), (outputs, session.outputs)):
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
