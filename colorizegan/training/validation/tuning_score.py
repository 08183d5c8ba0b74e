"""What "better" means while a model is tuned: its answer to the photos that steer, at the best of a few chromas."""

from typing import NamedTuple

import torch
from torch import Tensor

from colorizegan.training.networks.answer import BothHeads
from colorizegan.training.networks.unet import ColorUNet
from colorizegan.training.restore import Restored
from colorizegan.training.validation.validate import predict_squares, score_squares

CHROMAS = (1.15, 1.0, 0.9, 0.8, 0.7)  # factors on the base's chroma that are tried at every look


class Steered(NamedTuple):
    """What a look at the steering photos found: the best of the factors on chroma, and its scores."""

    score: float
    """See `steering_score`."""
    chroma: float
    auc_rebalanced: float
    ciede2000: float

    def told(self, base: dict[str, float]) -> str:
        """In words, beside the base's scores."""
        auc = f"rebalanced AuC {self.auc_rebalanced:.2f} (base {base['auc_rebalanced']:.2f})"
        error = f"CIEDE2000 {self.ciede2000:.2f} (base {base['ciede2000']:.2f})"
        return f"score {self.score:+.2f}, {auc}, {error} with {self.chroma:g} of the chroma"


def steering_score(scores: dict[str, float], base: dict[str, float]) -> float:
    """What "better" means while it runs: the smaller of two gains over the base, in percent of what the base lacks.

    One is that of the rebalanced AuC on its way to 100, the other that of CIEDE2000 on its way to 0. Either alone can
    be had by going vivid or dull.
    """
    auc = (scores["auc_rebalanced"] - base["auc_rebalanced"]) / max(100 - base["auc_rebalanced"], 1e-6)
    error = (base["ciede2000"] - scores["ciede2000"]) / max(base["ciede2000"], 1e-6)
    return 100 * min(auc, error)


def best_chroma(L: Tensor, truth: Tensor, predicted: Tensor, base: dict[str, float]) -> Steered:
    """The best factor on the chroma of an answer. The tensors as for `score_squares`; `base`: the base's scores."""
    found: list[Steered] = []
    for factor in CHROMAS:
        scores = score_squares(L, truth, factor * predicted)
        found.append(Steered(steering_score(scores, base), factor, scores["auc_rebalanced"], scores["ciede2000"]))
    return max(found)


def answered(net: ColorUNet, base: Restored, squares: Tensor, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """L, true ab and answered ab of squares (N, 3, S, S), for `score_squares`.

    Every other pixel each way is enough to score, and takes a quarter of the time.
    """
    heads = BothHeads(net, base.answer)
    L, truth, predicted, _ = predict_squares(heads, squares, device)
    return L, truth[..., ::2, ::2], predicted[..., ::2, ::2]


def mix_states(base: dict[str, Tensor], tuned: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """`(1 - share) * base + share * tuned`, for floats; counters are those of `tuned`. Neither is changed."""
    return {
        name: torch.lerp(base[name], tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in tuned.items()
    }
