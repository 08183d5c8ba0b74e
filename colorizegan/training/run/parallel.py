"""Several processes that train one network under torchrun: how they start, what they share, how they agree.

Every process holds the networks, takes its share of each batch, and adds its part to the gradients, so that a step is
that of one process with the whole batch, but for rounding.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from colorizegan.errors import ConfigError
from colorizegan.machine import cpu_threads
from colorizegan.training.config import Config

T = TypeVar("T")
_PATIENCE = timedelta(hours=3)  # the others wait while one decodes photos; a process that dies ends the run at once


def start_fabric(config: Config) -> Fabric:
    """Join the processes that torchrun started; without torchrun this process is the only one."""
    processes, local = 1, 1
    if distributed.is_torchelastic_launched():
        processes, local = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
    strategy: Any = DDPStrategy(timeout=_PATIENCE) if processes > 1 else "auto"
    fabric = Fabric(accelerator="auto", devices=local, num_nodes=processes // local, strategy=strategy)
    fabric.launch()
    check_shares(config, processes)
    torch.set_num_threads(config.threads or max(1, cpu_threads() // local))
    return fabric


def part(fabric: Fabric) -> None:
    """All processes have done: they wait for the slowest, which may still validate, and close their connections.

    One that just ended would close them while its threads still read from them, which can abort it.
    """
    if fabric.world_size > 1:
        fabric.barrier()
        distributed.destroy_process_group()


def check_shares(config: Config, processes: int) -> None:
    """ConfigError where the batches of a stage cannot be dealt out in equal shares."""
    for i, stage in enumerate(config.stages):
        if stage.batch % (processes * config.accumulate):
            what = f"stages.{i}.batch is {stage.batch}, for {processes} processes and accumulate {config.accumulate}"
            raise ConfigError(what, remedy="it must be a multiple of the product of both")


def share_norms(net: nn.Module, fabric: Fabric) -> None:
    """On GPUs batch norms take mean and variance over the crops of all processes, in place; torch has it for no CPU."""
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(net)


def share_gradients(net: nn.Module, fabric: Fabric) -> nn.Module:
    """The network as a step calls it: its gradients are the means over all processes."""
    if fabric.world_size == 1:
        return net
    cuda = fabric.device.type == "cuda"
    # On CPUs each process has its own statistics in the norms: all take over those of the first, which are saved.
    return DistributedDataParallel(
        net, [fabric.device] if cuda else None, broadcast_buffers=not cuda, gradient_as_bucket_view=True
    )


def in_turn(fabric: Fabric, work: Callable[[], T]) -> T:
    """work() in every process: the first one's goes ahead, then one on each machine, then all the others.

    What it leaves on the disk (decoded photos) is made once, where all see the same disk, or once on each machine.
    """
    results: list[T] = []
    for turn in (fabric.global_rank == 0, fabric.local_rank == 0, True):
        if turn and not results:
            results.append(work())
        fabric.barrier()
    return results[0]


def add_up(fabric: Fabric, values: list[float]) -> list[float]:
    """The sum of each value over the processes: the same numbers in all of them."""
    if fabric.world_size == 1:
        return values
    total = torch.tensor(values, dtype=torch.float64, device=fabric.device)
    return cast(Tensor, fabric.all_reduce(total, reduce_op="sum")).tolist()
