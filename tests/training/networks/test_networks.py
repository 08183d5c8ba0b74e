"""The networks: shapes at any size, the published pix2pix counts, hints that matter, a receptive field of 70 px."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from colorizegan.errors import CheckpointError
from colorizegan.training.build import build_discriminator, build_generator, build_unet
from colorizegan.training.checkpoint import Checkpoint, save_checkpoint
from colorizegan.training.config import Config, NetworkConfig
from colorizegan.training.losses import matching_loss
from colorizegan.training.networks.attention import Attention
from colorizegan.training.networks.discriminator import PatchDiscriminator, ScaledDiscriminator
from colorizegan.training.networks.pix2pix import Pix2PixUNet, init_pix2pix
from colorizegan.training.networks.unet import ColorUNet, SceneContext
from colorizegan.training.networks.units import annealed_mean, count_parameters
from colorizegan.training.restore import shape_of

SMALL = (32, 32, 24, 16, 16)


@pytest.fixture(scope="module")
def small() -> ColorUNet:
    torch.manual_seed(0)
    return ColorUNet(SMALL, 0).eval()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (1, 1), (33, 70), (97, 31)])
@torch.no_grad()
def test_any_size_in_gives_half_and_quarter_size_out(small: ColorUNet, height: int, width: int) -> None:
    ab, logits = small(torch.rand(2, 1, height, width) * 100)
    assert ab.shape == (2, 2, -(-height // 2), -(-width // 2))
    assert logits.shape == (2, len(small.centres), -(-height // 4), -(-width // 4))
    assert torch.isfinite(ab).all()


def test_default_generator_fits_its_budget() -> None:
    assert count_parameters(ColorUNet()) < 8e6


@torch.no_grad()
def test_no_hints_equal_empty_hints_and_a_hint_changes_the_colours(small: ColorUNet) -> None:
    L = torch.rand(1, 1, 64, 64) * 100
    hint_ab, mask = torch.full((1, 2, 64, 64), 50.0), torch.zeros(1, 1, 64, 64)
    plain = small(L)
    assert torch.equal(plain.ab, small(L, hint_ab, mask).ab)  # masked-out colours are not read
    mask[:, :, 30:33, 30:33] = 1
    assert not torch.equal(plain.logits, small(L, hint_ab, mask).logits)


@torch.no_grad()
def test_scene_context_reaches_the_far_corner() -> None:
    torch.manual_seed(0)
    net = ColorUNet(SMALL, 0).eval()
    context = net.deep[0]
    assert isinstance(context, SceneContext)
    torch.nn.init.normal_(context.out.weight)  # starts at 0, as "no context"
    L = torch.full((1, 1, 512, 512), 50.0)
    other = L.clone()
    other[:, :, :64, :64] = torch.rand(64, 64) * 100
    assert not torch.equal(net(L).logits[..., -1, -1], net(other).logits[..., -1, -1])


def test_annealed_mean_goes_from_the_mean_to_the_mode() -> None:
    centres = torch.tensor([[0.0, 0.0], [40.0, -20.0]])
    logits = torch.log(torch.tensor([0.25, 0.75]))[None, :, None, None]
    assert torch.allclose(annealed_mean(logits, centres, 1.0).flatten(), torch.tensor([30.0, -15.0]))
    assert torch.allclose(annealed_mean(logits, centres, 0.01).flatten(), torch.tensor([40.0, -20.0]), atol=1e-4)


def test_the_distribution_is_not_taught_by_the_ab_head(small: ColorUNet) -> None:
    small.zero_grad()
    small(torch.rand(1, 1, 64, 64) * 100).ab.sum().backward()
    assert small.class_fine.weight.grad is None
    assert small.ab_last.weight.grad is not None


def test_pix2pix_is_the_published_network() -> None:
    # 54.41 M parameters for 3 -> 3 channels (published code's own print); with 1 -> 2 channels two 4x4 layers shrink:
    # 2 * 64 * 16 input filters, and 128 * 16 + 1 of the last layer.
    net = Pix2PixUNet()
    assert count_parameters(net) == 54_413_955 - 2 * 64 * 16 - (128 * 16 + 1)
    init_pix2pix(net)
    first = net.down[0][0].weight  # pyright: ignore[reportIndexIssue]
    assert first.std().item() == pytest.approx(0.02, rel=0.1)
    with torch.no_grad():
        out = net.eval()(torch.rand(1, 1, 256, 256) * 100)
    assert out.ab.shape == (1, 2, 256, 256)
    assert out.logits is None
    assert out.ab.abs().max() < 110


def test_patchgan_is_the_published_one_and_sees_70_pixels() -> None:
    net = PatchDiscriminator("batch", 64).eval()
    assert count_parameters(net) == 2_768_705 - 3 * 64 * 16  # published: 6 input channels (two RGB pictures), here 3
    L, ab = torch.rand(1, 1, 256, 256) * 100, torch.zeros(1, 2, 256, 256)
    L.requires_grad_(True)
    (out,), features = net(L, ab)
    assert [f.shape[1] for f in features] == [64, 128, 256, 512]
    assert out.shape == (1, 1, 30, 30)
    out[0, 0, 15, 15].backward()
    assert L.grad is not None
    rows = L.grad[0, 0].abs().sum(1).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_discriminator_sees_gray_and_colour_and_bounds_its_slope() -> None:
    torch.manual_seed(0)
    net = PatchDiscriminator("spectral", 8)
    for _ in range(20):  # power iterations of the spectral norm
        net(torch.rand(1, 1, 64, 64) * 100, torch.zeros(1, 2, 64, 64))
    for module in net.net:
        if isinstance(module, torch.nn.Conv2d):
            assert torch.linalg.matrix_norm(module.weight.flatten(1), 2).item() == pytest.approx(1.0, abs=0.05)
    net.eval()
    L, ab = torch.rand(1, 1, 64, 64) * 100, torch.zeros(1, 2, 64, 64)
    (answer,), _ = net(L, ab)
    assert not torch.equal(answer, net(L, ab + 30).logits[0])
    assert not torch.equal(answer, net(L * 0.5, ab).logits[0])
    with pytest.raises(ValueError, match="norm"):
        PatchDiscriminator("layer")


def test_a_discriminator_may_judge_the_whole_and_two_sizes() -> None:
    torch.manual_seed(0)
    L, ab = torch.rand(2, 1, 64, 64) * 100, torch.rand(2, 2, 64, 64) * 40
    patches, whole = PatchDiscriminator("spectral", 8, whole=True).eval()(L, ab).logits
    assert patches.shape == (2, 1, 6, 6)
    assert whole.shape == (2, 1)
    both = ScaledDiscriminator(2, "spectral", 8).eval()
    large, small = both(L, ab).logits
    assert large.shape == (2, 1, 6, 6)
    assert small.shape == (2, 1, 2, 2)
    half = both.scales[1](F.avg_pool2d(L, 2), F.avg_pool2d(ab, 2))
    assert torch.equal(small, half.logits[0])
    assert len(both(L, ab).features) == 8


def test_attention_starts_as_nothing_and_carries_colours_across_the_picture() -> None:
    torch.manual_seed(0)
    net = Attention(64)
    x = torch.randn(2, 64, 3, 5)
    assert torch.equal(net(x), x)
    torch.nn.init.normal_(net.answer.weight)
    changed = x.clone()
    changed[0, :, 0, 0] += 1
    moved = (net(changed) - net(x)).abs().amax(1)
    assert (moved[0] > 0).all()  # also in the far corner
    assert not moved[1].any()  # no other picture
    turned = net(x.flip(3)).flip(3)
    torch.testing.assert_close(turned, net(x))  # no code of position
    with pytest.raises(ValueError, match="multiple of 32"):
        Attention(48)


def test_a_trained_network_can_be_given_attention(tmp_path: Path) -> None:
    small = NetworkConfig(widths=(32, 32, 24, 16, 16), deep_blocks=1)
    torch.manual_seed(0)
    old = build_unet(small)
    weights = {f"average.{name}": value for name, value in old.state_dict().items()}
    start = save_checkpoint(tmp_path, 1, Checkpoint(weights, {}))
    asked = replace(small, attention=True, start=str(start))
    net = build_generator(Config(network=asked))
    assert isinstance(net, ColorUNet)
    kept = net.state_dict()
    assert torch.equal(kept["deep.0.first.0.weight"], old.state_dict()["deep.0.first.0.weight"])
    assert "attend16.ask.weight" in kept
    assert not any(name.startswith("deep.2.first") for name in kept)
    assert shape_of(kept).attention
    with pytest.raises(CheckpointError, match="holds another network"):
        build_generator(Config(network=replace(asked, widths=(32, 32, 24, 16, 32))))


def test_a_discriminator_of_another_kind_starts_at_random(tmp_path: Path) -> None:
    """Beside it, one of the same kind takes its weights; what does not fit leaves nothing behind."""
    torch.manual_seed(0)
    old = build_discriminator(Config())
    weights = {f"discriminator.{name}": value for name, value in old.state_dict().items()}
    start = str(save_checkpoint(tmp_path, 1, Checkpoint(weights, {})))
    same = build_discriminator(Config(network=NetworkConfig(start=start)))
    assert all(torch.equal(value, old.state_dict()[name]) for name, value in same.state_dict().items())
    asked = NetworkConfig(discriminator_whole=True)
    torch.manual_seed(1)
    fresh = build_discriminator(Config(network=asked))
    torch.manual_seed(1)
    other = build_discriminator(Config(network=replace(asked, start=start)))
    assert all(torch.equal(value, fresh.state_dict()[name]) for name, value in other.state_dict().items())


def test_matching_is_the_mean_difference_of_what_was_seen() -> None:
    fake = [torch.ones(1, 2, 2, 2, requires_grad=True), torch.zeros(1, 1, 1, 1)]
    real = [torch.full((1, 2, 2, 2), 4.0, requires_grad=True), torch.ones(1, 1, 1, 1)]
    loss = matching_loss(fake, real)
    assert loss.item() == pytest.approx((3 + 1) / 2)
    loss.backward()
    assert fake[0].grad is not None
    assert real[0].grad is None
