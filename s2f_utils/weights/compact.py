"""Weights in one byte each:
whole numbers from -127 to 127, and for each output channel what 127 stands for.

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

# Behind the name of a packed tensor: what one step of its whole numbers stands for.
SCALE = "@scale"
LEAST = 4_096  # numbers; smaller tensors stay as they are


def packed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As `packed_arrays`, of a network's tensors."""
    import torch

    arrays = {}
    for key, value in tensors.items():
        value = value.detach().cpu()
        arrays[key] = (value.float() if value.is_floating_point() else value).numpy()
    return {key: torch.from_numpy(value) for key, value in packed_arrays(arrays).items()}


def packed_arrays(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A network's tensors, large ones as int8 with their scales beside them,
    other floating ones as float16.

    A scale belongs to an output channel, the first dimension of more than one.
    """
    stored: dict[str, np.ndarray] = {}
    for key, value in tensors.items():
        if value.dtype.kind != "f":
            stored[key] = value
        elif value.ndim < 2 or value.size < LEAST:
            stored[key] = value.astype(np.float16)
        else:
            stored[key], stored[key + SCALE] = _in_bytes(value.astype(np.float32))
    return stored


def _in_bytes(value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Float32 numbers as int8, and what one step of them stands for, per output channel."""
    channel = next((dim for dim in range(value.ndim) if value.shape[dim] > 1), 0)
    others = tuple(dim for dim in range(value.ndim) if dim != channel)
    scale = np.abs(value).max(axis=others, keepdims=True) / np.float32(127)
    return np.round(value / np.maximum(scale, 1e-12)).astype(np.int8), scale


def unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `packed` was given, as float32, to the precision that was kept."""
    restored = {}
    for key, value in tensors.items():
        if key.endswith(SCALE):
            continue
        restored[key] = value.float()
        if key + SCALE in tensors:
            restored[key] = restored[key] * tensors[key + SCALE].float()
    return restored


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
