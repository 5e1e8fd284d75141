"""Distributions of people: what a seed draws, readouts held at values, and choices.

A person is a vector of J coordinates, appearance first, then shape. A readout is a number that is
linear in them, such as how much of a beard there is or a cheek's red. R: readouts, N: people, P:
strangers.

Deviations from a mean are not Gaussian numbers: they are those of strangers, people who do not
exist but could. Of a Gaussian's samples, many had a ghost of a fringe or half a shadow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from s2f_studio.request import PER_ROUND

BITS = 0xFFFFFFFF
STREAM = 0x9E3779B9  # streams, and a stream's numbers, are apart by the golden ratio
FIRST = 12  # as in `s2f_utils.networks.noise`
HELD, WHO, CHOICE = 12, 13, 14  # streams of random numbers
NUM_WEIGHTED = 2048  # samples that a choice weighs
LEAST_EFFECTIVE = 256.0  # of them; below it the choice counts for less
NUM_LEANING = 12  # first coordinates that strangers lean in: the others follow every line
MOST_LEAN = 1.2  # deviations; with more, few strangers would be drawn for most seeds
PULL = 1.5  # of the log likelihood of a stranger, where a readout is held
ROUNDS, SOFTER = 20, 0.7  # so often, and by so much, it may be made to count for less
JITTER = 1e-6  # of a readout's variance, added before it is divided by


def normal(seeds: Sequence[int] | np.ndarray, num: int, stream: int = 0) -> np.ndarray:
    """`num` standard normal numbers for each seed (N,): float64 (N, num).

    The numbers of `s2f_utils.networks.noise.normal`, without PyTorch: the same on every machine.
    """
    half = (num + 1) // 2
    seeds = np.asarray(seeds, np.int64).astype(np.uint64)
    key = _hashed((seeds + np.uint64(FIRST + STREAM * (stream + 1))) & np.uint64(BITS))[:, None]
    at = np.arange(half, dtype=np.uint64)[None]
    one, other = (
        (_hashed((key + np.uint64(STREAM) * (np.uint64(2) * at + np.uint64(n))) & np.uint64(BITS)))
        for n in (0, 1)
    )
    away = np.sqrt(-2 * np.log((one.astype(np.float64) + 1) / (BITS + 1)))
    turn = 2 * np.pi * (other.astype(np.float64) + 1) / (BITS + 1)
    return np.concatenate([away * np.cos(turn), away * np.sin(turn)], axis=1)[:, :num]


def _hashed(x: np.ndarray) -> np.ndarray:
    """Whole numbers of 32 bits, uint64, each to another one (lowbias32, constants of 2022)."""
    x = x ^ (x >> np.uint64(16))
    x = (x * np.uint64(0x21F0AAAD)) & np.uint64(BITS)
    x = x ^ (x >> np.uint64(15))
    x = (x * np.uint64(0x735A2D97)) & np.uint64(BITS)
    return x ^ (x >> np.uint64(15))


@dataclass(frozen=True)
class Posterior:
    """A distribution of people around a mean.

    mean: (J,). root: (J, C), C ≥ J; root @ root.T is the covariance. Its first J columns belong to
    the person, the others to readouts that are held. strangers: (P, J), whose deviations are drawn,
    of mean 0 and covariance about 1, the most usual first. lean: (J,), to where those who are drawn
    tend. wanted: (R, J + 1), a stranger's likelihood falls by the squares of the first columns
    times it minus the last.
    """

    # A seed's person is x = mean + temperature · root (z - lean), z a stranger, who is drawn with a
    # probability in proportion to exp(z · lean - PULL / 2 · Σ (a · z - b)²), (a, b) in wanted.
    # lean: where the drawing's mean lies, seen from the mean of all people. exp(z · lean) is larger
    # for strangers on that side, who look as the drawing does. Of normal z it moves the mean from 0
    # to lean and leaves the covariance: z - lean has the mean 0 again, and x the drawing's mean.
    # wanted: a · z = b says that the readout, r · x, has its value v: a = r root, b = v - r · mean,
    # both divided by |a|, so that a misfit is counted in the readout's standard deviations.
    mean: np.ndarray
    root: np.ndarray
    strangers: np.ndarray
    lean: np.ndarray = field(default_factory=lambda: np.zeros(1))
    wanted: np.ndarray = field(default_factory=lambda: np.zeros((0, 1)))

    @property
    def scale(self) -> np.ndarray:
        """The covariance (J, J)."""
        return self.root @ self.root.T

    def sample(self, seeds: Sequence[int], temperature: float = 1.0) -> np.ndarray:
        """One person for each seed: (N, J).

        temperature: of the deviations from the mean; at 0 everybody is the mean.
        """
        size = len(self.mean)
        drawn = self.deviations(seeds)
        if self.root.shape[1] > size:
            drawn = np.concatenate([drawn, normal(seeds, self.root.shape[1] - size, HELD)], axis=1)
        return self.mean + temperature * (drawn @ self.root.T)

    def deviations(self, seeds: Sequence[int]) -> np.ndarray:
        """A stranger's for each seed, less where those who are drawn lean: (N, J)."""
        return self.strangers[self.who(seeds)] - self.lean

    def who(self, seeds: Sequence[int]) -> np.ndarray:
        """The number of the stranger of each seed: (N,).

        Each of the eight of a round has an eighth of the strangers for itself, whatever is drawn,
        the first one the most usual, and takes one of them by likelihood: the eight are different
        people, and a small change of the drawing is another person only where the two best of an
        eighth change places.
        """
        likelihood = self.likelihood()
        drawn = {of: _eight(likelihood, of) for of in {seed // PER_ROUND for seed in seeds}}
        return np.array([drawn[seed // PER_ROUND][seed % PER_ROUND] for seed in seeds])

    def likelihood(self) -> np.ndarray:
        """The logarithm of each stranger's: (P,)."""
        found = self.strangers @ np.broadcast_to(self.lean, len(self.mean))
        if not len(self.wanted):
            return found
        misfit = self.strangers @ self.wanted[:, :-1].T - self.wanted[:, -1]
        return found - PULL / 2 * (misfit**2).sum(axis=1)

    def leaning(self, by: np.ndarray) -> Posterior:
        """The distribution whose strangers lean further by (J,), in the first `NUM_LEANING`
        coordinates; nothing else is changed.
        """
        lean = self.lean + np.where(np.arange(len(by)) < NUM_LEANING, by, 0.0)
        return replace(self, lean=lean * min(1.0, MOST_LEAN / max(np.linalg.norm(lean), 1e-9)))

    def wanting(self, rows: np.ndarray, values: np.ndarray) -> Posterior:
        """The distribution whose strangers have readouts, rows (R, J), near to values (R,)."""
        if not len(rows):
            return self
        across = (rows @ self.root)[:, : len(self.mean)]
        size = np.linalg.norm(across, axis=1) + JITTER
        wanted = np.column_stack([across, values - rows @ self.mean]) / size[:, None]
        known = self.wanted if len(self.wanted) else wanted[:0]
        return replace(self, wanted=np.concatenate([known, wanted]))

    def held(
        self, rows: np.ndarray, values: np.ndarray, root: np.ndarray, kept: np.ndarray | None = None
    ) -> Posterior:
        """The distribution with readouts moved to values, and nothing else but what goes with them.

        rows: (R, J). values: (R,), the readouts' means afterwards. root: (R, D), a root of their
        scale matrix afterwards; zeros: they no longer vary. kept: (R', J), further readouts, which
        stay as they are in each person. What is independent of the readouts stays; each person is
        moved as Matheron's rule has it, along their covariance.
        """
        if not len(rows):
            return self
        every = rows if kept is None else np.concatenate([rows, kept])
        # x + G (target - r x), with G = cov(x, (r, k) x) var((r, k) x)⁻¹, the columns of the held
        # readouts r only: r x becomes its target, and k x, those kept, has no part in the move.
        across = every @ self.root  # (R + R', C)
        variance = across @ across.T
        variance = variance + JITTER * np.diag(np.diag(variance) + JITTER)
        gain = np.linalg.solve(variance, across @ self.root.T).T[:, : len(rows)]  # (J, R)
        mean = self.mean + gain @ (values - rows @ self.mean)
        moved = self.root - gain @ across[: len(rows)]
        return replace(self, mean=mean, root=np.concatenate([moved, gain @ root], axis=1))

    def plus(self, mean: np.ndarray, root: np.ndarray) -> Posterior:
        """The distribution of people with something added: its mean (J,), a root (J, D) of its
        scale matrix.
        """
        return replace(self, mean=self.mean + mean, root=np.concatenate([self.root, root], axis=1))


@dataclass(frozen=True)
class Choice:
    """A posterior after a choice, and how many samples it rests on, from 1 to `NUM_WEIGHTED`."""

    posterior: Posterior
    effective: float


def choose(
    posterior: Posterior, alike: np.ndarray, shown: np.ndarray, picked: Sequence[int]
) -> Choice:
    """The posterior after some of the people shown were picked as the nearest.

    alike: (J,), how much a squared difference in each coordinate counts: a pick's log probability
    falls by their sum. shown: (N, J). picked: indices of N.

    How probable the picks are depends on the person meant along the differences between those
    shown alone. Samples of these N - 1 readouts are weighted by it, and the readouts are held at
    the weighted mean and covariance (Kong, Liu and Wong 1994 for the effective number of samples).
    A choice that would rest on fewer than `LEAST_EFFECTIVE` samples counts for less.
    """
    rows = 2 * (shown[:-1] - shown[-1]) * alike  # (N - 1, J)
    across = rows @ posterior.root
    scale = across @ across.T
    size, root = len(scale), root_of(scale)
    drawn = normal(range(NUM_WEIGHTED), size, CHOICE)
    samples = rows @ posterior.mean + drawn @ root.T  # (samples, N - 1)
    logits = np.concatenate([samples, np.zeros((NUM_WEIGHTED, 1))], axis=1)
    weights, effective = _weights(logits - (shown**2) @ alike, picked)
    mean = weights @ samples
    off = (samples - mean) * np.sqrt(weights)[:, None]
    found = off.T @ off + JITTER * np.trace(scale) / size * np.eye(size)
    moved = posterior.held(rows, mean, np.linalg.cholesky(found))
    return Choice(moved.leaning(moved.mean - posterior.mean), effective)


def root_of(scale: np.ndarray) -> np.ndarray:
    """The lower triangular root (R, R) of a scale matrix that may be singular."""
    size = len(scale)
    return np.linalg.cholesky(scale + JITTER * (np.trace(scale) / size + JITTER) * np.eye(size))


def _eight(likelihood: np.ndarray, key: int) -> list[int]:
    """The numbers of the strangers whom the eight seeds of a round draw.

    likelihood: (P,), the logarithm of each. Whoever is largest in the sum of it and Gumbel's
    numbers is drawn in proportion to it (Maddison, Tarlow and Minka 2014).
    """
    one, other = normal([key], 2 * len(likelihood), WHO).reshape(2, -1)
    gumbel = -np.log((one**2 + other**2) / 2)
    eighths = np.array_split(np.arange(len(likelihood)), PER_ROUND)
    return [part[np.argmax((likelihood + gumbel)[part])] for part in eighths]


def _weights(logits: np.ndarray, picked: Sequence[int]) -> tuple[np.ndarray, float]:
    """Weights of samples, which sum to 1, and their effective number. logits: (samples, N)."""
    largest = logits.max(axis=1, keepdims=True)
    every = largest[:, 0] + np.log(np.exp(logits - largest).sum(axis=1))
    likelihood = (logits[:, list(picked)] - every[:, None]).mean(axis=1)
    for _ in range(ROUNDS):
        weights = np.exp(likelihood - likelihood.max())
        weights = weights / weights.sum()
        effective = float(1 / (weights**2).sum())
        if effective >= LEAST_EFFECTIVE:
            break
        likelihood = SOFTER * likelihood
    return weights, effective
