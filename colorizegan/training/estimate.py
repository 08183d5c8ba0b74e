"""What a run would take: sizes, floating-point operations, memory and time, from a few real steps of each stage."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from colorizegan.machine import cpu_threads
from colorizegan.training.batches.augment import make_batch
from colorizegan.training.build import build_discriminator, build_generator
from colorizegan.training.config import Config, Stage
from colorizegan.training.networks.bins import SoftLabels, ab_bin_centres
from colorizegan.training.networks.units import count_parameters
from colorizegan.training.optimizers import Optimizers
from colorizegan.training.precision import autocast, best_precision
from colorizegan.training.step import Objective, judged_heads, train_step

STEPS = 4  # of a stage: one counted, which sets up what later ones have, one timed, two of larger batches


@dataclass(frozen=True)
class StageEstimate:
    """One stage."""

    kind: str
    steps: int
    flops: int
    """Of one step, forward and backward, multiply and add counted apart."""
    memory: int
    """Bytes: weights, their average, gradients, optimizer states, and what the backward pass keeps of the forward."""
    seconds: float
    """Of one step on this machine, uncompiled, photos not counted."""

    @property
    def hours(self) -> float:
        """Of the whole stage."""
        return self.steps * self.seconds / 3600


@dataclass(frozen=True)
class Estimate:
    """A whole run."""

    generator: int
    """Parameters, all."""
    discriminator: int
    learning: int
    """Parameters of the generator that learn."""
    precision: str
    device: str
    stages: list[StageEstimate]

    def lines(self) -> list[str]:
        head = f"generator {self.generator / 1e6:.2f} M parameters, {self.learning / 1e6:.2f} M learn; "
        head += f"discriminator {self.discriminator / 1e6:.2f} M; {self.precision} on {self.device}"
        rows = [
            f"stage {number} {stage.kind}: {stage.steps:,} steps of {stage.flops / 1e9:.1f} GFLOP, "
            f"{stage.memory / 2**20:,.0f} MiB, {stage.seconds:.2f} s a step, {stage.hours:.2f} h"
            for number, stage in enumerate(self.stages)
        ]
        return [head, *rows, f"all stages {sum(stage.hours for stage in self.stages):.2f} h, uncompiled"]


def estimate(config: Config, seconds: float = 12.0, progress: Callable[[int], None] = lambda done: None) -> Estimate:
    """Run a few steps of each stage, to count and to time them; nothing is written, no photo is read.

    seconds: about how long it may take. Where whole steps would take longer, it is told from smaller batches. progress:
    called with the number of steps that are through, of STEPS a stage.
    """
    torch.manual_seed(config.seed)
    before = torch.get_num_threads()
    torch.set_num_threads(config.threads or cpu_threads())
    try:
        return _estimate(config, seconds, progress)
    finally:
        torch.set_num_threads(before)


def _estimate(config: Config, seconds: float, progress: Callable[[int], None]) -> Estimate:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = best_precision(config.precision)
    networks = (build_generator(config), build_discriminator(config))
    generator, discriminator = (net.to(device).train() for net in networks)
    every = sum(p.numel() for p in generator.parameters())
    stages: list[StageEstimate] = []
    end = time.perf_counter() + seconds
    for number, stage in enumerate(config.stages):
        room = (end - time.perf_counter()) / (len(config.stages) - number)

        def tick(done: int, before: int = number * STEPS) -> None:
            progress(before + done)

        stages.append(_stage(config, stage, generator, discriminator, device, room, tick))
    judge = count_parameters(discriminator)
    return Estimate(every, judge, count_parameters(generator), precision, device.type, stages)


def _stage(
    config: Config,
    stage: Stage,
    generator: nn.Module,
    discriminator: nn.Module,
    device: torch.device,
    room: float,
    tick: Callable[[int], None],
) -> StageEstimate:
    started = time.perf_counter()
    objective = Objective(
        stage,
        config.losses.gan,
        SoftLabels(device),
        torch.ones(len(ab_bin_centres()), device=device),
        heads=judged_heads(generator, stage),
        autocast=autocast(config.precision, device),
    )
    optimizers = Optimizers(generator, discriminator, stage, config)
    chance = torch.Generator().manual_seed(0)
    kept: dict[int, int] = {}  # storage -> bytes, of what the backward pass needs beside the weights
    weights_at = {p.untyped_storage().data_ptr() for net in (generator, discriminator) for p in net.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights_at:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    def step(crops: int) -> None:
        rgb = torch.randint(0, 256, (crops, 3, stage.size, stage.size), dtype=torch.uint8, generator=chance)
        batch = make_batch(rgb.to(device), config.augment, chance)
        train_step(generator, discriminator, discriminator, optimizers, [batch], [0], objective)

    with FlopCounterMode(display=False) as counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        step(few := min(stage.batch, 2))
    tick(1)
    begun = time.perf_counter()
    step(few)
    seconds = small = time.perf_counter() - begun
    tick(2)
    # On a GPU a step takes as long with few crops as with some more, so the whole batch is timed if there is time.
    left = room - (time.perf_counter() - started)
    crops = max(few, min(stage.batch, int(few * left / (2.5 * small))))
    for number in range(2 if crops > few else 0):
        begun = time.perf_counter()
        step(crops)
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - begun
        tick(3 + number)
        if begun + 2 * seconds - started > room:  # another would take too long
            break
    tick(STEPS)
    for net in (generator, discriminator):
        net.zero_grad(set_to_none=True)
    weights = sum(4 * p.numel() * (5 if p.requires_grad else 2) for p in generator.parameters())  # with its average
    weights += sum(16 * p.numel() for p in discriminator.parameters())
    steps, share = -(-stage.images // stage.batch), stage.batch / few
    flops, memory = round(counter.get_total_flops() * share), weights + round(sum(kept.values()) * share)
    return StageEstimate(stage.kind, steps, flops, memory, seconds * stage.batch / crops)
