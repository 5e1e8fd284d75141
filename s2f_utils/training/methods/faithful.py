"""The faithful model: a residual U-Net trained by L1 and SSIM, without an opponent. It answers with what is to be
expected, so it is near the truth and soft.

Shapes: B pairs in a batch, H = W = size_px.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_utils import models
from s2f_utils.models.resunet import HINT_PX, ResUNet
from s2f_utils.runtime import Precision
from s2f_utils.training.config import FaithfulConfig
from s2f_utils.training.live import Range
from s2f_utils.training.losses import l1_loss, ssim_loss
from s2f_utils.training.method import Live, Method


def colour_hint(photos: Tensor, share: float, net: ResUNet | None = None) -> Tensor | None:
    """The photos' colours at 4×4 pixels, (B, 3, H, W) → (B, 3, 4, 4), for this share of them; NaN for the others.

    net: the network that learns by the way which colours are usual.
    """
    if not share:
        return None
    hint = F.adaptive_avg_pool2d(photos.float(), HINT_PX)
    if net is not None:
        net.learn_hints(hint)
    hidden = torch.rand(len(photos)) >= share
    return hint.masked_fill(hidden.to(hint.device).view(-1, 1, 1, 1), torch.nan)


def resunet_args(config: FaithfulConfig) -> dict[str, Any]:
    """The arguments of the network that a configuration asks for."""
    widths, fine = (tuple(int(width) for width in text.split(",")) for text in (config.widths, config.fine))
    return {"widths": widths, "blocks": config.blocks, "fine": fine, "dropout": config.dropout}


class Faithful(Method):
    """The residual U-Net and its AdamW."""

    live_ranges = {
        "lr_g": Range(1e-6, 1e-2, log=True),
        "lambda_l1": Range(0.0, 10.0),
        "lambda_ssim": Range(0.0, 10.0),
    }

    def __init__(self, config: FaithfulConfig, precision: Precision) -> None:
        super().__init__(config, precision)
        net_g = models.build("resunet", **resunet_args(config))
        self.net_g, self.opt_g = self.add(
            "net_g", net_g, "lr_g", torch.optim.AdamW, betas=(config.beta1, config.beta2),
            weight_decay=config.weight_decay,
        )  # fmt: skip

    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One step on a batch of pairs, (B, 3, H, W) each, in [-1, 1]; returns the losses, detached."""
        fake_b = self.net_g(a, colour_hint(b, self.config.hint_share, self.net_g))
        loss_l1, loss_ssim = l1_loss(fake_b, b), ssim_loss(fake_b, b)
        loss = live["lambda_l1"] * loss_l1 + live["lambda_ssim"] * loss_ssim
        self.descend(loss, self.opt_g, self.config.max_norm)
        return {"loss_l1": loss_l1.detach(), "loss_ssim": loss_ssim.detach()}
