"""The parts of restoring that notebook 05 leaves to its readers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def agreement(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The real part of the correlation of Fourier coefficients, complex (N, K) twice → (N,), from
    -1 to 1: 1 where all waves lie where the other picture's do (Fourier ring correlation, Saxton
    and Baumeister 1982).
    """
    power = np.sum(np.abs(a) ** 2, axis=1) * np.sum(np.abs(b) ** 2, axis=1)
    return np.sum(a * b.conj(), axis=1).real / np.sqrt(power)


def steered(features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Features (N, 2C, H, W), the second half scaled and shifted at every pixel by (N, C, H, W)
    each: a spatial feature transform, as in GFPGAN (Wang et al. 2021, eq. 3).
    """
    kept, moved = features.chunk(2, dim=1)
    return torch.cat([kept, scale * moved + shift], dim=1)


def added(photo: np.ndarray, back: np.ndarray, strength: float) -> np.ndarray:
    """A photo with a change (H, W, 3) of this strength, 0 to 1, not rounded yet."""
    return photo + strength * back
