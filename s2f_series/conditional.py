"""The parts of inferring a code from a drawing that notebook 07 leaves to its readers.

Shapes: N people or drawings, F features of a drawing, K numbers of a code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor


def mean_given(mean: np.ndarray, cov: np.ndarray, x: float) -> np.ndarray:
    """The mean of the other numbers of a normal vector, given its first one: (K,).

    mean: (1 + K,). cov: (1 + K, 1 + K). x: the value of the first number. Source: Bishop 2006, eq.
    2.81.
    """
    return mean[1:] + cov[1:, 0] / cov[0, 0] * (x - mean[0])


def cov_given(cov: np.ndarray) -> np.ndarray:
    """The covariance of the other numbers of a normal vector, given its first one, whatever its
    value: (1 + K, 1 + K) → (K, K). Source: Bishop 2006, eq. 2.82.
    """
    return cov[1:, 1:] - np.outer(cov[1:, 0], cov[0, 1:]) / cov[0, 0]


def draw(mean: np.ndarray, cov: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Samples of a normal distribution, from standard normal noise: (N, K).

    mean: (K,) or (N, K). cov: (K, K). noise: (N, K). Raises LinAlgError if `cov` is not positive
    definite.
    """
    return mean + noise @ np.linalg.cholesky(cov).T


def ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """The linear map from x (N, F) to y (N, K) with the smallest squared error, plus `penalty`
    times the sum of its own squares: (F, K).
    """
    return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)


def misfit(differences: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The weighted sum of the squares of several differences, each (N, any), for each person: (N,).

    weights: one for each difference.
    """
    parts = zip(differences, weights, strict=True)
    return sum(weight * one.square().sum(dim=1) for one, weight in parts)


def cleared(direction: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A direction without its part along another one, to which the result is perpendicular: (K,),
    (K,) → (K,).
    """
    return direction - (direction @ other) / (other @ other) * other
