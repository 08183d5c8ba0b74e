"""Speed of pix2pix training (U-Net 256, 70x70 PatchGAN, L1 100): as published, and as `colorizegan train` does it.

    python benchmarks/pix2pix_step.py [--batch 16] [--steps 6] [--workers 1]

Both train on the same drawn photos with the same loader, networks and losses. The published way is float32, NCHW and
eager. Ours is the program itself, with the preset pix2pix, bfloat16 where the processor computes in it, channels_last
and torch.compile; its figures come from its own log. Published steps are measured before it and after it. Medians.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from colorizegan.data.cache import PhotoCache, open_cache
from colorizegan.data.layouts import list_photos
from colorizegan.training import losses
from colorizegan.training.batches.augment import make_batch
from colorizegan.training.batches.crops import Crops, Waiting, crop_batches
from colorizegan.training.config import Config
from colorizegan.training.configure import load_config
from colorizegan.training.loop import train
from colorizegan.training.networks.discriminator import PatchDiscriminator
from colorizegan.training.networks.pix2pix import Pix2PixUNet, init_pix2pix
from colorizegan.training.precision import best_precision

WARM = 2  # steps that are not counted: compiling, and the allocator's first round


def draw_photos(folder: Path, count: int) -> Path:
    """JPEG files of 384 x 320 px with colours and detail."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 10, 3), np.uint8), "RGB").resize((384, 320))
        noisy = np.asarray(coarse, np.float32) + rng.normal(0, 12, (320, 384, 1))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{i:03d}.jpg", quality=92)
    return folder


def endless(store: PhotoCache, config: Config) -> Waiting:
    """Batches of RGB crops from the loader of the package."""
    (stage,) = config.stages
    crops = Crops(store, np.arange(len(store)), np.ones(len(store)), stage.size, stage.crop, 0)
    return Waiting(crop_batches(crops, 0, 1 << 40, stage.batch, config.data.workers))


def published_step(config: Config) -> Callable[[Tensor], None]:
    """One step of the published recipe: discriminator on the detached fake, then generator."""
    torch.manual_seed(0)
    generator, discriminator = Pix2PixUNet(), PatchDiscriminator("batch", 64)
    for net in (generator, discriminator):
        init_pix2pix(net)
    opt_g = torch.optim.Adam(generator.parameters(), 2e-4, (0.5, 0.999), fused=False)
    opt_d = torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999), fused=False)
    chance = torch.Generator().manual_seed(0)

    def judge(L: Tensor, ab: Tensor) -> Tensor:
        return discriminator(L, ab).logits[0]

    def step(rgb: Tensor) -> None:
        batch = make_batch(rgb, config.augment, chance)
        L, ab = batch.L, batch.ab
        fake = generator(L).ab
        discriminator.requires_grad_(True)
        loss_d = losses.discriminator_loss(judge(L, ab), judge(L, fake.detach()), "vanilla")
        opt_d.zero_grad()
        loss_d.backward()
        opt_d.step()
        discriminator.requires_grad_(False)
        loss_g = losses.generator_loss(judge(L, fake), "vanilla") + 100 / 110 * losses.smooth_l1_loss(fake, ab, 0.0)
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()

    return step


def timed(step: Callable[[Tensor], None], batches: Iterator[Tensor], count: int) -> list[float]:
    """Seconds of each step, its batch included."""
    seconds = []
    for _ in range(WARM + count):
        begun = time.perf_counter()
        step(next(batches))
        seconds.append(time.perf_counter() - begun)
    return seconds[WARM:]


def peak(batch: int, dtype: torch.dtype) -> float:
    """TFLOP/s of the discriminator's heaviest kind of layer, forward, by itself: what the processor can do at best."""
    layer = torch.nn.Conv2d(128, 256, 4, 2, 1, bias=False)
    layer.to(dtype=dtype, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's types omit it
    x = torch.randn(batch, 128, 64, 64).to(dtype=dtype, memory_format=torch.channels_last)
    seconds = []
    with torch.no_grad():
        outputs = layer(x).numel()
        for _ in range(8):
            begun = time.perf_counter()
            layer(x)
            seconds.append(time.perf_counter() - begun)
    return 2 * outputs * 128 * 16 / min(seconds) / 1e12


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6, help="measured steps of each")
    parser.add_argument("--workers", type=int, default=1, help="loader processes")
    parser.add_argument("--set", action="append", default=[], dest="changes", help="settings of ours that differ")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pix2pix-step-") as name:
        work = Path(name)
        own = [f"data.workers={options.workers}", "data.holdout=0", "compile=true", "log_every=1"]
        config = load_config(
            "pix2pix", None, [f"data.sources=['{draw_photos(work / 'photos', 64)}']", *own, *options.changes]
        )
        images = (WARM + options.steps) * options.batch
        config = replace(config, stages=(replace(config.stages[0], batch=options.batch, images=images),))
        store = open_cache(list_photos(config.data.sources), work / "cache", config.data.store_side)

        batches = iter(endless(store, config))
        next(batches)
        begun = time.perf_counter()
        for _ in range(20):
            next(batches)
        loader = 20 * options.batch / (time.perf_counter() - begun)

        step = published_step(config)
        with FlopCounterMode(display=False) as counter:
            step(next(batches))
        flops = counter.get_total_flops()
        published = timed(step, batches, options.steps // 2)
        train(config, work / "run", cache=work / "cache")
        published += timed(step, batches, options.steps - options.steps // 2)
        lines = [json.loads(line) for line in (work / "run" / "log.jsonl").read_text().splitlines()][WARM:]
        ours = [options.batch / line["images_per_s"] for line in lines]
        waited = statistics.mean(line["data_wait"] for line in lines)

    threads, precision = torch.get_num_threads(), best_precision("auto")
    print(f"batch {options.batch}, 256 px, {threads} threads, {precision}, torch {torch.__version__}")
    print(f"{flops / options.batch / 1e9:.0f} GFLOP an image; the loader alone gives {loader:.0f} crops/s")
    peaks = [peak(options.batch, dtype) for dtype in (torch.float32, torch.bfloat16)]
    print(f"its convolutions alone reach {peaks[0]:.2f} TFLOP/s in float32 and {peaks[1]:.2f} in bfloat16,")
    best = peaks[1] / (flops / statistics.median(published) / 1e12)
    print(f"so that all of it in bfloat16 at that speed would be {best:.2f} times the published way")
    print("| | images/s | TFLOP/s | time spent waiting for photos |\n|---|---|---|---|")
    for label, seconds, share in (
        ("as published", published, ""),
        ("colorizegan train", ours, f"{100 * waited:.2f} %"),
    ):
        median = statistics.median(seconds)
        print(f"| {label} | {options.batch / median:.2f} | {flops / median / 1e12:.3f} | {share} |")
    print(f"| ratio | {statistics.median(published) / statistics.median(ours):.2f} | | |")


if __name__ == "__main__":
    main()
