"""From settings to networks: which ones, on what weights they start, which of them learn and how fast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from colorizegan.errors import CheckpointError
from colorizegan.training.checkpoint import load_checkpoint
from colorizegan.training.config import Config, Stage
from colorizegan.training.networks import ColorUNet, PatchDiscriminator, Pix2PixUNet, init_pix2pix
from colorizegan.training.squeezenet import start_encoder
from colorizegan.training.zhang16 import Zhang16


def build_generator(config: Config) -> nn.Module:
    """The generator of a configuration, with its starting weights."""
    if config.network.generator == "pix2pix":
        net: nn.Module = Pix2PixUNet()
        init_pix2pix(net)
    elif config.network.generator == "zhang16":
        net = Zhang16()
    else:
        net = ColorUNet(config.network.widths, config.network.deep_blocks)
        if config.network.encoder:
            start_encoder(net, Path(config.network.encoder))
        for part in net.encoder_parts()[: config.network.frozen]:
            part.requires_grad_(False)
    _start(net, config, "average")
    return net


def _start(net: nn.Module, config: Config, part: str) -> None:
    """Load a network's weights from the checkpoint that `network.start` names, if it names one."""
    if not config.network.start:
        return
    path = Path(config.network.start)
    try:
        net.load_state_dict(load_checkpoint(path).part(part))
    except RuntimeError:  # names or shapes that do not fit
        raise CheckpointError("holds another network", path=path, remedy="give the same network settings") from None


def best_precision(asked: str) -> str:
    """What "auto" stands for: "bf16-mixed" where the hardware computes in it; emulated, it is slower than float32."""
    if asked != "auto":
        return asked
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    flags = Path("/proc/cpuinfo").read_text("ascii", "replace") if Path("/proc/cpuinfo").exists() else ""
    return "bf16-mixed" if "amx_bf16" in flags or "avx512_bf16" in flags else "32-true"


def build_discriminator(config: Config) -> PatchDiscriminator:
    """The discriminator of a configuration, with its starting weights."""
    net = PatchDiscriminator(config.network.discriminator_norm, config.network.discriminator_width)
    if config.network.discriminator_norm == "batch":
        init_pix2pix(net)
    _start(net, config, "discriminator")
    return net


def parameter_groups(generator: nn.Module, stage: Stage, config: Config) -> list[dict[str, Any]]:
    """Optimizer groups: an encoder that starts from given weights learns at a lower rate; norms do not decay."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in generator.named_parameters():
        if not parameter.requires_grad:
            continue
        given = bool(config.network.encoder) and name.startswith(("stem.", "fires."))
        groups.setdefault((given, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": stage.lr,
            "factor": config.encoder_lr if given else 1.0,
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (given, decays), parameters in groups.items()
    ]
