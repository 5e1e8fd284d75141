"""Weights in one byte each: whole numbers from -127 to 127, and for each output channel what 127 stands for.

Files are half as large as in float16; answers differ by less than one grey level in the mean (tests/test_compact.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from s2f_utils.weights.expanded import SCALE

LEAST = 4_096  # numbers; smaller tensors stay as they are


def packed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's tensors, large ones as int8 with their scales beside them, other floating ones as float16."""
    made: dict[str, Tensor] = {}
    for key, value in tensors.items():
        if not value.is_floating_point():
            made[key] = value
        elif value.ndim < 2 or value.numel() < LEAST:
            made[key] = value.half()
        else:
            scale = _largest(value.float())
            made[key] = (value.float() / scale.clamp_min(1e-12)).round().to(torch.int8)
            made[key + SCALE] = scale
    return made


def unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `packed` was given, floating tensors as float32, to the precision that was kept."""
    plain = {key: value for key, value in tensors.items() if not key.endswith(SCALE)}
    return {
        key: value.float() * tensors[key + SCALE].float() if key + SCALE in tensors else value.float()
        for key, value in plain.items()
    }


def _largest(value: Tensor) -> Tensor:
    """By output channel, the first dimension of more than one; what a step of one number stands for."""
    channel = next((dim for dim in range(value.ndim) if value.shape[dim] > 1), 0)
    return value.abs().amax(dim=[dim for dim in range(value.ndim) if dim != channel], keepdim=True) / 127
