"""StyleGAN2's discriminator: residual blocks, and a look at how much the images of a group differ.

Shapes: N images, I and O channels in and out, C channels, H and W pixels, S = size_px. Source:
Karras et al. 2020, arXiv:1912.04958; key names as in stylegan2-pytorch (rosinality).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils.networks.float16 import full_float32, widened, within_float16
from s2f_utils.networks.info import SCORES, ModelInfo
from s2f_utils.networks.network import Network
from s2f_utils.networks.stylegan2_gen import (
    EPS,
    GAIN,
    NUM_HALF,
    Blur,
    EqualConv2d,
    EqualLinear,
    bias_of,
    widths_of,
)
from s2f_utils.runtime import distributed


class ConvLayer(nn.Sequential):
    """A blur where the size is halved, a convolution, bias and leaky ReLU times √2;
    keys as published.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        downsample: bool = False,
        activate: bool = True,
    ) -> None:
        layers: list[nn.Module] = []
        if downsample:
            margin = 2 + kernel - 1  # what the filter and the convolution take away
            layers.append(Blur(((margin + 1) // 2, margin // 2)))
        stride, padding = (2, 0) if downsample else (1, kernel // 2)
        layers.append(EqualConv2d(in_channels, out_channels, kernel, stride, padding))
        if activate:
            layers.append(bias_of(out_channels))
        super().__init__(*layers)

    def forward(self, x: Tensor) -> Tensor:
        layers = list(self)
        if isinstance(layers[0], Blur):
            x = layers.pop(0)(x)
        if len(layers) == 1:
            return layers[0](x)
        conv, activate = layers
        x = conv(x, GAIN, activate.bias)
        return within_float16(F.leaky_relu(x, 0.2, inplace=True))


class ResBlock(nn.Module):
    """Two convolutions and a skip: (N, I, H, W) → (N, O, H/2, W/2)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = ConvLayer(in_channels, in_channels, 3)
        self.conv2 = ConvLayer(in_channels, out_channels, 3, downsample=True)
        self.skip = ConvLayer(in_channels, out_channels, 1, downsample=True, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) / math.sqrt(2)


class StyleGAN2Discriminator(Network):
    """One logit an image: (N, C, S, S) → (N, 1).

    Each image also sees how much the four images of its group differ (minibatch standard
    deviation), so that a generator with little variety is noticed. Where N is no multiple of 4,
    groups are smaller.
    """

    name = "stylegan2-disc"
    GROUP = 4

    INFO = ModelInfo(task=SCORES)

    def __init__(
        self,
        size_px: int = 256,
        channel_multiplier: float = 2.0,
        width: int = 512,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        widths = widths_of(size_px, width, channel_multiplier)[::-1]
        blocks = [ResBlock(before, now) for before, now in zip(widths, widths[1:], strict=False)]
        self.convs = nn.Sequential(ConvLayer(in_channels, widths[0], 1), *blocks)
        self.final_conv = ConvLayer(widths[-1] + 1, widths[-1], 3)
        self.final_linear = nn.Sequential(
            EqualLinear(widths[-1] * 16, widths[-1], activate=True), EqualLinear(widths[-1], 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)[-1]
        with full_float32(x.device):
            x = self.final_conv(torch.cat([widened(x), self.spread(x)], 1))
            return self.final_linear(x.flatten(1))

    def spread(self, x: Tensor) -> Tensor:
        """The mean standard deviation within each image's group: (N, C, h, w) → (N, 1, h, w)."""
        here, (_, _, height, width) = x, x.shape
        x = distributed.gather(x)  # groups are of the whole batch
        num = len(x)
        group = next(size for size in range(min(num, self.GROUP), 0, -1) if num % size == 0)
        sorted_in = x.float().view(group, -1, *x.shape[1:])  # [GMCHW]: image n is in group n mod M
        std = (sorted_in.var(0, unbiased=False) + EPS).sqrt().mean((1, 2, 3))  # [M]
        std = distributed.local_rows(std.repeat(group)).to(widened(here).dtype)
        return std[:, None, None, None].expand(len(here), 1, height, width)

    def features(self, x: Tensor) -> list[Tensor]:
        """The features after each block, (N, C_i, h_i, w_i); those of the lower resolutions in
        float32, as in NVIDIA's code.
        """
        features = []
        for number, layer in enumerate(self.convs):
            if number > NUM_HALF:
                with full_float32(x.device):
                    x = layer(widened(x))
            else:
                x = layer(x)
            features.append(x)
        return features
