"""The parts of StyleGAN2 and pSp that notebook 04 leaves to its readers.

Shapes: N faces, L styles of D values, or one code for all of them; a layer has O output and I input
channels.
"""

from __future__ import annotations

import torch
from torch import Tensor


def modulated(weight: Tensor, s: Tensor) -> Tensor:
    """A layer's weights (O, I, 3, 3), each input channel's multiplied by its scale: s (I,)."""
    return weight * s[:, None, None]


def styled(weight: Tensor, s: Tensor) -> Tensor:
    """Modulated weights, those of each output channel divided by their length: (O, I, 3, 3)
    (Karras et al. 2020, eq. 1 and 3). s: the scales, (I,).
    """
    scaled = modulated(weight, s)
    return scaled / (scaled.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()


def truncate(w: Tensor, mean: Tensor, psi: float) -> Tensor:
    """Styles (N, L, D) pulled towards the mean style (L, D): psi 1 leaves them as they are, 0 gives
    the mean (Karras et al. 2019).
    """
    return mean + psi * (w - mean)


def code_loss(w: Tensor, true_w: Tensor, variance: Tensor) -> Tensor:
    """The mean squared error of codes (N, D), divided by the variance of true codes: 0 at these
    codes, about 1 where everybody gets the mean code.
    """
    return (w - true_w).square().mean() / variance


def joined(early: Tensor, late: Tensor) -> Tensor:
    """The styles of the first layers, (N, K, D), and of the others, (N, L − K, D): (N, L, D)."""
    return torch.cat([early, late], dim=1)
