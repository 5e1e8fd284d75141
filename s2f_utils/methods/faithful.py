"""The faithful model: a residual U-Net trained by L1 and SSIM, without a discriminator: close to
the truth, and soft.

Shapes: B pairs in a batch, H = W = size_px.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import nn

from s2f_utils.methods import losses
from s2f_utils.methods.method import Batch, Context, Method, Term
from s2f_utils.methods.settings import (
    FAST,
    BatchSize,
    ConstantShare,
    Elastic,
    EmaHalfLifeImages,
    LearningRate,
    Live,
    LoadSizePx,
    LossWeight,
    MaxEpochs,
    RotateDeg,
    Scale,
    ShiftPx,
    TotalImages,
    TrainConfig,
    need,
)
from s2f_utils.networks import pretrained
from s2f_utils.networks.resunet import ResUNet

# Of AdamW.
BETAS, WEIGHT_DECAY = (0.9, 0.99), 0.01
# Our methods at 128 px, and at the size of a test.
_SMALL: dict[str, Any] = {
    "size_px": 128,
    "load_size_px": 128,
    "widths": "32,64,96,128",
    "fine": "24,12",
    "shift_px": 2.0,
    "ema_half_life_images": 1_500.0,
}
_TINY: dict[str, Any] = FAST | {
    "size_px": 64,
    "load_size_px": 64,
    "widths": "16,24,32",
    "fine": "8,8",
    "blocks": 1,
    "shift_px": 1.0,
}


class FaithfulConfig(TrainConfig):
    """A residual U-Net that predicts the expected photo: L1 and SSIM, no discriminator. Ours, not
    from a paper.
    """

    dropped: ClassVar[Mapping[str, Any]] = {
        "beta1": BETAS[0],
        "beta2": BETAS[1],
        "weight_decay": WEIGHT_DECAY,
    }

    load_size_px: LoadSizePx = 256
    batch_size: BatchSize = 4
    total_images: TotalImages = 40_000
    max_epochs: MaxEpochs = 80.0  # more was worse on CUHK's 88 pairs (docs/models.md)
    constant_share: ConstantShare = 0.3
    rotate_deg: RotateDeg = 4.0
    shift_px: ShiftPx = 4.0
    scale: Scale = 0.04
    elastic: Elastic = 0.003
    ema_half_life_images: EmaHalfLifeImages = 5_000.0
    widths: str = Field(
        "48,96,144,168",
        description="channels of the levels, from a quarter of the size on; multiples of 8",
    )
    blocks: int = Field(
        2, gt=0, description="residual blocks a level, on the way down and on the way up"
    )
    fine: str = Field("32,16", description="channels at half and at full size")
    dropout: float = Field(0.1, ge=0, le=1, description="share of a block's channels")
    lambda_l1: LossWeight = Field(1.0, ge=0, description="weight of the L1 loss")
    lambda_ssim: LossWeight = Field(1.0, ge=0, description="weight of (1 - SSIM) / 2")
    lambda_perceptual: Annotated[float, Live(0.0, 10.0, only_if_set=True)] = Field(
        0.0,
        ge=0,
        description="weight of the L1 distance of pretrained features",
    )
    lr_g: LearningRate = Field(7e-4, gt=0, description="AdamW's learning rate")
    max_norm: float = Field(1.0, ge=0, description="longer gradients are scaled down to this")

    def unet_args(self) -> dict[str, Any]:
        """The arguments of a residual U-Net except dropout."""
        lists = {name: self._numbers(name) for name in ("widths", "fine")}
        return lists | {"blocks": self.blocks}

    def _numbers(self, name: str) -> tuple[int, ...]:
        """The integers in a comma-separated setting; ConfigError if it is not such a list."""
        parts = getattr(self, name).split(",")
        need(
            all(part.strip().isdecimal() for part in parts),
            f"{name} must be whole numbers with commas, got {parts}",
        )
        return tuple(map(int, parts))


class Faithful(Method):
    """The residual U-Net and its AdamW."""

    Config = FaithfulConfig
    # "small" is for a hundred pairs of your own, which are soon memorised; chosen on CUHK's 88
    # (docs/models.md).
    profiles = {
        "small": {
            "total_images": 7_000,
            "constant_share": 0.5,
            "lambda_ssim": 4.0,
            "dropout": 0.2,
            "elastic": 0.006,
            "rotate_deg": 6.0,
            "scale": 0.06,
            "shift_px": 6.0,
        },
        "demo": _SMALL | {"total_images": 24_000},
        "demo on a CPU": {"total_images": 16_000, "time_budget_s": 120.0},
        "fast": _TINY,
    }
    init_networks = ("resunet",)
    norm = "group"

    def build(self, config: FaithfulConfig) -> None:
        if config.lambda_perceptual:
            pretrained.check()
        net_g = ResUNet.build(dropout=config.dropout, **config.unet_args())
        adamw = torch.optim.AdamW
        self.net_g, self.opt_g = self.add(
            "net_g", net_g, "lr_g", adamw, betas=BETAS, weight_decay=WEIGHT_DECAY
        )

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The residual U-Net's widths, direction and size."""
        return sizes_of(net.args) | super().settings_from(net, meta)

    def step(self, batch: Batch, ctx: Context) -> dict[str, Term]:
        """One step on a batch of pairs, (B, 3, H, W) each, in [-1, 1]."""
        a, b = batch
        with ctx.autocast():
            fake_b = self.net_g(a)
        fake_b = fake_b.float()
        terms = {
            "loss_l1": Term(losses.l1_loss(fake_b, b), ctx.live["lambda_l1"]),
            "loss_ssim": Term(losses.ssim_loss(fake_b, b), ctx.live["lambda_ssim"]),
        }
        if self.config.lambda_perceptual:
            loss = losses.perceptual_loss(fake_b, b)
            terms["loss_perceptual"] = Term(loss, ctx.live["lambda_perceptual"])
        ctx.descend(terms, self.opt_g, self.config.max_norm)
        return terms


def sizes_of(args: Mapping[str, Any]) -> dict[str, Any]:
    """A residual U-Net's arguments as settings."""
    lists = {name: ",".join(map(str, args[name])) for name in ("widths", "fine")}
    return lists | {"blocks": args["blocks"]}
