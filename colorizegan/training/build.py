"""From settings to networks: which ones, on what weights they start, which of them learn."""

import copy
import json
import logging
from dataclasses import InitVar, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from colorizegan.errors import CheckpointError, ConfigError
from colorizegan.model.bundle import open_bundle
from colorizegan.training.checkpoint import Checkpoint, load_checkpoint
from colorizegan.training.config import Config, NetworkConfig
from colorizegan.training.networks.bins import SoftLabels
from colorizegan.training.networks.discriminator import PatchDiscriminator, ScaledDiscriminator
from colorizegan.training.networks.efficientnet import EfficientNetFeatures, start_recognizer
from colorizegan.training.networks.pix2pix import Pix2PixUNet, init_pix2pix
from colorizegan.training.networks.squeezenet import SqueezeNetFeatures, start_encoder
from colorizegan.training.networks.unet import ColorUNet
from colorizegan.training.networks.zhang16 import Zhang16
from colorizegan.training.precision import autocast
from colorizegan.training.restore import restore
from colorizegan.training.step import Objective

CHECKPOINT_SUFFIX = ".safetensors"

logger = logging.getLogger("colorizegan.training")


def build_generator(config: Config) -> nn.Module:
    """The generator of a configuration, with its starting weights."""
    if config.network.generator == "pix2pix":
        net: nn.Module = Pix2PixUNet()
        init_pix2pix(net)
    elif config.network.generator == "zhang16":
        net = Zhang16()
    else:
        if config.network.recognizer and not (config.network.recognizer_weights or config.network.start):
            what = "give network.recognizer_weights, or a network.start that has them"
            raise ConfigError("network.recognizer needs weights", remedy=what)
        net = build_unet(config.network)
        if config.network.encoder:
            start_encoder(net, Path(config.network.encoder))
        for part in [net.stem, *net.fires][: config.network.frozen]:
            part.requires_grad_(False)
    _start(net, config, "average")
    if isinstance(net, ColorUNet) and net.recognizer is not None and config.network.recognizer_weights:
        start_recognizer(net.recognizer, Path(config.network.recognizer_weights))
    if isinstance(net, ColorUNet) and net.recognizer is not None:
        net.recognizer.requires_grad_(config.network.recognizer_lr > 0)
    return net


def build_unet(config: NetworkConfig) -> ColorUNet:
    """The default generator of these settings, on random weights."""
    return ColorUNet(config.widths, config.deep_blocks, recognizer=config.recognizer, attention=config.attention)


def _is_checkpoint(path: Path) -> bool:
    """Whether a path means a file of safetensors, by its ending or, as it may have any, its first bytes."""
    try:
        if not path.is_file():  # a name of a model, a folder, a pipe
            return path.suffix.lower() == CHECKPOINT_SUFFIX
        with path.open("rb") as file:
            return path.suffix.lower() == CHECKPOINT_SUFFIX or file.read(9)[8:] == b"{"
    except (OSError, ValueError):  # cannot be read, too long, a NUL
        return path.suffix.lower() == CHECKPOINT_SUFFIX


def _start(net: nn.Module, config: Config, part: str) -> None:
    """Load a network's weights from the checkpoint or bundle that `network.start` names, if it names one."""
    start = config.network.start
    if not start:
        return
    path = Path(start)
    weights: dict[str, Tensor] = {}
    remedy = "give the same network settings"
    if _is_checkpoint(path):
        weights = load_checkpoint(path).part(part)
    elif part == "average":
        from colorizegan.model.spec import stored_bundle  # with ONNX Runtime, which a borrowed machine may lack

        base = restore(open_bundle(stored_bundle(start)))
        weights = base.net.state_dict()
        wanted = {name: getattr(base.config, name) for name in ("widths", "deep_blocks", "recognizer", "attention")}
        lines = [f"network.{name}={json.dumps(value)}" for name, value in wanted.items()
                 if value != getattr(config.network, name)]  # fmt: skip
        remedy = f"give its settings: {', '.join(lines)}" if lines else remedy
    else:  # a bundle has no discriminator: it starts at random
        return
    # A network without recognizer may start one with it, whose weights must then come from elsewhere; one without
    # attention may start one with it, which has it in place of a residual block.
    fresh = ("recognizer.", "seen.") if config.network.recognizer_weights else ()
    gone: tuple[str, ...] = ()
    if isinstance(net, ColorUNet) and config.network.attention and "attend16.ask.weight" not in weights:
        last = f"deep.{len(net.deep) - 1}."
        fresh, gone = (*fresh, "attend16.", last), (last,)
    fresh_state = {name: value.clone() for name, value in net.state_dict().items()}  # a failed load leaves some behind
    try:
        missing, unexpected = net.load_state_dict(weights, strict=False)
        fits = all(name.startswith(gone) for name in unexpected) and all(name.startswith(fresh) for name in missing)
    except RuntimeError:  # shapes that do not fit
        fits = False
    if not fits and part == "discriminator":
        logger.info("the discriminator starts at random: %s holds another one", path)
        net.load_state_dict(fresh_state)
    elif not fits:
        raise CheckpointError("holds another network", path=path, remedy=remedy)


def open_features(path: Path) -> SqueezeNetFeatures | EfficientNetFeatures:
    """The fixed network of a file of weights, for the perceptual distance. DataError where it holds neither."""
    try:
        with safe_open(path, "pt") as weights:
            squeezenet = "conv1.weight" in weights.keys()  # noqa: SIM118  # not a mapping
    except (SafetensorError, OSError):
        squeezenet = True  # says what is wrong with the file
    return SqueezeNetFeatures(path) if squeezenet else EfficientNetFeatures(path)


def build_discriminator(config: Config) -> nn.Module:
    """The discriminator of a configuration, with its starting weights."""
    asked = config.network
    norm, width, whole = asked.discriminator_norm, asked.discriminator_width, asked.discriminator_whole
    if asked.discriminator_scales > 1:
        net: nn.Module = ScaledDiscriminator(asked.discriminator_scales, norm, width, whole)
    else:
        net = PatchDiscriminator(norm, width, whole=whole)
    if norm == "batch":
        init_pix2pix(net)
    _start(net, config, "discriminator")
    return net


def build_objective(config: Config, device: torch.device, rebalance: Tensor) -> Objective:
    """What the first stage minimises; a stage replaces `stage` and `heads`. `rebalance`: (Q,), weights of the bins."""
    needs_features = any(stage.perceptual > 0 for stage in config.stages)
    return Objective(
        config.stages[0],
        config.losses.gan,
        SoftLabels(device),
        rebalance.to(device),
        open_features(Path(config.losses.features)).to(device) if needs_features else None,
        clip=5.0 if config.network.generator == "unet" else None,
        autocast=autocast(config.precision, device),
    )


@dataclass
class Networks:
    """The networks of a run, whole and uncompiled."""

    generator: nn.Module
    discriminator: nn.Module
    device: InitVar[torch.device]
    average: nn.Module = field(init=False)
    """Running average of the generator's weights: what is validated and exported."""

    def __post_init__(self, device: torch.device) -> None:
        for net in (self.generator, self.discriminator):
            # The memory order in which convolutions are fast.
            net.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's types omit it
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)

    def tensors(self, *names: str) -> dict[str, torch.Tensor]:
        """The weights of these networks, or of all, as a checkpoint names them."""
        chosen = names or ("generator", "average", "discriminator")
        return {f"{name}.{key}": value for name in chosen for key, value in getattr(self, name).state_dict().items()}

    def load(self, saved: Checkpoint, path: Path) -> None:
        """Take the weights of a checkpoint; CheckpointError where names or shapes do not fit."""
        for part in ("generator", "average", "discriminator"):
            try:
                getattr(self, part).load_state_dict(saved.part(part))
            except RuntimeError:
                remedy = "give the same network settings"
                raise CheckpointError("holds another network", path=path, remedy=remedy) from None
