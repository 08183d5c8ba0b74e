"""Tensors that are split over several processes (FSDP), and whole ones, as checkpoints hold them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor


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
