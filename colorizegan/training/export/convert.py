"""Published PyTorch weights of other projects -> a bundle; they are known by the names and shapes of their tensors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from colorizegan.errors import ModelError
from colorizegan.files import sha256_of_file
from colorizegan.training.export.bundle import card_of, check_free, read_card_extra, write_bundle
from colorizegan.training.export.graph import PlainGraph
from colorizegan.training.export.pickled import read_pickled
from colorizegan.training.networks.pix2pix import Pix2PixUNet
from colorizegan.training.networks.units import AB_RANGE
from colorizegan.training.networks.zhang16 import Zhang16
from colorizegan.training.networks.zhang17 import Zhang17

Net = TypeVar("Net", bound=nn.Module)

COUNTER = ".num_batches_tracked"  # of norms; inference does not need it, and older files lack it
ZHANG = {"licence": "BSD-2-Clause", "source": "https://github.com/richzhang/colorization"}
IMAGENET = {"name": "ImageNet (ILSVRC 2012)", "count": 1_281_167, "licence": "ImageNet's terms of access"}


@dataclass(frozen=True)
class Converted:
    """A network with the published weights, and what is known of them."""

    net: nn.Module
    generator: str
    licence: str = "not stated"
    source: str = ""
    data: tuple[dict[str, Any], ...] = ()


def convert(path: Path, out: Path, *, name: str = "", card_extra: Path | None = None) -> Path:
    """Write a model bundle from published weights: Zhang 2016 and 2017, pix2pix's U-Net 256 for L to ab.

    Args:
        path: the .pth file. It is read in a process of its own, `weights_only`.
        out: the bundle's folder; it must not exist, or be an empty folder.
        name: the model's name in its card; empty for that of the file.
        card_extra: a JSON file whose entries (licence, data, ...) go into the card.

    Raises:
        InputError, ConfigError, OutputError; ModelError for a file that is none, or of another network.
    """
    check_free(out)
    extra = read_card_extra(card_extra)
    found = network_of(read_pickled(path), path)
    card = card_of(name or path.stem, PlainGraph(found.net), found.generator) | {
        "licence": found.licence,
        "training": {"source": found.source, "converted_from": {"file": path.name, "sha256": sha256_of_file(path)}},
        "data": list(found.data),
    }
    return write_bundle(PlainGraph(found.net), card | extra, out)


def network_of(weights: dict[str, Tensor], path: Path) -> Converted:
    """The network of these weights, with them loaded. ModelError where their names or shapes are of no known one."""
    given = {name: tensor.float() for name, tensor in weights.items() if not name.endswith(COUNTER)}
    if "model_out.weight" in given and "model8.6.weight" in given:
        return Converted(zhang16(given, path), "zhang16", data=(IMAGENET,), **ZHANG)
    if "model8up.0.weight" in given:
        given = {name: tensor for name, tensor in given.items() if not name.startswith("model_class.")}
        return Converted(loaded(Zhang17(), given, path), "zhang17", data=(IMAGENET,), **ZHANG)
    if "model.model.0.weight" in given:
        return Converted(pix2pix(given, path), "pix2pix")
    names = ", ".join(list(weights)[:3])
    what = f"holds the weights of a network that is not known here ({len(weights)} tensors: {names} ...)"
    remedy = "known are Zhang 2016 and 2017 and pix2pix's U-Net 256; make an ONNX file of others, see docs/models.md"
    raise ModelError(what, path=path, remedy=remedy)


def zhang16(given: dict[str, Tensor], path: Path) -> Zhang16:
    """`colorization_release_v2`: our Zhang16 with bins of its own; its scale of L goes into the first weights."""
    out = given.pop("model_out.weight")  # (2, Q, 1, 1): the mean over the bins, as a convolution
    if out.ndim != 4 or out.shape[0] != 2 or out.shape[2:] != (1, 1):
        raise wrong_shape("model_out.weight", out, "(2, Q, 1, 1)", path)
    net = Zhang16(temperature=1.0, centres=out[:, :, 0, 0].T * AB_RANGE)
    weights = as_ours(given, zhang16_names(net), path)
    weights["blocks.0.weight"] = weights["blocks.0.weight"] / 2  # theirs sees (L - 50) / 100, ours (L - 50) / 50
    return loaded(net, weights, path)


def zhang16_names(net: Zhang16) -> dict[str, str]:
    """Published name -> ours, of layers."""
    names: dict[str, str] = {}
    block, place = 1, 0
    for number, part in enumerate(net.blocks):
        names[f"model{block}.{place}"] = f"blocks.{number}"
        block, place = (block + 1, 0) if isinstance(part, nn.BatchNorm2d) else (block, place + 1)
    names |= {f"model8.{number}": f"conv8.{number}" for number in range(6)}
    return names | {"model8.6": "head"}


def pix2pix(given: dict[str, Tensor], path: Path) -> Pix2PixUNet:
    """`latest_net_G`: our Pix2PixUNet, but that in theirs the shortcut comes before what it is joined with."""
    weights = as_ours(given, pix2pix_names(), path)
    for name, tensor in weights.items():
        if name == "head.1.weight" or (name.startswith("up.") and name.endswith(".1.weight") and name[3] != "0"):
            weights[name] = tensor.roll(len(tensor) // 2, 0)  # (in, out, 4, 4)
    return loaded(Pix2PixUNet(), weights, path)


def pix2pix_names() -> dict[str, str]:
    """Published name -> ours, of layers: theirs is a nest of blocks, each around the next smaller one."""
    names = {"model.model.0": "down.0.0", "model.model.3": "head.1"}
    block = "model.model.1.model"
    for depth in range(1, 8):
        innermost = depth == 7
        names |= {f"{block}.1": f"down.{depth}.1", f"{block}.{3 if innermost else 5}": f"up.{7 - depth}.1"}
        names |= {f"{block}.{4 if innermost else 6}": f"up.{7 - depth}.2"}
        if not innermost:
            names[f"{block}.2"] = f"down.{depth}.2"
        block = f"{block}.3.model"
    return names


def as_ours(given: dict[str, Tensor], names: dict[str, str], path: Path) -> dict[str, Tensor]:
    """The weights under our names. ModelError for a layer that the network does not have."""
    weights: dict[str, Tensor] = {}
    for name, tensor in given.items():
        layer, _, kind = name.rpartition(".")
        if layer not in names:
            raise ModelError(f"holds {name}, which the network that it seems to be does not have", path=path)
        weights[f"{names[layer]}.{kind}"] = tensor
    return weights


def loaded(net: Net, weights: dict[str, Tensor], path: Path) -> Net:
    """The network with these weights, all of them and no others; ModelError that names what is wrong."""
    wanted = {name: tensor for name, tensor in net.state_dict().items() if not name.endswith(COUNTER)}
    for name in sorted(wanted.keys() ^ weights.keys()):
        what = "lacks" if name in wanted else "holds"
        raise ModelError(f"{what} {name}, unlike the network that it seems to be", path=path)
    for name, tensor in weights.items():
        if tensor.shape != wanted[name].shape:
            raise wrong_shape(name, tensor, str(tuple(wanted[name].shape)), path)
        if not torch.isfinite(tensor).all():
            raise ModelError(f"its {name} is not finite", path=path)
    net.load_state_dict(weights, strict=False)
    return net


def wrong_shape(name: str, tensor: Tensor, wanted: str, path: Path) -> ModelError:
    return ModelError(f"its {name} has shape {tuple(tensor.shape)}, not {wanted}", path=path)
