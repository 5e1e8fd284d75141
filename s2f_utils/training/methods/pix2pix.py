"""pix2pix (Isola et al. 2017): a conditional GAN on pairs, with an L1 loss beside it.

Shapes: B pairs in a batch, H = W = size_px; h, w the discriminator's grid of patches.
"""

from __future__ import annotations

import torch
from torch import Tensor

from s2f_utils import models
from s2f_utils.runtime import Precision
from s2f_utils.training.config import Pix2PixConfig
from s2f_utils.training.live import Range
from s2f_utils.training.losses import adversarial_loss, discriminator_loss, l1_loss
from s2f_utils.training.method import Live, Method, frozen


class Pix2Pix(Method):
    """Generator, discriminator and their optimisers. `net_g` turns domain a into b, `net_d` judges a and b together."""

    live_ranges = {
        "lr_g": Range(1e-6, 1e-2, log=True),
        "lr_d": Range(1e-6, 1e-2, log=True),
        "lambda_gan": Range(0.0, 10.0),
        "lambda_l1": Range(0.0, 500.0),
    }

    def __init__(self, config: Pix2PixConfig, precision: Precision) -> None:
        super().__init__(config, precision)
        num_downs = config.num_downs or config.size_px.bit_length() - 1
        net_g = models.build(
            "unet", num_downs=num_downs, base_filters=config.base_filters, norm=config.norm, dropout=config.dropout
        )
        disc_args = {"num_layers": config.disc_layers} if config.discriminator == "patchgan" else {}
        net_d = models.build(
            config.discriminator, in_channels=6, base_filters=config.disc_filters, norm=config.norm, **disc_args
        )
        betas = (config.beta1, config.beta2)
        self.net_g, self.opt_g = self.add("net_g", models.init_weights(net_g), "lr_g", betas=betas)
        self.net_d, self.opt_d = self.add("net_d", models.init_weights(net_d), "lr_d", betas=betas)

    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One training step on a batch of pairs, (B, 3, H, W) each, in [-1, 1]; returns the losses, detached.

        The discriminator goes first, then the generator against the new discriminator: Isola et al. 2017, section 3.
        """
        return pix2pix_step(self, a, b, live)


def pix2pix_step(m: Pix2Pix, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
    """The step itself, as a function that a notebook can replace by its own."""
    kind = m.config.gan_loss
    fake_b = m.net_g(a)  # (B, 3, H, W)

    # The discriminator learns to tell (a, b) from (a, G(a)); detach: nothing of this reaches the generator.
    logits_real = m.net_d(torch.cat([a, b], dim=1))  # (B, 1, h, w)
    logits_fake = m.net_d(torch.cat([a, fake_b.detach()], dim=1))
    loss_d = discriminator_loss(logits_real, logits_fake, kind)
    m.descend(loss_d, m.opt_d)

    # The generator learns to pass as real, and to come near the true picture.
    with frozen(m.net_d):
        loss_gan = adversarial_loss(m.net_d(torch.cat([a, fake_b], dim=1)), True, kind)
        loss_l1 = l1_loss(fake_b, b)
        m.descend(live["lambda_gan"] * loss_gan + live["lambda_l1"] * loss_l1, m.opt_g)

    return {"loss_d": loss_d.detach(), "loss_gan": loss_gan.detach(), "loss_l1": loss_l1.detach()}
