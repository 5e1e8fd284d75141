"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from s2f_utils import losses


def test_vanilla_loss_by_hand():
    logits = torch.tensor([[0.0, math.log(3.0)]])  # read as probabilities: 1/2 and 3/4
    real = (-math.log(0.5) - math.log(0.75)) / 2
    fake = (-math.log(0.5) - math.log(0.25)) / 2
    assert losses.adversarial_loss(logits, True).item() == pytest.approx(real, rel=1e-6)
    assert losses.adversarial_loss(logits, False).item() == pytest.approx(fake, rel=1e-6)


def test_least_squares_by_hand():
    logits = torch.tensor([3.0, -1.0])
    assert losses.adversarial_loss(logits, True, "lsgan").item() == pytest.approx((4 + 4) / 2)
    assert losses.adversarial_loss(logits, False, "lsgan").item() == pytest.approx((9 + 1) / 2)


def test_discriminator_loss_is_half_of_the_sum():
    real, fake = torch.tensor([3.0]), torch.tensor([1.0])
    assert losses.discriminator_loss(real, fake, "lsgan").item() == pytest.approx(0.5 * (4 + 1))


def test_l1_by_hand():
    fake, real = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0, -1.0], [0.5, 0.0]]]])
    assert losses.l1_loss(fake, real).item() == pytest.approx(2.5 / 4)


def test_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="vanilla, lsgan"):
        losses.adversarial_loss(torch.zeros(1), True, "wgan")
