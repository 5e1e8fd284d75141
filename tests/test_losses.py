"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from s2f_utils.training import losses


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
    with pytest.raises(ValueError, match="vanilla, sigmoid, lsgan, hinge"):
        losses.adversarial_loss(torch.zeros(1), True, "wgan")


def test_hinge_by_hand():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.25])
    assert losses.adversarial_loss(real, True, "hinge").item() == pytest.approx((0 + 0.5) / 2)
    assert losses.adversarial_loss(fake, False, "hinge").item() == pytest.approx((0 + 1.25) / 2)
    assert losses.discriminator_loss(real, fake, "hinge").item() == pytest.approx(0.5 * (0.25 + 0.625))
    assert losses.generator_loss(fake, "hinge").item() == pytest.approx(-(-3.0 + 0.25) / 2)
    assert losses.generator_loss(fake, "lsgan").item() == pytest.approx((16 + 0.75**2) / 2)


def test_ssim_loss_is_half_of_what_the_metric_lacks():
    import numpy as np
    from skimage.metrics import structural_similarity

    generator = torch.Generator().manual_seed(0)
    real = torch.rand(2, 3, 48, 40, generator=generator) * 2 - 1
    fake = (0.7 * real + 0.2 * torch.rand(2, 3, 48, 40, generator=generator)).requires_grad_()
    grey = [(0.5 + 0.5 * x.detach().numpy().transpose(0, 2, 3, 1)) @ [0.299, 0.587, 0.114] for x in (fake, real)]
    options = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    maps = [structural_similarity(a, b, full=True, **options)[1][5:-5, 5:-5] for a, b in zip(*grey, strict=True)]
    loss = losses.ssim_loss(fake, real)
    assert loss.item() == pytest.approx((1 - np.mean(maps)) / 2, abs=1e-4)
    loss.backward()
    assert fake.grad.abs().sum() > 0
    assert losses.ssim_loss(real, real).item() == pytest.approx(0, abs=1e-6)
