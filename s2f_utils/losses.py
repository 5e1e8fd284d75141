"""Losses on tensors, each named after its paper; all take logits or images and return a scalar tensor."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

GAN_LOSSES = ("vanilla", "lsgan")


def adversarial_loss(logits: Tensor, is_real: bool, kind: str = "vanilla") -> Tensor:
    """How far a discriminator's logits, of any shape, are from "all real" (or "all fake"); the mean, a scalar ≥ 0.

    "vanilla" is the cross entropy of Goodfellow et al. 2014 with the generator's non-saturating form (pix2pix);
    "lsgan" the squared distance to 1 or 0 of Mao et al. 2017 (CycleGAN).
    """
    target = torch.ones_like(logits) if is_real else torch.zeros_like(logits)
    if kind == "vanilla":
        return F.binary_cross_entropy_with_logits(logits, target)
    if kind == "lsgan":
        return F.mse_loss(logits, target)
    raise ValueError(f"kind must be one of {', '.join(GAN_LOSSES)}, got {kind!r}")


def discriminator_loss(logits_real: Tensor, logits_fake: Tensor, kind: str = "vanilla") -> Tensor:
    """The discriminator's loss: real should read as real, fake as fake; half of the sum, as pix2pix slows it down."""
    real = adversarial_loss(logits_real, True, kind)
    fake = adversarial_loss(logits_fake, False, kind)
    return 0.5 * (real + fake)


def l1_loss(fake: Tensor, real: Tensor) -> Tensor:
    """Mean absolute difference of two image batches (N, C, H, W): Isola et al. 2017, eq. 3."""
    return F.l1_loss(fake, real)
