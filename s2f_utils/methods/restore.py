"""GFPGAN's training (Wang et al. 2021): photos are degraded, and a restorer learns to recover them.

Shapes: B photos in a batch, S = size_px. The published "simple" training: without the
discriminators of eyes and mouth.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from s2f_utils.methods.initial import load_into
from s2f_utils.methods.logistic import LogisticGAN, lazy_betas
from s2f_utils.methods.losses import (
    component_loss,
    discriminator_feature_distance,
    feature_distance,
    identity_loss,
    l1_loss,
    logistic_loss_d,
    logistic_loss_g,
    perceptual_loss,
    pyramid_loss,
    style_distance,
)
from s2f_utils.methods.method import Batch, Context, Term, frozen
from s2f_utils.methods.projected import ProjectedPair
from s2f_utils.methods.settings import (
    FAST,
    BatchSize,
    ConstantShare,
    Direction,
    EmaHalfLifeImages,
    LearningRate,
    Live,
    LoadSizePx,
    LossWeight,
    SizePx,
    TotalImages,
    TrainConfig,
    need,
    need_features_of_parts,
)
from s2f_utils.networks import pretrained
from s2f_utils.networks.gfpgan import GFPGAN
from s2f_utils.networks.info import FROM_DEGRADED
from s2f_utils.networks.projected_disc import ProjectedDiscriminator
from s2f_utils.networks.published import network
from s2f_utils.networks.stylegan2_disc import StyleGAN2Discriminator
from s2f_utils.networks.stylegan2_gen import StyleGAN2
from s2f_utils.pictures import degradations, images
from s2f_utils.runtime import distributed, to_device

WORKERS = 4
PYRAMID_IMAGES = 600_000  # after so many, the pyramid's loss is left out, as published
# The settings that a decoder's sizes follow from.
PRIOR = "size_px, num_style_feat, num_mlp, channel_multiplier, and narrow, a 512th of its width"


class RestoreConfig(TrainConfig):
    """GFPGAN, Wang et al. 2021, as in its published "simple" training, from scratch.

    Another identity loss: 1 - cosine of pSp's ArcFace features; published is the L1 distance of
    another ArcFace's, of grey faces.
    """

    directions: ClassVar[tuple[str, ...]] = (FROM_DEGRADED,)
    dropped: ClassVar[Mapping[str, Any]] = {"damage": 1.0}

    direction: Direction = FROM_DEGRADED
    size_px: SizePx = 512
    load_size_px: LoadSizePx = 512
    batch_size: BatchSize = 12
    total_images: TotalImages = 9_600_000
    constant_share: ConstantShare = 0.75  # published: halved at 600,000 and 700,000 steps
    ema_half_life_images: EmaHalfLifeImages = 3_750.0  # published: 10,000 / 32 steps of 12
    num_style_feat: int = Field(512, gt=0, description="values of a style")
    num_mlp: int = Field(
        8, gt=0, description="layers that GFPGAN's decoder keeps from StyleGAN2, and does not use"
    )
    narrow: float = Field(1.0, gt=0, description="share of the published width")
    channel_multiplier: float = Field(
        2.0, gt=0, description="channels from 64 px on; the published files have 2"
    )
    decoder: Literal["clean", "prior"] = Field(
        "clean", description="prior: that of the initial model, a StyleGAN2, kept fixed"
    )
    residual: bool = Field(
        False,
        description="the output is added to the damaged face; not published, for small networks",
    )
    discriminator: Literal["stylegan2", "projected"] = Field(
        "stylegan2", description="projected: Sauer et al., hinge loss"
    )
    disc_width: int = Field(
        512,
        gt=0,
        description="most channels of a layer of the discriminator, or of projected heads",
    )
    disc_multiplier: float = Field(1.0, gt=0, description="and StyleGAN2's channels from 64 px on")
    perceptual: Literal["vgg", "discriminator", "efficientnet"] = Field(
        "vgg", description="whose features"
    )
    lambda_l1: LossWeight = Field(0.1, ge=0, description="weight of the L1 loss")
    lambda_pyramid: LossWeight = Field(
        1.0,
        ge=0,
        description="weight of the L1 losses of the U-Net's pictures, for the first 600,000 images",
    )
    lambda_perceptual: LossWeight = Field(
        1.0, ge=0, description="weight of the distance of VGG-19's features, or of their substitute"
    )
    lambda_components: Annotated[float, Live(0.0, 10.0, only_if_set=True)] = Field(
        0.0, ge=0, description="weight of that distance at eyes and mouth alone; for efficientnet"
    )
    lambda_style: Annotated[float, Live(0.0, 100.0)] = Field(
        50.0, ge=0, description="weight of the distance of the Gram matrices of VGG-19's features"
    )
    lambda_id: Annotated[float, Live(0.0, 20.0, only_if_set=True)] = Field(
        10.0, ge=0, description="weight of the identity loss"
    )
    lambda_gan: Annotated[float, Live(0.0, 1.0)] = Field(
        0.1, ge=0, description="weight of the adversarial loss (logistic)"
    )
    r1_gamma: Annotated[float, Live(0.001, 100.0, log=True)] = Field(
        10.0, ge=0, description="weight of the discriminator's squared gradient at real photos"
    )
    r1_every: int = Field(16, ge=0, description="steps between two R1 steps; 0: never")
    lr_g: LearningRate = Field(2e-3, gt=0, description="Adam's learning rate for the restorer")
    lr_d: LearningRate = Field(2e-3, gt=0, description="Adam's learning rate for the discriminator")
    beta1: float = Field(0.0, description="Adam's momentum")
    beta2: float = Field(0.99, description="Adam's second decay rate")
    max_norm: float = Field(
        0.0, ge=0, description="longer gradients of the restorer are scaled down to this; 0: never"
    )

    @model_validator(mode="after")
    def check_restore(self) -> Self:
        """The settings fit each other."""
        text = (
            f"lambda_style must be 0 with perceptual={self.perceptual}: the style loss is one of "
            "VGG-19's features"
        )
        need(self.perceptual == "vgg" or not self.lambda_style, text)
        need_features_of_parts(self)
        fits = self.perceptual != "discriminator" or self.discriminator == "stylegan2"
        text = "a projected discriminator has no features of its own: set perceptual=efficientnet"
        need(fits, text)
        text = "residual must be false with decoder=prior, which paints whole faces"
        need(self.decoder == "clean" or not self.residual, text)
        return self

    def unused(self) -> set[str]:
        is_unused = {
            "r1_gamma": self.discriminator == "projected" or not self.r1_every,
            "lambda_style": self.perceptual != "vgg",
        }
        return {name for name, holds in is_unused.items() if holds}


class Restore(LogisticGAN):
    """The restorer and a discriminator, StyleGAN2's or a projected one, with an Adam each."""

    Config = RestoreConfig
    profiles = {
        "demo": {
            "size_px": 128,
            "load_size_px": 128,
            "batch_size": 8,
            "total_images": 60_000,
            "num_style_feat": 128,
            "num_mlp": 1,
            "narrow": 0.25,
            "channel_multiplier": 1.0,
            "disc_width": 128,
            "disc_multiplier": 0.5,
            "perceptual": "discriminator",
            "lambda_l1": 1.0,
            "lambda_pyramid": 0.5,
            "lambda_perceptual": 0.2,
            "lambda_style": 0.0,
            "lambda_id": 0.0,
            "lambda_gan": 0.02,
            "r1_gamma": 1.0,
            "lr_g": 1e-3,
            "lr_d": 1e-3,
            "beta1": 0.5,
            "max_norm": 0.5,
            "ema_half_life_images": 1_000.0,
            "time_budget_s": 300.0,
        },
        "demo on a CPU": {"narrow": 0.125, "num_style_feat": 64, "disc_width": 32},
        "fast": {
            **FAST,
            "size_px": 32,
            "load_size_px": 32,
            "batch_size": 8,
            "num_style_feat": 16,
            "num_mlp": 1,
            "narrow": 0.0625,
            "channel_multiplier": 1.0,
            "disc_width": 16,
            "perceptual": "discriminator",
            "lambda_style": 0.0,
            "lambda_id": 0.0,
        },
    }
    batch_of_16gb = 4
    init_networks = ("gfpgan", "stylegan2")
    init_args = ("num_style_feat", "num_mlp", "narrow", "channel_multiplier", "residual")
    from_cpu = True  # the next photos are degraded while a GPU works on the last ones

    def build(self, config: RestoreConfig) -> None:
        sizes = {name: getattr(config, name) for name in ("size_px", *self.init_args)}
        if config.decoder == "prior":
            sizes["stylegan_decoder"] = {
                "size_px": config.size_px,
                "style_dim": config.num_style_feat,
                "num_mlp": config.num_mlp,
                "width": round(512 * config.narrow),
                "channel_multiplier": config.channel_multiplier,
            }
        net_g = GFPGAN.build(**sizes)
        if config.residual:
            net_g.paint_nothing()
        if config.decoder == "prior":
            net_g.stylegan_decoder.requires_grad_(False)
        if config.discriminator == "projected":
            net_d = ProjectedDiscriminator.build(
                width=config.disc_width, sketch_channels=0, seed=config.seed
            )
        else:
            size = {"size_px": config.size_px, "width": config.disc_width}
            net_d = StyleGAN2Discriminator.build(channel_multiplier=config.disc_multiplier, **size)
        self.net_g, self.opt_g = self.add(
            "net_g", net_g, "lr_g", betas=(config.beta1, config.beta2)
        )
        r1_every = 0 if config.discriminator == "projected" else config.r1_every
        self.net_d, self.opt_d = self.add(
            "net_d", net_d, "lr_d", betas=lazy_betas(config, r1_every)
        )

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """As `LogisticGAN`; of a StyleGAN2 the settings with which it is the prior."""
        if net.name != "stylegan2":
            return super().settings_from(net, meta) | {"decoder": meta.get("decoder", "clean")}
        kept = {name: net.args[name] for name in ("size_px", "num_mlp", "channel_multiplier")}
        kept |= {"load_size_px": net.size_px, "num_style_feat": net.style_dim}
        return kept | {"narrow": net.args["width"] / 512, "decoder": "prior"}

    @property
    def metadata(self) -> dict[str, Any]:
        """How the decoder was trained, for a run that begins with this one."""
        return {"decoder": self.config.decoder}

    def load_init(self, init: str | Path | None) -> None:
        """As `LogisticGAN`, or a StyleGAN2 as the decoder: ConfigError where it is needed and not
        given. The losses' weights are downloaded now: WeightsError if they are unavailable.
        """
        given = self.generator_of(init) if init else None
        text = "decoder=prior begins with a trained StyleGAN2: give it with --init (a run or file)"
        need(given is not None or self.config.decoder != "prior", text)
        if isinstance(given, StyleGAN2):
            text = f"{init}: is a stylegan2: give --set decoder=prior for a restorer with it"
            need(self.config.decoder == "prior", text)
            load_into(self.net_g.stylegan_decoder, given, init, PRIOR)
            self.net_g.start_at_mean()
        else:
            super().load_init(init)
        if self.config.perceptual == "vgg":
            network("vgg19", self.precision.device)
        elif self.config.perceptual == "efficientnet":
            pretrained.check()
        if self.config.lambda_id:
            network("arcface", self.precision.device)

    def degraded(self, photos: Tensor, seeds: list[int] | None = None) -> Tensor:
        """Photos (B, 3, S, S) in [-1, 1], each degraded at random, on the device.

        seeds: drawn if None.
        """
        seeds = distributed.randint(0, 2**31, len(photos)).tolist() if seeds is None else seeds
        pictures = images.to_uint8(photos)
        with ThreadPoolExecutor(WORKERS) as pool:
            damaged = list(pool.map(degradations.degrade, pictures, seeds))
        tensor = images.to_tensor(np.stack(damaged))
        return self.precision.images(to_device(tensor, self.precision.device))

    def step(self, batch: Batch, ctx: Context) -> dict[str, Term]:
        """One step on a batch of photos, (B, 3, S, S) in [-1, 1]: a on the CPU, and b, the same, on
        the device. The generator first, as published, then the discriminator, if a loss needs it.
        """
        b = batch.b
        a = self.degraded(batch.a)
        with ctx.autocast():
            fake_b, levels = self.net_g(a, return_rgb=True, randomize_noise=True)
        fake_b = fake_b.float()
        pair = None  # both in pretrained features, for a projected discriminator
        if self.config.discriminator == "projected" and ctx.live["lambda_gan"]:
            pair = ProjectedPair(self.net_d, None, b, fake_b, ctx)
        with frozen(self.net_d):
            terms_g = self.terms_g(fake_b, levels, b, pair, ctx)
        ctx.descend(terms_g, self.opt_g, self.config.max_norm)
        return terms_g | self.step_d(fake_b.detach(), b, pair, ctx)

    def terms_g(
        self,
        fake_b: Tensor,
        levels: list[Tensor],
        b: Tensor,
        pair: ProjectedPair | None,
        ctx: Context,
    ) -> dict[str, Term]:
        """The restorer's losses of its answers, (B, 3, S, S), and of its pyramid; those of weight 0
        are left out.
        """
        live, config = ctx.live, self.config
        terms = {"loss_l1": Term(l1_loss(fake_b, b), live["lambda_l1"])}
        if live["lambda_pyramid"] and ctx.images_seen < PYRAMID_IMAGES:
            terms["loss_pyramid"] = Term(pyramid_loss(levels, b), live["lambda_pyramid"])
        if live["lambda_perceptual"] or live.get("lambda_style"):  # of VGG-19 alone
            terms |= self.perceptual_terms(fake_b, b, pair, ctx)
        if config.lambda_components:
            loss = component_loss(fake_b, b)
            terms["loss_components"] = Term(loss, live["lambda_components"])
        if config.lambda_id and live["lambda_id"]:
            terms["loss_id"] = Term(identity_loss(fake_b, b), live["lambda_id"])
        if pair:
            terms["loss_g"] = Term(pair.loss_gan(), live["lambda_gan"])
        elif live["lambda_gan"]:
            with ctx.autocast():
                logits_fake = self.net_d(fake_b)
            terms["loss_g"] = Term(logistic_loss_g(logits_fake), live["lambda_gan"])
        return terms

    def perceptual_terms(
        self, fake_b: Tensor, b: Tensor, pair: ProjectedPair | None, ctx: Context
    ) -> dict[str, Term]:
        """The pictures' distance in VGG-19's features, and in their styles,
        or in other features.
        """
        weight = ctx.live["lambda_perceptual"]
        if self.config.perceptual == "efficientnet":
            loss = pair.loss_perceptual() if pair else perceptual_loss(fake_b, b)
            return {"loss_perceptual": Term(loss, weight)}
        if self.config.perceptual == "discriminator":
            with ctx.autocast():
                fake, real = self.net_d.features(fake_b), self.net_d.features(b)
            return {"loss_judged": Term(discriminator_feature_distance(fake, real), weight)}
        net = network("vgg19", b.device)
        with ctx.autocast():
            fake, real = net(fake_b), net(b)
        return {
            "loss_vgg": Term(feature_distance(fake, real), weight),
            "loss_style": Term(style_distance(fake, real), ctx.live["lambda_style"]),
        }

    def step_d(
        self, fake_b: Tensor, b: Tensor, pair: ProjectedPair | None, ctx: Context
    ) -> dict[str, Term]:
        """The discriminator's part of a step, if a loss uses it."""
        if pair:
            terms = {"loss_d": Term(pair.loss_d())}
            ctx.descend(terms, self.opt_d)
            return terms
        gives_features = self.config.perceptual == "discriminator"
        if not (ctx.live["lambda_gan"] or (gives_features and ctx.live["lambda_perceptual"])):
            return {}
        with ctx.autocast():
            logits_real, logits_fake = self.net_d(b), self.net_d(fake_b)
        terms = {"loss_d": Term(logistic_loss_d(logits_real, logits_fake))}
        ctx.descend(terms, self.opt_d)
        return terms | self.r1_step(b, ctx)

    @torch.no_grad()
    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Photos, always degraded in the same way; the restored ones; and the photos."""
        damaged = self.degraded(b, seeds=list(range(len(b))))
        return {
            "a": damaged,
            "fake_b": nets[self.config.direction](damaged),
            "b": to_device(b, damaged.device),
        }
