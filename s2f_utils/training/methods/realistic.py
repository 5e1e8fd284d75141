"""The realistic model: a faithful network, and a second one that adds the detail which photos have, trained against
discriminators of patches. The detail is invented: it looks like a photo and is a little further from the truth.

Shapes: B pairs in a batch, H = W = size_px; h, w a discriminator's grid of patches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from s2f_utils import models
from s2f_utils.runtime import Precision
from s2f_utils.training.config import RealisticConfig
from s2f_utils.training.live import Range
from s2f_utils.training.losses import discriminator_loss, feature_loss, generator_loss, l1_loss, ssim_loss, to_grey
from s2f_utils.training.method import Live, Method, frozen
from s2f_utils.training.methods.faithful import Faithful, colour_hint, resunet_args

COLOUR_GAIN = 4.0  # colours are small beside brightness


class Discriminators(nn.Module):
    """PatchGANs with instance norm that look at sketch and photo, the sketch in grey.

    judges: of each, its layers (2 looks at patches of 34 px, 3 at 70 px) and what it sees of the photo: "grey", its
    brightness, or "colour", which colours go with that brightness. A judge of colours has no say in the
    brightness: together they would be content with coloured speckles.
    """

    CHANNELS: ClassVar[dict[str, int]] = {"grey": 2, "colour": 5}

    def __init__(self, base_filters: int, judges: Sequence[tuple[int, str]]) -> None:
        super().__init__()
        self.sees = tuple(what for _, what in judges)
        self.judges = nn.ModuleList(
            [
                models.build(
                    "patchgan",
                    in_channels=self.CHANNELS[what],
                    base_filters=base_filters,
                    num_layers=n,
                    norm="instance",
                )
                for n, what in judges
            ]
        )

    def forward(self, sketch: Tensor, photo: Tensor) -> list[list[Tensor]]:
        """Of each judge the features of its layers and, last, its logits (B, 1, h, w).

        sketch: (B, 1, H, W); photo: (B, 3, H, W).
        """
        grey = to_grey(photo).to(photo.dtype)
        views = {"grey": (grey,), "colour": (grey.detach(), COLOUR_GAIN * (photo - grey))}
        return [
            judge.features(torch.cat([sketch, *views[what]], dim=1))
            for judge, what in zip(self.judges, self.sees, strict=True)
        ]


class Realistic(Method):
    """A trained faithful network, a second one that adds detail to its answer, and opponents of that.

    The first is loaded by `init` and not changed.
    """

    needs_init = "faithful"
    live_ranges = Faithful.live_ranges | {
        "lr_d": Range(1e-6, 1e-2, log=True),
        "lambda_gan": Range(0.0, 10.0),
        "lambda_features": Range(0.0, 10.0),
    }

    def __init__(self, config: RealisticConfig, precision: Precision) -> None:
        super().__init__(config, precision)
        widths, fine = (tuple(map(int, text.split(","))) for text in (config.detail_widths, config.detail_fine))
        detail = {"widths": widths, "fine": fine, "blocks": config.detail_blocks, "dropout": 0.0}
        net_g = models.build("twostage", structure=resunet_args(config), detail=detail)
        net_g.structure.requires_grad_(False)
        betas = (config.beta1, config.beta2)
        self.net_g, self.opt_g = self.add(
            "net_g", net_g, "lr_g", torch.optim.AdamW, part=net_g.detail, betas=betas, weight_decay=config.weight_decay
        )
        texts = {"grey": config.disc_layers, "colour": config.disc_layers_colour}
        judges = [(int(n), what) for what, text in texts.items() for n in text.split(",") if n]
        net_d = Discriminators(config.disc_filters, judges)
        self.net_d, self.opt_d = self.add("net_d", net_d, "lr_d", betas=betas)

    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One step on a batch of pairs, (B, 3, H, W) each, in [-1, 1]; returns the losses, detached.

        The discriminators go first, `disc_steps` times with new crops of the same pictures; on 88 pairs they would
        otherwise lag behind. True and made pictures go through them together, as crops at the same places.
        """
        fake_b = self.net_g(a, colour_hint(b, self.config.hint_share))

        for _ in range(self.config.disc_steps):
            judged = self.net_d(*self._crops(a, b, fake_b.detach()))
            loss_d = sum(discriminator_loss(*levels[-1].chunk(2), "hinge") for levels in judged)
            self.descend(loss_d, self.opt_d)

        loss_l1, loss_ssim = l1_loss(fake_b, b), ssim_loss(fake_b, b)
        loss = live["lambda_l1"] * loss_l1 + live["lambda_ssim"] * loss_ssim
        losses = {"loss_d": loss_d, "loss_l1": loss_l1, "loss_ssim": loss_ssim}
        with frozen(self.net_d):
            judged = [[level.chunk(2) for level in levels] for levels in self.net_d(*self._crops(a, b, fake_b))]
            losses["loss_gan"] = sum(generator_loss(levels[-1][1], "hinge") for levels in judged)
            loss = loss + live["lambda_gan"] * losses["loss_gan"]
            if live["lambda_features"]:
                apart = [feature_loss([f for _, f in levels[:-1]], [r for r, _ in levels[:-1]]) for levels in judged]
                losses["loss_features"] = sum(apart)
                loss = loss + live["lambda_features"] * losses["loss_features"]
            self.descend(loss, self.opt_g, self.config.max_norm)
        return {name: value.detach() for name, value in losses.items()}

    def _crops(self, a: Tensor, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """K = disc_crops random places of each pair, S = disc_crop_px: the grey sketch there, (2·K·B, 1, S, S), and the
        photo, (2·K·B, 3, S, S), true ones first.
        """
        side = min(self.config.disc_crop_px or a.shape[-1], a.shape[-1])
        num = len(a) * self.config.disc_crops
        places = torch.randint(0, a.shape[-1] - side + 1, (num, 2)).tolist()

        def cut(pictures: Tensor) -> list[Tensor]:
            return [
                pictures[n % len(a), :, top : top + side, left : left + side] for n, (top, left) in enumerate(places)
            ]

        sketch = cut(to_grey(a))
        return torch.stack(sketch + sketch), self.precision.images(torch.stack(cut(real) + cut(fake)))
