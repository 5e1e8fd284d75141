"""The parts of failing GANs that notebook 03b leaves to its readers."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def saturating_loss_g(logits_fake: Tensor) -> Tensor:
    """The generator's loss that saturates: the mean of log(1 - p), p the probability that the
    discriminator's logits (N, 1) give to "real"; a scalar ≤ 0 (Goodfellow et al. 2014, eq. 1).
    """
    return -F.softplus(logits_fake).mean()


def in_grey(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) with the mean of their channels in all three."""
    return pictures.mean(1, keepdim=True).expand(-1, 3, -1, -1)
