"""GFPGAN's training (Wang et al. 2021): photos are made bad, and a restorer learns to give them back.

Shapes: B photos in a batch, S = size_px. The published "simple" training: without the discriminators of eyes and mouth.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils import models
from s2f_utils.inference import find_generator
from s2f_utils.metrics.identity import arcface
from s2f_utils.metrics.perceptual import vgg19
from s2f_utils.models import checkpoints
from s2f_utils.pictures import degradations, images
from s2f_utils.runtime import Precision
from s2f_utils.training.config import RestoreConfig
from s2f_utils.training.init import judge_of, take
from s2f_utils.training.live import Range
from s2f_utils.training.losses import feature_distance, judged_distance, l1_loss, style_distance
from s2f_utils.training.method import Live, Method, frozen
from s2f_utils.training.methods.psp import identity_loss
from s2f_utils.training.methods.stylegan2 import lazy_betas, r1_penalty

WORKERS = 4
_WEIGHT_OF = {"loss_vgg": "lambda_perceptual", "loss_judged": "lambda_perceptual", "loss_style": "lambda_style"}


class Restore(Method):
    """The restorer and a discriminator, StyleGAN2's or one of patches, with an Adam each."""

    data = "photos"
    live_ranges = {
        "lr_g": Range(1e-5, 1e-2, log=True),
        "lr_d": Range(1e-5, 1e-2, log=True),
        "lambda_l1": Range(0.0, 10.0),
        "lambda_pyramid": Range(0.0, 10.0),
        "lambda_perceptual": Range(0.0, 10.0),
        "lambda_style": Range(0.0, 100.0),
        "lambda_id": Range(0.0, 20.0),
        "lambda_gan": Range(0.0, 1.0),
        "r1_gamma": Range(1e-3, 100.0, log=True),
        "damage": Range(0.0, 1.0),
    }

    def __init__(self, config: RestoreConfig, precision: Precision) -> None:
        super().__init__(config, precision)
        sizes = ("size_px", "num_style_feat", "num_mlp", "narrow", "channel_multiplier")
        net_g = models.build("gfpgan", residual=config.residual, **{name: getattr(config, name) for name in sizes})
        if config.residual:
            net_g.paint_nothing()
        if config.discriminator == "patchgan":
            filters = config.disc_width // 4
            net_d = models.build("patchgan", in_channels=6, base_filters=filters, num_layers=2, norm="none")
            for part in net_d.modules():  # without norms, weights as small as published let little of a picture through
                if isinstance(part, nn.Conv2d):
                    nn.init.kaiming_normal_(part.weight, 0.2)
        else:
            size = {"size_px": config.size_px, "width": config.disc_width}
            net_d = models.build("stylegan2-disc", channel_multiplier=config.disc_multiplier, **size)
        self.net_g, self.opt_g = self.add("net_g", net_g, "lr_g", betas=(config.beta1, config.beta2))
        self.net_d, self.opt_d = self.add("net_d", net_d, "lr_d", betas=lazy_betas(config, config.r1_every))
        self.cycle = max(1, config.r1_every)
        self.steps = 0

    def begin_with(self, init: str | Path | None) -> None:
        """Another restorer, and its discriminator where that lies beside it; also what the losses need is fetched now.

        A residual restorer takes from another kind all but its colours, so that it begins by changing nothing. Raises
        CheckpointError where the sizes are others, WeightsError where published weights are not to be had.
        """
        if init is not None:
            begun = checkpoints.load_network(find_generator(init))[0]
            anew = self.config.residual and not getattr(begun, "residual", True)
            if anew:
                begun.residual = begun.args["residual"] = True
                begun.paint_nothing()
            take(self.net_g, begun, init)
            if (judge := judge_of(init)).is_file():
                take(self.net_d, checkpoints.load_network(judge)[0], init)
        if self.config.perceptual == "vgg":
            vgg19(self.precision.device)
        if self.config.lambda_id:
            arcface(self.precision.device)

    @property
    def kept(self) -> dict[str, nn.Module]:
        """The discriminator, which a later run may begin with."""
        return {"discriminator": self.net_d}

    def state_dict(self) -> dict[str, object]:
        """Steps."""
        return {"steps": self.steps}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Take up what `state_dict` gave."""
        self.steps = state["steps"]

    def degraded(self, photos: Tensor, damage: float = 1.0, seeds: list[int] | None = None) -> Tensor:
        """Photos (B, 3, S, S) in [-1, 1], each made bad in its own way; seeds: from torch's generator where None."""
        seeds = torch.randint(2**31, (len(photos),)).tolist() if seeds is None else seeds
        ranges = degradations.softer(degradations.PUBLISHED, damage)
        with ThreadPoolExecutor(WORKERS) as pool:
            made = list(pool.map(degradations.degrade, images.to_uint8(photos), seeds, [ranges] * len(seeds)))
        return self.precision.images(images.to_tensor(np.stack(made)).to(photos.device))

    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One step on a batch of photos b, (B, 3, S, S) in [-1, 1]; returns the losses, detached.

        The generator first, as published, then the discriminator, where it is asked; every `r1_every`-th step its slope
        at real photos is lowered.
        """
        losses, config = {}, self.config
        a = self.degraded(b, live["damage"])
        fake_b, levels = self.net_g(a, return_rgb=True, randomize_noise=True)

        with frozen(self.net_d):
            losses["loss_l1"] = l1_loss(fake_b, b)
            loss = live["lambda_l1"] * losses["loss_l1"]
            if live["lambda_pyramid"] and self.steps * config.batch_size < config.pyramid_images:
                losses["loss_pyramid"] = pyramid_loss(levels, b)
                loss = loss + live["lambda_pyramid"] * losses["loss_pyramid"]
            if live["lambda_perceptual"] or live["lambda_style"]:
                losses |= self._seen(fake_b, b)
                loss = loss + sum(live[_WEIGHT_OF[name]] * losses[name] for name in losses if name in _WEIGHT_OF)
            if live["lambda_id"]:
                losses["loss_id"] = identity_loss(fake_b, b)
                loss = loss + live["lambda_id"] * losses["loss_id"]
            if live["lambda_gan"]:
                losses["loss_g"] = F.softplus(-self.net_d(self.shown(fake_b))).mean()
                loss = loss + live["lambda_gan"] * losses["loss_g"]
            self.descend(loss, self.opt_g, config.max_norm)

        asked = live["lambda_gan"] or (config.perceptual == "discriminator" and live["lambda_perceptual"])
        if asked:
            logits_real, logits_fake = (self.net_d(self.shown(pictures)) for pictures in (b, fake_b.detach()))
            losses["loss_d"] = F.softplus(-logits_real).mean() + F.softplus(logits_fake).mean()
            self.descend(losses["loss_d"], self.opt_d)
        if asked and config.r1_every and self.steps % config.r1_every == 0:
            losses["loss_r1"] = r1_penalty(self.net_d, b, self.shown)
            self.descend(0.5 * live["r1_gamma"] * config.r1_every * losses["loss_r1"], self.opt_d)
        self.steps += 1
        return {name: value.detach() for name, value in losses.items()}

    def shown(self, photos: Tensor) -> Tensor:
        """What the discriminator is shown of photos (B, 3, S, S): the judge of patches also their fine detail, raised,
        as three more channels. Norms would hide how strong it is, and without either it learns ten times as slowly.
        """
        return with_detail(photos) if self.config.discriminator == "patchgan" else photos

    def _seen(self, fake_b: Tensor, b: Tensor) -> dict[str, Tensor]:
        """How far the pictures are apart in the eyes of VGG-19, in content and style, or of the discriminator."""
        with self.precision.autocast():
            if self.config.perceptual == "discriminator":
                fake, real = (self.net_d.features(self.shown(pictures)) for pictures in (fake_b, b))
                if self.config.discriminator == "patchgan":  # the last are its logits
                    fake, real = fake[:-1], real[:-1]
                return {"loss_judged": judged_distance(fake, real)}
            net = vgg19(b.device)
            fake, real = net(fake_b), net(b)
        return {"loss_vgg": feature_distance(fake, real), "loss_style": style_distance(fake, real)}

    @torch.no_grad()
    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Photos made bad, always in the same way; what the restorer makes of them; and the photos."""
        net = nets[self.config.direction]
        bad = self.degraded(b, seeds=list(range(len(b))))
        return {"a": bad, "fake_b": net(bad), "b": b}


def with_detail(photos: Tensor, gain: float = 4.0) -> Tensor:
    """Photos and what a mean over 5x5 pixels takes from them, times `gain`: (B, 3, S, S) → (B, 6, S, S)."""
    smooth = F.avg_pool2d(F.pad(photos, (2, 2, 2, 2), mode="reflect"), 5, stride=1)
    return torch.cat([photos, gain * (photos - smooth)], dim=1)


def pyramid_loss(levels: list[Tensor], photos: Tensor) -> Tensor:
    """How far the pictures of the U-Net's levels, from 8 px to S, are from the photos made as small; summed, as
    published. levels: (B, 3, s, s) each. photos: (B, 3, S, S).
    """
    total = photos.new_zeros(())
    for level in levels:
        small = F.interpolate(photos, size=level.shape[-2:], mode="bilinear", align_corners=False, antialias=True)
        total = total + l1_loss(level, small)
    return total
