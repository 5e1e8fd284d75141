"""Weights in one byte each: whole numbers from -127 to 127, and for each output channel what 127
stands for.

Files are half as large as in float16; answers differ by less than one grey level in the mean
(tests/test_compact.py). An ONNX graph that comes along has no weights of its own: it says where
they lie in `expanded`, the file as it would be in float32, which is read without PyTorch. So each
weight is shipped once, for every engine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

SCALE = (
    "@scale"  # behind the name of a packed tensor: what one step of its whole numbers stands for
)
LEAST = 4_096  # numbers; smaller tensors stay as they are


def packed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's tensors, large ones as int8 with their scales beside them, other floating ones as
    float16.

    A scale belongs to an output channel, the first dimension of more than one.
    """
    made: dict[str, Tensor] = {}
    for key, value in tensors.items():
        if not value.is_floating_point():
            made[key] = value
        elif value.ndim < 2 or value.numel() < LEAST:
            made[key] = value.half()
        else:
            whole = value.float()
            channel = next((dim for dim in range(whole.ndim) if whole.shape[dim] > 1), 0)
            scale = (
                whole.abs().amax(
                    dim=[dim for dim in range(whole.ndim) if dim != channel], keepdim=True
                )
                / 127
            )
            made[key] = (whole / scale.clamp_min(1e-12)).round().char()  # int8
            made[key + SCALE] = scale
    return made


def unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `packed` was given, floating tensors as float32, to the precision that was kept."""
    plain = {key: value for key, value in tensors.items() if not key.endswith(SCALE)}
    return {
        key: value.float() * tensors[key + SCALE].float()
        if key + SCALE in tensors
        else value.float()
        for key, value in plain.items()
    }


def tensors_of(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The floating tensors of a file, by key, in alphabetical order, as float32, unpacked where
    they are packed.

    Raises FileNotFoundError, or safetensors' error where the file is damaged.
    """
    from safetensors.numpy import load_file

    stored = load_file(path)
    tensors = {}
    for key in sorted(stored):
        if key + SCALE in stored:
            tensors[key] = stored[key].astype(np.float32) * stored[key + SCALE].astype(np.float32)
        elif stored[key].dtype.kind == "f" and not key.endswith(SCALE):
            tensors[key] = stored[key].astype(np.float32)
    return tensors


def expanded(path: str | os.PathLike) -> np.ndarray:
    """`tensors_of` one behind the other: float32 (numbers,). Raises what that raises."""
    return np.concatenate([one.ravel() for one in tensors_of(path).values()])
