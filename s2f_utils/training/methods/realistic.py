"""The realistic model: a faithful network, and a second one that adds the detail which photos have, trained against
discriminators of patches. The detail is invented: it looks like a photo and is a little further from the truth.

Shapes: B pairs in a batch, H = W = size_px; h, w a discriminator's grid of patches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from s2f_utils import models
from s2f_utils.inference import find_generator
from s2f_utils.models import checkpoints, pretrained
from s2f_utils.models.card import ADDS_DETAIL
from s2f_utils.runtime import Precision, distributed
from s2f_utils.training.loading import answering, load_into
from s2f_utils.training.losses import (
    discriminator_loss,
    generator_loss,
    l1_loss,
    perceptual_loss,
    ssim_loss,
    to_grey,
)
from s2f_utils.training.method import Live, Method, frozen, weighted
from s2f_utils.training.methods.faithful import Faithful, FaithfulConfig, sizes_of
from s2f_utils.training.projected import AUGMENTATIONS, ProjectedPair
from s2f_utils.training.settings import need, setting

COLOUR_GAIN = 4.0  # colours are small beside brightness


class Discriminators(nn.Module):
    """PatchGANs with instance norm that look at sketch and photo, the sketch in grey.

    kinds: of each, its layers (2 looks at patches of 34 px, 3 at 70 px) and what it sees of the photo: "grey", its
    brightness, or "colour", which colours go with that brightness. A discriminator of colours has no say in the
    brightness: together they would be content with coloured speckles.
    """

    CHANNELS: ClassVar[dict[str, int]] = {"grey": 2, "colour": 5}

    def __init__(self, base_filters: int, kinds: Sequence[tuple[int, str]]) -> None:
        super().__init__()
        self.sees = tuple(what for _, what in kinds)
        common = {"base_filters": base_filters, "norm": "instance"}
        nets = [models.build("patchgan", in_channels=self.CHANNELS[what], num_layers=n, **common) for n, what in kinds]
        self.judges = nn.ModuleList(nets)  # their name in resume files

    def forward(self, sketch: Tensor, photo: Tensor) -> list[Tensor]:
        """Of each discriminator its logits (B, 1, h, w).

        sketch: (B, 1, H, W); photo: (B, 3, H, W).
        """
        grey = to_grey(photo).to(photo.dtype)
        views = {"grey": (grey,), "colour": (grey.detach(), COLOUR_GAIN * (photo - grey))}
        return [net(torch.cat([sketch, *views[what]], dim=1)) for net, what in zip(self.judges, self.sees, strict=True)]


@dataclass(frozen=True, kw_only=True)
class RealisticConfig(FaithfulConfig):
    """A faithful network and a second one that adds detail, against discriminators of patches. Ours, no paper's."""

    total_images: int = 20_000
    detail_widths: str = "32,64,96,128"  # as `widths`, of the network that adds detail
    detail_fine: str = "32,16"  # as `fine`
    detail_blocks: int = setting(1, above=0)  # as `blocks`
    detail_init: str = ""  # a name, run or file: begin with the network that adds detail there; "": with none
    lambda_ssim: float = 0.8
    lambda_gan: float = 0.008  # weight of the adversarial loss (hinge)
    lr_g: float = 6e-4
    lr_d: float = 1e-3  # Adam's learning rate for the discriminators
    discriminator: str = setting("patchgan", known=("patchgan", "projected"))  # projected: Sauer et al. 2021
    augment_disc: str = setting("shared", known=AUGMENTATIONS)  # how pictures change before a projected one
    beta1: float = 0.5
    disc_filters: int = setting(32, above=0)  # channels of the discriminators' first layers, or of projected heads
    disc_crop_px: int = 96  # discriminators of patches see random parts of this size; 0: whole pictures
    disc_crops: int = setting(3, above=0)  # such parts of each picture
    disc_steps: int = setting(2, above=0)  # steps of the discriminators for one of the generator
    disc_layers: str = "2,3"  # a discriminator of brightness each: 2 looks at patches of 34 px, 3 at 70 px
    disc_layers_colour: str = "2"  # the same for those of the colours that go with a brightness; "" for none

    def validate(self) -> None:
        super().validate()
        self.need_sizes("detail_")
        deepest = max(num_layers for num_layers, _ in self.discriminators)
        least_px = 2 ** (deepest + 1) + 8  # so that two patches or more are left, for the norm
        need(
            (self.disc_crop_px or self.size_px) >= least_px,
            f"disc_crop_px must be 0 (whole pictures, {self.size_px} px) or {least_px} or more with {deepest} layers"
            f" in a discriminator, got {self.disc_crop_px}",
        )

    @property
    def detail(self) -> dict[str, Any]:
        """The arguments of the network that adds detail."""
        widths, fine = self.numbers("detail_widths"), self.numbers("detail_fine")
        return {"widths": widths, "fine": fine, "blocks": self.detail_blocks, "dropout": 0.0}

    @property
    def discriminators(self) -> list[tuple[int, str]]:
        """Of each discriminator its layers and what it sees of a photo, "grey" or "colour"."""
        colour = self.numbers("disc_layers_colour") if self.disc_layers_colour else ()
        return [(n, "grey") for n in self.numbers("disc_layers")] + [(n, "colour") for n in colour]


class Realistic(Method):
    """A trained faithful network, a second one that adds detail to its answer, and discriminators of that.

    The first is loaded by `init` and not changed.
    """

    settings = RealisticConfig
    gpu_format = "contiguous"
    profiles = {
        "small": {"total_images": 4_000, "lr_g": 4e-4, "lambda_gan": 0.006},
        "demo": Faithful.profiles["demo"]
        | {"detail_widths": "24,48,72", "detail_fine": "24,12", "total_images": 12_000, "disc_crop_px": 64},
        "demo on a CPU": {"total_images": 8_000, "time_budget_s": 90.0},
        "fast": Faithful.profiles["fast"]
        | {"detail_widths": "16,24", "detail_fine": "8,8", "disc_filters": 8, "disc_crop_px": 48},
    }
    needs_init = "faithful"
    begins_with = ("resunet", "twostage")
    fixed_at_0 = ("lambda_perceptual",)

    def __init__(self, config: RealisticConfig, precision: Precision) -> None:
        super().__init__(config, precision)
        net_g = models.build("twostage", structure=config.structure, detail=config.detail)
        net_g.structure.requires_grad_(False)
        betas = (config.beta1, config.beta2)
        self.net_g, self.opt_g = self.add(
            "net_g", net_g, "lr_g", torch.optim.AdamW, part=net_g.detail, betas=betas, weight_decay=config.weight_decay
        )
        if config.discriminator == "projected":
            net_d = models.build("projected", width=config.disc_filters, seed=config.seed)
        else:
            net_d = Discriminators(config.disc_filters, config.discriminators)
        if config.lambda_perceptual:
            pretrained.check()
        self.net_d, self.opt_d = self.add("net_d", net_d, "lr_d", betas=betas)

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """As of the faithful method; of both networks, where there are two."""
        if net.name == "resunet":
            return Faithful.settings_from(net, meta)
        return sizes_of(net.args["detail"], "detail_") | Faithful.settings_from(net.structure, meta)

    def begin_with(self, init: str | Path | None) -> None:
        """A faithful model as the first network, or a realistic one as both, and then the detail of `detail_init`.

        Raises CheckpointError where sizes are others, or where the detail is that of answers in the other direction.
        """
        if init is not None:
            given = answering(init, self.config.direction)
            load_into(self.net_g.structure if given.name == "resunet" else self.net_g, given, init)
        if self.config.detail_init:
            load_detail(self.net_g, self.config.detail_init, self.config.direction)

    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One step on a batch of pairs, (B, 3, H, W) each, in [-1, 1]; returns the losses, detached.

        The discriminators go first, `disc_steps` times with new crops of the same pictures; on 88 pairs they would
        otherwise lag behind. True and made pictures go through them together, as crops at the same places.
        """
        fake_b = self.net_g(a)
        if self.config.discriminator == "projected":
            return self._step_projected(a, b, fake_b, live)

        for _ in range(self.config.disc_steps):
            judged = self.net_d(*self._crops(a, b, fake_b.detach()))
            loss_d = sum(discriminator_loss(*logits.chunk(2), "hinge") for logits in judged)
            self.descend(loss_d, self.opt_d)

        loss_l1, loss_ssim = l1_loss(fake_b, b), ssim_loss(fake_b, b)
        loss = live["lambda_l1"] * loss_l1 + live["lambda_ssim"] * loss_ssim
        losses = {"loss_d": loss_d, "loss_l1": loss_l1, "loss_ssim": loss_ssim}
        with frozen(self.net_d):
            judged = self.net_d(*self._crops(a, b, fake_b))
            losses["loss_gan"] = sum(generator_loss(logits.chunk(2)[1], "hinge") for logits in judged)
            loss = loss + live["lambda_gan"] * losses["loss_gan"]
            if self.config.lambda_perceptual:
                losses["loss_perceptual"] = perceptual_loss(fake_b, b)
                loss = loss + live["lambda_perceptual"] * losses["loss_perceptual"]
            self.descend(loss, self.opt_g, self.config.max_norm)
        return {name: value.detach() for name, value in losses.items()}

    def _step_projected(self, a: Tensor, b: Tensor, fake_b: Tensor, live: Live) -> dict[str, Tensor]:
        """The same against a projected discriminator, which looks at whole pictures through pretrained features."""
        pair = ProjectedPair(self.net_d, a, b, fake_b, self.config.augment_disc, self.precision.autocast)
        for _ in range(self.config.disc_steps):
            loss_d = pair.loss_d()
            self.descend(loss_d, self.opt_d)

        with frozen(self.net_d):
            losses = {"loss_l1": l1_loss(fake_b, b), "loss_ssim": ssim_loss(fake_b, b), "loss_gan": pair.loss_gan()}
            if self.config.lambda_perceptual:
                losses["loss_perceptual"] = pair.loss_perceptual()
            self.descend(weighted(losses, live), self.opt_g, self.config.max_norm)
        return {name: value.detach() for name, value in ({"loss_d": loss_d} | losses).items()}

    def _crops(self, a: Tensor, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """K = disc_crops random places of each pair, S = disc_crop_px: the grey sketch there, (2·K·B, 1, S, S), and the
        photo, (2·K·B, 3, S, S), true ones first.
        """
        side = min(self.config.disc_crop_px or a.shape[-1], a.shape[-1])
        num = len(a) * self.config.disc_crops
        places = distributed.randint(0, a.shape[-1] - side + 1, num, 2).tolist()

        def cut(pictures: Tensor) -> list[Tensor]:
            return [
                pictures[n % len(a), :, top : top + side, left : left + side] for n, (top, left) in enumerate(places)
            ]

        sketch = cut(to_grey(a))
        return torch.stack(sketch + sketch), self.precision.images(torch.stack(cut(real) + cut(fake)))


def settings_of_detail(detail_init: str | Path) -> dict[str, Any]:
    """The settings that a run needs to begin with this model's detail (its setting `detail_init`)."""
    return sizes_of(_detail_of(detail_init)[0].args, "detail_")


def load_detail(net_g: nn.Module, detail_init: str | Path, direction: str) -> None:
    """Load the network that adds detail from another model; CheckpointError where it is of another size, or adds the
    detail of answers in the other direction.
    """
    detail, meta = _detail_of(detail_init)
    knows = meta.get("direction", direction)
    if knows != direction:
        raise checkpoints.CheckpointError(
            f"{detail_init}: knows the detail of {knows}, but this run goes {direction}: begin with none"
            " (--set detail_init=)"
        )
    load_into(net_g.detail, detail, detail_init, "detail_widths, detail_blocks, detail_fine")


def _detail_of(path: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    given, meta = checkpoints.load_network(find_generator(path))
    if given.name != "twostage" and given.card.does != ADDS_DETAIL:
        raise checkpoints.CheckpointError(
            f"{path}: is a model that adds no detail to another's answer: give a run of 'realistic'"
        )
    return (given.detail if given.name == "twostage" else given), meta
