"""Noise that follows from a seed alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from s2f_utils.networks.noise import FIRST, STREAM, as_seeds, normal, uniform


def hashed(x: int) -> int:
    x = (x ^ x >> 16) * 0x21F0AAAD & 0xFFFFFFFF
    x = (x ^ x >> 15) * 0x735A2D97 & 0xFFFFFFFF
    return x ^ x >> 15


def test_noise_is_the_published_hash_of_a_counter():
    seed, stream = 7, 3
    key = hashed(seed + FIRST + STREAM * (stream + 1) & 0xFFFFFFFF)
    wanted = [(hashed(key + STREAM * n & 0xFFFFFFFF) + 1) / 2**32 for n in (0, 2, 4, 1, 3, 5)]
    assert uniform(torch.tensor([seed]), 6, stream)[0].tolist() == pytest.approx(wanted, rel=1e-6)
    away, turn = np.sqrt(-2 * np.log(wanted[:3])), 2 * np.pi * np.array(wanted[3:])
    both = np.concatenate([away * np.cos(turn), away * np.sin(turn)])
    assert normal(torch.tensor([seed]), 6, stream)[0].numpy() == pytest.approx(both, abs=1e-5)


def test_a_seed_draws_the_same_whatever_is_beside_it():
    alone, among = normal(as_seeds(5), 99, 1), normal(as_seeds([1, 5, 2**31]), 99, 1)
    assert torch.equal(alone[0], among[1]) and not torch.equal(among[0], among[1])
    assert torch.equal(normal(as_seeds(5), 50, 1)[0, :25], normal(as_seeds(5), 50, 1)[0, :25])
    assert torch.isfinite(normal(torch.arange(1000), 64)).all()
