"""When an adversarial stage has done enough: scores on the held-out photos, rules that end it, weights to go back to.

Adversarial training gives colour and then overdoes it: skin turns orange first (DeOldify, "NoGAN"). The weights of each
score are kept as a snapshot; when a rule is broken, or the stage is over, the best of those that broke none come back.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from colorizegan.bench.measures.regions import KINDS
from colorizegan.training.config import StoppingConfig
from colorizegan.training.validation.validate import predict_squares, score_squares


@dataclass(frozen=True)
class HoldoutScore:
    """Held-out scores after a step."""

    step: int
    auc: float
    """Rebalanced AuC, %."""
    delta_cf: float
    """Mean colourfulness of the results less that of the photos; below 0 is dull."""
    skin_turn: float | None
    """Degrees of Lab hue by which the results are turned from the photos where these have the colours of skin, below 0
    towards red; None where too few have."""


def score_holdout(generator: torch.nn.Module, squares: Tensor, device: torch.device, step: int) -> HoldoutScore:
    """Scores of a generator (in eval mode) on held-out squares (N, 3, S, S) uint8."""
    L, truth, predicted, _ = predict_squares(generator, squares, device)
    scores = score_squares(L, truth, predicted)
    small = torch.nn.functional.interpolate(L, truth.shape[2:], mode="area")
    delta = scores["colorfulness"] - scores["colorfulness_truth"]
    return HoldoutScore(step, scores["auc_rebalanced"], delta, skin_turn(small, truth, predicted))


def skin_turn(L: Tensor, truth: Tensor, predicted: Tensor) -> float | None:
    """From the hue of the mean true ab to that of the mean predicted ab, degrees in -180..180, where the truth has the
    colours of skin: also wood and sand. L (N, 1, h, w); truth and predicted (N, 2, h, w)."""
    skin = KINDS["skin"]
    hue = torch.rad2deg(torch.atan2(truth[:, 1], truth[:, 0]))  # (N, h, w)
    chroma = truth.square().sum(1).sqrt()
    mask = (hue >= skin.seen_hue[0]) & (hue <= skin.seen_hue[1])
    mask &= (chroma >= skin.seen_chroma[0]) & (chroma <= skin.seen_chroma[1])
    mask &= (L[:, 0] >= skin.lightness[0]) & (L[:, 0] <= skin.lightness[1])
    if int(mask.sum()) < 200:  # the hue of fewer pixels says nothing
        return None

    def hue_of(ab: Tensor) -> float:
        a, b = (float(ab[:, i][mask].mean()) for i in (0, 1))
        return math.degrees(math.atan2(b, a))

    return (hue_of(predicted) - hue_of(truth) + 180) % 360 - 180


def broken_rule(start: HoldoutScore, now: HoldoutScore, config: StoppingConfig) -> str:
    """Which rule a score breaks, in words with the figures; "" if none."""
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


def best_score(scores: list[HoldoutScore], config: StoppingConfig) -> HoldoutScore:
    """The weights to keep: of those that broke no rule, the start among them, those whose colourfulness is nearest to
    the photos'; of equals those of higher rebalanced AuC."""
    allowed = [one for one in scores if not broken_rule(scores[0], one, config)]
    return min(allowed, key=lambda one: (abs(one.delta_cf), -one.auc))
