"""From a model bundle back to the network that it was exported from, to train it further."""

import json
from dataclasses import dataclass, fields
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from colorizegan.errors import ModelError
from colorizegan.model.bundle import Bundle
from colorizegan.training.config import NetworkConfig
from colorizegan.training.networks.answer import Answer
from colorizegan.training.networks.unet import ColorUNet

_TIED = ("ab_last.",)  # second names of weights that are stored under their first
_UNUSED = (".num_batches_tracked",)  # counters that inference does not need


@dataclass(frozen=True)
class Restored:
    """A bundle's network with its weights (half precision, widened), and what its graph adds to the network."""

    net: ColorUNet
    config: NetworkConfig
    answer: Answer
    detail: float
    """Share of the working size that photos are reduced to first; see `Card.detail`."""
    card: dict[str, Any]
    """card.json as it is."""


def restore(bundle: Bundle) -> Restored:
    """The network of a bundle. Its shape is read off the weights, so that the card need not tell.

    ModelError where the bundle's network is no ColorUNet, or its weights are incomplete.
    """
    unknown = ModelError(
        "does not hold the weights of a 'unet' generator",
        path=bundle.path,
        remedy="only bundles that `colorizegan export` made can be tuned",
    )
    try:
        weights: dict[str, Tensor] = {}
        for name in bundle.card.weights:
            weights |= load_file(bundle.onnx.parent / name)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"its weights cannot be read ({error})", path=bundle.path) from None
    try:
        config = shape_of(weights)
        net = ColorUNet(config.widths, config.deep_blocks, recognizer=config.recognizer, attention=config.attention)
        floats = {name: tensor.float() for name, tensor in weights.items() if name != "centres"}
        missing, unexpected = net.load_state_dict(floats, strict=False)
    except (KeyError, RuntimeError):  # names or shapes of another network
        raise unknown from None
    if unexpected or any(not name.startswith(_TIED) and not name.endswith(_UNUSED) for name in missing):
        raise unknown
    card = json.loads((bundle.onnx.parent / "card.json").read_text("utf-8"))
    answer = Answer(**{part.name: getattr(bundle.card, part.name) for part in fields(Answer)})
    return Restored(net, config, answer, bundle.card.detail, card)


def shape_of(weights: dict[str, Tensor]) -> NetworkConfig:
    """The settings that give a ColorUNet of these weights. KeyError where they are of another network."""
    names = ("down.0.weight", *(f"{part}.below.0.weight" for part in ("up16", "up8", "up4", "up2")))
    w32, w16, w8, w4, w2 = (weights[name].shape[0] for name in names)
    blocks = {name.split(".")[1] for name in weights if name.startswith("deep.")}
    return NetworkConfig(
        widths=(w32, w16, w8, w4, w2),
        deep_blocks=len(blocks) - 2,
        recognizer="seen.0.weight" in weights,
        attention="attend16.ask.weight" in weights,
    )
