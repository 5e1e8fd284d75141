"""Rows of all ranks in one tensor, and the way of gradients back, which can be differentiated again."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from s2f_utils.runtime.ranks import group


class Gather(torch.autograd.Function):
    """All ranks' rows; its gradient is `Scatter`, whose gradient it is."""

    @staticmethod
    def forward(ctx: Any, here: Tensor, counts: tuple[int, ...]) -> Tensor:
        ctx.counts, ctx.num = counts, len(here)
        padded = here.new_zeros(max(1, *counts), *here.shape[1:])
        padded[: len(here)] = here
        found = [torch.empty_like(padded) for _ in counts]
        with group.reached():
            dist.all_gather(found, padded)
        return torch.cat([rows[:count] for rows, count in zip(found, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return Scatter.apply(grad, ctx.counts, ctx.num), None


class Scatter(torch.autograd.Function):
    """The sum over all ranks of what they have for every row, of which each keeps its own."""

    @staticmethod
    def forward(ctx: Any, whole: Tensor, counts: tuple[int, ...], num: int) -> Tensor:
        ctx.counts = counts
        total = whole.contiguous().clone()
        with group.reached():
            dist.all_reduce(total)
        start, count = sum(counts[: group.rank()]), counts[group.rank()]
        return total[start : start + count] if count else total.new_zeros(num, *total.shape[1:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return Gather.apply(grad, ctx.counts), None, None
