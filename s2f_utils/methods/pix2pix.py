"""pix2pix (Isola et al. 2017): a conditional GAN on pairs, with an additional L1 loss.

Shapes: B pairs in a batch, H = W = size_px; h, w the discriminator's grid of patches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from s2f_utils.methods import losses
from s2f_utils.methods.method import Batch, Context, Method, Term, frozen
from s2f_utils.methods.projected import ProjectedPair
from s2f_utils.methods.settings import (
    FAST,
    LearningRate,
    Live,
    LossWeight,
    TrainConfig,
    need,
    need_patches,
)
from s2f_utils.networks import pretrained
from s2f_utils.networks.network import init_weights
from s2f_utils.networks.patchgan import PatchGAN
from s2f_utils.networks.projected_disc import ProjectedDiscriminator
from s2f_utils.networks.unet import UNet


class Pix2PixConfig(TrainConfig):
    """pix2pix, Isola et al. 2017, with the values of its published PyTorch code."""

    dropped: ClassVar[Mapping[str, Any]] = {"augment_disc": "shared"}

    base_filters: int = Field(64, gt=0, description="channels of the U-Net's first level")
    num_downs: int = Field(
        0, description="levels of the U-Net, 5 or more; 0: down to one pixel, as published"
    )
    norm: Literal["batch", "instance"] = Field(
        "batch", description="batch or instance, in both networks"
    )
    dropout: float = Field(
        0.5, description="in the U-Net's middle; the paper's only source of randomness"
    )
    discriminator: Literal["patchgan", "projected"] = Field(
        "patchgan", description="projected: Sauer et al."
    )
    disc_filters: int = Field(
        64, gt=0, description="channels of the discriminator's first layer, or of projected heads"
    )
    disc_layers: int = Field(3, gt=0, description="3: each logit sees 70x70 pixels")
    gan_loss: Literal["vanilla", "lsgan"] = Field("vanilla", description="projected: always hinge")
    lambda_gan: LossWeight = Field(1.0, ge=0, description="weight of the adversarial loss")
    lambda_l1: Annotated[float, Live(0.0, 500.0)] = Field(
        100.0, ge=0, description="weight of the L1 loss"
    )
    lambda_perceptual: Annotated[float, Live(0.0, 10.0, only_if_set=True)] = Field(
        0.0,
        ge=0,
        description="weight of the L1 distance of pretrained features",
    )
    lr_g: LearningRate = Field(2e-4, gt=0, description="Adam's learning rate for the generator")
    lr_d: LearningRate = Field(2e-4, gt=0, description="Adam's learning rate for the discriminator")
    beta1: float = Field(0.5, description="Adam's momentum")
    beta2: float = Field(0.999, description="Adam's second decay rate")

    @model_validator(mode="after")
    def check_pix2pix(self) -> Self:
        """The settings fit each other."""
        deepest = self.size_px.bit_length() - 1
        fits = self.num_downs == 0 or 5 <= self.num_downs <= deepest
        need(
            fits,
            f"num_downs must be 0 or from 5 to {deepest} at {self.size_px} px, got "
            f"{self.num_downs}",
        )
        if self.discriminator == "patchgan":
            need_patches(self.disc_layers, self.size_px)
        return self


class Pix2Pix(Method):
    """Generator, discriminator and their optimisers.

    `net_g` translates a to b, `net_d` sees a and b together.
    """

    Config = Pix2PixConfig
    # For minutes of training with batch 4: batch norm has too few values at one pixel (hence
    # num_downs=5), and cross entropy leaves speckled backgrounds (hence lsgan).
    profiles = {
        "demo": {
            "size_px": 128,
            "load_size_px": 136,
            "batch_size": 4,
            "total_images": 60_000,
            "constant_share": 0.4,
            "ema_half_life_images": 1_500.0,
            "num_downs": 5,
            "dropout": 0.0,
            "disc_layers": 2,
            "gan_loss": "lsgan",
            "lr_g": 8e-4,
        },
        "demo on a CPU": {
            "base_filters": 32,
            "disc_filters": 24,
            "total_images": 30_000,
            "time_budget_s": 440.0,
        },
        "fast": {
            **FAST,
            "size_px": 64,
            "load_size_px": 68,
            "batch_size": 4,
            "base_filters": 16,
            "disc_filters": 16,
            "total_images": 160,
        },
    }
    init_networks = ("unet",)
    init_args = ("num_downs", "base_filters", "norm")
    load_scale = 1.0625

    def build(self, config: Pix2PixConfig) -> None:
        if config.lambda_perceptual:
            pretrained.check()
        num_downs = config.num_downs or config.size_px.bit_length() - 1
        net_g = UNet.build(
            num_downs=num_downs,
            base_filters=config.base_filters,
            norm=config.norm,
            dropout=config.dropout,
        )
        if config.discriminator == "projected":
            net_d = ProjectedDiscriminator.build(width=config.disc_filters, seed=config.seed)
        else:
            net_d = PatchGAN.build(
                in_channels=6,
                base_filters=config.disc_filters,
                num_layers=config.disc_layers,
                norm=config.norm,
            )
        betas = (config.beta1, config.beta2)
        self.net_g, self.opt_g = self.add("net_g", init_weights(net_g), "lr_g", betas=betas)
        if config.discriminator != "projected":  # spectral norm sets its scale
            net_d = init_weights(net_d)
        self.net_d, self.opt_d = self.add("net_d", net_d, "lr_d", betas=betas)

    def step(self, batch: Batch, ctx: Context) -> dict[str, Term]:
        """One training step on a batch of pairs, (B, 3, H, W) each, in [-1, 1].

        The discriminator goes first, then the generator against the new discriminator: Isola et al.
        2017, section 3.
        """
        if self.config.discriminator == "projected":
            return self.step_projected(batch, ctx)
        a, b = batch
        kind = self.config.gan_loss

        # The discriminator learns to distinguish (a, b) from (a, G(a)); detach: no gradient reaches
        # the generator.
        with ctx.autocast():
            fake_b = self.net_g(a)  # (B, 3, H, W)
            logits_real = self.net_d(torch.cat([a, b], dim=1))  # (B, 1, h, w)
            logits_fake = self.net_d(torch.cat([a, fake_b.detach()], dim=1))
        terms_d = {"loss_d": Term(losses.discriminator_loss(logits_real, logits_fake, kind))}
        ctx.descend(terms_d, self.opt_d)

        # The generator learns to deceive the discriminator, and to approach the ground truth.
        with frozen(self.net_d), ctx.autocast():
            logits = self.net_d(torch.cat([a, fake_b], dim=1))
        loss_gan = losses.adversarial_loss(logits, True, kind)
        return terms_d | self.step_generator(fake_b, b, loss_gan, ctx)

    def step_projected(self, batch: Batch, ctx: Context) -> dict[str, Term]:
        """The same step against a projected discriminator (Sauer et al. 2021): both losses use the
        same pretrained features of (a, b) and (a, G(a)).
        """
        a, b = batch
        with ctx.autocast():
            fake_b = self.net_g(a).float()  # (B, 3, H, W)
        pair = ProjectedPair(self.net_d, a, b, fake_b, ctx)
        terms_d = {"loss_d": Term(pair.loss_d())}
        ctx.descend(terms_d, self.opt_d)
        with frozen(self.net_d):
            loss_gan = pair.loss_gan()
        return terms_d | self.step_generator(fake_b, b, loss_gan, ctx, pair)

    def step_generator(
        self,
        fake_b: Tensor,
        b: Tensor,
        loss_gan: Tensor,
        ctx: Context,
        pair: ProjectedPair | None = None,
    ) -> dict[str, Term]:
        """The generator's half of a step, the same for every discriminator: all its losses, and
        its descent on them. pair: of a projected discriminator, whose features are reused.
        """
        terms = {
            "loss_gan": Term(loss_gan, ctx.live["lambda_gan"]),
            "loss_l1": Term(losses.l1_loss(fake_b, b), ctx.live["lambda_l1"]),
        }
        if self.config.lambda_perceptual:
            loss = pair.loss_perceptual() if pair else losses.perceptual_loss(fake_b, b)
            terms["loss_perceptual"] = Term(loss, ctx.live["lambda_perceptual"])
        ctx.descend(terms, self.opt_g)
        return terms
