"""The fixed random projection of Projected GANs (Sauer et al. 2021), which mixes the features of a trained network.

Shapes: N pictures, H and W pixels; F = width of the projections; h, w the places at a stride of 4, 8, 16, 32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RandomProjection(nn.Module):
    """Features at four strides, (N, C_i, h, w) → four of (N, F, h, w), by weights drawn once and never learned.

    1x1 convolutions mix channels; from coarse to fine, 3x3 convolutions and bilinear enlargement mix scales, so that
    no head can leave out a part of what the features say (Sauer et al. 2021, section 3.2). The weights are drawn by a
    generator of their own from `seed`, and are in the state dict, so that a resumed training has the same bits.
    """

    def __init__(self, channels: Sequence[int], width: int, seed: int = 0) -> None:
        super().__init__()
        chance = torch.Generator().manual_seed(seed)
        for number, num_channels in enumerate(channels):  # buffers, for parameters would be learned
            across = torch.randn(width, num_channels, 1, 1, generator=chance, device="cpu")
            self.register_buffer(f"channels{number}", across / math.sqrt(num_channels))
            if number:
                down = torch.randn(width, width, 3, 3, generator=chance, device="cpu")
                self.register_buffer(f"scales{number}", down / math.sqrt(9 * width))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        mixed: list[Tensor] = []
        for number in reversed(range(len(features))):
            x = F.conv2d(features[number], getattr(self, f"channels{number}"))
            if mixed:
                coarser = F.conv2d(mixed[-1], getattr(self, f"scales{number + 1}"), padding=1)
                coarser = F.interpolate(coarser, size=x.shape[2:], mode="bilinear", align_corners=False)
                x = (x + coarser) * math.sqrt(0.5)
            mixed.append(x)
        return mixed[::-1]
