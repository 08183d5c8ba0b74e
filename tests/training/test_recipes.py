"""The published recipes: what they are made of, and that each of them learns on the loop."""

from pathlib import Path

import numpy as np
import pytest
import torch
from command import json_lines
from PIL import Image

from colorizegan.training.config import PRESETS, Stage
from colorizegan.training.configure import load_config
from colorizegan.training.loop import train
from colorizegan.training.networks.units import count_parameters
from colorizegan.training.networks.zhang16 import Zhang16


@pytest.fixture(scope="module")
def colors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of a bright red half and a dark blue half: lightness tells the colour."""
    folder = tmp_path_factory.mktemp("colors")
    rng = np.random.default_rng(0)
    for i in range(10):  # the fewest of which one is held out
        picture = np.zeros((64, 64, 3), np.uint8)
        picture[:, :32], picture[:, 32:] = (230, 90, 80), (20, 30, 120)
        noise = rng.integers(0, 12, (64, 64, 1))
        Image.fromarray((picture + noise).astype(np.uint8)).save(folder / f"{i}.png")
    return folder


def test_the_recipes_are_the_published_ones() -> None:
    (pix2pix,), (gan,), (zhang16,) = (PRESETS[name].stages for name in ("pix2pix", "gan", "zhang16"))
    # Isola et al. 2017, section 3.3: Adam 2e-4, beta1 0.5, the L1 term 100 times the adversarial one.
    assert (pix2pix.kind, pix2pix.lr, pix2pix.lr_discriminator, pix2pix.beta1) == ("adversarial", 2e-4, 2e-4, 0.5)
    # per Lab unit of a range of 110, so that it equals 100 per unit of tanh
    assert pix2pix.l1 * 110 == pytest.approx(100 * pix2pix.adversarial)
    assert (pix2pix.huber, pix2pix.classes, pix2pix.perceptual) == (0, 0, 0)
    assert (gan.l1, gan.adversarial) == (0, pix2pix.adversarial)
    assert PRESETS["gan"].network == PRESETS["pix2pix"].network
    assert (zhang16.l1, zhang16.classes, zhang16.adversarial, zhang16.lr) == (0, 1, 0, 3e-5)
    assert PRESETS["zhang16"].losses.rebalance == 0.5


@torch.no_grad()
def test_zhang16_is_the_published_network() -> None:
    net = Zhang16()
    assert count_parameters(net) == pytest.approx(32.2e6, rel=0.01)
    assert len([m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]) == 22
    small = Zhang16(width=4).eval()
    for height, width in ((64, 64), (33, 70), (1, 5)):
        ab, logits = small(torch.rand(2, 1, height, width) * 100)
        assert ab.shape == (2, 2, -(-height // 4), -(-width // 4))
        assert logits is not None
        assert logits.shape == (2, len(small.centres), *ab.shape[2:])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "loss", "stage"),
    [
        ("zhang16", "classes", "images=24,size=48,batch=4,lr=1e-3"),
        ("pix2pix", "l1", "images=6,size=256,batch=2"),
        ("gan", "adversarial", "images=4,size=256,batch=2"),
    ],
)
def test_every_recipe_runs_on_the_loop(preset: str, loss: str, stage: str, colors: Path, tmp_path: Path) -> None:
    changes = [f"stages.0.{change}" for change in stage.split(",")]
    settings = [f'data.sources=["{colors}"]', "data.holdout=2", "data.workers=0", "threads=2", "compile=false"]
    # Without rebalancing: a loss that hangs on how rare the colours of a crop are says little after six steps.
    settings += ["log_every=1", 'precision="32-true"', "losses.rebalance=1", *changes]
    config = load_config(preset, None, settings)
    train(config, tmp_path)
    lines = json_lines(tmp_path / "log.jsonl")
    values = [line[loss] for line in lines if line["event"] == "step"]
    asked: Stage = config.stages[0]
    assert len(values) == asked.images // asked.batch
    (score,) = (line for line in lines if line["event"] == "validate")  # of held-out squares of a size that it takes
    assert np.isfinite(score["auc"])
    assert list((tmp_path / "samples").glob("*.png"))
    assert ("l1" in lines[0]) == (loss == "l1")
    assert ("discriminator" in lines[0]) == (preset != "zhang16")
    if loss != "adversarial":
        assert values[-1] < values[0], "it learns"
