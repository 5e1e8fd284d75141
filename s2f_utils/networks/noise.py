"""Noise that follows from a seed alone: the same on every device, in every engine, whatever else is
in the batch.

A counter is hashed (an integer hash of 32 bits by Ettinger and Wellons 2018, "lowbias32", in its
better constants of 2022), and pairs of hashes become normal numbers (Box and Muller 1958). All of
it is made of operations that ONNX knows, so that an exported network takes the seed and draws the
same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

BITS = 0xFFFFFFFF
STREAM = 0x9E3779B9  # streams, and a stream's numbers, are apart by the golden ratio
FIRST = 12  # so that the first seeds, which everybody sees, draw people who differ


def as_seeds(seed: int | Sequence[int] | Tensor, device: torch.device | None = None) -> Tensor:
    """One seed, or one for each picture, as int64 (N,)."""
    if isinstance(seed, Tensor):
        return seed.to(device, torch.int64)
    if isinstance(seed, int):
        return torch.full((1,), seed, dtype=torch.int64, device=device)  # a GPU fills it by itself
    return torch.tensor(list(seed), dtype=torch.int64, device=device)


def normal(seeds: Tensor, num: int, stream: int | Tensor = 0) -> Tensor:
    """`num` numbers of a standard normal distribution for each seed, int64 (N,), and stream, one or
    (N,): float32 (N, num).
    """
    one, other = _pairs(seeds, num, stream)
    away, turn = (-2 * one.log()).sqrt(), 2 * math.pi * other
    return torch.cat([away * turn.cos(), away * turn.sin()], dim=1)[:, :num]


def uniform(seeds: Tensor, num: int, stream: int = 0) -> Tensor:
    """`num` numbers between 0 and 1 for each seed, int64 (N,), and stream: float32 (N, num)."""
    return torch.cat(_pairs(seeds, num, stream), dim=1)[:, :num]


def _pairs(seeds: Tensor, num: int, stream: int | Tensor) -> list[Tensor]:
    """Half as many numbers, above 0 and up to 1, twice."""
    half = (num + 1) // 2
    key = _hashed((seeds + FIRST + STREAM * (stream + 1)) & BITS).view(-1, 1)
    at = torch.arange(half, dtype=torch.int64, device=seeds.device)[None]
    return [
        (_hashed((key + STREAM * (2 * at + n)) & BITS).float() + 1) / (BITS + 1) for n in (0, 1)
    ]


def _hashed(x: Tensor) -> Tensor:
    """Whole numbers of 32 bits, int64, each to another one; products stay below 2^63."""
    x = x ^ x // (1 << 16)
    x = (x * 0x21F0AAAD) & BITS
    x = x ^ x // (1 << 15)
    x = (x * 0x735A2D97) & BITS
    return x ^ x // (1 << 15)
