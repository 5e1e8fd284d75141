"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from s2f_utils.methods import losses
from s2f_utils.networks import published


@pytest.mark.parametrize(
    ("kind", "logits", "real", "fake"),
    [
        # read as probabilities: 1/2 and 3/4
        ("vanilla", (0.0, math.log(3.0)), -math.log(0.5 * 0.75) / 2, -math.log(0.5 * 0.25) / 2),
        ("lsgan", (3.0, -1.0), (4 + 4) / 2, (9 + 1) / 2),
        ("hinge", (2.0, 0.5), (0 + 0.5) / 2, (3 + 1.5) / 2),
        ("hinge", (-3.0, 0.25), (4 + 0.75) / 2, (0 + 1.25) / 2),
    ],
)
def test_adversarial_losses_by_hand(kind, logits, real, fake):
    found = [
        losses.adversarial_loss(torch.tensor(logits), is_real, kind).item()
        for is_real in (True, False)
    ]
    assert found == pytest.approx([real, fake], rel=1e-6)


def test_losses_of_the_networks_by_hand():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.25])
    assert losses.discriminator_loss(real + 1, real * 0 + 1, "lsgan").item() == pytest.approx(
        0.5 * (4.25 / 2 + 1)
    )
    assert losses.discriminator_loss(real, fake, "hinge").item() == pytest.approx(
        0.5 * (0.25 + 0.625)
    )
    assert losses.generator_loss(fake, "hinge").item() == pytest.approx(-(-3.0 + 0.25) / 2)
    assert losses.generator_loss(fake, "lsgan").item() == pytest.approx((16 + 0.75**2) / 2)
    assert losses.l1_loss(
        torch.zeros(4), torch.tensor([1.0, -1.0, 0.5, 0.0])
    ).item() == pytest.approx(2.5 / 4)
    with pytest.raises(ValueError, match="vanilla, sigmoid, lsgan, hinge"):
        losses.adversarial_loss(torch.zeros(1), True, "wgan")


def test_ssim_loss_is_half_of_what_the_metric_lacks():
    import numpy as np
    from skimage.metrics import structural_similarity

    generator = torch.Generator().manual_seed(0)
    real = torch.rand(2, 3, 48, 40, generator=generator) * 2 - 1
    fake = (0.7 * real + 0.2 * torch.rand(2, 3, 48, 40, generator=generator)).requires_grad_()
    grey = [
        (0.5 + 0.5 * x.detach().numpy().transpose(0, 2, 3, 1)) @ [0.299, 0.587, 0.114]
        for x in (fake, real)
    ]
    options = {
        "data_range": 1.0,
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
    }
    maps = [
        structural_similarity(a, b, full=True, **options)[1][5:-5, 5:-5]
        for a, b in zip(*grey, strict=True)
    ]
    loss = losses.ssim_loss(fake, real)
    assert loss.item() == pytest.approx((1 - np.mean(maps)) / 2, abs=1e-4)
    loss.backward()
    assert fake.grad.abs().sum() > 0
    assert losses.ssim_loss(real, real).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["arcface", "lpips_alex", "vgg19"])
def test_a_loss_network_draws_nothing_from_a_training(name, no_published_weights):
    """A resumed training loads it at another time, and has to draw the same numbers."""
    before = torch.get_rng_state()
    published.network(name, torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), before) and len(no_published_weights) == 1
