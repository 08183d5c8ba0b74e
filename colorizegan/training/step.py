"""The pieces of a training step: the generator's answer, rates, means, the average of the weights, seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorizegan.training.augment import Batch
from colorizegan.training.config import Stage
from colorizegan.training.networks.unet import BothHeads, ColorUNet
from colorizegan.training.networks.units import ColorOutput
from colorizegan.training.parallel import own_part


class Answer(NamedTuple):
    """The generator's answer, and what it is compared with at the same size, (B, 2, h, w) and (B, 1, h, w)."""

    output: ColorOutput
    judged: Tensor  # (B, 2, h, w), what the discriminator and the feature network are shown
    target: Tensor
    light: Tensor


def generate(net: nn.Module, batch: Batch, size: int, seed: int, heads: BothHeads | None = None) -> Answer:
    """Colours for a batch of crops of `size` px; `seed` decides what is random inside the network.

    `heads`: the answer that is judged; without, it is the ab head's.
    """
    torch.manual_seed(seed)
    output = ColorOutput(*net(batch.L, batch.hint_ab, batch.hint_mask))
    shrink = size // output.ab.shape[2]  # 1, 2 or 4, by the network
    target, light = (F.avg_pool2d(x, shrink) if shrink > 1 else x for x in (batch.ab, batch.L_true))
    return Answer(output, heads.of(output) if heads else output.ab, target, light)


def answer_to_judge(net: nn.Module, stage: Stage) -> BothHeads | None:
    """What a stage shows to the discriminator and the feature network of a generator; None = the ab head's answer."""
    if stage.judged_temperature == 0:
        return None
    assert isinstance(net, ColorUNet)  # as `config.check` has seen to
    return BothHeads(net, stage.judged_correction, stage.judged_temperature)


def add_to(values: dict[str, Tensor], parts: dict[str, Tensor], pieces: int) -> None:
    """Add what one of some pieces of a batch contributes to the means over the batch."""
    for name, part in parts.items():
        values[name] = values.get(name, 0) + part.detach() / pieces


@contextmanager
def frozen_statistics(net: nn.Module, off: bool) -> Iterator[None]:
    """Norms do not count what passes: it will pass again in the same step."""
    norms = [] if off else [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    yield
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def learning_rate(stage: Stage, progress: float) -> float:
    """Factor on the learning rate at `progress` 0..1 of a stage: linear warm-up, then a cosine down to final_lr."""
    if progress < stage.warmup:
        return (progress + 1e-4) / stage.warmup
    t = (progress - stage.warmup) / (1 - stage.warmup)
    return stage.final_lr + (1 - stage.final_lr) * (1 + math.cos(math.pi * t)) / 2


@torch.no_grad()
def update_average(average: nn.Module, generator: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the weights; buffers (norm statistics) are taken over as they are.

    The decay starts low, so that the random start is forgotten: min(decay, (1 + step) / (10 + step)).
    """
    decay = min(decay, (1 + step) / (10 + step))
    means, weights = ([own_part(p) for p in net.parameters()] for net in (average, generator))
    torch._foreach_lerp_(means, weights, 1 - decay)
    for mean, buffer in zip(average.buffers(), generator.buffers(), strict=True):
        mean.copy_(buffer)


def seed_of(*numbers: int) -> int:
    """A seed for torch that follows from these numbers alone."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
