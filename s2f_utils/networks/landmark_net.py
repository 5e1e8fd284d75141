"""Predicts the 164 landmarks of a face in a drawing or a photo, their errors, and attributes of the
drawing; ours.

Shapes: N pictures, P = 164 points, S = 128 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils.networks.info import MEASURES, ModelInfo
from s2f_utils.networks.network import Network
from s2f_utils.pictures.attributes import FINDER_OUTPUTS, FOUND_PARTS
from s2f_utils.pictures.mesh import NUM_POINTS

SIDE_PX = 128
BEYOND = 1.15  # points may be outside the picture, by 7 % of its side


@dataclass(frozen=True)
class Found:
    """The network's output for N pictures.

    points: (N, P, 2), x and y as shares of the side, 0 to 1. spread: (N, P), the logarithm of each
    point's expected error, in pixels of 128. parts: (N, 2, S, S), logits of `FOUND_PARTS`. flags:
    (N, 5), logits of `FINDER_OUTPUTS`; "crude" is the degree of abstraction, 0 to 1.
    """

    points: Tensor
    spread: Tensor
    parts: Tensor
    flags: Tensor


class Block(nn.Module):
    """Two 3×3 convolutions with group norm and SiLU, added to the (pooled) input."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(before, after, 3, stride, 1), nn.GroupNorm(8, after)
        self.conv2, self.norm2 = nn.Conv2d(after, after, 3, 1, 1), nn.GroupNorm(8, after)
        same = before == after and stride == 1
        self.skip = (
            nn.Identity()
            if same
            else nn.Sequential(nn.AvgPool2d(stride), nn.Conv2d(before, after, 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        y = F.silu(self.norm1(self.conv1(x)))
        return F.silu(self.norm2(self.conv2(y)) + self.skip(x))


class LandmarkNet(Network):
    """Ink (N, 1, 128, 128), 0 for paper to 1 for black, of a face that fills the picture about as
    an aligned one does → `Found`.

    An encoder to 8 × 8, a dense layer over all of it, a decoder to 32 × 32, and for each point the
    mean position of a heat map there (Sun et al. 2018, "Integral human pose regression").
    """

    name = "finder"
    INFO = ModelInfo(task=MEASURES, size_px=SIDE_PX)

    def __init__(
        self, widths: tuple[int, int, int, int] = (32, 64, 96, 160), hidden: int = 96
    ) -> None:
        super().__init__()
        first, second, third, last = widths
        self.stem = nn.Conv2d(1, first, 5, 2, 2)  # 64
        self.down1 = nn.Sequential(Block(first, second, 2), Block(second, second))  # 32
        self.down2 = nn.Sequential(Block(second, third, 2), Block(third, third))  # 16
        self.down3 = nn.Sequential(Block(third, last, 2), Block(last, last), Block(last, last))  # 8
        self.place = nn.Parameter(torch.zeros(1, last, 8, 8))
        self.whole = nn.Sequential(
            nn.Flatten(), nn.Linear(last * 64, hidden), nn.SiLU(), nn.Linear(hidden, last)
        )
        self.lateral2, self.up2 = nn.Conv2d(last, third, 1), Block(third, third)
        self.lateral1, self.up1 = nn.Conv2d(third, second, 1), Block(second, second)
        self.maps = nn.Conv2d(second, NUM_POINTS, 1)
        self.parts = nn.Conv2d(second, 16 * len(FOUND_PARTS), 1)
        self.spread = nn.Linear(last, NUM_POINTS)
        self.flags = nn.Linear(last, len(FINDER_OUTPUTS))
        centres = (torch.arange(32) + 0.5) / 32
        self.register_buffer("centres", centres, persistent=False)

    def forward(self, x: Tensor) -> Found:
        if x.shape[1:] != (1, SIDE_PX, SIDE_PX):
            raise ValueError(f"ink must be (N, 1, {SIDE_PX}, {SIDE_PX}), got {tuple(x.shape)}")
        fine = self.down1(F.silu(self.stem(x)))  # (N, 64, 32, 32)
        middle = self.down2(fine)  # (N, 96, 16, 16)
        coarse = self.down3(middle) + self.place  # (N, 160, 8, 8)
        coarse = coarse + self.whole(coarse)[:, :, None, None]
        up = self.up2(F.interpolate(self.lateral2(coarse), scale_factor=2) + middle)
        up = self.up1(F.interpolate(self.lateral1(up), scale_factor=2) + fine)
        maps = self.maps(up).float().flatten(2).softmax(-1).unflatten(2, (32, 32))  # (N, P, 32, 32)
        x_and_y = [maps.sum(2) @ self.centres, maps.sum(3) @ self.centres]
        points = torch.stack(x_and_y, -1)  # (N, P, 2)
        pooled = coarse.float().mean((2, 3))
        parts = F.pixel_shuffle(self.parts(up).float(), 4)
        return Found(
            (points - 0.5) * BEYOND + 0.5,
            self.spread(pooled).clamp(-3, 4),
            parts,
            self.flags(pooled),
        )
