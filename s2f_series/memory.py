"""The parts of R1 and ADA that notebook 04b leaves to its readers."""

from __future__ import annotations

from torch import Tensor


def squared_slope(slope: Tensor) -> Tensor:
    """The squared length of each picture's gradient, (N, 3, S, S), averaged over the pictures: a
    scalar ≥ 0 (Mescheder et al. 2018, eq. 9).
    """
    return slope.square().sum(dim=(1, 2, 3)).mean()


def next_p(p: float, r_t: float, seen: int, ada_images: float, target: float = 0.6) -> float:
    """ADA's probability after `seen` pictures: up by seen / ada_images where r_t, the mean sign of
    D's logits of photos, is above the target, else down; from 0 to 1 (Karras et al. 2020b).
    """
    step = seen / ada_images
    return min(1.0, max(0.0, p + (step if r_t > target else -step)))
