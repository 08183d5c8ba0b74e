"""Crops made on the device: photos lie there as bytes, and a batch is cut and resized there at once.

Crop number n is the one of `Crops`, as Pillow would cut it: a crop differs from its twin by one code here and there.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colorizegan.training.batches.crops import Crops

_SUPPORT = 2.0  # px on each side, of the bicubic filter
_A = -0.5  # its parameter in Pillow (Keys 1981)


class DeviceCrops:
    """The crops of `Crops`, whose `detail` must be 1, as whole batches on a device, where `upload` put the pixels."""

    def __init__(self, crops: Crops, pixels: Tensor) -> None:
        if crops.detail != 1:
            raise ValueError(f"crops are cut once on the device; detail is {crops.detail}")
        self.crops, self.pixels = crops, pixels
        largest = int(crops.cache.shapes.min(1).max())
        # Pixels each way that a crop may hang on: the filter widens where a photo is made smaller.
        self.reach = math.ceil(largest + 2 * _SUPPORT * max(1.0, largest / crops.size)) + 2

    def batch(self, start: int, count: int) -> Tensor:
        """Crops start, start + 1, ...: (count, 3, size, size) uint8 on the device."""
        photos, boxes = self.crops.boxes(np.arange(start, start + count))
        shapes = self.crops.cache.shapes[photos]  # (B, 2)
        first = self.crops.cache.offsets[photos] // 3
        # Where the filter of the first row and column begins; doubles hold all of these numbers exactly.
        widest = _SUPPORT * np.maximum(1.0, boxes[:, 2:] / self.crops.size)
        corner = np.maximum(0, np.floor(boxes[:, :2] - widest))  # left, top
        facts = np.column_stack((first, shapes, boxes[:, :2] - corner, boxes[:, 2], corner))
        packed = torch.from_numpy(facts)
        if self.pixels.is_cuda:
            packed = packed.pin_memory()
        packed = packed.to(self.pixels.device, non_blocking=True)  # (B, 8), the one copy of a batch
        offset, height, width, left, top, side, x0, y0 = packed.unbind(1)

        line = torch.arange(self.reach, device=packed.device)
        x, y = x0[:, None] + line, y0[:, None] + line  # (B, P), pixels of the photo
        columns, rows = (torch.minimum(a, size[:, None] - 1).long() for a, size in ((x, width), (y, height)))
        index = offset.long()[:, None, None] + rows[:, :, None] * width.long()[:, None, None] + columns[:, None, :]
        patch = self.pixels[index].permute(0, 3, 1, 2).float()  # (B, 3, P, P)
        across = self._weights(left, side, x < width[:, None])  # (B, S, P)
        down = self._weights(top, side, y < height[:, None])
        # Pillow keeps whole codes between the two passes.
        wide = (patch @ across.transpose(1, 2)[:, None]).round_().clamp_(0, 255)  # (B, 3, P, S)
        return (down[:, None] @ wide).round_().clamp_(0, 255).to(torch.uint8)

    def _weights(self, begin: Tensor, side: Tensor, inside: Tensor) -> Tensor:
        """Share of each pixel of a patch (P) in each pixel of the crop (S): (B, S, P), rows sum to 1.

        `begin` (B,) is where the crop begins in the patch, `inside` (B, P) which pixels the photo has.
        """
        size = self.crops.size
        scale = (side / size)[:, None, None]
        wider = scale.clamp(min=1.0)
        line = torch.arange(max(size, self.reach), device=side.device, dtype=side.dtype) + 0.5
        centre = begin[:, None, None] + line[None, :size, None] * scale
        t = ((line[None, None, : self.reach] - centre) / wider).abs().float()
        near = ((_A + 2) * t - (_A + 3)) * t * t + 1
        far = _A * (((t - 5) * t + 8) * t - 4)
        weights = torch.where(t < 1, near, torch.where(t < _SUPPORT, far, 0.0)) * inside[:, None, :]
        return weights / weights.sum(2, keepdim=True)


def upload(pixels: NDArray[np.uint8], device: torch.device) -> Tensor:
    """The pixels of a `PhotoCache` in the memory of a device: (pixels, 3) uint8."""
    whole = torch.empty(len(pixels) // 3, 3, dtype=torch.uint8, device=device)
    for start in range(0, len(whole), 1 << 26):  # a mapped file is read in pieces
        piece = torch.from_numpy(np.array(pixels[3 * start : 3 * (start + (1 << 26))])).view(-1, 3)
        whole[start : start + len(piece)] = piece.to(device)
    return whole
