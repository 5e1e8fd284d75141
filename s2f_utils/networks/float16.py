"""Layers under autocast: which of them stay in float32, and what keeps float16 from overflowing."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor

CONV_CLAMP = 256.0  # of what a layer makes in float16, as published (conv_clamp)


def within_float16(x: Tensor) -> Tensor:
    """What a layer made, clamped where it is float16: sums of the next layer would not fit."""
    return x.clamp(-CONV_CLAMP, CONV_CLAMP) if x.dtype == torch.float16 else x


def full_float32(device: torch.device) -> contextlib.AbstractContextManager:
    """Within the block, autocast is off; nothing is done if it is off already, as in an export."""
    if not torch.is_autocast_enabled(device.type):
        return contextlib.nullcontext()
    return torch.autocast(device.type, enabled=False)


def widened(x: Tensor) -> Tensor:
    """A tensor of 16 bits in float32; others as they are."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def narrowed(x: Tensor) -> Tensor:
    """A tensor in autocast's number format, as the layer's convolution takes it; as it is where
    autocast is off.
    """
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x
