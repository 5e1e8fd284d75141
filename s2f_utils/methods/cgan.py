"""Project 5's conditional GAN at 128 px: a common starting point, on which pix2pix improves.

Shapes: B pairs in a batch, H = W = size_px.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field

from s2f_utils.methods import losses
from s2f_utils.methods.method import Batch, Context, Method, Term, frozen
from s2f_utils.methods.settings import (
    BatchSize,
    ConstantShare,
    Flip,
    LearningRate,
    LoadSizePx,
    LossWeight,
    SizePx,
    TrainConfig,
)
from s2f_utils.networks.cgan_net import CGANGenerator, DenseDiscriminator
from s2f_utils.networks.network import init_weights


class CGANConfig(TrainConfig):
    """Project 5's conditional GAN: a ResNet-like generator against a dense discriminator of whole
    photos, at 128 px.

    It has no L1 loss, and its discriminator does not see the sketch. Details that project 5 leaves
    open are DCGAN's.
    """

    dropped: ClassVar[Mapping[str, Any]] = {"lambda_l1": 0.0}

    size_px: SizePx = 128
    load_size_px: LoadSizePx = 128
    flip: Flip = 0.0
    batch_size: BatchSize = 16
    constant_share: ConstantShare = 0.0  # the learning rates fall from the first epoch on
    base_filters: int = Field(32, gt=0, description="channels of the generator's first layer")
    num_blocks: int = Field(
        6, gt=0, description="residual blocks, which add the first convolution's output"
    )
    disc_filters: int = Field(64, gt=0, description="channels of the discriminator's first layer")
    gan_loss: Literal["vanilla", "sigmoid", "lsgan"] = Field(
        "vanilla", description="sigmoid: as project 5"
    )
    lambda_gan: LossWeight = Field(1.0, ge=0, description="weight of the adversarial loss")
    lr_g: LearningRate = Field(2e-4, gt=0, description="Adam's learning rate for the generator")
    lr_d: LearningRate = Field(2e-4, gt=0, description="Adam's learning rate for the discriminator")
    beta1: float = Field(0.5, description="Adam's momentum")
    beta2: float = Field(0.999, description="Adam's second decay rate")


class CGAN(Method):
    """A ResNet-like generator, a dense discriminator that sees photos only,
    and their optimisers.
    """

    Config = CGANConfig
    profiles = {
        "demo": {"total_images": 30_000},
        "demo on a CPU": {"total_images": 15_000, "time_budget_s": 240.0},
        "fast": {
            "size_px": 64,
            "load_size_px": 64,
            "base_filters": 8,
            "num_blocks": 2,
            "disc_filters": 8,
            "batch_size": 8,
            "total_images": 240,
            "num_samples": 4,
        },
    }
    init_networks = ("cgan",)
    norm = "batch"
    init_args = ("num_blocks", "base_filters")

    def build(self, config: CGANConfig) -> None:
        net_g = CGANGenerator.build(num_blocks=config.num_blocks, base_filters=config.base_filters)
        net_d = DenseDiscriminator.build(base_filters=config.disc_filters, size_px=config.size_px)
        betas = (config.beta1, config.beta2)
        self.net_g, self.opt_g = self.add("net_g", init_weights(net_g), "lr_g", betas=betas)
        self.net_d, self.opt_d = self.add("net_d", init_weights(net_d), "lr_d", betas=betas)

    def step(self, batch: Batch, ctx: Context) -> dict[str, Term]:
        """One step on a batch of pairs, (B, 3, H, W) each, in [-1, 1].

        First the discriminator, on one batch of real and fake photos, so that its batch norm sees
        both; then the generator, while the discriminator normalises with its running statistics, as
        a frozen network does in Keras: with the statistics of fakes alone it would be a different
        function.
        """
        a, b = batch
        kind = self.config.gan_loss

        with ctx.autocast():
            fake_b = self.net_g(a)
            logits = self.net_d(torch.cat([b, fake_b.detach()]))  # (2·B, 1)
        logits_real, logits_fake = logits.chunk(2)
        terms_d = {"loss_d": Term(losses.discriminator_loss(logits_real, logits_fake, kind))}
        ctx.descend(terms_d, self.opt_d)

        self.net_d.eval()
        with frozen(self.net_d), ctx.autocast():
            logits_fake = self.net_d(fake_b)
        self.net_d.train()
        loss_gan = losses.adversarial_loss(logits_fake, True, kind)
        terms_g = {"loss_gan": Term(loss_gan, ctx.live["lambda_gan"])}
        ctx.descend(terms_g, self.opt_g)
        return terms_d | terms_g
