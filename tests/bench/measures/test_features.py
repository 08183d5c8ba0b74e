"""Feature distances against torchmetrics and scipy, and the feature network against what it should see."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from colorizegan.bench.measures.features import Inception, SqueezeNet, distances, frechet_distance, kernel_distance
from colorizegan.errors import DataError, InputError, UsageError


def two_sets(n: int = 300, d: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(d, d))
    return rng.normal(size=(n, d)) @ mix, rng.normal(0.4, 1.3, size=(n, d)) @ mix


def test_frechet_distance_equals_scipy():
    from scipy.linalg import sqrtm

    x, y = two_sets()
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x + cov_y - 2 * np.real(sqrtm(cov_x @ cov_y)))
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)


def test_kernel_distance_equals_torchmetrics():
    from torchmetrics.image.kid import poly_mmd

    x, y = two_sets()
    # torchmetrics takes in the pairs of a picture with its own truth, which are left out here.
    n = len(x)
    across = (x @ y.T / x.shape[1] + 1) ** 3
    with_own, without_own = across.mean(), (across.sum() - np.trace(across)) / (n * (n - 1))
    expected = float(poly_mmd(torch.tensor(x), torch.tensor(y))) + 2 * with_own - 2 * without_own
    assert kernel_distance(x, y) == pytest.approx(expected, rel=1e-9)
    halves = np.random.default_rng(1).permutation(x)
    assert abs(kernel_distance(halves[:150], halves[150:])) < 0.05 * kernel_distance(x, y)
    assert kernel_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_kernel_distance_by_hand():
    # k(x, y) = (x y + 1)^3 in one dimension; x = (0, 1), y = (2, 3): off-diagonal sums 2 * 1, 2 * 343 and 1 + 27.
    x, y = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    assert kernel_distance(x, y) == pytest.approx((2 * 1 + 2 * 343 - 2 * (1 + 27)) / 2)


def test_distances_of_squeezenet_do_not_hang_on_the_length_of_features():
    x, y = two_sets(40)
    found = distances("squeezenet", x, y)
    assert set(found) == {"squeezenet_frechet", "squeezenet_kernel"}
    assert distances("squeezenet", 7 * x, 0.1 * y) == pytest.approx(found)
    assert distances("squeezenet", y, y) == pytest.approx({"squeezenet_frechet": 0, "squeezenet_kernel": 0}, abs=1e-6)
    assert distances("fid", x, y) == {"fid": frechet_distance(x, y)}
    assert distances("fid", x[:1], y[:1]) == {}


def test_sets_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="two or more"):
        frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(UsageError, match="5 and 4 pictures"):
        kernel_distance(np.zeros((5, 3)), np.zeros((4, 3)))


def test_squeezenet_tells_colours_and_classes(shared_data: Path):
    network = SqueezeNet(shared_data / "squeezenet1_0.safetensors")
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)
    features = network(picture)
    assert features.shape == (512,)
    assert features.dtype == np.float32
    assert (features >= 0).all()
    assert np.array_equal(features, network(picture))
    gray = np.repeat(picture.mean(-1, keepdims=True).astype(np.uint8), 3, -1)
    assert np.linalg.norm(network(gray) - features) > 0.05 * np.linalg.norm(features)


def test_squeezenet_reproduces_a_plain_torch_module(shared_data: Path):
    """The same layers written with torch.nn, as the data's README lists them."""
    from safetensors.torch import load_file

    weights = {k: v.float() for k, v in load_file(str(shared_data / "squeezenet1_0.safetensors")).items()}
    channels = [(96, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128)]
    channels += [(256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256)]

    def conv(name: str, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> torch.nn.Conv2d:
        module = torch.nn.Conv2d(inputs, outputs, kernel, stride, padding)
        module.load_state_dict({kind: weights[f"{name}.{kind}"] for kind in ("weight", "bias")})
        return module

    x = torch.randint(0, 256, (1, 3, 80, 112), generator=torch.Generator().manual_seed(0)).float()
    mean = torch.tensor([104.0, 117.0, 123.0])[None, :, None, None]
    y = torch.relu(conv("conv1", 3, 96, 7, stride=2)(x.flip(1) - mean))
    pool = torch.nn.MaxPool2d(3, 2, ceil_mode=True)
    y = pool(y)
    for index, (inputs, squeeze, expand) in enumerate(channels):
        s = torch.relu(conv(f"fires.{index}.s1", inputs, squeeze, 1)(y))
        one = conv(f"fires.{index}.e1", squeeze, expand, 1)
        three = conv(f"fires.{index}.e3", squeeze, expand, 3, padding=1)
        y = torch.relu(torch.cat([one(s), three(s)], 1))
        if index in (2, 6):
            y = pool(y)
    expected = y.mean((2, 3))[0].detach().numpy()
    rgb = x[0].permute(1, 2, 0).numpy().astype(np.uint8)
    found = SqueezeNet(shared_data / "squeezenet1_0.safetensors")(rgb)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_wrong_weight_files_are_one_line(tmp_path: Path):
    from safetensors.torch import save_file

    with pytest.raises(InputError, match="no such file of SqueezeNet weights"):
        SqueezeNet(tmp_path / "none")
    (tmp_path / "text").write_text("no tensors")
    with pytest.raises(DataError, match="not a readable safetensors file"):
        SqueezeNet(tmp_path / "text")
    save_file({"a": torch.zeros(1)}, str(tmp_path / "a.safetensors"))
    with pytest.raises(DataError, match=r"holds no SqueezeNet 1.0 .conv1.weight"):
        SqueezeNet(tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="no such file of Inception weights"):
        Inception(tmp_path / "none")


def test_fid_equals_torchmetrics(tmp_path: Path):
    """The whole of FID proper, with seeded weights of the right shapes in place of the published ones."""
    if importlib.util.find_spec("torch_fidelity") is None:
        pytest.skip("FID is for users who add torch-fidelity: it is no part of the tests' environment")
    from torch_fidelity.feature_extractor_inceptionv3 import (  # pyright: ignore[reportMissingImports]
        FeatureExtractorInceptionV3,
    )
    from torchmetrics.image.fid import FrechetInceptionDistance

    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:  # its constructor would load weights
        patch.setattr("torch.load", lambda *_, **__: {})
        patch.setattr("torch.nn.Module.load_state_dict", lambda *_, **__: None)
        network = FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path="none")
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    rng = np.random.default_rng(0)
    real, painted = rng.integers(0, 256, (2, 6, 64, 64, 3), dtype=np.uint8)
    reference = FrechetInceptionDistance(feature=2048, feature_extractor_weights_path=str(path))
    for pictures, is_real in ((real, True), (painted, False)):
        reference.update(torch.from_numpy(pictures).permute(0, 3, 1, 2), real=is_real)
    extract = Inception(path)
    features, truth = (np.stack([extract(rgb) for rgb in pictures]) for pictures in (painted, real))
    assert features.shape == (6, 2048)
    assert distances("fid", features, truth)["fid"] == pytest.approx(float(reference.compute()), rel=1e-3, abs=1e-4)
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(DataError, match="not Inception weights"):
        Inception(tmp_path / "text")
