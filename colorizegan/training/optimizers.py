"""The optimizers of a stage: which weights learn how fast, and how that changes while the stage goes on."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from colorizegan.training.checkpoint import Checkpoint, load_optimizer, optimizer_tensors
from colorizegan.training.config import Config, Stage


class Optimizers:
    """Those of one stage, on fresh moments."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module, stage: Stage, config: Config) -> None:
        betas = (stage.beta1, 0.999)
        self.generator = torch.optim.AdamW(
            parameter_groups(generator, stage, config), betas=betas, weight_decay=config.weight_decay, fused=True
        )
        discriminator.requires_grad_(True)
        self.discriminator = torch.optim.Adam(
            discriminator.parameters(), stage.lr_discriminator, betas=betas, fused=True
        )

    def set_rates(self, stage: Stage, progress: float) -> float:
        """The generator's learning rates at `progress` 0..1 of the stage; returns the factor on them."""
        rate = learning_rate(stage, progress)
        for group in self.generator.param_groups:
            group["lr"] = stage.lr * rate * group["factor"]
        for group in self.discriminator.param_groups:
            group["lr"] = stage.lr_discriminator  # that of these settings, where a checkpoint had another
        return rate

    def tensors(self) -> dict[str, Tensor]:
        """Their moments, as a checkpoint names them."""
        both = (("opt_g", self.generator), ("opt_d", self.discriminator))
        return {f"{name}.{key}": t for name, optimizer in both for key, t in optimizer_tensors(optimizer).items()}

    def load(self, saved: Checkpoint | None) -> None:
        """Take the moments of a checkpoint, if there is one."""
        if saved is not None:
            load_optimizer(self.generator, saved.part("opt_g"))
            load_optimizer(self.discriminator, saved.part("opt_d"))


def parameter_groups(
    generator: nn.Module, stage: Stage, config: Config, *, trained: bool = False
) -> list[dict[str, Any]]:
    """Optimizer groups: encoders that start from given weights (or `trained` ones) learn at rates of their own; norms
    do not decay."""
    trained = trained or bool(config.network.encoder or config.network.start)
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in generator.named_parameters():
        if not parameter.requires_grad:
            continue
        factor = 1.0
        if name.startswith(("stem.", "fires.")) and trained:
            factor = config.encoder_lr
        elif name.startswith("recognizer."):
            factor = config.network.recognizer_lr
        groups.setdefault((factor, parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "lr": stage.lr, "factor": factor, "weight_decay": config.weight_decay if decays else 0.0}
        for (factor, decays), parameters in groups.items()
    ]


def learning_rate(stage: Stage, progress: float) -> float:
    """Factor on the learning rate at `progress` 0..1 of a stage: linear warm-up, then a cosine down to final_lr."""
    if progress < stage.warmup:
        return (progress + 1e-4) / stage.warmup
    t = (progress - stage.warmup) / (1 - stage.warmup)
    return stage.final_lr + (1 - stage.final_lr) * (1 + math.cos(math.pi * t)) / 2
