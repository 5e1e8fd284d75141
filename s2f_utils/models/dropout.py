"""Dropout whose chance belongs to the picture: several ranks draw for the whole batch, and each takes its own."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from s2f_utils.runtime import distributed


class Dropout(nn.Dropout):
    """`nn.Dropout`: values are left out, of whichever picture they are."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if _for_oneself(self) else x * _chance(super().forward, x)


class Dropout2d(nn.Dropout2d):
    """`nn.Dropout2d`: whole channels are left out."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if _for_oneself(self) else x * _chance(super().forward, x)


def _for_oneself(layer: nn.Module) -> bool:
    return not layer.training or not layer.p or not distributed.is_shared()


def _chance(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What `forward` makes of ones: 0, or what the rest is raised by; in x's memory format, in whose order it draws."""
    last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    layout = torch.channels_last if last else torch.contiguous_format

    def draw(num: int) -> Tensor:
        ones = torch.ones((num, *x.shape[1:]), dtype=x.dtype, device=x.device)
        return forward(ones.contiguous(memory_format=layout))

    return distributed.draw(draw, len(x))
