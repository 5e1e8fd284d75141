"""The parts of restoring that notebook 05 leaves to its readers."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from torch import Tensor

Numbers = TypeVar("Numbers", np.ndarray, Tensor)


def agreement(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The real part of the correlation of Fourier coefficients, complex (N, K) twice → (N,), from
    -1 to 1: 1 where all waves lie where the other picture's do (Fourier ring correlation, Saxton
    and Baumeister 1982).
    """
    power = np.sum(np.abs(a) ** 2, axis=1) * np.sum(np.abs(b) ** 2, axis=1)
    return np.sum(a * b.conj(), axis=1).real / np.sqrt(power)


def with_noise(picture: np.ndarray, std: float, rng: np.random.Generator) -> np.ndarray:
    """A picture of any shape with Gaussian noise of this standard deviation; not rounded yet."""
    return picture + std * rng.standard_normal(picture.shape)


def added(photo: Numbers, change: Numbers, strength: float = 1.0) -> Numbers:
    """A photo with a change of its shape, of this strength, 0 to 1; not rounded yet."""
    return photo + strength * change
