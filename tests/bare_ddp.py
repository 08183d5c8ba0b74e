"""One adversarial stage in bare DistributedDataParallel, written out; run by torchrun. test_parallel.py compares.

torchrun --nproc-per-node 2 tests/bare_ddp.py SETTINGS.json WEIGHTS.safetensors
"""

import copy
import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from colorizegan.data.cache import open_cache
from colorizegan.data.layouts import list_photos
from colorizegan.training.batches.augment import Batch, make_batch
from colorizegan.training.batches.crops import Crops, count_bins, split_holdout
from colorizegan.training.build import build_discriminator, build_generator
from colorizegan.training.configure import from_dict
from colorizegan.training.networks.bins import SoftLabels, rebalancing_weights
from colorizegan.training.optimizers import learning_rate, parameter_groups
from colorizegan.training.step import Objective, discriminator_step, generator_step


def main() -> None:
    """Train, and write the generator, its average and the discriminator."""
    settings, result = map(Path, sys.argv[1:])
    config = from_dict(json.loads(settings.read_text()))
    (stage,) = config.stages
    distributed.init_process_group("gloo")
    rank, half = distributed.get_rank(), stage.batch // 2
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    store = open_cache(list_photos(config.data.sources), result.parent / f"cache-{rank}", config.data.store_side)
    training, _ = split_holdout(store.keys, config.data.holdout)
    rebalance = torch.from_numpy(rebalancing_weights(count_bins(store, training), config.losses.rebalance))
    crops = Crops(store, training, np.ones(len(store)), stage.size, stage.crop, config.seed)
    generator, discriminator = build_generator(config), build_discriminator(config)
    average = copy.deepcopy(generator)
    for net in (generator, discriminator):
        net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's types omit it
    net_g = DistributedDataParallel(generator, broadcast_buffers=False)
    net_d = DistributedDataParallel(discriminator, broadcast_buffers=False)
    opt_g = torch.optim.AdamW(
        parameter_groups(generator, stage, config),
        betas=(stage.beta1, 0.999),
        weight_decay=config.weight_decay,
        fused=True,
    )
    opt_d = torch.optim.Adam(discriminator.parameters(), stage.lr_discriminator, betas=(stage.beta1, 0.999), fused=True)
    objective = Objective(stage, "hinge", SoftLabels(), rebalance, clip=5.0)
    for step, start in enumerate(range(0, stage.images, stage.batch)):
        # The whole batch in both processes; each then keeps its half.
        rgb = torch.stack([crops[n] for n in range(start, start + stage.batch)])
        seed = int(np.random.SeedSequence((config.seed, 0, start)).generate_state(1, np.uint64)[0] >> 1)
        whole = make_batch(rgb, config.augment, torch.Generator().manual_seed(seed))
        batch = Batch(*(x[rank * half : (rank + 1) * half] for x in whole))
        for group in opt_g.param_groups:
            group["lr"] = stage.lr * learning_rate(stage, start / stage.images) * group["factor"]
        _, outputs = generator_step(net_g, opt_g, [batch], [0], objective, discriminator)
        discriminator_step(net_d, opt_d, outputs, objective)
        decay = min(config.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, weight in zip(average.parameters(), generator.parameters(), strict=True):
                mean.lerp_(weight, 1 - decay)
            for mean, buffer in zip(average.buffers(), generator.buffers(), strict=True):
                mean.copy_(buffer)
    nets = {"generator": generator, "average": average, "discriminator": discriminator}
    if rank == 0:
        save_file(
            {f"{n}.{k}": v.clone().contiguous() for n, net in nets.items() for k, v in net.state_dict().items()}, result
        )
    del net_g, net_d  # before the connections, see Run.unwrap
    distributed.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
