"""pSp: encoders that read a sketch, a map or a photo and answer with one style vector for each layer of a StyleGAN2.

Shapes: N images, C channels in, L styles, D style values. Source: Richardson et al. 2021, arXiv:2008.00951; key names
as in pixel2style2pixel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils.models.irse50 import STAGES, Bottleneck
from s2f_utils.models.stylegan2 import EqualLinear

INPUT_PX = 256
COARSE, MIDDLE = 3, 7  # styles 0–2 are read from the coarsest map, 3–6 from the middle one, the rest from the finest
TAPS = (6, 20, 23)  # the blocks of the body whose output is read


class StyleBlock(nn.Module):
    """A map becomes a vector by convolutions of stride 2: (N, I, 2^k, 2^k) → (N, D)."""

    def __init__(self, in_channels: int, style_dim: int, size: int) -> None:
        super().__init__()
        self.style_dim = style_dim
        layers: list[nn.Module] = []
        for n in range(int(math.log2(size))):
            layers += [nn.Conv2d(in_channels if n == 0 else style_dim, style_dim, 3, 2, 1), nn.LeakyReLU()]
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(style_dim, style_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convs(x).view(-1, self.style_dim))


def upsample_add(x: Tensor, y: Tensor) -> Tensor:
    """The coarser map, enlarged to the finer one's size, plus the finer one."""
    return F.interpolate(x, size=y.shape[2:], mode="bilinear", align_corners=True) + y


class PSPEncoder(nn.Module):
    """IR-SE50, a pyramid of three maps, and a small network for every style: (N, C, 256, 256) → (N, L, 512).

    267,135,552 parameters for 1 channel and 18 styles. What it answers is the difference to the mean style.
    """

    def __init__(self, in_channels: int = 3, num_styles: int = 18) -> None:
        super().__init__()
        self.args: dict[str, Any] = {"in_channels": in_channels, "num_styles": num_styles}
        self.input_layer = nn.Sequential(
            nn.Conv2d(in_channels, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64)
        )
        blocks, before = [], 64
        for channels, number in STAGES:
            for place in range(number):
                blocks.append(Bottleneck(before, channels, 2 if place == 0 else 1))
                before = channels
        self.body = nn.Sequential(*blocks)
        sizes = [16 if n < COARSE else 32 if n < MIDDLE else 64 for n in range(num_styles)]
        self.styles = nn.ModuleList(StyleBlock(512, 512, size) for size in sizes)
        self.latlayer1 = nn.Conv2d(256, 512, 1)
        self.latlayer2 = nn.Conv2d(128, 512, 1)

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        x = self.input_layer(x)
        for n, block in enumerate(self.body):
            x = block(x)
            if n in TAPS:
                maps.append(x)
        fine, middle, coarse = maps
        middle = upsample_add(coarse, self.latlayer1(middle))
        fine = upsample_add(middle, self.latlayer2(fine))
        read = [coarse if n < COARSE else middle if n < MIDDLE else fine for n in range(len(self.styles))]
        return torch.stack([style(level) for style, level in zip(self.styles, read, strict=True)], 1)

    @staticmethod
    def args_from(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
        """The constructor's arguments for a state dict of these shapes, or None when it is not this encoder's."""
        if not {"input_layer.0.weight", "latlayer1.weight", "styles.0.linear.weight"} <= set(shapes):
            return None
        return {
            "in_channels": shapes["input_layer.0.weight"][1],
            "num_styles": sum(key.startswith("styles.") and key.endswith(".linear.weight") for key in shapes),
        }
