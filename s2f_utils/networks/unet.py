"""The U-Net generator of pix2pix (Isola et al. 2017),
with the key names of its published PyTorch checkpoints.

Shapes: N images, C channels, H and W pixels, both multiples of 2**num_downs; F = base_filters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from s2f_utils.networks.network import Dropout, Network, check_images, norm_layer


class UNetLevel(nn.Module):
    """One level: halve the size, run everything below, double the size,
    and put the input beside the result.

    `outer` and `inner` are the channels above and below the halving. The skip connection is the
    concatenation, so a level that is not the outermost turns (N, outer, H, W) into (N, 2·outer, H,
    W).
    """

    def __init__(
        self,
        outer: int,
        inner: int,
        below: nn.Module | None,
        *,
        norm: str = "batch",
        dropout: float = 0.0,
        outermost: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        bias = norm == "instance"  # batch norm has its own shift
        in_channels, out_channels = outermost or (outer, outer)
        down = nn.Conv2d(in_channels, inner, 4, stride=2, padding=1, bias=bias)
        up_in = inner if below is None else 2 * inner
        up = nn.ConvTranspose2d(
            up_in, out_channels, 4, stride=2, padding=1, bias=bias or outermost is not None
        )
        self.is_outermost = outermost is not None
        if self.is_outermost:
            layers = [down, below, nn.ReLU(), up, nn.Tanh()]
        elif below is None:
            # The innermost: 1x1 pixel when the image is 2**num_downs wide, so no norm before it.
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, norm_layer(norm, outer)]
        else:
            before = [nn.LeakyReLU(0.2), down, norm_layer(norm, inner)]
            layers = [*before, below, nn.ReLU(), up, norm_layer(norm, outer)]
            if dropout:
                layers.append(Dropout(dropout))
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y = self.model(x)  # (N, outer, H, W) again
        return y if self.is_outermost else torch.cat([x, y], dim=1)  # (N, 2·outer, H, W)


class UNet(Network):
    """Encoder and decoder with a skip connection at every size: sketch (N, C, H, W) → photo, both
    in [-1, 1].

    Every level halves the size: `num_downs=8` is the published U-Net-256 (54,413,955 parameters
    with batch norm), 7 the U-Net-128. Dropout 0.5 stays in the levels with 8·F channels on both
    sides, where the paper has it instead
    of a noise input. Source: Isola et al. 2017, section 6.1.1; keys as in
    pytorch-CycleGAN-and-pix2pix.
    """

    name = "unet"

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        num_downs: int = 8,
        base_filters: int = 64,
        norm: str = "batch",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if num_downs < 5:
            raise ValueError(
                f"num_downs must be 5 or more (images of 32 px or more), got {num_downs}"
            )
        f = base_filters
        level = UNetLevel(8 * f, 8 * f, None, norm=norm)
        for _ in range(num_downs - 5):
            level = UNetLevel(8 * f, 8 * f, level, norm=norm, dropout=dropout)
        for outer, inner in ((4 * f, 8 * f), (2 * f, 4 * f), (f, 2 * f)):
            level = UNetLevel(outer, inner, level, norm=norm)
        self.model = UNetLevel(0, f, level, norm=norm, outermost=(in_channels, out_channels))
        self.in_channels, self.multiple_px = in_channels, 2**num_downs

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, self.in_channels, self.multiple_px)
        return self.model(x)  # (N, out_channels, H, W)

    @staticmethod
    def args_from(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        base_filters, in_channels, *_ = shapes["model.model.0.weight"]
        downs = [
            key
            for key in shapes
            if re.fullmatch(r"(model\.)+1\.(model\.\d\.)*model\.1\.weight", key)
        ]
        return {
            "in_channels": in_channels,
            "out_channels": shapes["model.model.3.weight"][1],
            "num_downs": len(downs) + 1,
            "base_filters": base_filters,
            "norm": "batch" if any(key.endswith("running_mean") for key in shapes) else "instance",
        }
