"""Where a run is, and its networks: what a checkpoint holds and a resumed run begins with."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from colorizegan.errors import CheckpointError
from colorizegan.training.checkpoint import Checkpoint, load_weights
from colorizegan.training.config import Config
from colorizegan.training.configure import from_dict
from colorizegan.training.stopping import HoldoutScore


@dataclass
class RunState:
    """The place in a run; all that is counted while it goes on."""

    stage: int = 0
    stage_images: int = 0
    """Crops seen in this stage."""
    step: int = 0
    """In all stages."""
    images: int = 0
    seconds: float = 0.0
    """Spent in steps, as far as they are logged."""
    sums: dict[str, float] = field(default_factory=dict)
    """Of each loss, since the last line of the log."""
    summed: int = 0
    """Steps in these sums."""
    scores: list[HoldoutScore] = field(default_factory=list)
    """On the held-out photos, in this stage."""

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, facts: dict[str, Any]) -> RunState:
        """The inverse of `facts`; earlier versions called the scores looks."""
        rest = dict(facts)
        scores = rest.pop("scores", None) or rest.pop("looks", [])
        return cls(**rest, scores=[HoldoutScore(**score) for score in scores])

    def begin_stage(self, number: int) -> None:
        """Go over to a stage, if the run is not in it already."""
        if number != self.stage:
            self.stage, self.stage_images, self.sums, self.summed, self.scores = number, 0, {}, 0, []

    def count(self, crops: int, losses: dict[str, float]) -> None:
        """One step done."""
        self.step += 1
        self.images += crops
        self.stage_images += crops
        self.summed += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def take_means(self) -> dict[str, float]:
        """The mean of each loss since the last call."""
        means = {name: total / self.summed for name, total in self.sums.items()}
        self.sums, self.summed = {}, 0
        return means


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
        """Take the weights of a checkpoint."""
        for part in ("generator", "average", "discriminator"):
            load_weights(getattr(self, part), saved, part, path)


def check_resumable(saved: Checkpoint, config: Config, data: str, out: Path, resume: bool) -> None:
    """CheckpointError where a run in this folder cannot be gone on with by these settings and photos."""
    if not resume:
        raise CheckpointError("holds a run already", path=out, remedy="add --resume, or choose another folder")
    if saved.facts["data"] != data:
        raise CheckpointError("was trained on other photos", path=out, remedy="give the same --data, unchanged")
    # Read as settings: a run of an earlier version, which had fewer of them, can go on.
    if from_dict(saved.facts["config"]).network != config.network:
        raise CheckpointError("holds another network", path=out, remedy="give the same network settings")
