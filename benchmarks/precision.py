"""The default network with fewer bits, and by OpenVINO: processor time of a photo, and how far its colours move.

    python benchmarks/precision.py TEST.tar --calibrate TRAIN.tar [--count 24]

Rows: ONNX Runtime with 8 bits (static, per channel, calibrated on 40 photos) in the second encoder, in the first, in
both, in nearly all convolutions; OpenVINO, where `pip install openvino` was run, with 32 and 16 bits. One thread each,
in turn with the plain network; times are of the processor. Asked for: 99.5 % of pixels within one code of 8 bits.
"""

import argparse
import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime import quantization

from colorizegan import Colorizer
from colorizegan.color.difference import ciede2000
from colorizegan.color.lab import lab_of, rgb_to_gray
from colorizegan.data.photoset import PhotoSet
from colorizegan.model.bundle import open_bundle
from colorizegan.model.network import INPUTS
from colorizegan.model.predictor import Predictor
from colorizegan.steer.eye import see

Feeds = dict[str, Any]
Run = Callable[[Feeds], Any]
ROUNDS, CALIBRATED_ON = 15, 40


class Variant(Predictor):
    """The default network, run by another function."""

    def __init__(self, run: Run) -> None:
        super().__init__(open_bundle(), threads=1)
        self.other = run

    def run(self, feeds: Feeds) -> tuple[Any, Any]:
        """As `Predictor.run`."""
        ab, logits = self.other(feeds)
        return ab, logits


class Calibration(quantization.CalibrationDataReader):
    """Photos for ONNX Runtime's quantisation."""

    def __init__(self, feeds: list[Feeds]) -> None:
        self.left = iter(feeds)

    def get_next(self) -> Any:
        """The next photo, None at the end."""
        return next(self.left, None)


def main() -> int:
    """Print one row for each variant."""
    parser = argparse.ArgumentParser(description="The network with fewer bits.")
    parser.add_argument("photos", type=Path, metavar="TEST.tar")
    parser.add_argument("--calibrate", type=Path, required=True, metavar="TRAIN.tar")
    parser.add_argument("--count", type=int, default=24, help="photos that the colours are compared on")
    options = parser.parse_args()
    grays, known = grays_of(options.photos, options.count), grays_of(options.calibrate, CALIBRATED_ON)
    plain = with_onnxruntime(open_bundle().onnx)
    print("| variant | core-ms, plain | core-ms | within one code | mean CIEDE2000 |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for label, run in variants(Path(name), [feeds_of(gray) for gray in known]):
            times = [[processor_ms(one, feeds_of(grays[0])) for one in (plain, run)] for _ in range(ROUNDS)]
            before, after = (statistics.median(each) for each in zip(*times, strict=True))
            within, apart = differences(Variant(run), grays)
            print(f"| {label} | {before:.1f} | {after:.1f} | {within:.2%} | {apart:.2f} |", flush=True)
    return 0


def grays_of(path: Path, count: int) -> list[Any]:
    """Some photos of a set, evenly spread, as gray (H, W) uint8."""
    photos = PhotoSet(path)
    keys = photos.keys[:: max(1, len(photos.keys) // count)][:count]
    return [rgb_to_gray(np.asarray(photos.read(key).convert("RGB"))) for key in keys]


def feeds_of(gray: Any) -> Feeds:
    """What the graph takes of a photo without hints."""
    L = see(gray).lightness(gray, open_bundle().card.working_size, 1.0)
    padded = np.pad(L, [(0, -side % 32) for side in L.shape], mode="edge")[None, None].astype(np.float32)
    return {n: padded if n == "L" else np.zeros((1, c, *padded.shape[2:]), np.float32) for n, c in INPUTS.items()}


def variants(folder: Path, known: list[Feeds]) -> Iterator[tuple[str, Run]]:
    """Label and network of each row."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "joined.onnx")
    options.log_severity_level = 4
    bundle = open_bundle()
    (folder / bundle.card.weights[0]).write_bytes((bundle.onnx.parent / bundle.card.weights[0]).read_bytes())
    onnxruntime.InferenceSession(bundle.onnx, options)
    convolutions = [node for node in onnx.load(folder / "joined.onnx").graph.node if node.op_type == "Conv"]
    second, first = ([n.name for n in convolutions if part in n.input[1]] for part in ("recognizer", "fires"))
    body = [node.name for node in convolutions[1:-6]]
    for label, nodes in (("second encoder", second), ("first", first), ("both", second + first), ("nearly all", body)):
        quantization.quantize_static(
            folder / "joined.onnx",
            folder / "less.onnx",
            Calibration(known),
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            nodes_to_quantize=nodes,
        )
        yield f"8 bits: {label}", with_onnxruntime(folder / "less.onnx")
    if importlib.util.find_spec("openvino") is not None:
        for bits in ("f32", "bf16"):
            yield f"OpenVINO, {bits}", with_openvino(bundle.onnx, bits)


def with_onnxruntime(graph: Path) -> Run:
    """A graph in ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(graph, options)
    return lambda feeds: session.run(["ab", "logits"], feeds)


def with_openvino(graph: Path, bits: str) -> Run:
    """A graph in OpenVINO."""
    core: Any = importlib.import_module("openvino").Core()
    settings = {"INFERENCE_PRECISION_HINT": bits, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    request = core.compile_model(str(graph), "CPU", settings).create_infer_request()

    def run(feeds: Feeds) -> Any:
        request.infer(feeds)
        return [request.get_tensor(name).data.copy() for name in ("ab", "logits")]

    return run


def processor_ms(run: Run, feeds: Feeds) -> float:
    """Processor time of one photo."""
    start = time.process_time()
    run(feeds)
    return 1000 * (time.process_time() - start)


def differences(network: Variant, grays: list[Any]) -> tuple[float, float]:
    """Share of pixels within one code of the plain network's, and mean CIEDE2000 to it."""
    plain, other = Colorizer(), Colorizer(network)
    within, apart = [], []
    for gray in grays:
        one, two = plain.colorize(gray[..., None].repeat(3, 2)), other.colorize(gray[..., None].repeat(3, 2))
        within.append((np.abs(one.astype(int) - two).max(axis=2) <= 1).mean())
        apart.append(ciede2000(lab_of(one), lab_of(two)).mean())
    return float(np.mean(within)), float(np.mean(apart))


if __name__ == "__main__":
    sys.exit(main())
