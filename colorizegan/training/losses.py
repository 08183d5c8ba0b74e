"""Losses: pure functions from tensors to one scalar; ab in Lab units. Only the step calls backward."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from colorizegan.training.batches.augment import Batch
from colorizegan.training.batches.lab import lab_to_rgb
from colorizegan.training.config import GanKind, Stage
from colorizegan.training.networks.bins import SoftLabels
from colorizegan.training.networks.units import ColorOutput

Features = Callable[[Tensor], list[Tensor]]  # sRGB 0..1 (B, 3, H, W) -> feature maps, shallow to deep


class GeneratorOutput(NamedTuple):
    """What a generator made of a batch, and what that is compared with at the same size."""

    colors: ColorOutput
    judged: Tensor  # (B, 2, h, w), what the discriminator and the feature network are shown
    target: Tensor  # (B, 2, h, w)
    light: Tensor  # (B, 1, h, w)


def discriminator_loss(real: Tensor, fake: Tensor, kind: GanKind) -> Tensor:
    """What the discriminator minimises, from its logits on real and on generated pairs (any shape).

    "vanilla": -[log s(real) + log(1 - s(fake))] / 2 (Goodfellow 2014, eq. 1; halved as Isola 2017, 3.3);
    "hinge": max(0, 1 - real) + max(0, 1 + fake) (Lim & Ye 2017).
    """
    real, fake = real.float(), fake.float()
    if kind == "vanilla":
        return (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def generator_loss(fake: Tensor, kind: GanKind) -> Tensor:
    """What the generator minimises, from the discriminator's logits on its pairs.

    "vanilla": -log s(fake), the non-saturating form (Goodfellow 2014, section 3); "hinge": -fake.
    """
    fake = fake.float()
    return F.softplus(-fake).mean() if kind == "vanilla" else -fake.mean()


def matching_loss(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    """Mean absolute difference of what the discriminator saw in an answer and in the photo, mean over its layers (Wang
    et al. 2018, eq. 4); the photo's side gets no gradients."""
    return torch.stack([F.l1_loss(f.float(), r.detach().float()) for f, r in zip(fake, real, strict=True)]).mean()


def smooth_l1_loss(ab: Tensor, target: Tensor, beta: float) -> Tensor:
    """Mean ab error in Lab units, both (B, 2, h, w): absolute (Isola 2017, eq. 3), but quadratic below `beta` (Huber's
    loss, which Zhang 2017 uses for colours)."""
    return F.smooth_l1_loss(ab.float(), target.float(), beta=beta)


def cast_loss(ab: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of the mean ab of each picture, in Lab units; both (B, 2, h, w).

    Colours that are right as a whole are worth more than vivid ones in the wrong places.
    """
    return F.l1_loss(ab.float().mean((2, 3)), target.float().mean((2, 3)))


def class_loss(logits: Tensor, index: Tensor, weight: Tensor, rebalance: Tensor) -> Tensor:
    """Cross-entropy with soft labels, rare colours weighing more (Zhang 2016, eq. 2 with weights of eq. 3).

    Args:
        logits: (B, Q, h, w).
        index: (B, K, h, w) int64, bins of the soft label, nearest first.
        weight: (B, K, h, w), sums to 1 over K.
        rebalance: (Q,), mean 1 over the training pixels; a pixel takes that of its nearest bin.
    """
    log_p = F.log_softmax(logits.float(), dim=1)
    entropy = -(log_p.gather(1, index) * weight).sum(1)  # (B, h, w)
    return (rebalance[index[:, 0]] * entropy).mean()


def perceptual_loss(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    """Distance of feature maps, each position's channel vector normed to length 1 (Zhang 2018, LPIPS without learned
    weights, eq. 1): mean over positions of the squared difference, summed over the layers.

    fake, real: feature maps (B, C_i, h_i, w_i) of one fixed network for both pictures.
    """
    if len(fake) != len(real) or not fake:
        raise ValueError("both pictures need the same, non-empty list of feature maps")
    total = fake[0].new_zeros((), dtype=torch.float32)
    for f, r in zip(fake, real, strict=True):
        f, r = F.normalize(f.float(), dim=1), F.normalize(r.float(), dim=1)
        total = total + (f - r).square().sum(1).mean()
    return total


def generator_losses(
    output: GeneratorOutput,
    batch: Batch,
    stage: Stage,
    labels: SoftLabels,
    rebalance: Tensor,
    features: Features | None,
) -> dict[str, Tensor]:
    """The generator's losses on one batch that do not need the discriminator, named as their weights in Stage."""
    parts: dict[str, Tensor] = {}
    colors, target = output.colors, output.target
    if stage.l1 > 0:
        parts["l1"] = smooth_l1_loss(colors.ab, target, stage.huber)
    if colors.logits is not None and stage.classes > 0:
        # Every other position of the half-size ab: an average over more would mix the colours of two objects.
        index, weight = labels(F.avg_pool2d(batch.ab, 2)[:, :, ::2, ::2])
        parts["classes"] = class_loss(colors.logits, index, weight, rebalance)
    if stage.cast > 0:
        parts["cast"] = cast_loss(output.judged, target)
    if features is not None and stage.perceptual > 0:
        # At the full size, as the colours will be seen: joined with the light of the photo.
        ab = F.interpolate(output.judged.float(), batch.ab.shape[2:], mode="bilinear", align_corners=False)
        fake = lab_to_rgb(torch.cat((batch.L_true, ab), dim=1))
        with torch.no_grad():
            real = features(lab_to_rgb(torch.cat((batch.L_true, batch.ab), dim=1)))
        parts["perceptual"] = perceptual_loss(features(fake), real)
    return parts
