"""StyleGAN2 (Karras et al. 2020): photos from chance alone, against a discriminator that is kept smooth.

Shapes: B photos in a batch, S = size_px, D style values, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils import models
from s2f_utils.inference import find_generator
from s2f_utils.models import checkpoints
from s2f_utils.models.directions import FROM_NOISE
from s2f_utils.runtime import Precision
from s2f_utils.training.ada import AdaptiveP, augmented
from s2f_utils.training.config import RestoreConfig, StyleGAN2Config
from s2f_utils.training.init import judge_of, take_grown
from s2f_utils.training.live import Range
from s2f_utils.training.method import Live, Method, frozen

PATH_DECAY = 0.01  # of the running mean of path lengths
PSI = 0.7  # truncation of the faces on sheets of samples


class StyleGAN2(Method):
    """Generator and discriminator with an Adam each; regularised every few steps, with the more weight."""

    data = "photos"
    accumulates = False  # augmentation and path length are steered by whole batches
    live_ranges = {
        "lr_g": Range(1e-5, 1e-2, log=True),
        "lr_d": Range(1e-5, 1e-2, log=True),
        "lambda_gan": Range(0.0, 10.0),
        "r1_gamma": Range(1e-3, 100.0, log=True),
        "lambda_path": Range(0.0, 10.0),
        "mixing": Range(0.0, 1.0),
        "ada_target": Range(0.0, 1.0),
    }

    def __init__(self, config: StyleGAN2Config, precision: Precision) -> None:
        super().__init__(config, precision)
        common = {name: getattr(config, name) for name in ("size_px", "channel_multiplier", "width")}
        net_g = models.build("stylegan2", style_dim=config.style_dim, num_mlp=config.num_mlp, **common)
        net_d = models.build("stylegan2-disc", **common)
        self.net_g, self.opt_g = self.add("net_g", net_g, "lr_g", betas=lazy_betas(config, config.path_every))
        self.net_d, self.opt_d = self.add("net_d", net_d, "lr_d", betas=lazy_betas(config, config.r1_every))
        self.cycle = max(1, config.r1_every)
        self.ada = AdaptiveP(config.ada_images)
        self.noise_weights = [weight for name, weight in net_g.named_parameters() if name.endswith("noise.weight")]
        self.steps = 0
        self.path_mean = torch.zeros((), device=precision.device)

    @property
    def generators(self) -> dict[str, nn.Module]:
        """The one generator: it has nothing to go by."""
        return {FROM_NOISE: self.net_g}

    def begin_with(self, init: str | Path | None) -> None:
        """A generator of as many pixels or fewer, and its discriminator where that lies beside it."""
        if init is None:
            return
        take_grown(self.net_g, checkpoints.load_network(find_generator(init))[0], init)
        if (judge := judge_of(init)).is_file():
            take_grown(self.net_d, checkpoints.load_network(judge)[0], init)

    @property
    def kept(self) -> dict[str, nn.Module]:
        """The discriminator: pSp's losses look through its eyes."""
        return {"discriminator": self.net_d}

    def state_dict(self) -> dict[str, object]:
        """Steps, ADA's probability, the running mean of path lengths."""
        return {"steps": self.steps, "ada": self.ada.state_dict(), "path_mean": self.path_mean}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Take up what `state_dict` gave."""
        self.steps = state["steps"]
        self.ada.load_state_dict(state["ada"])
        self.path_mean = state["path_mean"].to(self.path_mean)

    def draw(self, num: int, mixing: float) -> Tensor:
        """Styles (num, L, D) of random noise; a share `mixing` of them from one draw up to some layer, then from
        another (style mixing).
        """
        layers = self.net_g.num_layers
        z = torch.randn(2, num, self.config.style_dim).to(self.precision.device)
        turn_at = torch.randint(1, layers, (num,))
        turn_at = torch.where(torch.rand(num) < mixing, turn_at, torch.tensor(layers)).to(z.device)
        w = self.net_g.map(z)[:, :, None]  # (2, num, 1, D)
        first = torch.arange(layers, device=z.device)[None] < turn_at[:, None]
        return torch.where(first[..., None], w[0], w[1])

    def shown(self, photos: Tensor) -> Tensor:
        """The photos as the discriminator is shown them."""
        return self.precision.images(augmented(photos, self.config.augment_disc, self.ada.p))

    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One step on a batch of photos b, (B, 3, S, S) in [-1, 1]; returns the losses, detached.

        The discriminator first, then the generator. Every `r1_every`-th step the discriminator's slope at real photos
        is lowered (R1), every `path_every`-th the generator is made to change as much for any step in style space.
        """
        losses, config = {}, self.config

        with torch.no_grad():
            fake_b = self.net_g(self.draw(len(b), live["mixing"]), input_is_latent=True)
        logits_real, logits_fake = self.net_d(self.shown(b)), self.net_d(self.shown(fake_b))
        losses["loss_d"] = F.softplus(-logits_real).mean() + F.softplus(logits_fake).mean()
        self.descend(losses["loss_d"], self.opt_d)
        if config.augment_disc == "ada":
            self.ada.look(logits_real, live["ada_target"])
            losses["ada_p"] = torch.tensor(self.ada.p, device=b.device)

        if config.r1_every and self.steps % config.r1_every == 0:
            losses["loss_r1"] = r1_penalty(self.net_d, b, self.shown)
            self.descend(0.5 * live["r1_gamma"] * config.r1_every * losses["loss_r1"], self.opt_d)

        with frozen(self.net_d):
            fake_b = self.net_g(self.draw(len(b), live["mixing"]), input_is_latent=True)
            losses["loss_g"] = F.softplus(-self.net_d(self.shown(fake_b))).mean()
            self.descend(live["lambda_gan"] * losses["loss_g"], self.opt_g)

        if config.path_every and live["lambda_path"] and self.steps % config.path_every == 0:
            losses["loss_path"] = self._path_penalty(max(1, len(b) // 2), live["mixing"])
            self.descend(live["lambda_path"] * config.path_every * losses["loss_path"], self.opt_g)
        self.steps += 1
        if self.steps * config.batch_size < config.noise_from_images:
            with torch.no_grad():
                torch._foreach_zero_(self.noise_weights)
        return {name: value.detach() for name, value in losses.items()}

    def _path_penalty(self, num: int, mixing: float) -> Tensor:
        """How much the lengths of the generator's slopes differ from their running mean (Karras et al. 2020, eq. 4)."""
        w = self.draw(num, mixing)
        fake = self.net_g(w, input_is_latent=True)
        noise = torch.randn(fake.shape).to(fake) / math.sqrt(fake.shape[2] * fake.shape[3])
        (slope,) = torch.autograd.grad((fake * noise).sum(), w, create_graph=True)
        lengths = slope.float().square().sum(2).mean(1).sqrt()
        self.path_mean = torch.lerp(self.path_mean, lengths.detach().mean(), PATH_DECAY)
        return (lengths - self.path_mean).square().mean()

    @torch.no_grad()
    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Two rows of faces of fixed noise, and real photos, (N, 3, S, S) each."""
        net, num = nets[FROM_NOISE], len(b)
        z = torch.randn(2 * num, self.config.style_dim, generator=torch.Generator().manual_seed(0)).to(b.device)
        mean = net.mean_latent()
        faces = net(mean + PSI * (net.map(z) - mean), input_is_latent=True, randomize_noise=False).clamp(-1, 1)
        return {"faces": faces[:num], "more faces": faces[num:], "photos": b}


def lazy_betas(config: StyleGAN2Config | RestoreConfig, every: int) -> tuple[float, float]:
    """Adam's memory, shortened as if every step had its share of the lazy regularisation (the paper's appendix B)."""
    share = every / (every + 1) if every else 1.0
    return config.beta1**share, config.beta2**share


def r1_penalty(net_d: nn.Module, photos: Tensor, shown=lambda x: x) -> Tensor:
    """The mean squared length of a discriminator's slope at real photos, a scalar ≥ 0; Mescheder et al. 2018, eq. 9.

    photos: (B, 3, S, S). shown: what the discriminator is shown instead of them.
    """
    photos = photos.detach().requires_grad_()
    (slope,) = torch.autograd.grad(net_d(shown(photos)).sum(), photos, create_graph=True)
    return slope.float().square().sum((1, 2, 3)).mean()
