"""The part of conditional GANs that notebook 02 leaves to its readers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus


def whole_photo_step(
    nets: Sequence[nn.Module], opts: Sequence[torch.optim.Optimizer], a: Tensor, b: Tensor
) -> dict[str, float]:
    """One step of project 5's GAN on drawings a and photos b, (B, 3, H, W) each, in [-1, 1]; its
    losses.

    nets, opts: generator and discriminator, and their optimisers. The discriminator sees photos
    alone, real and generated ones in one batch, and keeps its batch norm's averages in the
    generator's half.
    """
    (net_g, net_d), (opt_g, opt_d) = nets, opts
    fake = net_g(a)
    on_real, on_fake = net_d(torch.cat([b, fake.detach()])).float().chunk(2)
    loss_d = 0.5 * (softplus(-on_real).mean() + softplus(on_fake).mean())
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()

    net_d.eval()
    loss_gan = softplus(-net_d(fake).float()).mean()
    net_d.train()
    opt_g.zero_grad()
    loss_gan.backward()
    opt_g.step()
    return {"loss_d": loss_d.item(), "loss_gan": loss_gan.item()}
