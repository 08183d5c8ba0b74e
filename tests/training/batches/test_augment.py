"""Batches: torch's Lab equals numpy's, the colours to learn stay exact, hints tell the truth, chance is seeded."""

import numpy as np
import pytest
import torch
from pictures import encoded, pixels
from PIL import Image

from colorizegan.color.lab import lab_to_rgb as numpy_lab_to_rgb
from colorizegan.color.lab import rgb_to_lab
from colorizegan.training.batches.augment import grain_noise, jpeg_blocks, make_batch, plain_batch
from colorizegan.training.batches.lab import lab_to_rgb, linear_to_lab, srgb_to_linear
from colorizegan.training.config import AugmentConfig


def crops(seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, (6, 3, 32, 32), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_lab_equals_the_numpy_twin_both_ways() -> None:
    rgb = crops().float() / 255
    ours = linear_to_lab(srgb_to_linear(rgb)).permute(0, 2, 3, 1).numpy()
    theirs = rgb_to_lab(rgb.permute(0, 2, 3, 1).numpy())
    assert np.abs(ours - theirs).max() < 2e-3
    assert (lab_to_rgb(torch.from_numpy(theirs).permute(0, 3, 1, 2)) - rgb).abs().max() < 2e-3
    wild = torch.tensor([50.0, 120.0, -120.0])[None, :, None, None]
    clipped = numpy_lab_to_rgb(wild[0, :, 0, 0].numpy())
    assert lab_to_rgb(wild).flatten().numpy() == pytest.approx(clipped, abs=1e-2)


def test_plain_batch_is_the_photo() -> None:
    batch = plain_batch(crops())
    assert torch.equal(batch.L, batch.L_true)
    assert not batch.hint_mask.any()


def test_film_changes_brightness_only() -> None:
    config = AugmentConfig(flip=False, film=1.0, hints=0.0)
    batch, plain = make_batch(crops(), config, seeded()), plain_batch(crops())
    assert torch.equal(batch.ab, plain.ab)
    assert torch.equal(batch.L_true, plain.L)
    assert (batch.L - plain.L).abs().mean() > 1
    assert batch.L.min() >= 0
    assert batch.L.max() <= 100


def test_film_softens_and_sharpens() -> None:
    """Of pictures of one edge each, the edge is steeper in some than it was, and flatter in others."""
    edge = torch.full((128, 3, 32, 32), 90, dtype=torch.uint8)
    edge[..., 16:] = 160
    L = make_batch(edge, AugmentConfig(flip=False, film=1.0, hints=0.0), seeded()).L.mean(dim=2)[:, 0]  # (B, 32)
    # The step at the edge, against the one between areas away from it: tone curves change both alike.
    step = (L[:, 16] - L[:, 15]) / (L[:, 20:28].mean(1) - L[:, 4:12].mean(1))
    assert (step > 1.15).sum() > 16
    assert (step < 0.85).sum() > 16


@pytest.mark.parametrize("quality", [30, 60, 75])
def test_jpeg_is_that_of_an_encoder(quality: int) -> None:
    rng = np.random.default_rng(0)
    codes = np.asarray(
        Image.fromarray(rng.integers(0, 256, (5, 7), np.uint8)).resize((40, 32), Image.Resampling.BICUBIC)
    )
    codes = (codes + rng.normal(0, 10, codes.shape)).clip(0, 255).astype(np.uint8)
    expected = pixels(encoded(codes, "JPEG", quality=quality)).astype(np.float32)
    L = torch.from_numpy(codes.astype(np.float32))[None, None] / 2.55
    got = jpeg_blocks(L, torch.tensor([float(quality)]))[0, 0].numpy() * 2.55
    error = np.abs(got - expected)
    assert error.mean() < 0.5  # the encoder rounds to whole codes
    assert np.abs(codes - expected).mean() > 10 * error.mean()


def test_any_size_of_crop_may_be_saved_as_jpeg() -> None:
    L = torch.rand(2, 1, 50, 46, generator=seeded()) * 100
    saved = jpeg_blocks(L, torch.tensor([10.0, 100.0]))
    assert saved.shape == L.shape
    assert (saved - L)[1].abs().mean() < 0.5 < (saved - L)[0].abs().mean()


def test_grain_is_fine_or_coarse_of_the_same_strength() -> None:
    chance = seeded()
    grain = grain_noise(
        60, 64, lambda *shape: torch.rand(shape, generator=chance), lambda *shape: torch.randn(shape, generator=chance)
    )
    assert grain.shape == (64, 1, 60, 60)
    assert grain.std(dim=(1, 2, 3)).sub(1).abs().max() < 0.1
    alike = (grain[..., 1:] * grain[..., :-1]).mean(dim=(1, 2, 3))  # how far neighbours agree
    fine, coarse = alike < 0.15, alike > 0.3
    assert (fine | coarse).all()
    assert 16 < fine.sum() < 48


def test_a_share_of_a_batch_gets_what_it_gets_in_the_whole() -> None:
    config = AugmentConfig(film=0.5, hints=0.5)
    whole = make_batch(crops(), config, seeded())
    parts = [make_batch(crops()[3 * rank : 3 * rank + 3], config, seeded(), (rank, 2)) for rank in (0, 1)]
    for all_of_it, *halves in zip(whole, *parts, strict=True):
        torch.testing.assert_close(torch.cat(halves), all_of_it, rtol=0, atol=1e-4)


def test_same_seed_same_batch_and_another_seed_another() -> None:
    config = AugmentConfig(film=0.5, hints=0.5)
    one, same, other = (make_batch(crops(), config, seeded(s)) for s in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one.L, other.L)


def test_mirrored_crops_keep_light_and_colour_together() -> None:
    batch = make_batch(crops(), AugmentConfig(film=0.0, hints=0.0), seeded())
    plain = plain_batch(crops())
    lab, true = torch.cat((batch.L, batch.ab), 1), torch.cat((plain.L, plain.ab), 1)
    mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(lab, true, strict=True)]
    same = [torch.equal(a, b) for a, b in zip(lab, true, strict=True)]
    assert all(m != s for m, s in zip(mirrored, same, strict=True))
    assert any(mirrored)
    assert any(same)


def test_hints_tell_the_true_mean_colour_where_the_mask_is_set() -> None:
    flat = torch.zeros(8, 3, 32, 32, dtype=torch.uint8)
    flat[:, 0] = 200
    batch = make_batch(flat, AugmentConfig(film=0.0, hints=1.0), seeded())
    assert 0 < batch.hint_mask.mean() < 0.5
    assert all(mask.any() for mask in batch.hint_mask)
    inside = batch.hint_mask.expand_as(batch.ab) > 0
    assert torch.allclose(batch.hint_ab[inside], batch.ab[inside], atol=1e-3)
    assert not batch.hint_ab[~inside].any()


def test_chroma_boost_scales_the_target() -> None:
    config = AugmentConfig(flip=False, film=0.0, hints=0.0, chroma=1.2)
    assert torch.allclose(make_batch(crops(), config, seeded()).ab, plain_batch(crops()).ab * 1.2)
