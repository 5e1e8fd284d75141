"""IR-SE50, the ArcFace network that identity losses and scores use (Deng et al. 2019; TreB1eN's
layout of its keys).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2f_utils.networks.info import MEASURES, ModelInfo
from s2f_utils.networks.network import Dropout, Network

# (channels, blocks) of the four stages; each begins with stride 2
STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
INPUT_PX = 112


class SqueezeExcite(nn.Module):
    """Channels weighted by what the whole picture says of them (Hu, Shen, Sun 2018): (N, C, H, W) →
    the same shape.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(squeezed))))


class Bottleneck(nn.Module):
    """An improved residual block: norm, 3x3, PReLU, 3x3 with the stride, norm, squeeze and excite;
    plus a shortcut.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        if before == after:
            self.shortcut_layer = nn.MaxPool2d(1, stride)
        else:
            widened = nn.Conv2d(before, after, 1, stride, bias=False)
            self.shortcut_layer = nn.Sequential(widened, nn.BatchNorm2d(after))
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.Conv2d(before, after, 3, 1, 1, bias=False),
            nn.PReLU(after),
            nn.Conv2d(after, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            SqueezeExcite(after),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut_layer(x) + self.res_layer(x)


def ir_body() -> nn.Sequential:
    """The 24 blocks of all stages: (N, 64, H, W) → (N, 512, H/16, W/16)."""
    blocks, before = [], 64
    for channels, number in STAGES:
        for place in range(number):
            blocks.append(Bottleneck(before, channels, 2 if place == 0 else 1))
            before = channels
    return nn.Sequential(*blocks)


class IRSE50(Network):
    """A face of 112 px, (N, 3, 112, 112) in [-1, 1] → its feature (N, 512), of length 1."""

    name = "irse50"
    INFO = ModelInfo(task=MEASURES)

    def __init__(self) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64)
        )
        self.body = ir_body()
        side = INPUT_PX // 2 ** len(STAGES)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(512),
            Dropout(),
            nn.Flatten(),
            nn.Linear(512 * side * side, 512),
            nn.BatchNorm1d(512),
        )

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(self.output_layer(self.body(self.input_layer(x))))
