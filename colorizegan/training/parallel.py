"""Several processes that train one network under torchrun: how they start, what they share, how they agree.

Every process holds the networks, takes its share of each batch, and adds its part to the gradients and to the
statistics of the norms, so that a step is that of one process with the whole batch, but for rounding.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

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
    strategy: Any = "auto"
    if processes > 1 and config.strategy == "fsdp":
        strategy = ModelParallelStrategy(
            _shard, data_parallel_size=processes, tensor_parallel_size=1, timeout=_PATIENCE
        )
    elif processes > 1:
        # Norms and spectral norms are the same everywhere without being sent around.
        strategy = DDPStrategy(broadcast_buffers=False, gradient_as_bucket_view=True, timeout=_PATIENCE)
    fabric = Fabric(
        accelerator="auto",
        devices=local,
        num_nodes=processes // local,
        strategy=strategy,
        precision=best_precision(config.precision),  # pyright: ignore[reportArgumentType]
    )
    fabric.launch()
    check_shares(config, processes)
    torch.set_num_threads(config.threads or max(1, cpu_threads() // local))
    return fabric


def check_shares(config: Config, processes: int) -> None:
    """ConfigError where the batches of a stage cannot be dealt out in equal shares."""
    for i, stage in enumerate(config.stages):
        if stage.batch % (processes * config.accumulate):
            what = f"stages.{i}.batch is {stage.batch}, for {processes} processes and accumulate {config.accumulate}"
            raise ConfigError(what, remedy="it must be a multiple of the product of both")


def is_split(fabric: Fabric) -> bool:
    """Whether weights are split over the processes."""
    return isinstance(fabric.strategy, ModelParallelStrategy)


def _shard(net: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Weights, gradients and optimizer states split over the processes, gathered for each pass.

    One group for the whole network: ours are small, it is their copies (average, moments) that add up.
    """
    # channels_last weights cannot be split.
    net.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]  # torch's types omit it
    fully_shard(net, mesh=mesh["data_parallel"], reshard_after_forward=True)
    return net


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


def share_norms(net: nn.Module, device: torch.device) -> None:
    """Batch norms take mean and variance over the crops of all processes, in place."""
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(net)
        return
    for part in net.modules():
        if type(part) is nn.BatchNorm2d:
            part.__class__ = _SharedBatchNorm2d


class _SharedBatchNorm2d(nn.BatchNorm2d):
    """What nn.SyncBatchNorm is on GPUs."""

    def forward(self, input: Tensor) -> Tensor:
        x = input
        if not self.training:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        wide = x.float()
        count = distributed.get_world_size() * x.numel() // x.shape[1]
        mean = _sum_over_processes(wide.sum((0, 2, 3))) / count  # (C,)
        centred = wide - mean[:, None, None]
        variance = _sum_over_processes(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / max(1, count - 1), self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


class _Sum(torch.autograd.Function):
    """Sum over processes; so is its gradient, because every process's loss depends on it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        total = gradient.clone()
        distributed.all_reduce(total)
        return total


def _sum_over_processes(x: Tensor) -> Tensor:
    return cast(Tensor, _Sum.apply(x))


def best_precision(asked: str) -> str:
    """What "auto" stands for: "bf16-mixed" where the hardware computes in it; emulated, it is slower than float32."""
    if asked != "auto":
        return asked
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    flags = Path("/proc/cpuinfo").read_text("ascii", "replace") if Path("/proc/cpuinfo").exists() else ""
    return "bf16-mixed" if "amx_bf16" in flags or "avx512_bf16" in flags else "32-true"


def whole(tensor: Tensor) -> Tensor:
    """The tensor itself, or all of one that is split. All processes must ask together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def own_part(tensor: Tensor) -> Tensor:
    """The tensor itself, or what this process holds of one that is split; a view."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def like(tensor: Tensor, model: Tensor) -> Tensor:
    """A copy of a whole tensor, of the dtype that it has, split and laid out in memory as `model` is."""
    if isinstance(model, DTensor):
        return distribute_tensor(tensor.to(model.device), model.device_mesh, model.placements)
    return torch.empty_like(model, dtype=tensor.dtype).copy_(tensor)


@torch.no_grad()
def load_whole(net: nn.Module, weights: dict[str, Tensor]) -> None:
    """`load_state_dict` for a network that may be split."""
    for name, tensor in net.state_dict().items():
        tensor.copy_(like(weights[name], tensor))
