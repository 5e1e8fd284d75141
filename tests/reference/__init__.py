"""Deterministic weights and inputs, and what the published implementations answer on them, at a few
hundred places.

Each JSON file beside this one holds a published network's keys and shapes, its number of
parameters, and its output (`values` at `indices`) for the weights of `fill` and the inputs of
`image`. Nothing here is a trained weight.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def load(name: str) -> dict:
    return json.loads((Path(__file__).with_name(f"{name}.json")).read_text(encoding="utf-8"))


def published_state_dict(case: dict) -> dict[str, Tensor]:
    """The state dict of a case, under the published key names, filled with its deterministic
    weights.
    """
    counters = {key for key in case["keys"] if key.endswith("num_batches_tracked")}
    empty = {
        k: torch.zeros(s, dtype=torch.long if k in counters else torch.float32)
        for k, s in case["keys"].items()
    }
    filled = fill(empty, case.get("std_of"))
    for key in filled:
        if key.endswith(
            "kernel"
        ):  # StyleGAN2's low-pass filter: as it is, or for an enlargement by two
            row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
            gain = 4 if "blur" in key or "upsample" in key else 1
            filled[key] = torch.outer(row, row) * gain
    return filled


def fill(
    state_dict: dict[str, Tensor], std_of: dict[str, float] | None = None
) -> dict[str, Tensor]:
    """Values that depend only on a tensor's key and shape: normal, standard deviation 1/sqrt(fan
    in) for weights.

    std_of: another standard deviation for weights whose key holds this, the last that does.
    """
    for key, tensor in state_dict.items():
        if not tensor.is_floating_point() or key.endswith("kernel"):
            continue
        seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
        values = np.random.default_rng(seed).standard_normal(tuple(tensor.shape))
        if key.endswith("running_var"):
            values = 1.0 + 0.1 * np.abs(values)
        elif key.endswith("running_mean"):
            values = 0.1 * values
        elif tensor.ndim <= 1:
            values = 0.1 * values + (1.0 if key.endswith("weight") and tensor.ndim == 1 else 0.0)
        else:
            scale = 1.0 if "noise" in key else 1 / np.sqrt(np.prod(tensor.shape[1:]))
            for part, std in (std_of or {}).items():
                scale = std if part in key else scale
            values = values * scale
        tensor.copy_(torch.from_numpy(values.astype(np.float32)))
    return state_dict


def image(batch: int, channels: int, size_px: int, seed: int = 0) -> Tensor:
    """A (batch, channels, size, size) float32 tensor of smooth waves in [-1, 1]."""
    rng = np.random.default_rng(1000 + seed)
    y, x = np.mgrid[0:size_px, 0:size_px] / size_px
    out = np.empty((batch, channels, size_px, size_px), np.float32)
    for b in range(batch):
        for c in range(channels):
            fy, fx, phase = rng.uniform(1, 6), rng.uniform(1, 6), rng.uniform(0, 6.28)
            out[b, c] = np.sin(2 * np.pi * (fy * y + fx * x) + phase)
    return torch.from_numpy(out)
