"""Losses against hand-computed values, and that each pulls in the right direction."""

import math
from typing import get_args

import pytest
import torch
from torch.nn import functional as F

from colorizegan.training import losses
from colorizegan.training.config import GanKind


def test_adversarial_losses_by_hand() -> None:
    real, fake = torch.tensor([2.0]), torch.tensor([-0.5])
    sigmoid = torch.sigmoid
    vanilla = -(torch.log(sigmoid(real)) + torch.log(1 - sigmoid(fake))) / 2
    assert losses.discriminator_loss(real, fake, "vanilla").item() == pytest.approx(vanilla.item(), rel=1e-6)
    assert losses.discriminator_loss(real, fake, "hinge").item() == pytest.approx(0.0 + 0.5)
    assert losses.generator_loss(fake, "vanilla").item() == pytest.approx(math.log(1 + math.exp(0.5)), rel=1e-6)
    assert losses.generator_loss(fake, "hinge").item() == pytest.approx(0.5)


@pytest.mark.parametrize("kind", get_args(GanKind))
def test_adversarial_losses_oppose_each_other(kind: GanKind) -> None:
    fake = torch.tensor([0.3], requires_grad=True)
    (g,) = torch.autograd.grad(losses.generator_loss(fake, kind), fake)
    (d,) = torch.autograd.grad(losses.discriminator_loss(torch.tensor([0.0]), fake, kind), fake)
    assert g.item() < 0 < d.item()


def test_pixel_losses_are_in_lab_units() -> None:
    ab, target = torch.zeros(1, 2, 4, 4), torch.full((1, 2, 4, 4), 20.0)
    assert losses.smooth_l1_loss(ab, target, 0.0).item() == pytest.approx(20.0)
    assert losses.smooth_l1_loss(ab, target, 5.0).item() == pytest.approx(20.0 - 2.5)
    assert losses.smooth_l1_loss(ab, ab + 2.0, 5.0).item() == pytest.approx(0.5 * 4 / 5)


def test_cast_is_of_each_picture_as_a_whole() -> None:
    ab = torch.zeros(2, 2, 4, 4)
    ab[0, 0, :2], ab[0, 0, 2:] = 30.0, -30.0  # strong colours that cancel out
    assert losses.cast_loss(ab, torch.zeros_like(ab)).item() == pytest.approx(0.0)
    ab[0, 1], ab[1, 1] = 8.0, -8.0  # two casts that do not
    assert losses.cast_loss(ab, torch.zeros_like(ab)).item() == pytest.approx(4.0)  # mean over a and b


def test_class_loss_with_hard_labels_is_cross_entropy_and_weights_scale_it() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 7, 3, 3)
    label = torch.randint(0, 7, (2, 3, 3))
    index = torch.stack([label, (label + 1) % 7], 1)
    weight = torch.stack([torch.ones(2, 3, 3), torch.zeros(2, 3, 3)], 1)
    ones = torch.ones(7)
    assert torch.allclose(losses.class_loss(logits, index, weight, ones), F.cross_entropy(logits, label))
    rare = torch.rand(7) + 0.5
    expected = (F.cross_entropy(logits, label, reduction="none") * rare[label]).mean()
    assert torch.allclose(losses.class_loss(logits, index, weight, rare), expected)


def test_class_loss_with_soft_labels_is_least_at_those_labels() -> None:
    index = torch.tensor([0, 2])[None, :, None, None]
    weight = torch.tensor([0.75, 0.25])[None, :, None, None]
    ones = torch.ones(3)
    best = torch.log(torch.tensor([0.75, 1e-9, 0.25]))[None, :, None, None]
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert losses.class_loss(best, index, weight, ones).item() == pytest.approx(entropy, abs=1e-4)
    assert losses.class_loss(best.flip(1), index, weight, ones).item() > entropy


def test_perceptual_distance_ignores_gain_and_adds_layers() -> None:
    torch.manual_seed(0)
    a, b = torch.rand(1, 4, 3, 3), torch.rand(1, 4, 3, 3)
    assert losses.perceptual_loss([a], [3 * a]).item() == pytest.approx(0.0, abs=1e-6)
    one, two = losses.perceptual_loss([a], [b]), losses.perceptual_loss([a, a], [b, b])
    assert one.item() > 0
    assert two.item() == pytest.approx(2 * one.item(), rel=1e-5)
    opposite = torch.tensor([1.0, 0.0])[None, :, None, None], torch.tensor([0.0, 1.0])[None, :, None, None]
    assert losses.perceptual_loss([opposite[0]], [opposite[1]]).item() == pytest.approx(2.0)
    with pytest.raises(ValueError, match="feature maps"):
        losses.perceptual_loss([a], [])
