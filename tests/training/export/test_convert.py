"""Published .pth files become bundles that answer as their networks do; what else a .pth may hold is one line."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import published_weights as published
import pytest
import torch
from command import call
from harm import Bomb
from torch.nn import functional as F

from colorizegan import Colorizer, Hint, Look, ModelError
from colorizegan.model.bundle import open_bundle
from colorizegan.training.export.convert import network_of

KINDS = ("eccv16", "siggraph17", "pix2pix")
SOURCE = "https://github.com/richzhang/colorization"


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def weights(kind: str) -> published.Weights:
    return getattr(published, f"{kind}_weights")()


@pytest.fixture(scope="module")
def bundle(kind: str, weights: published.Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(kind)
    # As saved from several GPUs, or inside a table with other things: as some were published.
    saved: Any = {f"module.{name}": tensor for name, tensor in weights.items()}
    torch.save({"state_dict": saved} if kind == "pix2pix" else saved, folder / f"{kind}.pth")
    found = call("convert", folder / f"{kind}.pth", "-o", folder / "bundle")
    assert found.exit_code == 0, found.output
    return folder / "bundle"


@pytest.mark.slow
@torch.no_grad()
def test_the_bundle_answers_as_the_published_network(bundle: Path, kind: str, weights: published.Weights) -> None:
    rng = np.random.default_rng(0)
    small = torch.from_numpy(rng.uniform(0, 100, (1, 1, 32, 32)).astype(np.float32))
    L = F.interpolate(small, (256, 256), mode="bicubic").clamp(0, 100)
    network = Colorizer(bundle, threads=2).network
    found = network.predict(L[0, 0].numpy())
    nothing = torch.zeros(1, 2, 256, 256)
    if kind == "eccv16":
        ab, logits = published.eccv16(weights, L)
        wanted = F.interpolate(ab, scale_factor=2, mode="bilinear", align_corners=False)[0].numpy()
        assert np.abs(found.logits - logits[0].numpy()).max() < 0.05
        assert found.bins == pytest.approx(110 * weights["model_out.weight"][:, :, 0, 0].T.numpy())
    elif kind == "siggraph17":
        wanted = F.avg_pool2d(published.siggraph17(weights, L, nothing, nothing[:, :1]), 2)[0].numpy()
    else:
        wanted = F.avg_pool2d(published.pix2pix(weights, L), 2)[0].numpy()
    assert np.abs(wanted).mean() > 5, "there is something to compare"
    assert np.abs(found.ab - wanted).max() < 1.0
    assert np.abs(found.ab - wanted).mean() < 0.1  # half precision
    if kind == "siggraph17":
        hint, mask = np.zeros((2, 256, 256), np.float32), np.zeros((1, 256, 256), np.float32)
        hint[:, 100:110, 50:60], mask[:, 100:110, 50:60] = np.array([60, -30])[:, None, None], 1
        hinted = published.siggraph17(weights, L, torch.from_numpy(hint)[None], torch.from_numpy(mask)[None])
        answer = network.predict(L[0, 0].numpy(), hint_ab=hint, hint_mask=mask).ab
        assert np.abs(answer - F.avg_pool2d(hinted, 2)[0].numpy()).max() < 1.0
        assert np.abs(answer - found.ab).max() > 1.0


@pytest.mark.slow
def test_it_says_where_it_is_from_and_colorizes(bundle: Path, kind: str) -> None:
    card = open_bundle(bundle).card
    assert card.training["converted_from"]["file"] == f"{kind}.pth"
    zhang = kind != "pix2pix"
    assert card.licence == ("BSD-2-Clause" if zhang else "not stated")
    assert card.training["source"] == (SOURCE if zhang else "")
    assert card.has_distribution == (kind == "eccv16")
    gray = np.random.default_rng(0).integers(0, 256, (90, 130), np.uint8)
    colorizer = Colorizer(bundle)
    assert colorizer.colorize(gray, Look(hints=[Hint(20, 20, "#ff0000")])).shape == (90, 130, 3)
    if kind == "eccv16":
        assert len(colorizer.propose(gray, count=2)) >= 1
        assert colorizer.predict(gray).confidence().max() <= 1


@pytest.mark.slow
def test_what_else_a_pth_may_hold(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"

    def refused(words: str) -> None:
        found = call("convert", path, "-o", tmp_path / "out")
        assert found.exit_code == 1
        assert found.stderr.count("\n") == 1, found.stderr
        assert found.stderr.startswith(f"error: {path}: ")
        assert words in found.stderr
        assert not (tmp_path / "out").exists()

    refused("no such file")
    torch.save({"a": Bomb(tmp_path / "ran")}, path)
    refused("is no file of weights alone")
    path.write_bytes(pickle.dumps({"a": Bomb(tmp_path / "ran")}))
    refused("is no file of weights alone")
    assert not (tmp_path / "ran").exists(), "nothing of it has run"
    path.write_bytes(b"PK\x03\x04" + bytes(200))
    refused("is no file of weights alone")
    torch.save({"a": 1}, path)
    refused("holds 'a', which is no tensor")


def test_weights_of_another_network(tmp_path: Path) -> None:
    def refused(weights: published.Weights, words: str) -> None:
        with pytest.raises(ModelError) as caught:
            network_of(weights, tmp_path / "x.pth")
        assert words in str(caught.value)

    refused({"layer.weight": torch.zeros(2)}, "is not known here (1 tensors: layer.weight ...); known are Zhang 2016")
    other = published.siggraph17_weights()
    short = torch.zeros(2, 64, 1, 1)
    refused(other | {"model_out.0.weight": short}, "its model_out.0.weight has shape (2, 64, 1, 1), not (2, 128, 1, 1)")
    refused({k: v for k, v in other.items() if k != "model4.0.bias"}, "lacks model4.0.bias")
    refused(other | {"model11.0.weight": short}, "holds model11.0.weight")
    refused(other | {"model4.0.bias": torch.full((512,), float("nan"))}, "its model4.0.bias is not finite")
    refused({"model.model.0.weight": torch.zeros(64, 3, 4, 4)}, "unlike the network that it seems to be")
    refused({"model_out.weight": short, "model8.6.weight": short, "x.weight": short}, "holds x.weight, which")
    refused({"model_out.weight": torch.zeros(3, 313, 1, 1), "model8.6.weight": short}, "not (2, Q, 1, 1)")
