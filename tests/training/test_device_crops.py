"""Crops made on the device are those of the loader: the same photos, boxes and pixels, the same batch."""

import numpy as np
import pytest
import torch
from device_crops import DeviceCrops, upload
from PIL import Image

from colorizegan.data.cache import PhotoCache
from colorizegan.training.batches.augment import make_batch
from colorizegan.training.batches.crops import Crops, uniform
from colorizegan.training.config import AugmentConfig


def photos() -> PhotoCache:
    """Photos of several shapes, smooth here and sharp there."""
    rng = np.random.default_rng(0)
    shapes = np.asarray([(50, 70), (96, 64), (64, 64), (49, 120)])
    pixels: list[np.ndarray] = []
    for height, width in shapes:
        small = Image.fromarray(rng.integers(0, 256, (6, 7, 3), np.uint8)).resize((int(width), int(height)))
        noise = rng.normal(0, 25, (height, width, 3)) * (rng.random((height, 1, 1)) < 0.5)
        noisy = np.asarray(small, np.float32) + noise
        pixels.append(noisy.clip(0, 255).astype(np.uint8).ravel())
    sizes = shapes.prod(1) * 3
    offsets = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    return PhotoCache(list("abcd"), shapes, offsets, np.concatenate(pixels), {}, np.arange(4))


@pytest.mark.parametrize("size", [32, 64, 80])  # smaller than all photos, as some, larger than most
def test_crops_are_those_of_the_loader(size: int) -> None:
    crops = Crops(photos(), np.arange(4), np.asarray([1.0, 0.5, 1.0, 1.0]), size, 0.4, seed=5)
    device = DeviceCrops(crops, upload(crops.cache.pixels, torch.device("cpu")))
    got = device.batch(3, 24)
    expected = torch.stack([crops[n] for n in range(3, 27)])
    assert got.dtype == torch.uint8
    apart = (got.int() - expected.int()).abs()
    assert apart.max() <= 1
    assert (apart > 0).float().mean() < 0.002
    assert len(np.unique(crops.photos_of(np.arange(3, 27)))) == 4
    assert torch.equal(device.batch(10, 4), got[7:11])


def test_batches_are_those_of_the_loader_within_rounding() -> None:
    crops = Crops(photos(), np.arange(4), np.ones(4), 48, 0.6, seed=1)
    device = DeviceCrops(crops, upload(crops.cache.pixels, torch.device("cpu")))
    config = AugmentConfig(film=0.5, hints=0.5)
    rgb = torch.stack([crops[n] for n in range(16)]), device.batch(0, 16)
    one, two = (make_batch(x, config, torch.Generator().manual_seed(2)) for x in rgb)
    assert torch.equal(one.hint_mask, two.hint_mask)
    assert (one.ab - two.ab).abs().mean() < 0.01
    assert (one.hint_ab - two.hint_ab).abs().max() < 2
    assert (one.L - two.L).abs().mean() < 0.02


def test_soft_crops_are_not_made_on_the_device() -> None:
    crops = Crops(photos(), np.arange(4), np.ones(4), 48, 0.6, seed=1, detail=0.5)
    with pytest.raises(ValueError, match=r"detail is 0\.5"):
        DeviceCrops(crops, upload(crops.cache.pixels, torch.device("cpu")))


def test_chance_of_a_crop_hangs_on_its_number_alone() -> None:
    u = uniform(7, np.arange(20_000), 3)
    assert np.array_equal(u[100:110], uniform(7, np.arange(100, 110), 3))
    assert not np.array_equal(u, uniform(8, np.arange(20_000), 3))
    assert u.min() >= 0
    assert u.max() < 1
    assert np.histogram(u, 10, (0, 1))[0] == pytest.approx(6000, rel=0.06)
    assert np.abs(np.corrcoef(np.concatenate((u[1:], u[:-1]), axis=1).T) - np.eye(6)).max() < 0.03
