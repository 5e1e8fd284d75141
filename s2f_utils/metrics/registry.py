"""The table of metrics: what each one asks, which way is better, what it needs, and the code that it agrees with.

Pictures are uint8 RGB, (H, W, 3), in [0, 255]; many of them are an array (N, H, W, 3) or a list of arrays of any sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Pictures = Sequence[np.ndarray] | np.ndarray
QUESTIONS = {
    "faithful": "Faithful: is it near the true photo?",
    "real": "Real: does it look like a photo?",
    "who": "Who: is it the same person?",
}


def always(height: int, width: int) -> str:
    """For metrics that need nothing but the pictures."""
    return ""


@dataclass(frozen=True)
class Metric:
    """A metric of pairs of pictures.

    compute: a made and a true picture, uint8 (H, W, 3) → float. batch: the same for many, → float64 (N,), where that is
    faster; NaN where a pair has no value. best: the value for identical pictures. higher_is_better: None where the best
    value lies between worse ones. question: a key of `QUESTIONS`. missing: for pictures of (height, width), why this
    cannot be measured here, with the way to get it; "" when it can.
    """

    name: str
    compute: Callable[[np.ndarray, np.ndarray], float]
    higher_is_better: bool | None
    digits: int
    unit: str
    agrees_with: str
    title: str = ""
    question: str = "faithful"
    best: float = 0.0
    batch: Callable[[Pictures, Pictures], np.ndarray] | None = None
    missing: Callable[[int, int], str] = always

    @property
    def heading(self) -> str:
        """The name for the head of a table, with the unit and an arrow towards better."""
        arrow = {True: "↑", False: "↓", None: f"→ {self.best:g}"}[self.higher_is_better]
        unit = f" ({self.unit})" if self.unit else ""
        return f"{self.title or self.name.upper().replace('_', ' ')}{unit} {arrow}"

    def measure(self, fakes: Pictures, reals: Pictures) -> np.ndarray:
        """The value of every pair: float64 (N,)."""
        if self.batch:
            return np.asarray(self.batch(fakes, reals), dtype=np.float64)
        return np.array([self.compute(fake, real) for fake, real in zip(fakes, reals, strict=True)], dtype=np.float64)


METRICS: dict[str, Metric] = {}


def register(*metrics: Metric) -> None:
    """Add metrics to the table."""
    METRICS.update({metric.name: metric for metric in metrics})


def check_pair(fake: np.ndarray, real: np.ndarray) -> None:
    """ValueError unless both are uint8 (H, W, 3) of one size."""
    if fake.dtype != np.uint8 or real.dtype != np.uint8 or fake.ndim != 3 or fake.shape[2] != 3:
        raise ValueError(f"pictures must be uint8 (H, W, 3), got {fake.dtype} {fake.shape} and {real.dtype}")
    if fake.shape != real.shape:
        raise ValueError(f"pictures must be of one size, got {fake.shape} and {real.shape}: resize the output")


def luminance(picture: np.ndarray) -> np.ndarray:
    """PIL's "L": 0.299 R + 0.587 G + 0.114 B, rounded; uint8 (H, W, 3) → uint8 (H, W)."""
    from PIL import Image

    return np.asarray(Image.fromarray(picture).convert("L"))


def in_batches(
    compute: Callable[[np.ndarray, np.ndarray], np.ndarray], size: int = 2
) -> Callable[[Pictures, Pictures], np.ndarray]:
    """A `batch` function that hands `compute` stacks of at most `size` pairs; pictures of another size go alone.

    Two are fastest on a CPU: the intermediate values of more do not stay in its cache, and their memory is asked from
    the system anew each time (FSIM at 256 px: 27 ms a pair by twos, 54 by eights).
    """

    def batched(fakes: Pictures, reals: Pictures) -> np.ndarray:
        values, start = [], 0
        while start < len(fakes):
            end = start + 1
            while end < min(len(fakes), start + size) and fakes[end].shape == fakes[start].shape:
                end += 1
            values.append(compute(np.stack(fakes[start:end]), np.stack(reals[start:end])))
            start = end
        return np.concatenate(values) if values else np.empty(0)

    return batched


def check_names(names: Sequence[str]) -> None:
    """ValueError with the known names when one is none of them."""
    if unknown := [name for name in names if name not in METRICS]:
        raise ValueError(f"there is no metric {', '.join(unknown)}: the metrics are {', '.join(METRICS)}")


def not_measured(names: Sequence[str], height: int, width: int) -> dict[str, str]:
    """{metric: why it cannot be measured here, with the way to get it} of those that cannot."""
    check_names(names)
    reasons = {name: METRICS[name].missing(height, width) for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


def measure(fakes: Pictures, reals: Pictures, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Every metric for every pair of pictures, N of uint8 (H, W, 3) twice → {name: float64 (N,)}.

    A metric that cannot be measured here is left out: `not_measured` says why. Raises ValueError for pictures that
    cannot be compared, and for unknown names.
    """
    if len(fakes) != len(reals):
        raise ValueError(f"as many outputs as true pictures are needed, got {len(fakes)} and {len(reals)}")
    check_names(names)
    for fake, real in zip(fakes, reals, strict=True):
        check_pair(fake, real)
    size = fakes[0].shape[:2] if len(fakes) else (0, 0)
    left_out = not_measured(names, *size)
    return {name: METRICS[name].measure(fakes, reals) for name in names if name not in left_out}
