"""StyleGAN2 (Karras et al. 2020): photos from random codes, against a regularised discriminator, or
against a projected one (Sauer et al. 2021).

Shapes: B photos in a batch, S = size_px, D style values, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from s2f_utils.methods.ada import AdaptiveP, augmented
from s2f_utils.methods.logistic import LogisticGAN, lazy_betas, lazy_share
from s2f_utils.methods.losses import logistic_loss_d, logistic_loss_g
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
    TotalImages,
    TrainConfig,
)
from s2f_utils.networks.info import FROM_NOISE
from s2f_utils.networks.projected_disc import ProjectedDiscriminator
from s2f_utils.networks.stylegan2_disc import StyleGAN2Discriminator
from s2f_utils.networks.stylegan2_gen import StyleGAN2 as Generator
from s2f_utils.runtime import distributed, to_device

PATH_DECAY = 0.01  # of the running mean of path lengths
PSI = 0.7  # truncation of the faces on sheets of samples


class StyleGAN2Config(TrainConfig):
    """StyleGAN2, Karras et al. 2020, with ADA: photos from random codes.

    Values of NVIDIA's "paper256", but the discriminator compares groups of 4 images, not 8, and the
    average of the weights forgets faster at the start, as in "auto".
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
    mixing: Annotated[float, Live(0.0, 1.0)] = Field(
        0.9, ge=0, le=1, description="share of fake photos whose styles come from two draws"
    )
    noise_from_images: int = Field(
        0, ge=0, description="noise starts at this image: small generators mistake it for detail"
    )
    discriminator: Literal["stylegan2", "projected"] = Field(
        "stylegan2", description="projected: Sauer et al., on pretrained features"
    )
    disc_filters: int = Field(64, gt=0, description="channels of a projected discriminator's heads")
    augment_disc: Literal["ada", "none"] = Field(
        "ada",
        description=(
            "augmentation of the discriminator's input; ada of a projected one: a shared change"
        ),
    )
    ada_target: Annotated[float, Live(0.0, 1.0)] = Field(
        0.6, ge=-1, le=1, description="how sure of real photos the discriminator should be"
    )
    ada_images: float = Field(
        500_000.0, gt=0, description="least images from no augmentation to the full one"
    )
    lambda_gan: LossWeight = Field(
        1.0, ge=0, description="weight of the adversarial loss (logistic)"
    )
    r1_gamma: Annotated[float, Live(0.001, 100.0, log=True)] = Field(
        1.0, ge=0, description="weight of the discriminator's squared gradient at real photos"
    )
    r1_every: int = Field(16, ge=0, description="steps between two R1 steps; 0: never")
    lambda_path: Annotated[float, Live(0.0, 10.0, only_if_set=True)] = Field(
        2.0, ge=0, description="weight of path length regularisation; not with projected"
    )
    path_every: int = Field(4, ge=0, description="steps between two such steps; 0: never")
    lr_g: LearningRate = Field(
        2.5e-3,
        gt=0,
        description=(
            "Adam's learning rate for the generator, of which 4/5 are used (lazy regularisation)"
        ),
    )
    lr_d: LearningRate = Field(
        2.5e-3, gt=0, description="Adam's learning rate for the discriminator: 16/17"
    )
    beta1: float = Field(0.0, description="Adam's momentum")
    beta2: float = Field(0.99, description="Adam's second decay rate")

    def unused(self) -> set[str]:
        is_projected = self.discriminator == "projected"
        is_unused = {
            "r1_gamma": is_projected or not self.r1_every,
            "lambda_path": is_projected or not self.path_every,
            "ada_target": is_projected or self.augment_disc == "none",
        }
        return {name for name, holds in is_unused.items() if holds}


class StyleGAN2(LogisticGAN):
    """Generator and discriminator with an Adam each;
    regularised every few steps, with a larger weight.
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
    batch_of_16gb = 24
    init_networks = ("stylegan2",)
    init_args = ("style_dim", "num_mlp", "channel_multiplier", "width")

    def build(self, config: StyleGAN2Config) -> None:
        sizes = {name: getattr(config, name) for name in ("size_px", *self.init_args)}
        net_g = Generator.build(**sizes)
        r1_every = config.r1_every
        path_every = config.path_every if config.lambda_path else 0
        if config.discriminator == "projected":
            net_d = ProjectedDiscriminator.build(
                width=config.disc_filters, sketch_channels=0, seed=config.seed
            )
            r1_every = path_every = 0  # neither is part of Sauer et al. 2021
        else:
            net_d = StyleGAN2Discriminator.build(
                **{n: sizes[n] for n in ("size_px", "channel_multiplier", "width")},
            )
        self.net_g, self.opt_g = self.add(
            "net_g", net_g, "lr_g", betas=lazy_betas(config, path_every)
        )
        self.net_d, self.opt_d = self.add(
            "net_d", net_d, "lr_d", betas=lazy_betas(config, r1_every)
        )
        for opt, every in ((self.opt_g, path_every), (self.opt_d, r1_every)):
            for group in opt.param_groups:  # saved with a run; an older run resumes without it
                group["lr_share"] = lazy_share(every)
                group["lr"] *= group["lr_share"]
        self.ada = AdaptiveP(config.ada_images)
        self.noise_weights = [
            weight for name, weight in net_g.named_parameters() if name.endswith("noise.weight")
        ]
        self.path_mean = torch.zeros((), device=self.precision.device)

    def state_dict(self) -> dict[str, object]:
        """ADA's probability, and the running mean of path lengths."""
        return {"ada": self.ada.state_dict(), "path_mean": self.path_mean}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        self.ada.load_state_dict(state["ada"])
        self.path_mean = state["path_mean"].to(self.path_mean)

    def draw(self, num: int, mixing: float) -> Tensor:
        """Styles (num, L, D) from random noise;
        a share `mixing` of them changes to another draw at some layer.
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

    def augment(self, photos: Tensor) -> Tensor:
        """The photos as the discriminator sees them."""
        return self.precision.images(augmented(photos, self.config.augment_disc, self.ada.p))

    def step(self, batch: Batch, ctx: Context) -> dict[str, Term]:
        """One step on a batch of photos b, (B, 3, S, S) in [-1, 1].

        The discriminator first, then the generator. Every `r1_every`-th step has R1, every
        `path_every`-th path length regularisation.
        """
        if self.config.discriminator == "projected":
            return self.step_projected(batch, ctx)
        b = batch.b

        # The discriminator learns to distinguish photos from fakes.
        with torch.no_grad():
            fake_b = self.generate(len(b), ctx)
        real, fake = self.augment(b), self.augment(fake_b)
        with ctx.autocast():
            logits_real, logits_fake = self.net_d(real), self.net_d(fake)
        terms_d = {"loss_d": Term(logistic_loss_d(logits_real, logits_fake))}
        ctx.descend(terms_d, self.opt_d)
        if self.config.augment_disc == "ada":
            self.ada.look(distributed.gather(logits_real.float()), ctx.live["ada_target"])
            ctx.observe("ada_p", self.ada.p)
        terms_r1 = self.r1_step(b, ctx)

        # The generator learns to deceive it.
        with frozen(self.net_d):
            fake = self.augment(self.generate(len(b), ctx))
            with ctx.autocast():
                logits_fake = self.net_d(fake)
        terms_g = {"loss_g": Term(logistic_loss_g(logits_fake), ctx.live["lambda_gan"])}
        ctx.descend(terms_g, self.opt_g)
        terms_path = self.path_step(len(b), ctx)
        self.hold_noise(len(b), ctx)
        return terms_d | terms_r1 | terms_g | terms_path

    def step_projected(self, batch: Batch, ctx: Context) -> dict[str, Term]:
        """One step against a projected discriminator, on a batch of photos b, (B, 3, S, S)."""
        b = batch.b
        fake_b = self.generate(len(b), ctx)
        augment = "none" if self.config.augment_disc == "none" else "shared"
        pair = ProjectedPair(self.net_d, None, b, fake_b, ctx, augment)
        terms_d = {"loss_d": Term(pair.loss_d())}
        ctx.descend(terms_d, self.opt_d)
        with frozen(self.net_d):
            terms_g = {"loss_g": Term(pair.loss_gan(), ctx.live["lambda_gan"])}
        ctx.descend(terms_g, self.opt_g)
        self.hold_noise(len(b), ctx)
        return terms_d | terms_g

    def generate(self, num: int, ctx: Context) -> Tensor:
        """Fake photos (num, 3, S, S) of random styles."""
        w = self.draw(num, ctx.live["mixing"])
        with ctx.autocast():
            return self.net_g(w, input_is_latent=True).float()

    def path_step(self, num: int, ctx: Context) -> dict[str, Term]:
        """In every `path_every`-th step, path length regularisation on half a batch,
        with a larger weight.
        """
        every = self.config.path_every
        if not (self.config.lambda_path and every and ctx.live["lambda_path"]):
            return {}
        if ctx.steps % every:
            return {}
        half = max(1, num // 2)
        with distributed.local_batch(half):
            penalty = self.path_penalty(half, ctx.live["mixing"])
            terms = {"loss_path": Term(penalty, ctx.live["lambda_path"] * every)}
            ctx.descend(terms, self.opt_g)
        return terms

    def hold_noise(self, num: int, ctx: Context) -> None:
        """Keep the generator's noise at 0 until `noise_from_images`. num: photos of this step."""
        seen = ctx.images_seen + num * distributed.world_size()
        if seen < self.config.noise_from_images:
            with torch.no_grad():
                torch._foreach_zero_(self.noise_weights)

    def path_penalty(self, num: int, mixing: float) -> Tensor:
        """The path length penalty: squared deviation from the running mean (Karras et al. 2020, eq.
        4). In float32, as R1.
        """
        w = self.draw(num, mixing)
        fake = self.net_g(w, input_is_latent=True)
        noise = distributed.randn(*fake.shape, device=fake.device, dtype=fake.dtype)
        noise = noise / math.sqrt(fake.shape[2] * fake.shape[3])
        (grad,) = torch.autograd.grad((fake * noise).sum(), w, create_graph=True)
        lengths = grad.square().sum(2).mean(1).sqrt()
        mean = distributed.gather(lengths.detach()).mean()
        self.path_mean = torch.lerp(self.path_mean, mean, PATH_DECAY)
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
