"""Convolutions that are quick on a CPU, too, where the maps are small and the weights many: a U-Net's inner levels.

There the library's kernels take as long for one position as for hundreds, as they first bring the weights into an order
of their own. In training a product of matrices takes their place: the same weights and, but for rounding, the same
answer. `benchmarks/train_speed.py` measures it against the plain ones.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEW = 256  # positions of the smaller map, over the batch, up to which the product is faster
FEWEST = 16  # up to which it is faster in float32: to turn the weights into bfloat16 takes longer than the product


class Conv2d(nn.Conv2d):
    """`nn.Conv2d`, (N, C, H, W) → (N, C', H', W'), with zeros around the map, without groups."""

    def forward(self, x: Tensor) -> Tensor:
        if not _is_learning(self, x):
            return super().forward(x)
        sizes = zip(x.shape[2:], self.kernel_size, self.dilation, self.padding, self.stride, strict=True)
        size = [(n + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1 for n, kernel, dilation, pad, stride in sizes]
        num = len(x) * math.prod(size)
        if num > FEW:
            return super().forward(x)
        with _precision(num):
            patches = F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)  # (N, C·k², H'·W')
            if _is_last(self.weight):
                patches = _turned(patches, x.shape[1], -1)
            y = (_flat(self.weight) @ patches.to(_dtype(x, num))).unflatten(2, size)
            return y if self.bias is None else y + self.bias.to(y.dtype)[:, None, None]


class ConvTranspose2d(nn.ConvTranspose2d):
    """`nn.ConvTranspose2d`, (N, C, H, W) → (N, C', H', W'), without groups and output_padding."""

    def forward(self, x: Tensor) -> Tensor:
        if not _is_learning(self, x) or (num := len(x) * math.prod(x.shape[2:])) > FEW:
            return super().forward(x)
        sizes = zip(x.shape[2:], self.kernel_size, self.dilation, self.padding, self.stride, strict=True)
        size = [(n - 1) * stride - 2 * pad + dilation * (kernel - 1) + 1 for n, kernel, dilation, pad, stride in sizes]
        with _precision(num):
            patches = _flat(self.weight).t() @ x.flatten(2).to(_dtype(x, num))  # (N, C'·k², H·W)
            if _is_last(self.weight):
                patches = _turned(patches, -1, self.weight.shape[1])
            y = F.fold(patches, size, self.kernel_size, self.dilation, self.padding, self.stride)
            return y if self.bias is None else y + self.bias.to(y.dtype)[:, None, None]


def _is_learning(layer: nn.Module, x: Tensor) -> bool:
    return layer.training and torch.is_grad_enabled() and x.device.type == "cpu"


def _precision(num: int) -> AbstractContextManager[object]:
    return torch.autocast("cpu", enabled=False) if num <= FEWEST else nullcontext()


def _dtype(x: Tensor, num: int) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32) if num <= FEWEST else x.dtype


def _is_last(weight: Tensor) -> bool:
    return not weight.is_contiguous()  # but channels last


def _flat(weight: Tensor) -> Tensor:
    """A weight (A, B, k, k) as a matrix (A, B·k²), or (A, k²·B) where its channels are last: nothing is copied."""
    return (weight.permute(0, 2, 3, 1) if _is_last(weight) else weight).flatten(1)


def _turned(patches: Tensor, first: int, second: int) -> Tensor:
    """Patches (N, C·k², L) as (N, k²·C, L), or back; `first`, `second`: the sizes of the two (-1: what is left)."""
    return patches.unflatten(1, (first, second)).transpose(1, 2).flatten(1, 2)
