"""The parts of StyleGAN2 and pSp that notebook 04 leaves to its readers.

Shapes: N faces, L styles of D values; a layer has O output and I input channels.
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


def length_of(w: Tensor, mean: Tensor) -> Tensor:
    """How far styles (N, L, D) lie from the mean style (L, D): one length for each face, and their
    mean, a scalar ≥ 0 (Richardson et al. 2021, eq. 3).
    """
    return (w - mean).flatten(1).norm(dim=1).mean()


def joined(early: Tensor, late: Tensor) -> Tensor:
    """The styles of the first layers, (N, K, D), and of the others, (N, L − K, D): (N, L, D)."""
    return torch.cat([early, late], dim=1)
