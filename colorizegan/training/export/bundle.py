"""From a training checkpoint to a model bundle: graph, half-precision weights, card; checked against torch."""

import json
import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from colorizegan import __version__
from colorizegan.color.lab import lab_to_rgb
from colorizegan.errors import CheckpointError, ConfigError, ModelError, OutputError
from colorizegan.files import sha256_of_file
from colorizegan.model.bundle import open_bundle
from colorizegan.model.predictor import Predictor
from colorizegan.training.build import build_unet
from colorizegan.training.checkpoint import Checkpoint, load_checkpoint, load_newest
from colorizegan.training.config import Config, to_dict
from colorizegan.training.configure import from_dict
from colorizegan.training.export.graph import PlainGraph
from colorizegan.training.export.weights import write_graph
from colorizegan.training.networks.answer import Answer, BothHeads
from colorizegan.training.networks.pix2pix import Pix2PixUNet
from colorizegan.training.networks.zhang16 import Zhang16

logger = logging.getLogger("colorizegan.training")

# px; what the card says unless the caller's card does.
WORKING_SIZES = {"unet": 192, "pix2pix": 256, "zhang16": 176, "zhang17": 256}


def export_bundle(
    checkpoint: Path,
    out: Path,
    *,
    name: str = "custom",
    card_extra: Path | None = None,
    answer: Mapping[str, float] | None = None,
    file_mib: int | None = None,
) -> Path:
    """Write a model bundle from the averaged weights of a checkpoint of any recipe.

    Args:
        checkpoint: a checkpoint file, or the folder of a run (its newest whole checkpoint).
        out: the bundle's folder; it must not exist, or be an empty folder.
        name: the model's name in its card.
        card_extra: a JSON file whose entries (licence, data, metrics, working_size, detail, ...) go into the card.
        answer: fields of `Answer`, where they are to be otherwise than there, kept in the graph. `chroma` is for all
            recipes, `temperature` for those with a distribution, the rest for the default network.
        file_mib: the most MiB of weights in one file; None = all in one.

    Returns:
        `out`.

    Raises:
        CheckpointError, ConfigError, OutputError; ModelError if ONNX Runtime's colours differ from torch's.
    """
    saved = load_run(checkpoint)
    config = from_dict(saved.facts["config"])
    check_free(out)
    extra = read_card_extra(card_extra)
    graph = graph_of(config, saved.part("average"), answer or {})
    card = card_of_run(name, graph, config, saved.facts) | extra | answer_of(graph)
    return write_bundle(graph, card, out, None if file_mib is None else file_mib << 20)


def write_bundle(graph: nn.Module, card: dict[str, Any], out: Path, file_bytes: int | None = None) -> Path:
    """Write a graph and its card as a bundle: whole or not at all, and checked against torch.

    graph: forward(L, hint_ab, hint_mask) -> ab (N, 2, H/2, W/2), logits (N, Q, H/4, W/4); its `net` holds the weights.
    """
    check_free(out)
    graph.eval()
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        write_graph(graph, folder, int(card["network"]["multiple"]), file_bytes)
        card["files"] = {file.name: sha256_of_file(file) for file in sorted(folder.iterdir())}
        (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", "utf-8")
        check_parity(graph, folder)
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


def check_free(out: Path) -> None:
    """OutputError where the folder of a bundle would not be a new one."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError("exists already", path=out, remedy="choose another folder")


def load_run(path: Path) -> Checkpoint:
    """A checkpoint file, or the newest whole checkpoint of a run's folder."""
    if not path.is_dir():
        return load_checkpoint(path)
    folder = path / "checkpoints" if (path / "checkpoints").is_dir() else path
    saved, passed = load_newest(folder)
    for error in passed:
        logger.warning("passed over a checkpoint: %s", error)
    if saved is None:
        raise CheckpointError("holds no whole checkpoint", path=path, remedy="name a run's folder or a checkpoint file")
    return saved


def graph_of(config: Config, weights: dict[str, Tensor], answer: Mapping[str, float]) -> BothHeads | PlainGraph:
    """What a run's network computes, with its averaged weights. ConfigError for a wish that it cannot fulfil."""
    generator = config.network.generator
    if generator == "unet":
        unet = build_unet(config.network)
        unet.load_state_dict(weights)
        return BothHeads(unet, Answer(**answer))
    for wish in sorted(answer.keys() - {"chroma", "temperature"}):
        what = f"{wish} is for the default network, and this is {generator}"
        raise ConfigError(what, remedy=f"leave --{wish} out")
    if "temperature" in answer and generator != "zhang16":
        what = f"temperature is for a distribution, and {generator} has none"
        raise ConfigError(what, remedy="leave --temperature out")
    if generator == "pix2pix":
        net: nn.Module = Pix2PixUNet(width=len(weights["down.0.0.weight"]))
    else:
        net = Zhang16(len(weights["blocks.0.weight"]), answer.get("temperature", Zhang16.TEMPERATURE))
    net.load_state_dict(weights)
    return PlainGraph(net, answer.get("chroma", 1.0))


def read_card_extra(path: Path | None) -> dict[str, Any]:
    """The entries of a JSON file, which go into the card."""
    if path is None:
        return {}
    try:
        extra = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read as JSON ({error})", path=path) from None
    if not isinstance(extra, dict):
        raise ConfigError("must hold a JSON object", path=path)
    return extra


def card_of_run(name: str, graph: BothHeads | PlainGraph, config: Config, facts: dict[str, Any]) -> dict[str, Any]:
    settings = to_dict(config)
    # Paths of one machine do not belong into a card that travels.
    settings["data"]["sources"] = [Path(source).name for source in config.data.sources]
    paths = {
        "data": ("weights", "manifest"),
        "network": ("encoder", "recognizer_weights", "start"),
        "losses": ("features",),
    }
    for group, names in paths.items():
        settings[group] |= {name: Path(settings[group][name]).name for name in names}
    state = facts["state"]
    training = {
        "images": state["images"],
        "steps": state["step"],
        "hours": round(state["seconds"] / 3600, 2),
        "photos": facts["photos"],
        "config": settings,
    }
    return card_of(name, graph, config.network.generator) | {"training": training}


def card_of(name: str, graph: BothHeads | PlainGraph, generator: str) -> dict[str, Any]:
    """The card of a graph: what follows from the network alone, as nobody has stated a licence."""
    net: Any = graph.net
    bins = [[0.0, 0.0]] if generator in ("pix2pix", "zhang17") else net.centres.tolist()
    count = sum(weights.numel() for weights in net.parameters())
    card = {
        "schema": 1,
        "name": name,
        "version": __version__,
        "created": date.today().isoformat(),
        "licence": "not stated",
        "network": {"generator": generator, "parameters": count, "multiple": net.multiple},
        "working_size": WORKING_SIZES[generator],
        "detail": 1.0,
        "ab_bins": bins,
        "temperature": float(getattr(net, "temperature", 1.0)),
        "training": {},
        "data": [],
        "metrics": {},
    }
    return card | answer_of(graph)


def answer_of(graph: BothHeads | PlainGraph) -> dict[str, float]:
    """What a card tells of the answer that is kept in a graph."""
    return asdict(graph.answer) if isinstance(graph, BothHeads) else {"chroma": graph.chroma}


@torch.no_grad()
def check_parity(graph: nn.Module, folder: Path) -> None:
    """ModelError unless the bundle's colours equal torch's: at most 1/255 apart on 99.9 % of pixels."""
    predictor = Predictor(open_bundle(folder))
    rng = np.random.default_rng(0)
    multiple = predictor.card.network.multiple
    sizes = ((96, 128), (192, 256)) if 96 % multiple == 0 else ((multiple, multiple), (multiple, 2 * multiple))
    for height, width in sizes:
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
