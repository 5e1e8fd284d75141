"""Bootstrap confidence intervals of means over images (Efron 1979),
paired for two models on the same images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A mean and the 95 % bootstrap interval around it."""

    mean: float
    low: float
    high: float

    def text(self, digits: int) -> str:
        """For tables: "0.7012 [0.6900, 0.7100]"."""
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def bootstrap_mean(values: np.ndarray, *, num_resamples: int = 2000, seed: int = 0) -> Interval:
    """The mean of per-image values (N,) and its 95 % percentile interval over resampled images.

    Infinite values (the PSNR of identical pictures) make mean and interval infinite; NaN, images
    that have no value, are left out, and all are NaN when there is no other. ValueError when N is
    0.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"values must be (N,) with at least one image, got shape {values.shape}")
    values = values[~np.isnan(values)]
    if not len(values) or not np.isfinite(values).all():
        mean = float(values.mean()) if len(values) else np.nan
        return Interval(mean, mean, mean)
    rng = np.random.default_rng(seed)
    # One resample at once: all together are gigabytes for 70,000 images.
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(num_resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def paired_difference(ours: np.ndarray, theirs: np.ndarray) -> Interval:
    """Mean of `ours - theirs` over the same images (N,) and its 95 % interval: one that excludes 0
    is a difference.
    """
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape:
        raise ValueError(
            f"the same images must be measured for both, got {ours.shape} and {theirs.shape}"
        )
    return bootstrap_mean(ours - theirs)
