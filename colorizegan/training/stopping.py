"""When an adversarial stage has done enough: looks at the held-out photos, rules that end it, the look to go back to.

Adversarial training gives colour and then overdoes it: skin turns orange first (DeOldify, "NoGAN"). Each look's weights
are kept as a snapshot; when a rule is broken, or the stage is over, the best look that broke none is gone back to.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from colorizegan.bench.measures.regions import KINDS
from colorizegan.training.config import StoppingConfig
from colorizegan.training.validate import predict_squares, score_squares

_FEWEST = 200  # skin-coloured pixels; the hue of fewer says nothing


@dataclass(frozen=True)
class Look:
    """Held-out scores after a step."""

    step: int
    auc: float
    """Rebalanced AuC, %."""
    delta_cf: float
    """Mean colourfulness of the results less that of the photos; below 0 is dull."""
    skin_turn: float | None
    """Degrees of Lab hue by which the results are turned from the photos where these have the colours of skin, below 0
    towards red; None where too few have."""

    def facts(self) -> dict[str, Any]:
        """For the log and the checkpoint; `Look(**facts)` is the inverse."""
        return asdict(self)


def look(generator: torch.nn.Module, squares: Tensor, device: torch.device, step: int) -> Look:
    """Scores of a generator (in eval mode) on held-out squares (N, 3, S, S) uint8."""
    L, truth, predicted, _ = predict_squares(generator, squares, device)
    scores = score_squares(L, truth, predicted)
    small = torch.nn.functional.interpolate(L, truth.shape[2:], mode="area")
    delta = scores["colorfulness"] - scores["colorfulness_truth"]
    return Look(step, scores["auc_rebalanced"], delta, skin_turn(small, truth, predicted))


def skin_turn(L: Tensor, truth: Tensor, predicted: Tensor) -> float | None:
    """From the hue of the mean true ab to that of the mean predicted ab, degrees in -180..180, where the truth has the
    colours of skin: also wood and sand. L (N, 1, h, w); truth and predicted (N, 2, h, w)."""
    skin = KINDS["skin"]
    hue = torch.rad2deg(torch.atan2(truth[:, 1], truth[:, 0]))  # (N, h, w)
    chroma = truth.square().sum(1).sqrt()
    mask = (hue >= skin.seen_hue[0]) & (hue <= skin.seen_hue[1])
    mask &= (chroma >= skin.seen_chroma[0]) & (chroma <= skin.seen_chroma[1])
    mask &= (L[:, 0] >= skin.lightness[0]) & (L[:, 0] <= skin.lightness[1])
    if int(mask.sum()) < _FEWEST:
        return None

    def hue_of(ab: Tensor) -> float:
        a, b = (float(ab[:, i][mask].mean()) for i in (0, 1))
        return math.degrees(math.atan2(b, a))

    return (hue_of(predicted) - hue_of(truth) + 180) % 360 - 180


def broken_rule(start: Look, now: Look, config: StoppingConfig) -> str:
    """Which rule a look breaks, in words with the figures; "" if none."""
    if start.skin_turn is not None and now.skin_turn is not None:
        # Away from the photos: a stage may well bring skin nearer to them.
        away = abs(now.skin_turn) - abs(start.skin_turn)
        if away > config.skin_hue:
            return f"the hue of skin has turned {away:.1f} degrees away from that of the photos"
    if start.delta_cf < 0 <= now.delta_cf:
        return f"the colours are stronger than those of the photos (delta-CF {now.delta_cf:+.2f})"
    if now.auc < start.auc - config.auc:
        return f"the rebalanced AuC has fallen by {start.auc - now.auc:.2f} points"
    return ""


def best_look(looks: list[Look], config: StoppingConfig) -> Look:
    """The look to keep: of those that broke no rule, the start among them, the one whose colourfulness is nearest to
    the photos'; of equals the one of higher rebalanced AuC."""
    allowed = [one for one in looks if not broken_rule(looks[0], one, config)]
    return min(allowed, key=lambda one: (abs(one.delta_cf), -one.auc))
