"""Project 5's conditional GAN at 128 px: where projects of this kind begin, and what pix2pix improves on.

Shapes: B pairs in a batch, H = W = size_px.
"""

from __future__ import annotations

import torch
from torch import Tensor

from s2f_utils import models
from s2f_utils.runtime import Precision
from s2f_utils.training.config import CGANConfig
from s2f_utils.training.live import Range
from s2f_utils.training.losses import adversarial_loss, discriminator_loss, l1_loss
from s2f_utils.training.method import Live, Method, frozen


class CGAN(Method):
    """A ResNet-like generator, a dense discriminator that sees photos only, and their optimisers."""

    live_ranges = {
        "lr_g": Range(1e-6, 1e-2, log=True),
        "lr_d": Range(1e-6, 1e-2, log=True),
        "lambda_gan": Range(0.0, 10.0),
        "lambda_l1": Range(0.0, 500.0),
    }

    def __init__(self, config: CGANConfig, precision: Precision) -> None:
        super().__init__(config, precision)
        net_g = models.build("cgan", num_blocks=config.num_blocks, base_filters=config.base_filters)
        net_d = models.build("dense", base_filters=config.disc_filters, size_px=config.size_px)
        betas = (config.beta1, config.beta2)
        self.net_g, self.opt_g = self.add("net_g", models.init_weights(net_g), "lr_g", betas=betas)
        self.net_d, self.opt_d = self.add("net_d", models.init_weights(net_d), "lr_d", betas=betas)

    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One step on a batch of pairs, (B, 3, H, W) each, in [-1, 1]; returns the losses, detached.

        In turns: the discriminator on one batch in which real photos and made ones are concatenated, so that its batch
        norm sees them together; then the generator through it. In that second half the discriminator normalises with
        the statistics it has gathered from both, as a frozen network does in Keras: with those of made photos alone it
        would be another judge than the one that learned.
        """
        kind, fake_b = self.config.gan_loss, self.net_g(a)

        logits_real, logits_fake = self.net_d(torch.cat([b, fake_b.detach()])).chunk(2)  # (B, 1) each
        loss_d = discriminator_loss(logits_real, logits_fake, kind)
        self.descend(loss_d, self.opt_d)

        with frozen(self.net_d):
            self.net_d.eval()
            loss_gan = adversarial_loss(self.net_d(fake_b), True, kind)
            self.net_d.train()
            loss_l1 = l1_loss(fake_b, b)  # told, even where its weight is 0
            loss = live["lambda_gan"] * loss_gan
            self.descend(loss + live["lambda_l1"] * loss_l1 if live["lambda_l1"] else loss, self.opt_g)
        return {"loss_d": loss_d.detach(), "loss_gan": loss_gan.detach(), "loss_l1": loss_l1.detach()}
