"""pSp (Richardson et al. 2021):
an encoder learns to steer a trained StyleGAN2, whose weights are fixed.

Shapes: B pairs in a batch, H = W = size_px, L styles of D values.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from s2f_utils.infer import find_generator
from s2f_utils.methods.initial import FACES, find_discriminator, load_into
from s2f_utils.methods.losses import (
    component_loss,
    discriminator_feature_distance,
    identity_loss,
    inner_face,
    perceptual_loss,
    style_norm,
)
from s2f_utils.methods.method import Batch, Context, Method, Term, frozen
from s2f_utils.methods.projected import ProjectedPair
from s2f_utils.methods.settings import (
    FAST,
    BatchSize,
    ConstantShare,
    Flip,
    LearningRate,
    Live,
    LoadSizePx,
    LossWeight,
    TotalImages,
    TrainConfig,
    need,
    need_features_of_parts,
)
from s2f_utils.networks import checkpoints, pretrained
from s2f_utils.networks.info import TO_FACES
from s2f_utils.networks.projected_disc import ProjectedDiscriminator
from s2f_utils.networks.psp import PSP as PSPNetwork
from s2f_utils.networks.published import network
from s2f_utils.networks.stylegan2_disc import StyleGAN2Discriminator
from s2f_utils.runtime import distributed, to_device

LOSS_NAMES = {
    "lpips": "loss_lpips",
    "discriminator": "loss_judged",
    "efficientnet": "loss_perceptual",
}


class PSPConfig(TrainConfig):
    """pSp, Richardson et al. 2021, with the published settings for sketches:
    an encoder for a trained StyleGAN2.

    Directions: sketch-to-photo, map-to-photo (a 19-class map), both-to-photo, photo-to-photo
    (inversion).
    """

    directions: ClassVar[tuple[str, ...]] = tuple(TO_FACES)

    load_size_px: LoadSizePx = 256
    batch_size: BatchSize = 8
    total_images: TotalImages = 4_000_000
    constant_share: ConstantShare = 1.0
    flip: Flip = 0.0
    encoder: Literal["psp", "small"] = Field(
        "psp", description="psp: as published; small: at most 5 M parameters"
    )
    decoder_px: int = Field(1024, description="the generator's size")
    style_dim: int = Field(512, gt=0, description="and its other arguments: values of a style")
    num_mlp: int = Field(8, gt=0, description="layers of the network that turns noise into styles")
    width: int = Field(512, gt=0, description="most channels of a layer")
    channel_multiplier: float = Field(2.0, gt=0, description="channels from 64 px on")
    perceptual: Literal["lpips", "discriminator", "efficientnet"] = Field(
        "lpips", description="whose features"
    )
    lambda_l2: LossWeight = Field(1.0, ge=0, description="weight of the mean squared error")
    lambda_lpips: Annotated[float, Live(0.0, 10.0, only_if_set=True)] = Field(
        0.8, ge=0, description="weight of LPIPS, or of its substitute"
    )
    lambda_id: Annotated[float, Live(0.0, 10.0, only_if_set=True)] = Field(
        0.0, ge=0, description="weight of the identity loss (published: 0.1 for photos)"
    )
    lambda_gan: Annotated[float, Live(0.0, 10.0, only_if_set=True)] = Field(
        0.0,
        ge=0,
        description=(
            "weight of a projected discriminator's hinge loss, for sharper faces; not published"
        ),
    )
    lambda_components: Annotated[float, Live(0.0, 10.0, only_if_set=True)] = Field(
        0.0,
        ge=0,
        description="weight of the perceptual distance at eyes and mouth alone; not published",
    )
    lambda_l2_crop: Annotated[float, Live(0.0, 10.0, only_if_set=True)] = Field(
        0.0,
        ge=0,
        description=(
            "weight of the mean squared error inside the face, from brows to chin, where walls and "
            "clothes do not count; pSp's code has the same with a wider crop"
        ),
    )
    lambda_w: Annotated[float, Live(0.0, 0.1)] = Field(
        0.005, ge=0, description="weight of the styles' distance from the mean style"
    )
    mixing: Annotated[float, Live(0.0, 1.0)] = Field(
        0.0,
        ge=0,
        le=1,
        description="share of faces whose later styles are random, so that they stay free",
    )
    mix_from: int = Field(
        0,
        description=(
            "the first of those styles; 0: 8 of 18, as published, or the seventh in smaller "
            "generators"
        ),
    )
    lr_g: LearningRate = Field(1e-4, gt=0, description="Adam's learning rate for the encoder")
    lr_d: LearningRate = Field(
        2e-4, gt=0, description="Adam's learning rate for the discriminator, if there is one"
    )
    beta1: float = Field(0.95, description="Adam's momentum")
    beta2: float = Field(0.999, description="Adam's second decay rate")

    @model_validator(mode="after")
    def check_psp(self) -> Self:
        """The settings fit each other."""
        size, largest = self.size_px, self.decoder_px
        need(
            size <= largest,
            f"size_px ({size}) must not be larger than the generator's faces (decoder_px "
            f"{largest})",
        )
        num = self.num_styles
        need(
            0 <= self.mix_from < num,
            f"mix_from must be from 0 to {num - 1} for this generator, got {self.mix_from}",
        )
        fits = self.perceptual == "efficientnet" or not self.lambda_gan
        need(fits, "lambda_gan needs perceptual=efficientnet, whose features it uses")
        need_features_of_parts(self)
        is_map = self.direction in ("map-to-photo", "both-to-photo")
        moved = (
            self.flip
            or self.rotate_deg
            or self.shift_px
            or self.shear_deg
            or self.scale
            or self.elastic
        )
        names = "flip, rotate_deg, shift_px, shear_deg, scale and elastic"
        need(
            not (is_map and moved),
            f"{names} must be 0 with maps: there is no class between two classes",
        )
        return self

    def unused(self) -> set[str]:
        return set() if self.lambda_gan else {"lr_d"}

    @property
    def num_styles(self) -> int:
        """Layers of the generator."""
        return 2 * self.decoder_px.bit_length() - 4

    @property
    def open_from(self) -> int:
        """The first of the styles left free."""
        return self.mix_from or min(8 if self.num_styles >= 14 else 7, self.num_styles - 1)


class PSP(Method):
    """An encoder and its Adam; generator and discriminator come from `init` (a StyleGAN2 run), and
    are not changed. With `lambda_gan` a projected discriminator, which also sees what the encoder
    reads, learns beside it.
    """

    Config = PSPConfig
    profiles = {
        "demo": {
            "encoder": "small",
            "perceptual": "discriminator",
            "batch_size": 16,
            "total_images": 200_000,
            "constant_share": 0.5,
            "lr_g": 1e-3,
            "beta1": 0.9,
            "beta2": 0.99,
            "ema_half_life_images": 2_000.0,
            "time_budget_s": 300.0,
        },
        "fast": {
            **FAST,
            "size_px": 32,
            "load_size_px": 32,
            "decoder_px": 32,
            "style_dim": 16,
            "num_mlp": 2,
            "width": 16,
            "channel_multiplier": 1.0,
            "encoder": "small",
            "perceptual": "discriminator",
            "batch_size": 8,
            "lr_g": 1e-3,
            "beta1": 0.9,
            "beta2": 0.99,
        },
    }
    needs_init = "stylegan2"
    batch_of_16gb = 3
    norm = "batch"  # the encoder's
    init_networks = ("stylegan2", "psp")
    init_args = ("style_dim", "num_mlp", "channel_multiplier", "width")  # the generator's

    def build(self, config: PSPConfig) -> None:
        decoder = {name: getattr(config, name) for name in self.init_args}
        decoder["size_px"] = config.decoder_px
        encoder = {"in_channels": TO_FACES[config.direction], "num_styles": config.num_styles}
        if config.encoder == "small":
            encoder |= {"style_dim": config.style_dim, "input_px": min(config.decoder_px, 128)}
        net = PSPNetwork.build(kind=config.encoder, encoder=encoder, decoder=decoder)
        net.decoder.requires_grad_(False)
        betas = (config.beta1, config.beta2)
        self.net_g, self.opt_g = self.add("net_g", net, "lr_g", part=net.encoder, betas=betas)
        self.net_d: nn.Module | None = None  # for its features
        if config.perceptual == "discriminator":
            sizes = {name: decoder[name] for name in ("size_px", "channel_multiplier", "width")}
            net_d = StyleGAN2Discriminator.build(**sizes)
            self.net_d = self.precision.place(net_d.requires_grad_(False))
            self.nets["judge"] = self.net_d  # its name in resume files
        if config.lambda_gan:
            net_d = ProjectedDiscriminator.build(
                sketch_channels=self.shapes[0][0], seed=config.seed
            )
            self.net_d, self.opt_d = self.add("net_d", net_d, "lr_d", betas=(0.5, 0.999))

    @property
    def output_px(self) -> int:
        return self.config.decoder_px

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        size = self.config.size_px
        channels = 6 if self.config.direction == "both-to-photo" else 3
        return (channels, size, size), (3, size, size)

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of the generator;
        for another pSp also its encoder's, and the styles it leaves free. ConfigError for an
        encoder of the pretrained generator.
        """
        decoder = net if net.name == "stylegan2" else net.decoder
        text = (
            f"this encoder belongs to {decoder.name}: psp trains encoders for a stylegan2; notebook"
            " 04 trains encoders for the pretrained generator"
        )
        need(decoder.name == "stylegan2", text)
        size = min(decoder.size_px, 256)
        settings = {name: decoder.args[name] for name in cls.init_args}
        settings |= {"decoder_px": decoder.size_px, "size_px": size, "load_size_px": size}
        if net.name == "stylegan2":
            return settings
        kept = {name: meta[name] for name in ("mixing", "mix_from") if name in meta}
        return settings | {"encoder": net.kind, "direction": net.info.direction} | kept

    def load_init(self, init: str | Path | None) -> None:
        """Load generator, mean style and discriminator from a StyleGAN2 run or from a pSp of
        another direction, and ArcFace's body for an encoder of the published kind; or all from a
        pSp of the same direction. CheckpointError if sizes differ, WeightsError without weights.
        """
        config, device = self.config, self.precision.device
        given, _ = checkpoints.load_network(find_generator(init))
        if given.name == "stylegan2" or given.info.direction != config.direction:
            given = getattr(given, "decoder", given).to(device)
            load_into(self.net_g.decoder, given, init, FACES)
            if config.encoder == "psp":
                face, encoder = network("arcface", device), self.net_g.encoder
                encoder.body.load_state_dict(face.body.state_dict())
                if config.direction == "photo-to-photo":
                    encoder.input_layer.load_state_dict(face.input_layer.state_dict())
            self.net_g.latent_avg.copy_(given.mean_latent().expand_as(self.net_g.latent_avg))
        else:
            load_into(self.net_g, given, init, FACES)
        if config.perceptual == "discriminator":
            load_into(
                self.net_d, checkpoints.load_network(find_discriminator(init))[0], init, FACES
            )
        elif config.lambda_lpips:  # before a run is begun, rather than in its first step
            if config.perceptual == "efficientnet":
                pretrained.check()
            else:
                network("lpips_alex", device)
        if config.lambda_id:
            network("arcface", device)

    @property
    def metadata(self) -> dict[str, Any]:
        """The first style that the encoder leaves free, if any."""
        return {"mixing": self.config.mixing, "mix_from": self.config.open_from}

    @property
    def other_networks(self) -> dict[str, nn.Module]:
        """The discriminator, which a later run needs to start from this one."""
        return {"discriminator": self.net_d} if self.net_d is not None else {}

    def step(self, batch: Batch, ctx: Context) -> dict[str, Term]:
        """One step on sketches or maps a (B, 3 or 6, H, W) and photos b (B, 3, H, W)."""
        a, b = batch
        with ctx.autocast():
            styles = self.net_g.encode(a)  # (B, L, D)
            mixed = styles
            if ctx.live["mixing"]:
                mixed = self.mixed(styles, ctx.live["mixing"])
            fake_b = self.net_g.decoder(mixed, input_is_latent=True)
        fake_b = F.adaptive_avg_pool2d(fake_b.float(), b.shape[-1])
        terms = {
            "loss_l2": Term(F.mse_loss(fake_b, b), ctx.live["lambda_l2"]),
            "loss_w": Term(style_norm(styles, self.net_g.latent_avg), ctx.live["lambda_w"]),
        }
        if self.config.lambda_l2_crop:
            loss = F.mse_loss(inner_face(fake_b), inner_face(b))
            terms["loss_l2_crop"] = Term(loss, ctx.live["lambda_l2_crop"])
        terms_d: dict[str, Term] = {}
        pair = None
        if self.config.lambda_gan:
            pair = ProjectedPair(self.net_d, a, b, fake_b, ctx)
            terms_d["loss_d"] = Term(pair.loss_d())
            ctx.descend(terms_d, self.opt_d)
            with frozen(self.net_d):
                terms["loss_gan"] = Term(pair.loss_gan(), ctx.live["lambda_gan"])
        if self.config.lambda_lpips and ctx.live["lambda_lpips"]:
            loss = pair.loss_perceptual() if pair else self.distance(fake_b, b)
            perceptual = LOSS_NAMES[self.config.perceptual]  # a substitute has another name
            terms[perceptual] = Term(loss, ctx.live["lambda_lpips"])
        if self.config.lambda_components:
            loss = component_loss(fake_b, b)
            terms["loss_components"] = Term(loss, ctx.live["lambda_components"])
        if self.config.lambda_id and ctx.live["lambda_id"]:
            terms["loss_id"] = Term(identity_loss(fake_b, b), ctx.live["lambda_id"])
        ctx.descend(terms, self.opt_g)
        return terms | terms_d

    def mixed(self, styles: Tensor, share: float) -> Tensor:
        """Styles (B, L, D); a share of the faces gets random ones from layer `mix_from` on."""
        chance = to_device(distributed.randn(len(styles), styles.shape[2]), styles.device)
        chosen = to_device(distributed.rand(len(styles)) < share, styles.device)
        late = torch.arange(styles.shape[1], device=styles.device) >= self.config.open_from
        drawn = self.net_g.decoder.map(chance)[:, None].to(styles.dtype)
        return torch.where((chosen[:, None] & late[None])[..., None], drawn, styles)

    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Sketches, maps, or both; the faces; and the photos."""
        fake_b = F.adaptive_avg_pool2d(super().samples(a, b, nets)["fake_b"], b.shape[-1])
        rows = {"a": a[:, :3]}
        if a.shape[1] > 3:
            rows["map"] = a[:, 3:]
        return rows | {"fake_b": fake_b, "b": b}

    def distance(self, fake: Tensor, real: Tensor) -> Tensor:
        """The distance of fakes and photos in the features that `perceptual` names, a scalar."""
        if self.config.perceptual == "efficientnet":
            return perceptual_loss(fake, real)
        if self.net_d is None:
            return network("lpips_alex", fake.device)(fake, real).mean()
        with self.precision.autocast():
            features_fake, features_real = self.net_d.features(fake), self.net_d.features(real)
        return discriminator_feature_distance(features_fake, features_real)
