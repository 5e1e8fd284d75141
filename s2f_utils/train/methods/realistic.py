"""The realistic model: a faithful network, and a second one that adds the detail of photos, trained
against patch discriminators. The detail is invented: it looks like a photo and is a little further
from the ground truth.

Shapes: B pairs in a batch, H = W = size_px; h, w a discriminator's grid of patches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from s2f_utils import networks
from s2f_utils.networks.resunet import grey_of
from s2f_utils.runtime import Precision, distributed
from s2f_utils.train.loading import answering, load_into
from s2f_utils.train.losses import (
    discriminator_loss,
    generator_loss,
    l1_loss,
    perceptual_loss,
    ssim_loss,
)
from s2f_utils.train.method import Live, Method, frozen, weighted
from s2f_utils.train.methods.faithful import Faithful, FaithfulConfig, sizes_of
from s2f_utils.train.projected import AUGMENTATIONS, ProjectedPair
from s2f_utils.train.settings import setting

# For each PatchGAN, its layers (2 for patches of 34 px, 3 for 70 px) and its view of a photo.
DISCRIMINATORS = ((2, "grey"), (3, "grey"), (2, "colour"))
DISC_STEPS = (
    2  # discriminator steps per generator step: on 88 pairs they would otherwise lag behind
)
CROPS = 3  # per picture
COLOUR_GAIN = 4.0  # colours vary less than brightness


class Discriminators(nn.Module):
    """PatchGANs with instance norm, as in `DISCRIMINATORS`, on grey sketches and photos.

    Each sees the photo's brightness, "grey", or its colours given that brightness, "colour",
    without a gradient to the
    brightness: a joint one would accept coloured speckles.
    """

    def __init__(self, base_filters: int) -> None:
        super().__init__()
        self.judges = nn.ModuleList()  # their name in resume files
        for num_layers, sees in DISCRIMINATORS:
            args = {
                "in_channels": 2 if sees == "grey" else 5,
                "base_filters": base_filters,
                "num_layers": num_layers,
            }
            self.judges.append(networks.build("patchgan", norm="instance", **args))

    def forward(self, sketch: Tensor, photo: Tensor) -> list[Tensor]:
        """Sketches (B, 1, H, W), photos (B, 3, H, W) → each discriminator's logits (B, 1, h, w)."""
        grey = grey_of(photo).to(photo.dtype)
        views = {"grey": (grey,), "colour": (grey.detach(), COLOUR_GAIN * (photo - grey))}
        pairs = zip(self.judges, DISCRIMINATORS, strict=True)
        return [net(torch.cat([sketch, *views[sees]], dim=1)) for net, (_, sees) in pairs]


class CroppedPair:
    """Real and fake pictures for patch discriminators, with the losses of `ProjectedPair`, each on
    new crops at the same positions in both. sketch, real, fake: (B, 3, S, S) in [-1, 1]. side_px:
    of a crop.
    """

    def __init__(
        self,
        net_d: Discriminators,
        sketch: Tensor,
        real: Tensor,
        fake: Tensor,
        side_px: int,
        precision: Precision,
    ) -> None:
        self.net_d, self.sketch, self.real, self.fake = net_d, grey_of(sketch), real, fake
        self.side_px, self.precision = side_px, precision

    def loss_d(self) -> Tensor:
        """The discriminators' hinge losses, summed, without gradients for the generator."""
        logits = self._logits(self.real, self.fake.detach())
        return sum(discriminator_loss(*both.chunk(2), "hinge") for both in logits)

    def loss_gan(self) -> Tensor:
        """The generator's hinge loss: minus the mean logit of each discriminator, summed."""
        return sum(generator_loss(logits, "hinge") for logits in self._logits(self.fake))

    def loss_perceptual(self) -> Tensor:
        """As `perceptual_loss`, of the whole pictures."""
        return perceptual_loss(self.fake, self.real)

    def _logits(self, *sides: Tensor) -> list[Tensor]:
        """Each discriminator's logits for `CROPS` crops per picture, one side after the other,
        (n·CROPS·B, 1, h, w).
        """
        num, size = len(self.fake), self.fake.shape[-1]
        side = min(self.side_px or size, size)
        places = distributed.randint(0, size - side + 1, CROPS * num, 2).tolist()

        def cut(pictures: Tensor) -> list[Tensor]:
            return [
                pictures[n % num, :, top : top + side, left : left + side]
                for n, (top, left) in enumerate(places)
            ]

        photos = self.precision.images(torch.stack([crop for side in sides for crop in cut(side)]))
        return self.net_d(torch.stack(len(sides) * cut(self.sketch)), photos)


@dataclass(frozen=True, kw_only=True)
class RealisticConfig(FaithfulConfig):
    """A faithful network and a second one that adds detail, against patch discriminators. Ours, not
    from a paper.
    """

    total_images: int = 20_000
    detail_widths: str = "32,64,96,128"  # as `widths`, of the network that adds detail
    detail_fine: str = "32,16"  # as `fine`
    detail_blocks: int = setting(1, above=0)  # as `blocks`
    lambda_ssim: float = 0.8
    lambda_gan: float = 0.008  # weight of the adversarial loss (hinge)
    lr_g: float = 6e-4
    lr_d: float = 1e-3  # Adam's learning rate for the discriminators
    discriminator: str = setting(
        "patchgan", known=("patchgan", "projected")
    )  # projected: Sauer et al. 2021
    augment_disc: str = setting("shared", known=AUGMENTATIONS)  # augmentation for a projected one
    beta1: float = 0.5
    disc_filters: int = setting(
        32, above=0
    )  # channels of the discriminators' first layers, or of projected heads
    disc_crop_px: int = 96  # patch discriminators see random crops of this size; 0: whole pictures


class Realistic(Method):
    """A trained faithful network, which is not changed, a second one that adds detail, and its
    discriminators.
    """

    settings = RealisticConfig
    gpu_format = "contiguous"
    profiles = {
        "small": {"total_images": 4_000, "lr_g": 4e-4, "lambda_gan": 0.006},
        "demo": Faithful.profiles["demo"]
        | {
            "detail_widths": "24,48,72",
            "detail_fine": "24,12",
            "total_images": 12_000,
            "disc_crop_px": 64,
        },
        "demo on a CPU": {"total_images": 8_000, "time_budget_s": 90.0},
        "fast": Faithful.profiles["fast"]
        | {"detail_widths": "16,24", "detail_fine": "8,8", "disc_filters": 8, "disc_crop_px": 48},
    }
    needs_init = "faithful"
    begins_with = ("resunet", "twostage")
    fixed_at_0 = ("lambda_perceptual",)

    def __init__(self, config: RealisticConfig, precision: Precision) -> None:
        super().__init__(config, precision)
        structure = config.unet_args() | {"dropout": config.dropout}
        net_g = networks.build(
            "twostage", structure=structure, detail=config.unet_args("detail_") | {"dropout": 0.0}
        )
        net_g.structure.requires_grad_(False)
        betas = (config.beta1, config.beta2)
        self.net_g, self.opt_g = self.add(
            "net_g",
            net_g,
            "lr_g",
            torch.optim.AdamW,
            part=net_g.detail,
            betas=betas,
            weight_decay=config.weight_decay,
        )
        if config.discriminator == "projected":
            net_d = networks.build("projected", width=config.disc_filters, seed=config.seed)
        else:
            net_d = Discriminators(config.disc_filters)
        self.net_d, self.opt_d = self.add("net_d", net_d, "lr_d", betas=betas)

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """As for the faithful method; for both networks, if there are two."""
        if net.name == "resunet":
            return Faithful.settings_from(net, meta)
        return sizes_of(net.args["detail"], "detail_") | Faithful.settings_from(net.structure, meta)

    def begin_with(self, init: str | Path | None) -> None:
        """A faithful model as the first network, or a realistic one as both; CheckpointError if
        sizes differ.
        """
        if init is not None:
            given = answering(init, self.config.direction)
            load_into(self.net_g.structure if given.name == "resunet" else self.net_g, given, init)

    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One step on a batch of pairs, (B, 3, H, W) each, in [-1, 1]; returns the losses,
        detached.

        The discriminators go first, `DISC_STEPS` times; patch discriminators see new crops each
        time.
        """
        fake_b, config = self.net_g(a), self.config
        if config.discriminator == "projected":
            pair = ProjectedPair(
                self.net_d, a, b, fake_b, config.augment_disc, self.precision.autocast
            )
        else:
            pair = CroppedPair(self.net_d, a, b, fake_b, config.disc_crop_px, self.precision)

        for _ in range(DISC_STEPS):
            loss_d = pair.loss_d()
            self.descend(loss_d, self.opt_d)

        with frozen(self.net_d):
            losses = {
                "loss_l1": l1_loss(fake_b, b),
                "loss_ssim": ssim_loss(fake_b, b),
                "loss_gan": pair.loss_gan(),
            }
            if config.lambda_perceptual:
                losses["loss_perceptual"] = pair.loss_perceptual()
            self.descend(weighted(losses, live), self.opt_g, config.max_norm)
        return {name: value.detach() for name, value in ({"loss_d": loss_d} | losses).items()}
