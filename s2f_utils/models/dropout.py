"""Dropout whose chance belongs to the picture: several ranks draw for the whole batch, and each takes its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2f_utils.runtime import distributed


class _OfTheBatch(nn.Module):
    """What is left out of the global batch is drawn by all ranks alike."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p or not distributed.is_shared():
            return super().forward(x)
        # In x's memory format, in whose order it is drawn: 0, or what the rest is raised by.
        last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
        layout = torch.channels_last if last else torch.contiguous_format

        def draw(num: int) -> Tensor:
            ones = torch.ones((num, *x.shape[1:]), dtype=x.dtype, device=x.device)
            return super(_OfTheBatch, self).forward(ones.contiguous(memory_format=layout))

        return x * distributed.draw(draw, len(x))


class Dropout(_OfTheBatch, nn.Dropout):
    """`nn.Dropout`: values are left out, of whichever picture they are."""


class Dropout2d(_OfTheBatch, nn.Dropout2d):
    """`nn.Dropout2d`: whole channels are left out."""
