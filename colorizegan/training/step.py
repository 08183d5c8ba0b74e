"""One training step: the generator's on a batch, then the discriminator's on what it made; averages, seeds."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from colorizegan.training import losses
from colorizegan.training.batches.augment import Batch
from colorizegan.training.config import GanKind, Stage
from colorizegan.training.losses import GeneratorOutput
from colorizegan.training.networks.answer import Answer, BothHeads
from colorizegan.training.networks.bins import SoftLabels
from colorizegan.training.networks.discriminator import Verdict
from colorizegan.training.networks.unet import ColorUNet
from colorizegan.training.networks.units import ColorOutput
from colorizegan.training.optimizers import Optimizers


@dataclass(frozen=True)
class Objective:
    """What the steps of a stage minimise, and in which precision."""

    stage: Stage
    gan: GanKind
    """Kind of the adversarial loss; see losses.py."""
    labels: SoftLabels
    rebalance: Tensor
    """(Q,), weights of the ab bins."""
    features: losses.Features | None = None
    """The fixed network of the perceptual distance."""
    heads: BothHeads | None = None
    """The answer that is judged, see `judged_heads`; None = the ab head's."""
    clip: float | None = None
    """Norm to which longer gradients of the generator are cut."""
    autocast: AbstractContextManager[object] = field(default_factory=nullcontext)
    """In which the networks are run; see precision.py."""


def generate(net: nn.Module, batch: Batch, seed: int, objective: Objective) -> GeneratorOutput:
    """Colours for a batch of crops; `seed` decides what is random inside the network."""
    torch.manual_seed(seed)
    with objective.autocast:
        colors = ColorOutput(*net(batch.L, batch.hint_ab, batch.hint_mask))
    colors = ColorOutput(colors.ab.float(), None if colors.logits is None else colors.logits.float())
    shrink = batch.L.shape[2] // colors.ab.shape[2]  # 1, 2 or 4, by the network
    target, light = (F.avg_pool2d(x, shrink) if shrink > 1 else x for x in (batch.ab, batch.L_true))
    return GeneratorOutput(colors, objective.heads.of(colors) if objective.heads else colors.ab, target, light)


def judged_heads(net: nn.Module, stage: Stage) -> BothHeads | None:
    """What a stage shows to the discriminator and the feature network of a generator; None = the ab head's answer."""
    if stage.judged_temperature == 0:
        return None
    assert isinstance(net, ColorUNet)  # as `config.check` has seen to
    return BothHeads(net, Answer(correction=stage.judged_correction, temperature=stage.judged_temperature))


def train_step(
    generator: nn.Module,
    discriminator: nn.Module,
    judge: nn.Module,
    optimizers: Optimizers,
    pieces: Sequence[Batch],
    seeds: Sequence[int],
    objective: Objective,
) -> dict[str, Tensor]:
    """What the stage does with a batch: the generator learns, then the discriminator; in the first stages one alone.

    generator, discriminator: as they are called in training (compiled, or in several processes). judge, pieces, seeds:
    see `generator_step`. Returns the losses by name, means over the batch.
    """
    values: dict[str, Tensor] = {}
    stage = objective.stage
    if stage.kind != "pretrain_discriminator":
        told = judge if stage.kind == "adversarial" else None
        values, outputs = generator_step(generator, optimizers.generator, pieces, seeds, objective, told)
    else:
        with torch.no_grad():
            outputs = [generate(generator, *piece, objective) for piece in zip(pieces, seeds, strict=True)]
    if stage.kind != "pretrain_generator":
        values |= discriminator_step(discriminator, optimizers.discriminator, outputs, objective)
    return values


def generator_step(
    net: nn.Module,
    optimizer: Optimizer,
    pieces: Sequence[Batch],
    seeds: Sequence[int],
    objective: Objective,
    discriminator: nn.Module | None = None,
) -> tuple[dict[str, Tensor], list[GeneratorOutput]]:
    """One step of the generator.

    Args:
        net: the generator as it is called in training (compiled, or in several processes).
        pieces: the batch, in parts of one size whose gradients are added up.
        seeds: one a piece, see `generate`.
        discriminator: without its wrapper for several processes: it gets no gradients, and none are sent around.

    Returns:
        The losses by name, means over the batch, and what was made of each piece, without graph and logits.
    """
    stage = objective.stage
    if discriminator is not None:
        discriminator.requires_grad_(False)
    optimizer.zero_grad(set_to_none=True)
    values: dict[str, Tensor] = {}
    outputs: list[GeneratorOutput] = []
    for number, (piece, seed) in enumerate(zip(pieces, seeds, strict=True), 1):
        with _gradients_stay(net, number < len(pieces)):
            output = generate(net, piece, seed, objective)
            parts = losses.generator_losses(
                output, piece, stage, objective.labels, objective.rebalance, objective.features
            )
            if discriminator is not None:
                with objective.autocast:
                    verdict: Verdict = discriminator(output.light, output.judged)
                answers = [losses.generator_loss(logits, objective.gan) for logits in verdict.logits]
                parts["adversarial"] = torch.stack(answers).mean()
                if stage.matching > 0:
                    with torch.no_grad(), objective.autocast:
                        truth: Verdict = discriminator(output.light, output.target)
                    parts["matching"] = losses.matching_loss(verdict.features, truth.features)
            loss = torch.stack([getattr(stage, name) * part for name, part in parts.items()]).sum()
            (loss / len(pieces)).backward()
        _add(values, parts, len(pieces))
        outputs.append(
            output._replace(colors=ColorOutput(output.colors.ab.detach(), None), judged=output.judged.detach())
        )
    if objective.clip is not None:
        nn.utils.clip_grad_norm_(net.parameters(), objective.clip)
    optimizer.step()
    return values, outputs


def discriminator_step(
    net: nn.Module, optimizer: Optimizer, outputs: Sequence[GeneratorOutput], objective: Objective
) -> dict[str, Tensor]:
    """One step of the discriminator on what the generator made of a batch in pieces; the loss by name.

    Where both learn, the generator's step comes first, so that one pass of it serves both: the discriminator is one
    batch behind (as in Karras et al. 2020), and each is judged by the other's latest weights.
    """
    net.requires_grad_(True)
    optimizer.zero_grad(set_to_none=True)
    values: dict[str, Tensor] = {}
    for number, output in enumerate(outputs, 1):
        with _gradients_stay(net, number < len(outputs)):
            with objective.autocast:
                real: Verdict = net(output.light, output.target)
                fake: Verdict = net(output.light, output.judged.detach())
            pairs = zip(real.logits, fake.logits, strict=True)
            loss = torch.stack([losses.discriminator_loss(r, f, objective.gan) for r, f in pairs]).mean()
            (loss / len(outputs)).backward()
        _add(values, {"discriminator": loss}, len(outputs))
    optimizer.step()
    return values


def _gradients_stay(net: nn.Module, quiet: bool) -> AbstractContextManager[object]:
    """While `quiet`, several processes keep their gradients to themselves."""
    return net.no_sync() if quiet and isinstance(net, DistributedDataParallel) else nullcontext()


def _add(values: dict[str, Tensor], parts: dict[str, Tensor], pieces: int) -> None:
    """Add what one of some pieces of a batch contributes to the means over the batch."""
    for name, part in parts.items():
        values[name] = values.get(name, 0) + part.detach() / pieces


@torch.no_grad()
def update_average(average: nn.Module, generator: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the weights; buffers (norm statistics) are taken over as they are.

    The decay starts low, so that the random start is forgotten: min(decay, (1 + step) / (10 + step)).
    """
    decay = min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(generator.parameters()), 1 - decay)
    for mean, buffer in zip(average.buffers(), generator.buffers(), strict=True):
        mean.copy_(buffer)


def seed_of(*numbers: int) -> int:
    """A seed for torch that follows from these numbers alone."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) >> 1
