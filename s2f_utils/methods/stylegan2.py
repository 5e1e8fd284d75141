"""StyleGAN2 (Karras et al. 2020): photos from random codes, against a regularised discriminator, or
against a projected one (Sauer et al. 2021), with an additional encoder that learns from real photos
(Larsen et al. 2016, "VAE-GAN").

Shapes: B photos in a batch, S = size_px, D style values, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from s2f_utils import networks
from s2f_utils.infer import find_generator
from s2f_utils.methods.ada import AdaptiveP, augmented
from s2f_utils.methods.config import (
    FAST,
    BatchSize,
    ConstantShare,
    Direction,
    EmaHalfLifeImages,
    LoadSizePx,
    Range,
    TotalImages,
    TrainConfig,
    need,
)
from s2f_utils.methods.initial import FACES, discriminator_of, load_into
from s2f_utils.methods.method import Live, Method, frozen, slope_at
from s2f_utils.methods.projected import ProjectedPair
from s2f_utils.networks import checkpoints, pretrained
from s2f_utils.networks.info import FROM_NOISE
from s2f_utils.networks.pretrained import features_of, stride_distance
from s2f_utils.networks.stylegan2 import EqualLinear
from s2f_utils.runtime import Precision, distributed, to_device

PATH_DECAY = 0.01  # of the running mean of path lengths
PSI = 0.7  # truncation of the faces on sheets of samples
PLACES = (4, 2)  # sides to which the encoder's features at strides 16 and 32 are averaged
ENCODER_WIDTH = 320
CODE_NOISE = 0.35  # standard deviation of the noise added to an encoded photo's code, which has 1
LAMBDA_COLOUR = 4.0  # weight of the L1 loss of such a photo's colours, averaged over 8 × 8 pixels


class StyleGAN2Config(TrainConfig):
    """StyleGAN2, Karras et al. 2020, with ADA: photos from random codes. Values of NVIDIA's
    "paper256".
    """

    directions: ClassVar[tuple[str, ...]] = (FROM_NOISE,)

    direction: Direction = FROM_NOISE
    load_size_px: LoadSizePx = 256
    batch_size: BatchSize = 64
    total_images: TotalImages = 25_000_000
    constant_share: ConstantShare = 1.0
    ema_half_life_images: EmaHalfLifeImages = 20_000.0
    style_dim: int = Field(512, gt=0, description="values of a style")
    num_mlp: int = Field(8, gt=0, description="layers of the network that turns noise into styles")
    width: int = Field(512, gt=0, description="most channels of a layer, in both networks")
    channel_multiplier: float = Field(
        1.0, gt=0, description="channels from 64 px on: 2 in the paper's large models"
    )
    mixing: Annotated[float, Range(0.0, 1.0)] = Field(
        0.9, ge=0, le=1, description="share of fake photos whose styles come from two draws"
    )
    noise_from_images: int = Field(
        0, ge=0, description="noise starts at this image: small generators mistake it for detail"
    )
    discriminator: Literal["stylegan2", "projected"] = "stylegan2"
    disc_filters: int = Field(64, gt=0, description="channels of a projected discriminator's heads")
    disc_from_images: int = Field(
        0, ge=0, description="with an encoder: the discriminator joins at this image, as in VQGAN"
    )
    augment_disc: Literal["ada", "none"] = Field(
        "ada", description="augmentation of the discriminator's input"
    )
    ada_target: Annotated[float, Range(0.0, 1.0)] = Field(
        0.6, ge=-1, le=1, description="how sure of real photos the discriminator should be"
    )
    ada_images: float = Field(
        500_000.0, gt=0, description="least images from no augmentation to the full one"
    )
    lambda_gan: float = Field(1.0, ge=0, description="weight of the adversarial loss (logistic)")
    r1_gamma: Annotated[float, Range(0.001, 100.0, log=True)] = Field(
        1.0, ge=0, description="weight of the discriminator's squared gradient at real photos"
    )
    r1_every: int = Field(16, ge=0, description="steps between two R1 steps; 0: never")
    lambda_path: Annotated[float, Range(0.0, 10.0, only_if_set=True)] = Field(
        2.0, ge=0, description="weight of path length regularisation"
    )
    path_every: int = Field(4, ge=0, description="steps between two such steps; 0: never")
    lr_g: float = Field(
        2.5e-3,
        gt=0,
        description="Adam's learning rate for the generator, of which 4/5 are used (lazy regularisation)",
    )
    lr_d: float = Field(
        2.5e-3, gt=0, description="Adam's learning rate for the discriminator: 16/17"
    )
    lambda_perceptual: Annotated[float, Range(0.0, 10.0, only_if_set=True)] = Field(
        0.0,
        ge=0,
        description="above 0, half of a batch is generated from photos' codes, to look like them",
    )
    beta1: float = Field(0.0, description="Adam's momentum")
    beta2: float = Field(0.99, description="Adam's second decay rate")

    @model_validator(mode="after")
    def check_stylegan2(self) -> Self:
        """The settings fit each other."""
        fits = self.discriminator == "projected" or not self.lambda_perceptual
        need(fits, "lambda_perceptual needs discriminator=projected, whose features it uses")
        fits = self.lambda_perceptual or not self.disc_from_images
        need(
            fits,
            "disc_from_images needs lambda_perceptual: otherwise nothing is learned before that image",
        )
        return self


class LogisticGAN(Method):
    """Common to StyleGAN2 and GFPGAN: training on photos alone, with a regularised discriminator."""

    data = "photos"
    steps = 0

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The generator's arguments and its size, which published files do not state."""
        return super().settings_from(net, {"size_px": net.size_px})

    @property
    def kept(self) -> dict[str, nn.Module]:
        """The discriminator, for the start of a later run, and for its features in pSp's losses."""
        return {"discriminator": self.net_d}

    def state_dict(self) -> dict[str, object]:
        return {"steps": self.steps}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        self.steps = state["steps"]

    def begin_with(self, init: str | Path | None) -> None:
        """A generator of the same size, and its discriminator if that is beside it."""
        if init is None:
            return
        load_into(self.net_g, self.generator_of(init), init, FACES)
        if (beside := discriminator_of(init)).is_file():
            load_into(self.net_d, checkpoints.load_network(beside)[0], init, FACES)

    def generator_of(self, init: str | Path) -> nn.Module:
        """A run's initial generator."""
        return checkpoints.load_network(find_generator(init))[0]

    def shown(self, photos: Tensor) -> Tensor:
        """Photos (B, 3, S, S) as the discriminator sees them."""
        return photos

    def smooth(self, photos: Tensor, live: Live) -> dict[str, Tensor]:
        """In every `r1_every`-th step, lower the discriminator's gradient at real photos (R1), with
        a larger weight.
        """
        every = self.config.r1_every
        if not every or self.steps % every:
            return {}
        penalty = r1_penalty(self.net_d, photos, self.shown, self.slope)
        self.descend(0.5 * live["r1_gamma"] * every * penalty, self.opt_d)
        return {"loss_r1": self.logged(penalty)}


class StyleGAN2(LogisticGAN):
    """Generator and discriminator with an Adam each; regularised every few steps, with a larger
    weight.
    """

    Config = StyleGAN2Config
    profiles = {
        "demo": {
            "size_px": 64,
            "load_size_px": 64,
            "batch_size": 16,
            "total_images": 400_000,
            "ema_half_life_images": 5_000.0,
            "style_dim": 128,
            "num_mlp": 4,
            "width": 128,
            "r1_gamma": 0.2,
            "lambda_path": 0.0,
            "ada_images": 100_000.0,
            "time_budget_s": 600.0,
        },
        "demo on a CPU": {"channel_multiplier": 0.25},
        "fast": {
            **FAST,
            "size_px": 32,
            "load_size_px": 32,
            "batch_size": 8,
            "style_dim": 16,
            "num_mlp": 2,
            "width": 16,
        },
    }
    begins_with = ("stylegan2",)
    same_args = ("style_dim", "num_mlp", "channel_multiplier", "width")

    def __init__(self, config: StyleGAN2Config, precision: Precision) -> None:
        super().__init__(config, precision)
        sizes = {name: getattr(config, name) for name in ("size_px", *self.same_args)}
        net_g = networks.build("stylegan2", **sizes)
        r1_every, path_every = config.r1_every, config.path_every if config.lambda_path else 0
        if config.discriminator == "projected":
            net_d = networks.build(
                "projected", width=config.disc_filters, sketch_channels=0, seed=config.seed
            )
            r1_every = 0
        else:
            net_d = networks.build(
                "stylegan2-disc",
                **{n: sizes[n] for n in ("size_px", "channel_multiplier", "width")},
            )
        self.net_g, self.opt_g = self.add(
            "net_g", net_g, "lr_g", betas=lazy_betas(config, path_every)
        )
        self.net_d, self.opt_d = self.add(
            "net_d", net_d, "lr_d", betas=lazy_betas(config, r1_every)
        )
        if config.lambda_perceptual:
            self.nets["encoder"] = precision.prepare(
                distributed.sync_batch_norm(PhotoEncoder(config.style_dim))
            )
            both = nn.ModuleList([self.net_g, self.nets["encoder"]])
            self.opt_g = self.optimize(both, "lr_g", betas=lazy_betas(config, path_every))
        for opt, every in ((self.opt_g, path_every), (self.opt_d, r1_every)):
            for group in opt.param_groups:  # saved with a run; an older run resumes without it
                group["lr_share"] = lazy_share(every)
                group["lr"] *= group["lr_share"]
        self.ada = AdaptiveP(config.ada_images)
        self.noise_weights = [
            weight for name, weight in net_g.named_parameters() if name.endswith("noise.weight")
        ]
        self.path_mean = torch.zeros((), device=precision.device)

    def state_dict(self) -> dict[str, object]:
        """Steps, ADA's probability, the running mean of path lengths."""
        return super().state_dict() | {"ada": self.ada.state_dict(), "path_mean": self.path_mean}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        super().load_state_dict(state)
        self.ada.load_state_dict(state["ada"])
        self.path_mean = state["path_mean"].to(self.path_mean)

    def draw(self, num: int, mixing: float) -> Tensor:
        """Styles (num, L, D) from random noise; a share `mixing` of them changes to another draw at
        some layer.
        """
        layers = self.net_g.num_layers
        z = distributed.draw(lambda n: torch.randn(2, n, self.config.style_dim), num, dim=1)
        z = to_device(z, self.precision.device)
        turn_at = distributed.randint(1, layers, num)
        turn_at = to_device(
            torch.where(distributed.rand(num) < mixing, turn_at, torch.tensor(layers)), z.device
        )
        w = self.net_g.map(z)[:, :, None]  # (2, num, 1, D)
        first = torch.arange(layers, device=z.device)[None] < turn_at[:, None]
        return torch.where(first[..., None], w[0], w[1])

    def shown(self, photos: Tensor) -> Tensor:
        """The photos as the discriminator sees them."""
        return self.precision.images(augmented(photos, self.config.augment_disc, self.ada.p))

    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One step on a batch of photos b, (B, 3, S, S) in [-1, 1]; returns the losses, detached.

        The discriminator first, then the generator. Every `r1_every`-th step has R1, every
        `path_every`-th path length regularisation.
        """
        losses, config = {}, self.config
        if config.discriminator == "projected":
            return self.step_projected(b, live)

        with torch.no_grad():
            fake_b = self.net_g(self.draw(len(b), live["mixing"]), input_is_latent=True)
        logits_real, logits_fake = self.net_d(self.shown(b)), self.net_d(self.shown(fake_b))
        losses["loss_d"] = F.softplus(-logits_real).mean() + F.softplus(logits_fake).mean()
        self.descend(losses["loss_d"], self.opt_d)
        if config.augment_disc == "ada":
            self.ada.look(distributed.gather(logits_real), live["ada_target"])
            losses["ada_p"] = torch.full((), self.ada.p, device=b.device)

        losses |= self.smooth(b, live)

        with frozen(self.net_d):
            fake_b = self.net_g(self.draw(len(b), live["mixing"]), input_is_latent=True)
            losses["loss_g"] = F.softplus(-self.net_d(self.shown(fake_b))).mean()
            self.descend(live["lambda_gan"] * losses["loss_g"], self.opt_g)

        if (
            config.path_every
            and config.lambda_path
            and live["lambda_path"]
            and self.steps % config.path_every == 0
        ):
            half = max(1, len(b) // 2)
            with distributed.local_batch(half):
                penalty = self._path_penalty(half, live["mixing"])
                self.descend(live["lambda_path"] * config.path_every * penalty, self.opt_g)
            losses["loss_path"] = self.logged(penalty)
        self._count()
        return {name: value.detach() for name, value in losses.items()}

    def step_projected(self, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One step against a projected discriminator, on a batch of photos b, (B, 3, S, S); returns
        the losses.

        With an encoder the first half of the fakes is generated from the codes of real photos, and
        compared with them: the generator gets a useful gradient even if the discriminator is always
        right.
        """
        num, losses = len(b), {}
        has_disc = self.steps * self.config.batch_size >= self.config.disc_from_images
        num_encoded = 0 if "encoder" not in self.nets else num // 2 if has_disc else num
        w = self.draw(num, live["mixing"])
        if num_encoded:
            code = self.nets["encoder"](features_of(b))[:num_encoded]
            with distributed.local_batch(num_encoded):
                noise = to_device(distributed.randn(*code.shape), b.device)
            w_encoded = self.net_g.map(code + CODE_NOISE * noise)
            w = torch.cat([w_encoded[:, None].expand(-1, w.shape[1], -1), w[num_encoded:]])
        fake_b = self.net_g(w, input_is_latent=True)
        pair = ProjectedPair(self.net_d, None, b, fake_b, within=self.precision.autocast)
        if has_disc:
            losses["loss_d"] = pair.loss_d()
            self.descend(losses["loss_d"], self.opt_d)
        with frozen(self.net_d):
            loss = torch.zeros((), device=b.device)
            if has_disc:
                losses["loss_g"] = pair.loss_gan()
                loss = live["lambda_gan"] * losses["loss_g"]
            if num_encoded:
                features = (
                    [f[:num_encoded] for f in some]
                    for some in (pair.features_fake, pair.features_real)
                )
                losses["loss_perceptual"] = stride_distance(*features).mean()
                small = (F.avg_pool2d(x[:num_encoded].float(), 8) for x in (fake_b, b))
                losses["loss_colour"] = F.l1_loss(*small)
                loss = loss + live["lambda_perceptual"] * losses["loss_perceptual"]
                loss = loss + LAMBDA_COLOUR * losses["loss_colour"]
            self.descend(loss, self.opt_g)
        self._count()
        return {name: value.detach() for name, value in losses.items()}

    def _count(self) -> None:
        """Count a step; noise stays 0 until `noise_from_images`."""
        self.steps += 1
        if self.steps * self.config.batch_size < self.config.noise_from_images:
            with torch.no_grad():
                torch._foreach_zero_(self.noise_weights)

    def _path_penalty(self, num: int, mixing: float) -> Tensor:
        """The path length penalty: squared deviation from the running mean (Karras et al. 2020, eq.
        4).
        """
        w = self.draw(num, mixing)
        fake = self.net_g(w, input_is_latent=True)
        noise = to_device(distributed.randn(*fake.shape), fake.device).to(fake) / math.sqrt(
            fake.shape[2] * fake.shape[3]
        )
        lengths = self.slope((fake * noise).sum(), w).square().sum(2).mean(1).sqrt()
        now = torch.lerp(self.path_mean, distributed.gather(lengths.detach()).mean(), PATH_DECAY)
        self.path_mean = (
            torch.where(now.isfinite(), now, self.path_mean) if self.scaler.is_enabled() else now
        )
        return (lengths - self.path_mean).square().mean()

    @torch.no_grad()
    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Two rows of faces from fixed noise, and real photos, (N, 3, S, S) each."""
        net, num = nets[FROM_NOISE], len(b)
        z = torch.randn(
            2 * num, self.config.style_dim, generator=torch.Generator().manual_seed(0)
        ).to(b.device)
        mean = net.mean_latent()
        faces = net(
            mean + PSI * (net.map(z) - mean), input_is_latent=True, randomize_noise=False
        ).clamp(-1, 1)
        return {"faces": faces[:num], "more faces": faces[num:], "photos": b}


class PhotoEncoder(nn.Module):
    """Pretrained features of real photos at strides 4 to 32 (`features_of`) → their codes (B, D),
    of mean 0 and variance 1 over a batch, like the generator's noise.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        channels = pretrained.BACKBONES["efficientnet-lite0"].channels[2:]
        num_features = sum(num * side**2 for num, side in zip(channels, PLACES, strict=True))
        self.layers = nn.Sequential(
            nn.BatchNorm1d(num_features, affine=False),
            EqualLinear(num_features, ENCODER_WIDTH),
            nn.GELU(),
            EqualLinear(ENCODER_WIDTH, dim),
            nn.BatchNorm1d(dim, affine=False),
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        coarse = zip(features[2:], PLACES, strict=True)
        return self.layers(
            torch.cat(
                [F.adaptive_avg_pool2d(f.float(), side).flatten(1) for f, side in coarse], dim=1
            )
        )


def lazy_share(every: int) -> float:
    """c = k / (k + 1) for a regularisation in each k-th step, 1 for none: Adam's learning rate
    times c and its betas to the power of c compensate for the additional steps (Karras et al. 2020,
    appendix B).
    """
    return every / (every + 1) if every else 1.0


def lazy_betas(config: TrainConfig, every: int) -> tuple[float, float]:
    """Adam's betas, for a regularisation in every `every`-th step; see `lazy_share`."""
    return config.beta1 ** lazy_share(every), config.beta2 ** lazy_share(every)


def r1_penalty(
    net_d: nn.Module,
    photos: Tensor,
    shown=lambda x: x,
    slope: Callable[[Tensor, Tensor], Tensor] = slope_at,
) -> Tensor:
    """The mean squared norm of a discriminator's gradient at real photos (B, 3, S, S), a scalar ≥ 0
    (Mescheder et al. 2018, eq. 9). shown: the augmentation before the discriminator. slope: as
    `Method.slope`.
    """
    photos = photos.detach().requires_grad_()
    return slope(net_d(shown(photos)).sum(), photos).square().sum((1, 2, 3)).mean()
