"""Speed of one pix2pix training step (U-Net 256, 70x70 PatchGAN, L1 100): as published, and as this package runs it.

    python benchmarks/pix2pix_step.py [--batch 16] [--steps 5]

Both use the same networks, the same batch of random crops and the same losses; the published way is float32, NCHW and
eager, ours takes bfloat16 where the processor computes in it, channels_last and torch.compile. The two run in turn, so
that a noisy machine disturbs both; medians are printed.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from colorizegan.training import losses
from colorizegan.training.build import best_precision
from colorizegan.training.networks import PatchDiscriminator, Pix2PixUNet, init_pix2pix

SIZE = 256


def make_step(batch: int, fast: bool) -> Callable[[], None]:
    """A function that does one training step: discriminator on the detached fake, then generator."""
    torch.manual_seed(0)
    generator, discriminator = Pix2PixUNet(), PatchDiscriminator("batch", 64)
    L, ab = torch.rand(batch, 1, SIZE, SIZE) * 100, torch.randn(batch, 2, SIZE, SIZE) * 20
    for net in (generator, discriminator):
        init_pix2pix(net)
    if fast:
        for net in (generator, discriminator):
            net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's types omit it
        L, ab = (x.contiguous(memory_format=torch.channels_last) for x in (L, ab))
    opt_g = torch.optim.Adam(generator.parameters(), 2e-4, (0.5, 0.999), fused=fast)
    opt_d = torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999), fused=fast)
    run_g, run_d = (torch.compile(generator), torch.compile(discriminator)) if fast else (generator, discriminator)
    half = fast and best_precision("auto") == "bf16-mixed"

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16) if half else contextlib.nullcontext():
            fake = run_g(L).ab
            discriminator.requires_grad_(True)
            loss_d = losses.discriminator_loss(run_d(L, ab), run_d(L, fake.detach()), "vanilla")
        opt_d.zero_grad(set_to_none=True)
        loss_d.backward()
        opt_d.step()
        discriminator.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16) if half else contextlib.nullcontext():
            loss_g = losses.generator_loss(run_d(L, fake), "vanilla") + 100 / 110 * losses.l1_loss(fake, ab)
        opt_g.zero_grad(set_to_none=True)
        loss_g.backward()
        opt_g.step()

    return step


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=5, help="measured steps of each")
    arguments = parser.parse_args()
    ways = {
        "as published": make_step(arguments.batch, fast=False),
        "this package": make_step(arguments.batch, fast=True),
    }
    with FlopCounterMode(display=False) as counter:
        ways["as published"]()
    flops = counter.get_total_flops()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for name in ways:
        for _ in range(2):  # compiling, and the allocator's first round
            ways[name]()
    for _ in range(arguments.steps):
        for name, step in ways.items():
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    print(f"batch {arguments.batch}, {SIZE} px, {torch.get_num_threads()} threads, {best_precision('auto')}")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:14s} {arguments.batch / median:6.2f} images/s  {flops / median / 1e12:.3f} TFLOP/s")
    ratio = statistics.median(a / b for a, b in zip(*seconds.values(), strict=True))
    print(f"ratio          {ratio:6.2f}")


if __name__ == "__main__":
    main()
