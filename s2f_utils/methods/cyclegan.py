"""CycleGAN (Zhu et al. 2017):
both directions between two domains, from pictures that are not pairs.

Domain a is the sketch, b the photo. Networks are named after their domain: `net_g_photo` generates
photos (the paper's G, if X is the sketch), `net_g_sketch` sketches (F), `net_d_photo` discriminates
photos (D_Y), `net_d_sketch` sketches (D_X). Shapes: B pictures of each domain in a batch, H = W =
size_px; h, w a discriminator's grid of patches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

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
from s2f_utils.networks.info import DIRECTIONS
from s2f_utils.networks.network import generate, init_weights
from s2f_utils.networks.patchgan import PatchGAN
from s2f_utils.networks.projected_disc import ProjectedDiscriminator
from s2f_utils.networks.resnet import ResNet
from s2f_utils.runtime import distributed

TO_PHOTO, TO_SKETCH = DIRECTIONS


class CycleGANConfig(TrainConfig):
    """CycleGAN, Zhu et al. 2017, with the values of its published PyTorch code. It learns both
    directions at once.
    """

    apart: bool = Field(
        True,
        description=(
            "each person's sketch or photo is used, never both; False: all pictures of both domains"
        ),
    )
    base_filters: int = Field(64, gt=0, description="channels of the generators' first layer")
    num_blocks: int = Field(
        0, ge=0, description="residual blocks; 0: as published, 9 from 256 px on, else 6"
    )
    dropout: float = Field(0.0, ge=0, le=1, description="in the residual blocks")
    residual: bool = Field(
        False, description="generators add what they compute to their input, and begin as copies"
    )
    discriminator: Literal["patchgan", "projected"] = Field(
        "patchgan", description="projected: Sauer et al."
    )
    disc_filters: int = Field(
        64, gt=0, description="channels of the discriminators' first layer, or of projected heads"
    )
    disc_layers: int = Field(3, gt=0, description="3: each logit sees 70x70 pixels")
    gan_loss: Literal["lsgan", "vanilla"] = Field(
        "lsgan", description="squares or cross entropy; projected: always hinge"
    )
    pool_size: int = Field(
        50,
        ge=0,
        description=(
            "fake pictures kept for each discriminator; 0, or a projected one: the newest only"
        ),
    )
    lambda_gan: LossWeight = Field(1.0, ge=0, description="weight of both adversarial losses")
    lambda_cycle_sketch: Annotated[float, Live(0.0, 50.0)] = Field(
        10.0, ge=0, description="weight of sketch → photo → sketch"
    )
    lambda_cycle_photo: Annotated[float, Live(0.0, 50.0)] = Field(
        10.0, ge=0, description="weight of photo → sketch → photo"
    )
    lambda_identity: Annotated[float, Live(0.0, 5.0)] = Field(
        0.5, ge=0, description="weight of the identity mapping, as a share of the cycle weights"
    )
    lr_g: LearningRate = Field(2e-4, gt=0, description="Adam's learning rate for both generators")
    lr_d: LearningRate = Field(
        2e-4, gt=0, description="Adam's learning rate for both discriminators"
    )
    beta1: float = Field(0.5, description="Adam's momentum")
    beta2: float = Field(0.999, description="Adam's second decay rate")

    @model_validator(mode="after")
    def check_cyclegan(self) -> Self:
        """The settings fit each other."""
        use = (
            "leave direction out here, and choose one when you use it (s2f translate … "
            "--direction photo-to-sketch)"
        )
        need(self.direction == "sketch-to-photo", f"cyclegan learns both directions: {use}")
        if self.discriminator == "patchgan":
            need_patches(self.disc_layers, self.size_px)
        return self


class ImagePool:
    """Up to `size` earlier fake pictures. Half of the time a discriminator sees one of them instead
    of the newest.

    All draws come from torch's global CPU generator. Source: Shrivastava et al. 2017, section 2.3,
    as in CycleGAN.
    """

    def __init__(self, size: int = 50) -> None:
        self.size = size
        self.pictures: list[Tensor] = []

    def query(self, fake: Tensor) -> Tensor:
        """For new pictures (N, C, H, W), detached, those for the discriminator, of the same shape:
        the new ones, until the pool is full; then half of them replace old ones, which are returned
        instead.
        """
        if self.size == 0:
            return fake
        shown = []
        for picture in fake.detach():
            if len(self.pictures) < self.size:
                self.pictures.append(picture.clone())
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(self.size, ()))
                picture, self.pictures[place] = self.pictures[place], picture.clone()  # noqa: PLW2901
            shown.append(picture)
        return torch.stack(shown)

    def state_dict(self) -> dict[str, object]:
        """The pictures, for the resume file."""
        return {"pictures": torch.stack(self.pictures) if self.pictures else None}

    def load_state_dict(self, state: Mapping[str, object], device: torch.device) -> None:
        """Restore the pictures of a resume file."""
        self.pictures = [] if state["pictures"] is None else list(state["pictures"].to(device))


class CycleGAN(Method):
    """Two generators with one Adam, two discriminators with another, and a pool of fake pictures
    for each of these.
    """

    Config = CycleGANConfig
    # Pictures are loaded larger by 286 / 256, as published.
    profiles = {
        "demo": {
            "size_px": 128,
            "load_size_px": 143,
            "batch_size": 4,
            "total_images": 40_000,
            "ema_half_life_images": 1_500.0,
        },
        "demo on a CPU": {
            "size_px": 64,
            "load_size_px": 72,
            "base_filters": 32,
            "disc_filters": 32,
            "disc_layers": 2,
            "batch_size": 2,
            "lr_g": 4e-4,
            "lr_d": 4e-4,
            "total_images": 30_000,
            "time_budget_s": 660.0,
        },
        "fast": {
            **FAST,
            "size_px": 64,
            "load_size_px": 68,
            "batch_size": 4,
            "base_filters": 8,
            "num_blocks": 2,
            "disc_filters": 8,
            "disc_layers": 2,
            "pool_size": 8,
        },
    }
    init_networks = ("resnet",)
    init_args = ("num_blocks", "base_filters", "dropout", "residual")
    load_scale = 286 / 256
    data = "unpaired"
    norm = "instance"

    def build(self, config: CycleGANConfig) -> None:
        num_blocks = config.num_blocks or (9 if config.size_px >= 256 else 6)
        gen = {
            "num_blocks": num_blocks,
            "base_filters": config.base_filters,
            "dropout": config.dropout,
            "residual": config.residual,
        }
        for name in ("net_g_photo", "net_g_sketch"):
            net_g = init_weights(ResNet.build(**gen))
            if config.residual:
                net_g.begin_as_copy()
            self.nets[name] = self.precision.place(net_g)
        for name in ("net_d_photo", "net_d_sketch"):
            if config.discriminator == "projected":
                net = ProjectedDiscriminator.build(
                    width=config.disc_filters, sketch_channels=0, seed=config.seed
                )
            else:
                disc = {"base_filters": config.disc_filters, "num_layers": config.disc_layers}
                net = init_weights(PatchGAN.build(in_channels=3, norm="instance", **disc))
            self.nets[name] = self.precision.place(distributed.sync_batch_norm(net))
        self.net_g_photo, self.net_g_sketch, self.net_d_photo, self.net_d_sketch = (
            self.nets.values()
        )
        self.net_g = self.net_g_photo
        betas = (config.beta1, config.beta2)
        self.nets_g = nn.ModuleList([self.net_g_photo, self.net_g_sketch])
        self.nets_d = nn.ModuleList([self.net_d_photo, self.net_d_sketch])
        self.opt_g = self.optimize(self.nets_g, "lr_g", betas=betas)
        self.opt_d = self.optimize(self.nets_d, "lr_d", betas=betas)
        self.photo_pool, self.sketch_pool = ImagePool(config.pool_size), ImagePool(config.pool_size)

    @property
    def generators(self) -> dict[str, nn.Module]:
        return {TO_PHOTO: self.net_g_photo, TO_SKETCH: self.net_g_sketch}

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The generators' arguments and size; no direction: it learns both."""
        return super().settings_from(
            net, {name: value for name, value in meta.items() if name != "direction"}
        )

    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Sketches, their photos, and the sketches reconstructed from these;
        then the same from photos.
        """
        fake_b, fake_a = generate(nets[TO_PHOTO], a), generate(nets[TO_SKETCH], b)
        rec_a, rec_b = generate(nets[TO_SKETCH], fake_b), generate(nets[TO_PHOTO], fake_a)
        return {"a": a, "fake_b": fake_b, "b": b, "rec_a": rec_a, "fake_a": fake_a, "rec_b": rec_b}

    def state_dict(self) -> dict[str, object]:
        return {
            "photo_pool": self.photo_pool.state_dict(),
            "sketch_pool": self.sketch_pool.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        self.photo_pool.load_state_dict(state["photo_pool"], self.precision.device)
        self.sketch_pool.load_state_dict(state["sketch_pool"], self.precision.device)

    def step(self, batch: Batch, ctx: Context) -> dict[str, Term]:
        """One training step on unpaired sketches a and photos b, (B, 3, H, W) each, in [-1, 1].

        Both generators go first, then both discriminators: Zhu et al. 2017, section 3, and its
        published code. Each network processes all of its pictures in one batch: no layer mixes
        them.
        """
        a, b = batch
        with_identity = ctx.live["lambda_identity"] > 0

        # Sketch → photo → sketch, photo → sketch → photo, and the identity mapping of each
        # generator.
        with ctx.autocast():
            fake_b, same_b = _each(self.net_g_photo, a, b if with_identity else None)
            inputs = (b, a if with_identity else None, fake_b)
            fake_a, same_a, rec_a = _each(self.net_g_sketch, *inputs)
            rec_b = self.net_g_photo(fake_a)
        loss_cycle_sketch, loss_cycle_photo = losses.l1_loss(rec_a, a), losses.l1_loss(rec_b, b)
        if with_identity:
            loss_same_sketch, loss_same_photo = losses.l1_loss(same_a, a), losses.l1_loss(same_b, b)

        # The generators learn to deceive the discriminators of their domains.
        pairs = {}  # by domain, real and fake pictures in pretrained features
        if self.config.discriminator == "projected":
            pairs["photo"] = ProjectedPair(self.net_d_photo, None, b, fake_b.float(), ctx)
            pairs["sketch"] = ProjectedPair(self.net_d_sketch, None, a, fake_a.float(), ctx)
        with frozen(self.nets_d):
            if pairs:
                loss_photo, loss_sketch = (pairs[d].loss_gan() for d in ("photo", "sketch"))
            else:
                kind = self.config.gan_loss
                with ctx.autocast():
                    logits_photo = self.net_d_photo(fake_b)
                    logits_sketch = self.net_d_sketch(fake_a)
                loss_photo = losses.adversarial_loss(logits_photo, True, kind)
                loss_sketch = losses.adversarial_loss(logits_sketch, True, kind)
        weight_gan = ctx.live["lambda_gan"]
        weight_sketch = ctx.live["lambda_cycle_sketch"]
        weight_photo = ctx.live["lambda_cycle_photo"]
        share = ctx.live["lambda_identity"]
        terms_g = {
            "loss_gan_photo": Term(loss_photo, weight_gan),
            "loss_gan_sketch": Term(loss_sketch, weight_gan),
            "loss_cycle_sketch": Term(loss_cycle_sketch, weight_sketch),
            "loss_cycle_photo": Term(loss_cycle_photo, weight_photo),
        }
        if with_identity:
            terms_g["loss_identity_sketch"] = Term(loss_same_sketch, weight_sketch * share)
            terms_g["loss_identity_photo"] = Term(loss_same_photo, weight_photo * share)
        ctx.descend(terms_g, self.opt_g)

        # Each discriminator learns to distinguish its domain's real pictures from fakes, new and
        # old.
        if pairs:
            terms_d = {f"loss_d_{domain}": Term(pair.loss_d()) for domain, pair in pairs.items()}
        else:
            with ctx.autocast():
                loss_photo = self.loss_d(self.net_d_photo, b, fake_b, self.photo_pool)
                loss_sketch = self.loss_d(self.net_d_sketch, a, fake_a, self.sketch_pool)
            terms_d = {"loss_d_photo": Term(loss_photo), "loss_d_sketch": Term(loss_sketch)}
        ctx.descend(terms_d, self.opt_d)
        return terms_g | terms_d

    def loss_d(self, net_d: nn.Module, real: Tensor, fake: Tensor, pool: ImagePool) -> Tensor:
        """A discriminator's loss on real pictures,
        and on fakes of which some come from the pool.
        """
        fakes = pool.query(distributed.gather(fake.detach().float()))
        fakes = self.precision.images(distributed.local_rows(fakes))
        logits_real, logits_fake = _each(net_d, real, fakes)
        return losses.discriminator_loss(logits_real, logits_fake, self.config.gan_loss)


def _each(net: nn.Module, *batches: Tensor | None) -> list[Tensor | None]:
    """The network's outputs for several batches (B, C, H, W), run through it as one;
    None for None.
    """
    given = [batch for batch in batches if batch is not None]
    outputs = iter(net(torch.cat(given)).split([len(batch) for batch in given]))
    return [None if batch is None else next(outputs) for batch in batches]
