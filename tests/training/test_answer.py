"""The answer of both heads in training: what the bundle will show, taught by the losses that judge it."""

from pathlib import Path

import pytest
import torch
from command import json_lines
from safetensors.torch import save_file
from tiny_run import overrides

from colorizegan.color.rarity import rarity
from colorizegan.errors import ConfigError, DataError, InputError
from colorizegan.training.batches.augment import make_batch
from colorizegan.training.build import open_features
from colorizegan.training.config import AugmentConfig, Stage
from colorizegan.training.configure import load_config
from colorizegan.training.loop import train
from colorizegan.training.losses import generator_losses
from colorizegan.training.networks.answer import Answer, BothHeads
from colorizegan.training.networks.bins import SoftLabels, ab_bin_centres
from colorizegan.training.networks.efficientnet import Recognizer
from colorizegan.training.networks.unet import ColorUNet
from colorizegan.training.networks.units import ColorOutput
from colorizegan.training.step import Objective, generate, judged_heads

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def net() -> ColorUNet:
    torch.manual_seed(0)
    net = ColorUNet(widths=(32, 32, 24, 16, 16), deep_blocks=0).eval()
    torch.nn.init.normal_(net.ab_last.weight, std=0.3)  # so that there is a correction
    return net


@pytest.fixture(scope="module")
def colour_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a feature network for colour pictures."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "lite0.safetensors"
    net = Recognizer(3)
    for parameter in net.parameters():  # the usual start lets what the picture holds fade from layer to layer
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter)
        else:
            torch.nn.init.zeros_(parameter)
    save_file({name: tensor.half() for name, tensor in net.state_dict().items()}, path)
    return path


def test_without_a_wish_the_answer_is_the_ab_heads(net: ColorUNet) -> None:
    output = net(torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(2)) * 100)
    assert torch.allclose(BothHeads(net, Answer()).of(output), output.ab, atol=1e-3)
    assert (BothHeads(net, Answer(correction=0.4, temperature=0.3)).of(output) - output.ab).abs().max() > 1


def test_an_adjusted_answer_is_further_from_the_usual_colour(net: ColorUNet) -> None:
    """Where the network says no more than the prior, each part of it that is taken out leaves less of the usual."""
    logits = torch.zeros(1, len(ab_bin_centres()), 8, 8)
    prior = -torch.from_numpy(rarity(ab_bin_centres()))[:, None, None]
    output = ColorOutput(net.enlarged_mean(logits + prior, net.temperature), logits + prior)
    answers = (Answer(correction=0.0, adjustment=adjustment, temperature=1.0) for adjustment in (0.0, 0.5, 1.0))
    found = [BothHeads(net, answer).of(output) for answer in answers]  # in the last one all colours are as likely
    usual = torch.tensor((5.0, 8.0))[:, None, None]
    far = [float((ab[0] - usual).norm(dim=0).mean()) for ab in found]
    assert far == sorted(far)
    assert torch.allclose(found[2].mean((0, 2, 3)), torch.from_numpy(ab_bin_centres()).mean(0), atol=0.01)


def test_contrast_keeps_hues_and_the_middle(net: ColorUNet) -> None:
    ab = torch.tensor(((0.0, 5.0, 12.0, -40.0), (0.0, 0.0, 16.0, 0.0))).reshape(1, 2, 2, 2)  # chroma 0, 5, 20, 40
    ab.requires_grad_(True)
    seen = BothHeads(net, Answer(contrast=0.5)).of(ColorOutput(ab, torch.zeros(1, len(ab_bin_centres()), 1, 1)))
    wanted = torch.tensor(((0.0, 2.5, 12.0, -40 * 2**0.5), (0.0, 0.0, 16.0, 0.0))).reshape(1, 2, 2, 2)
    assert torch.allclose(seen, wanted, atol=1e-3)
    seen.sum().backward()
    assert ab.grad is not None
    assert ab.grad.isfinite().all()


def test_an_answer_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"temperature is 0; give a number from 0\.01 to 100"):
        Answer(temperature=0)
    with pytest.raises(ConfigError, match="adjustment is nan"):
        Answer(adjustment=float("nan"))


@pytest.mark.parametrize("size", [48, 50])
def test_crops_of_any_even_size_are_judged(net: ColorUNet, size: int) -> None:
    """Also where half the size is odd, and the distribution's quarter is rounded up."""
    output = net(torch.rand(1, 1, size, size) * 100)
    assert BothHeads(net, Answer(correction=0.4, temperature=0.3)).of(output).shape == output.ab.shape


def test_the_judged_answer_teaches_both_heads(net: ColorUNet) -> None:
    heads = BothHeads(net, Answer(correction=0.4, temperature=0.3, adjustment=0.2, contrast=0.1))
    heads.of(net(torch.rand(1, 1, 64, 64) * 100)).sum().backward()
    for part in (net.class_fine, net.class_coarse, net.ab_last):
        assert part.weight.grad is not None
        assert part.weight.grad.abs().max() > 0


def test_without_a_temperature_the_ab_head_is_judged(net: ColorUNet) -> None:
    assert judged_heads(net, Stage()) is None
    rgb = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    batch = make_batch(rgb, AugmentConfig(), torch.Generator().manual_seed(4))
    objective = Objective(Stage(), "hinge", SoftLabels(), torch.ones(len(ab_bin_centres())))
    output = generate(net, batch, 0, objective)
    assert torch.equal(output.judged, output.colors.ab)


def test_the_perceptual_distance_pulls_towards_the_colours_of_the_photo(net: ColorUNet, colour_weights: Path) -> None:
    """A few steps on it alone bring the answer nearer to the photos in its features, by way of the distribution."""
    chance = torch.Generator().manual_seed(5)
    orange = torch.tensor((220.0, 130.0, 40.0))[None, :, None, None]
    noise = torch.rand(4, 1, 64, 64, generator=chance) * 60 - 30
    batch = make_batch((orange + noise).clamp(0, 255).byte(), AugmentConfig(film=0.0, hints=0.0), chance)
    stage = Stage(l1=0.0, classes=0.0, perceptual=1.0, judged_temperature=0.3)
    features, labels, rebalance = open_features(colour_weights), SoftLabels("cpu"), torch.ones(len(ab_bin_centres()))
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    heads = judged_heads(net, stage)
    assert heads is not None
    objective = Objective(stage, "hinge", labels, rebalance, features, heads)
    found = []
    for _ in range(12):
        parts = generator_losses(generate(net, batch, 0, objective), batch, stage, labels, rebalance, features)
        assert set(parts) == {"perceptual"}
        optimizer.zero_grad()
        parts["perceptual"].backward()
        optimizer.step()
        found.append(float(parts["perceptual"].detach()))
    assert found[-1] < 0.7 * found[0]
    warmth = heads.of(net(batch.L)).mean(dim=(0, 2, 3))
    assert warmth.min() > 5  # a and b of orange are both above 0


def test_a_run_with_both_is_steered_by_the_answer(photos: Path, colour_weights: Path, tmp_path: Path) -> None:
    both = "judged_temperature=0.3"
    stages = (
        f"stages=[{{kind='pretrain_generator',images=8,size=64,batch=8,perceptual=0.5,{both}}},"
        f"{{kind='adversarial',images=16,size=64,batch=8,adversarial=0.1,perceptual=0.5,{both}}}]"
    )
    config = load_config("tiny", None, overrides(photos, stages, f"losses.features={colour_weights}"))
    train(config, tmp_path)
    lines = json_lines(tmp_path / "log.jsonl")
    steps = [line for line in lines if line["event"] == "step"]
    assert all(line["perceptual"] > 0 for line in steps)
    assert {"adversarial", "discriminator"} <= set(steps[-1])
    # The answer is scored: another delta-CF than that of the ab head, which `validate` scores.
    score = next(line for line in lines if line["event"] == "holdout")
    scores = next(line for line in lines if line["event"] == "validate")
    ab_head = scores["colorfulness"] - scores["colorfulness_truth"]
    assert score["start"]["delta_cf"] != pytest.approx(ab_head, abs=1e-3)


def test_what_holds_no_feature_network_is_refused(tmp_path: Path, colour_weights: Path) -> None:
    gray = tmp_path / "gray.safetensors"
    save_file(Recognizer().state_dict(), gray)
    with pytest.raises(DataError, match=r"holds no EfficientNet-Lite0.*efficientnet_weights\.py --colour"):
        open_features(gray)
    with pytest.raises(InputError, match="no such file of SqueezeNet weights"):
        open_features(tmp_path / "none")
    torn = tmp_path / "torn"
    torn.write_bytes(colour_weights.read_bytes()[:1000])
    with pytest.raises(DataError, match="not a readable safetensors file"):
        open_features(torn)
