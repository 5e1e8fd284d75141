"""Tensors of a `.safetensors` file in float32, read without PyTorch, however they were packed.

An ONNX graph that comes along has no weights of its own: it says where they lie in `expanded`, the file as it would be
in float32. So each weight is shipped once, for every engine.
"""

from __future__ import annotations

import os

import numpy as np

SCALE = "@scale"  # behind the name of a packed tensor: what one step of its whole numbers stands for


def tensors_of(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The floating tensors of a file, by key, in alphabetical order, as float32; whole numbers times their scale, as
    `models.checkpoints.packed` has them. Raises FileNotFoundError, or safetensors' error where the file is damaged.
    """
    from safetensors.numpy import load_file

    held = load_file(path)
    found = {}
    for key in sorted(held):
        if key + SCALE in held:
            found[key] = held[key].astype(np.float32) * held[key + SCALE].astype(np.float32)
        elif held[key].dtype.kind == "f" and not key.endswith(SCALE):
            found[key] = held[key].astype(np.float32)
    return found


def expanded(path: str | os.PathLike) -> np.ndarray:
    """`tensors_of` one behind the other: float32 (numbers,). Raises what that raises."""
    return np.concatenate([one.ravel() for one in tensors_of(path).values()])
