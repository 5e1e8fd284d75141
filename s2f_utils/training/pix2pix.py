"""pix2pix (Isola et al. 2017): a conditional GAN on pairs, with an L1 loss beside it.

Shapes: B pairs in a batch, H = W = size_px; h, w the discriminator's grid of patches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from s2f_utils import models
from s2f_utils.config import Pix2PixConfig
from s2f_utils.live import LiveValues, Range
from s2f_utils.losses import adversarial_loss, discriminator_loss, l1_loss
from s2f_utils.runtime import Precision


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Within the block, gradients flow through the network but not into its weights."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)


class Pix2Pix:
    """Generator, discriminator and their optimisers. `net_g` turns domain a into b, `net_d` judges a and b together."""

    live_ranges = {
        "lr_g": Range(1e-6, 1e-2, log=True),
        "lr_d": Range(1e-6, 1e-2, log=True),
        "lambda_gan": Range(0.0, 10.0),
        "lambda_l1": Range(0.0, 500.0),
    }

    def __init__(self, config: Pix2PixConfig, precision: Precision) -> None:
        self.config = config
        num_downs = config.num_downs or config.size_px.bit_length() - 1
        net_g = models.build(
            "unet", num_downs=num_downs, base_filters=config.base_filters, norm=config.norm, dropout=config.dropout
        )
        disc_args = {"num_layers": config.disc_layers} if config.discriminator == "patchgan" else {}
        net_d = models.build(
            config.discriminator, in_channels=6, base_filters=config.disc_filters, norm=config.norm, **disc_args
        )
        self.net_g = precision.prepare(models.init_weights(net_g))
        self.net_d = precision.prepare(models.init_weights(net_d))
        self.opt_g = self._adam(self.net_g, config.lr_g)
        self.opt_d = self._adam(self.net_d, config.lr_d)
        self.scaler = precision.scaler()

    def _adam(self, net: nn.Module, lr: float) -> torch.optim.Adam:
        betas = (self.config.beta1, self.config.beta2)
        fused = next(net.parameters()).device.type in ("cpu", "cuda")
        return torch.optim.Adam(net.parameters(), lr=lr, betas=betas, fused=fused)

    @property
    def nets(self) -> dict[str, nn.Module]:
        """The networks by name, for checkpoints."""
        return {"net_g": self.net_g, "net_d": self.net_d}

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by the name of the live value that holds their learning rate."""
        return {"lr_g": self.opt_g, "lr_d": self.opt_d}

    def live_values(self) -> dict[str, float]:
        """The values that may change while training runs, as the configuration starts them."""
        return {name: float(getattr(self.config, name)) for name in self.live_ranges}

    def descend(self, loss: Tensor, opt: torch.optim.Optimizer) -> None:
        """One optimiser step down `loss`: clear the gradients, go backward, step (scaled in float16)."""
        opt.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(opt)

    def end_step(self) -> None:
        """What is due once all optimisers have stepped: the next gradient scale, in float16."""
        if self.scaler.is_enabled():
            self.scaler.update()

    def step(self, a: Tensor, b: Tensor, live: LiveValues | Mapping[str, float]) -> dict[str, Tensor]:
        """One training step on a batch of pairs, (B, 3, H, W) each, in [-1, 1]; returns the losses, detached.

        The discriminator goes first, then the generator against the new discriminator: Isola et al. 2017, section 3.
        """
        return pix2pix_step(self, a, b, live)


def pix2pix_step(m: Pix2Pix, a: Tensor, b: Tensor, live: LiveValues | Mapping[str, float]) -> dict[str, Tensor]:
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
