"""The parts of weighing and choosing that notebook 07 leaves to its readers.

Shapes: E entries of a bank, K values of a look, N seeds.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor


def laplace_loss(place: Tensor, guess: Tensor, size: Tensor) -> Tensor:
    """The mean negative log-likelihood of places under Laplace's distribution, without its constant
    log 2 (Kendall and Gal 2017); tensors of one shape, in pixels.
    """
    return ((place - guess).abs() / size + size.log()).mean()


def nats_of_look(read: np.ndarray, general: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """What one look adds to each entry's weight by Bayes' rule: (E,).

    read, general: (K,), what a reader says of the drawing, and the shares in general. shown: int
    (E,), the value that each entry shows.
    """
    return np.log(read / general)[shown]


def softmax(weights: np.ndarray, tau: float) -> np.ndarray:
    """Probabilities in proportion to exp(weight / tau): (E,)."""
    raised = np.exp((weights - weights.max()) / tau)  # the same, without huge numbers
    return raised / raised.sum()


def gumbel_choice(weights: np.ndarray, tau: float, uniform: np.ndarray) -> np.ndarray:
    """An entry for each seed, chosen in proportion to exp(weight / tau) by Gumbel noise (Maddison,
    Tarlow and Minka 2014): int (N,). uniform: (N, E), between 0 and 1.
    """
    return np.argmax(weights - tau * np.log(-np.log(uniform)), axis=1)
