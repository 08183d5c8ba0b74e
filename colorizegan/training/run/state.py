"""Where a run is: what a checkpoint says and a resumed run begins with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from colorizegan.training.validation.stopping import HoldoutScore


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

    @classmethod
    def of(cls, facts: dict[str, Any]) -> RunState:
        """The inverse of `asdict`; earlier versions called the scores looks."""
        rest = dict(facts)
        scores = rest.pop("scores", None) or rest.pop("looks", [])
        return cls(**rest, scores=[HoldoutScore(**score) for score in scores])

    def begin_stage(self, number: int) -> None:
        """Go over to a stage, if the run is not in it already."""
        if number != self.stage:
            self.stage, self.stage_images, self.sums, self.summed, self.scores = number, 0, {}, 0, []

    def count(self, crops: int, losses: dict[str, float]) -> None:
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
