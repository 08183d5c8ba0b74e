"""From a training checkpoint to a model bundle: ONNX graph, half-precision weights, card; checked against torch.

The graph keeps its weights in model.safetensors as ONNX external data, so they are stored once and can be read back
for fine-tuning under their names in the network.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import Tensor, nn

from colorizegan import __version__
from colorizegan.color.lab import lab_to_rgb
from colorizegan.errors import CheckpointError, ConfigError, ModelError, OutputError
from colorizegan.model.bundle import open_bundle
from colorizegan.model.predictor import Predictor
from colorizegan.training.build import build_unet
from colorizegan.training.checkpoint import Checkpoint, load_checkpoint, load_newest
from colorizegan.training.config import Config, to_dict
from colorizegan.training.configure import from_dict
from colorizegan.training.networks.bins import ab_bin_centres
from colorizegan.training.networks.unet import ColorUNet
from colorizegan.training.networks.units import count_parameters

logger = logging.getLogger("colorizegan.training")

WORKING_SIZE = 192  # px, shorter side; what the card says unless the caller's card does
PREFIX = "net."  # of the weights' names in the graph


class _Graph(nn.Module):
    """What the exported graph computes."""

    def __init__(self, net: ColorUNet, chroma: float, correction: float, temperature: float) -> None:
        super().__init__()
        self.net = net
        self.chroma = chroma
        self.correction = correction
        self.temperature = None if temperature == net.temperature else temperature

    def forward(self, L: Tensor, hint_ab: Tensor, hint_mask: Tensor) -> tuple[Tensor, Tensor]:
        ab, logits = self.net.predict_padded(L, hint_ab, hint_mask, self.correction, self.temperature)
        return ab * self.chroma, logits


def export_bundle(
    checkpoint: Path,
    out: Path,
    *,
    name: str = "custom",
    card_extra: Path | None = None,
    chroma: float = 1.0,
    correction: float = 1.0,
    temperature: float | None = None,
) -> Path:
    """Write a model bundle from the averaged weights of a checkpoint.

    Args:
        checkpoint: a checkpoint file, or the folder of a run (its newest whole checkpoint).
        out: the bundle's folder; it must not exist, or be an empty folder.
        name: the model's name in its card.
        card_extra: a JSON file whose entries (licence, data, metrics, working_size, detail, ...) go into the card.
        chroma: a factor on ab, kept in the graph.
        correction: share of the ab head's correction, 0 (the distribution's vivid mean) .. 1 (the ab head's faithful
            answer), kept in the graph; between them lies the mean of both heads.
        temperature: T of that mean, kept in the graph; None = the one of training. Less is more decided.

    Returns:
        `out`.

    Raises:
        CheckpointError, ConfigError, OutputError; ModelError if ONNX Runtime's colours differ from torch's.
    """
    saved = _load(checkpoint)
    config = from_dict(saved.facts["config"])
    if config.network.generator != "unet":
        raise ConfigError(
            f"a {config.network.generator!r} generator cannot be exported",
            remedy="only 'unet' has both heads of a bundle",
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError("exists already", path=out, remedy="choose another folder")
    extra = _read_card(card_extra)
    net = build_unet(config.network)
    net.load_state_dict(saved.part("average"))
    net.eval()
    graph = _Graph(net, chroma, correction, temperature or net.temperature).eval()

    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        _write_graph(graph, folder)
        card = _card(name, graph, config, saved.facts) | extra
        card["files"] = {
            file: hashlib.sha256((folder / file).read_bytes()).hexdigest()
            for file in ("model.onnx", "model.safetensors")
        }
        (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", "utf-8")
        _check_parity(graph, folder)
        folder.chmod(0o755)
        for file in folder.iterdir():  # a bundle is there to be passed on; temporary folders and libraries are private
            file.chmod(0o644)
        if out.exists():
            out.rmdir()
        folder.replace(out)
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", path=out) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return out


def _load(path: Path) -> Checkpoint:
    if not path.is_dir():
        return load_checkpoint(path)
    folder = path / "checkpoints" if (path / "checkpoints").is_dir() else path
    saved, passed = load_newest(folder)
    for error in passed:
        logger.warning("passed over a checkpoint: %s", error)
    if saved is None:
        raise CheckpointError("holds no whole checkpoint", path=path, remedy="name a run's folder or a checkpoint file")
    return saved


def _read_card(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        extra = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read as JSON ({error})", path=path) from None
    if not isinstance(extra, dict):
        raise ConfigError("must hold a JSON object", path=path)
    return extra


def _card(name: str, graph: _Graph, config: Config, facts: dict[str, Any]) -> dict[str, Any]:
    net = graph.net
    settings = to_dict(config)
    # Paths of one machine do not belong into a card that travels.
    settings["data"]["sources"] = [Path(source).name for source in config.data.sources]
    settings["data"]["weights"] = Path(config.data.weights).name
    settings["data"]["manifest"] = Path(config.data.manifest).name
    settings["network"]["encoder"] = Path(config.network.encoder).name
    settings["network"]["recognizer_weights"] = Path(config.network.recognizer_weights).name
    settings["network"]["start"] = Path(config.network.start).name
    settings["losses"]["features"] = Path(config.losses.features).name
    state = facts["state"]
    return {
        "schema": 1,
        "name": name,
        "version": __version__,
        "created": date.today().isoformat(),
        "licence": "not stated",
        "network": {"generator": "unet", "parameters": count_all(net), "multiple": net.multiple},
        "working_size": WORKING_SIZE,
        "detail": 1.0,
        "ab_bins": ab_bin_centres().tolist(),
        "temperature": graph.temperature or net.temperature,
        "chroma": graph.chroma,
        "correction": graph.correction,
        "training": {
            "images": state["images"],
            "steps": state["step"],
            "hours": round(state["seconds"] / 3600, 2),
            "photos": facts["photos"],
            "config": settings,
        },
        "data": [],
        "metrics": {},
    }


def count_all(net: nn.Module) -> int:
    """All weights of a network, frozen ones too."""
    return count_parameters(net) + sum(p.numel() for p in net.parameters() if not p.requires_grad)


def _write_graph(graph: _Graph, folder: Path) -> None:
    """model.onnx and model.safetensors."""
    example = (torch.rand(2, 1, 64, 96) * 100, torch.zeros(2, 2, 64, 96), torch.zeros(2, 1, 64, 96))
    batch, rows, columns = torch.export.Dim("N"), torch.export.Dim("h", min=1), torch.export.Dim("w", min=1)
    size = {0: batch, 2: graph.net.multiple * rows, 3: graph.net.multiple * columns}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
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
    _strip_debug(model)
    store_outside(model, folder)


def _strip_debug(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes: they hold paths of this machine and are larger than the graph."""
    model.producer_name, model.producer_version = "colorizegan", __version__
    del model.metadata_props[:]
    graph = model.graph
    graph.doc_string = ""
    for item in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.value_info[:]


def store_outside(model: onnx.ModelProto, folder: Path) -> None:
    """Write the graph with its weights in model.safetensors beside it: matrices as float16, the rest as it is.

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

    path = folder / "model.safetensors"
    save_file(weights, path, metadata={"format": "pt"})
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    model.graph.initializer.extend(_outside(name, entry, start) for name, entry, start in _tensors_in(path))
    onnx.save_model(model, folder / "model.onnx")
    onnx.checker.check_model(folder / "model.onnx")


def _tensors_in(path: Path) -> list[tuple[str, dict[str, Any], int]]:
    """Name, header entry and first byte of each tensor of a safetensors file."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return [(n, e, 8 + length + e["data_offsets"][0]) for n, e in header.items() if n != "__metadata__"]


def _outside(name: str, entry: dict[str, Any], start: int) -> TensorProto:
    """An initializer that points into model.safetensors."""
    begin, end = entry["data_offsets"]
    kinds = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT, "I64": TensorProto.INT64}
    tensor = TensorProto(name=PREFIX + name, dims=entry["shape"], data_type=kinds[entry["dtype"]])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "model.safetensors"), ("offset", start), ("length", end - begin)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


@torch.no_grad()
def _check_parity(graph: _Graph, folder: Path) -> None:
    """ModelError unless the bundle's colours equal torch's: at most 1/255 apart on 99.9 % of pixels."""
    predictor = Predictor(open_bundle(folder))
    rng = np.random.default_rng(0)
    for height, width in ((96, 128), (192, 256)):
        L = _smooth(rng, height, width)
        expected = graph(
            torch.from_numpy(L)[None, None], torch.zeros(1, 2, height, width), torch.zeros(1, 1, height, width)
        )
        ab = predictor.predict(L).ab
        half = L[::2, ::2]
        apart = np.abs(_rgb(half, ab) - _rgb(half, expected[0][0].numpy())).max(-1) * 255
        share = float((apart <= 1).mean())
        logger.info("parity at %dx%d: %.4f of pixels within 1/255, largest %.2f", height, width, share, apart.max())
        if share < 0.999:
            raise ModelError(f"exported colours differ from torch's on {1 - share:.2%} of pixels", path=folder)


def _rgb(L: NDArray[np.float32], ab: NDArray[np.float32]) -> NDArray[Any]:
    return lab_to_rgb(np.concatenate((L[None], ab)).transpose(1, 2, 0))


def _smooth(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """A picture-like L: noise at several scales, 0..100."""
    L = np.zeros((height, width), np.float32)
    for cells in (2, 4, 8, 16):
        noise = torch.from_numpy(rng.standard_normal((1, 1, cells, cells), np.float32))
        up = nn.functional.interpolate(noise, (height, width), mode="bicubic", align_corners=False)
        L += up[0, 0].numpy() / cells**0.5
    return (100 * (L - L.min()) / (L.max() - L.min())).astype(np.float32)
