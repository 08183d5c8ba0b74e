"""Every recipe becomes a bundle that the command line, the library, HTTP and the bench take like any other."""

from pathlib import Path

import numpy as np
import pytest
import torch
from command import call, json_lines
from http_client import running
from pictures import pixels, put, waves

from colorizegan import Colorizer, Hint, Look
from colorizegan.bench.entrants import open_entrant
from colorizegan.data.photoset import PhotoSet
from colorizegan.model.bundle import open_bundle
from colorizegan.training.checkpoint import Checkpoint, save_checkpoint
from colorizegan.training.config import to_dict
from colorizegan.training.configure import load_config
from colorizegan.training.networks import pix2pix, zhang16

pytestmark = pytest.mark.slow  # two networks are exported


@pytest.fixture(scope="module", params=["pix2pix", "zhang16"])
def recipe(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def narrow(recipe: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of such a run: the published networks an eighth as wide, with weights that give colours."""
    torch.manual_seed(3)
    net = pix2pix.Pix2PixUNet(8) if recipe == "pix2pix" else zhang16.Zhang16(8)
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.weight.fill_(1.5)
        last = net.get_submodule("head.1" if isinstance(net, pix2pix.Pix2PixUNet) else "head")
        last.get_parameter("weight").mul_(6)
    facts = {"config": to_dict(load_config(recipe)), "photos": 8, "state": {"images": 6, "step": 3, "seconds": 5.0}}
    folder = tmp_path_factory.mktemp(recipe)
    saved = Checkpoint({f"average.{name}": tensor for name, tensor in net.state_dict().items()}, facts)
    return save_checkpoint(folder / "checkpoints", 3, saved)


@pytest.fixture(scope="module")
def bundle(narrow: Path, recipe: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run exported by the command."""
    out = tmp_path_factory.mktemp("exported") / recipe
    result = call("export", narrow, "-o", out, "--name", recipe, "--file-mib", 1)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos, one of 16 bit, one smaller than the network's multiple."""
    folder = tmp_path_factory.mktemp("album")
    put(folder / "a.jpg", waves(300, 410), quality=95)
    put(folder / "b.png", waves(300, 410, top=65535))
    put(folder / "small.png", waves(70, 90))
    return folder


def test_the_bundle_says_what_it_is(bundle: Path, recipe: str) -> None:
    card = open_bundle(bundle).card
    assert card.network.generator == recipe
    assert card.network.multiple == {"pix2pix": 256, "zhang16": 8}[recipe]
    assert card.has_distribution == (recipe == "zhang16")
    assert len(card.weights) >= {"pix2pix": 2, "zhang16": 1}[recipe]  # files of at most 1 MiB, however many
    assert all((bundle / name).stat().st_size < 1.01 * 2**20 for name in card.weights)


def test_a_folder_of_photos_gets_its_colours(bundle: Path, album: Path, tmp_path: Path) -> None:
    result = call("colorize", album, "-o", tmp_path / "out", "--model", bundle, "--json")
    assert result.exit_code == 0, result.output
    assert json_lines(result.stdout)[-1]["summary"]["done"] == 3
    found = pixels(tmp_path / "out" / "small.png")
    assert found.shape == (70, 90, 3)
    assert np.array_equal(found, np.asarray(Colorizer(bundle).colorize(album / "small.png")))
    assert np.ptp(found.astype(int), axis=2).mean() > 3, "there is colour"


def test_what_the_graph_gives_is_what_the_network_gives(bundle: Path, narrow: Path, recipe: str) -> None:
    from safetensors.torch import load_file

    weights = {k.removeprefix("average."): v for k, v in load_file(narrow).items() if k.startswith("average.")}
    net = pix2pix.Pix2PixUNet(8) if recipe == "pix2pix" else zhang16.Zhang16(8)
    net.load_state_dict(weights)
    L = np.random.default_rng(0).uniform(0, 100, (256, 256)).astype(np.float32)
    with torch.no_grad():
        ab = net.eval()(torch.from_numpy(L)[None, None]).ab
        half = torch.nn.functional.interpolate(ab, (128, 128), mode="area" if recipe == "pix2pix" else "bilinear")
    found = Colorizer(bundle).network.predict(L).ab
    assert np.abs(found - half[0].numpy()).max() < 0.5
    assert np.abs(found).max() > 3


def test_hints_go_by_brightness_or_by_what_is_seen(bundle: Path, album: Path) -> None:
    red = (53.2, 80.1, 67.2)  # sRGB red in Lab
    hinted = Colorizer(bundle).predict(album / "a.jpg", Look(hints=[Hint(100, 100, "#ff0000")])).ab
    assert hinted[:, 42, 42] == pytest.approx(red[1:], abs=8)  # 256 of 300 px, and ab of half that


def test_service_and_bench_give_the_same_picture(bundle: Path, album: Path, tmp_path: Path) -> None:
    raw = (album / "small.png").read_bytes()
    wanted = np.asarray(Colorizer(bundle).colorize(album / "small.png"))
    with running(bundle) as client:
        reply = client.colorize(raw)
        assert reply.status == 200
        assert np.array_equal(pixels(reply.body), wanted)
    (tmp_path / "small.png").write_bytes(raw)
    painted = open_entrant(str(bundle), PhotoSet(tmp_path)).colorize("small", pixels(raw))
    assert np.array_equal(painted.rgb, wanted)


def test_wishes_of_other_recipes_are_refused(narrow: Path, recipe: str, tmp_path: Path) -> None:
    for wish in ("correction", "adjustment", "contrast"):
        result = call("export", narrow, "-o", tmp_path / "out", f"--{wish}", 0.5)
        assert result.exit_code == 2
        said = f"{wish} is for the default network, and this is {recipe}; leave --{wish} out"
        assert result.stderr == f"error: {said} [E_CONFIG]\n"
    result = call("export", narrow, "-o", tmp_path / "out", "--temperature", 0.5)
    assert (result.exit_code == 0) == (recipe == "zhang16")


def test_it_starts_a_run_of_the_default_network_never(bundle: Path, tmp_path: Path) -> None:
    result = call("finetune", tmp_path, "-o", tmp_path / "tuned", "--model", bundle)
    assert result.exit_code == 1
    assert "does not hold the weights of a 'unet' generator" in result.stderr
