"""MobileStyleGAN: StyleGAN2 distilled into depthwise separable convolutions and inverse wavelets.

A pretrained generator of faces: a code z becomes a code w of the space W, and w a face. An encoder
such as pSp's needs no more than that: a way from a picture into W.

Shapes: N faces, D = 512 numbers in a code, L = 23 styles, C channels, S pixels a side. Source:
Belousov 2021, arXiv:2104.04767, and its code, bes-dev/MobileStyleGAN.pytorch, whose names of layers
are kept. Its published weights come by `weights.generator`, with the demodulation of the
convolutions already folded into them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils.networks.info import FROM_NOISE, RENDERS, ModelInfo
from s2f_utils.networks.network import Network

STYLE_DIM = 512
NUM_MAPPING_LAYERS = 8
FIRST_PX = 4
# Of the seven blocks, which end at 8, 16, 32, 64, 128, 256 and 512 pixels.
CHANNELS = 512, 512, 512, 512, 256, 128, 64
NUM_STYLES = 2 + 3 * len(CHANNELS)
FULL_PX = 1024
SLOPE = 0.2  # of the leaky ReLU
EPS = 1e-8


class MappingNetwork(nn.Sequential):
    """Codes z → codes w: (N, D) → (N, D)."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for _ in range(NUM_MAPPING_LAYERS):
            layers += [nn.Linear(STYLE_DIM, STYLE_DIM), nn.LeakyReLU(SLOPE)]
        super().__init__(*layers)

    def forward(self, z: Tensor) -> Tensor:
        z = z * (z.square().mean(dim=1, keepdim=True) + EPS).rsqrt()
        return super().forward(z)


class Modulation(nn.Linear):
    """A factor for each channel from a style, (N, D) → (N, C, 1, 1)."""

    def __init__(self, num_channels: int) -> None:
        super().__init__(STYLE_DIM, num_channels)

    def forward(self, style: Tensor) -> Tensor:
        return super().forward(style)[:, :, None, None]


class StyledConv(nn.Module):
    """A modulated convolution, constant noise, a bias, and a leaky ReLU: (N, I, S, S) → (N, O, S,
    S).

    separable: a depthwise convolution of 3 × 3 pixels, then a pointwise one; else one full
    convolution of 3 × 3 pixels.
    """

    def __init__(self, num_in: int, num_out: int, size_px: int, separable: bool = True) -> None:
        super().__init__()
        self.modulation = Modulation(num_in)
        self.depthwise = None
        if separable:
            self.depthwise = nn.Conv2d(num_in, num_in, 3, padding=1, groups=num_in, bias=False)
            self.conv = nn.Conv2d(num_in, num_out, 1)
        else:
            self.conv = nn.Conv2d(num_in, num_out, 3, padding=1)
        self.register_buffer("noise", torch.zeros(1, 1, size_px, size_px))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        x = x * self.modulation(style)
        if self.depthwise is not None:
            x = self.depthwise(x)
        return F.leaky_relu(self.conv(x) + self.noise, SLOPE)


def inverse_haar(x: Tensor) -> Tensor:
    """The inverse Haar wavelet transform: (N, 4 C, S, S) → (N, C, 2 S, 2 S).

    The first C channels are the low band; then come three bands for each channel: differences from
    row to row, from column to column, and diagonal ones.
    """
    num_out = x.shape[1] // 4
    low, high = x[:, :num_out], x[:, num_out:].unflatten(1, (num_out, 3))
    rows, columns, diagonal = high.unbind(2)  # (N, C, S, S) each
    quarters = torch.stack(
        [
            low + rows + columns + diagonal,
            low + rows - columns - diagonal,
            low - rows + columns - diagonal,
            low - rows - columns + diagonal,
        ],
        dim=2,
    )
    return F.pixel_shuffle(0.5 * quarters.flatten(1, 2), 2)


class Block(nn.Module):
    """Twice as many pixels: modulate, an inverse wavelet transform, and two separable convolutions:
    (N, I, S / 2, S / 2) → (N, O, S, S).
    """

    def __init__(self, num_in: int, num_out: int, size_px: int) -> None:
        super().__init__()
        self.up = Modulation(num_in)
        self.conv1 = StyledConv(num_in // 4, num_out, size_px)
        self.conv2 = StyledConv(num_out, num_out, size_px)

    def forward(self, x: Tensor, styles: Iterator[Tensor]) -> Tensor:
        x = inverse_haar(x * self.up(next(styles)))  # (N, I / 4, S, S)
        x = self.conv1(x, next(styles))
        return self.conv2(x, next(styles))


class MobileStyleGAN(Network):
    """The generator: codes → faces of 512 or 1024 pixels, RGB in [-1, 1].

    w is one code for all styles, (N, D), or W⁺, a code for each of the 23 styles, (N, L, D): the
    first ones decide pose and shape, the last ones colours and texture.
    """

    name = "mobile-stylegan"
    INFO = ModelInfo(RENDERS, FROM_NOISE, size_px=FULL_PX)
    # As a `PSP` decodes by it; there is no noise to store, for it is a part of the weights.
    size_px, num_layers, style_dim, stored_noise = FULL_PX // 2, NUM_STYLES, STYLE_DIM, None

    def __init__(self) -> None:
        super().__init__()
        self.mapping = MappingNetwork()
        self.input = nn.Parameter(torch.zeros(1, CHANNELS[0], FIRST_PX, FIRST_PX))
        self.conv1 = StyledConv(CHANNELS[0], CHANNELS[0], FIRST_PX, separable=False)
        self.layers = nn.ModuleList()
        num_in, size_px = CHANNELS[0], FIRST_PX
        for num_out in CHANNELS:
            size_px *= 2
            self.layers.append(Block(num_in, num_out, size_px))
            num_in = num_out
        self.to_img_modulation = Modulation(num_in)
        self.to_img = nn.Conv2d(num_in, 12, 1)
        self.register_buffer("mean_w", torch.zeros(STYLE_DIM))

    @staticmethod
    def args_from(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        if "to_img_modulation.weight" not in shapes:
            raise LookupError
        return {}

    def forward(self, w: Tensor, size_px: int = FULL_PX) -> Tensor:
        """Codes (N, D) or (N, L, D) → faces (N, 3, S, S). size_px: 512 or 1024."""
        if size_px not in (FULL_PX // 2, FULL_PX):
            raise ValueError(f"size_px must be {FULL_PX // 2} or {FULL_PX}, got {size_px}")
        styles = self.styles_of(w)
        x = self.features(styles, len(CHANNELS))  # (N, 64, 512, 512)
        bands = self.to_img(x * self.to_img_modulation(styles[-1]))  # (N, 12, 512, 512)
        if size_px == FULL_PX:
            return inverse_haar(bands)
        return 0.5 * bands[:, :3]  # the low band is twice the mean of four pixels

    def features(self, styles: list[Tensor], num_blocks: int) -> Tensor:
        """What the first blocks make of the styles, (N, C, S, S): after five of them S is 128."""
        given = iter(styles)
        x = self.input.expand(styles[0].shape[0], -1, -1, -1)
        x = self.conv1(x, next(given))
        for block in self.layers[:num_blocks]:
            x = block(x, given)
        return x

    @staticmethod
    def styles_of(w: Tensor) -> list[Tensor]:
        """The code of each style, L times (N, D), from (N, D) or (N, L, D).

        Raises ValueError for another shape.
        """
        if w.ndim == 2 and w.shape[1] == STYLE_DIM:
            return [w] * NUM_STYLES
        if w.ndim == 3 and w.shape[1:] == (NUM_STYLES, STYLE_DIM):
            return list(w.unbind(1))
        raise ValueError(
            f"w must be (N, {STYLE_DIM}) or (N, {NUM_STYLES}, {STYLE_DIM}), got {tuple(w.shape)}"
        )

    def map(self, z: Tensor) -> Tensor:
        """Random codes z (N, D) → codes w (N, D)."""
        return self.mapping(z)

    def mean_latent(self) -> Tensor:
        """The mean of random codes w, (D,)."""
        return self.mean_w

    def noise_of(self, seeds: Tensor) -> None:
        """There is none to draw."""

    def synthesis(self, latent: Tensor, noise: None = None) -> Tensor:
        """Codes (N, L, D) → faces of `size_px`, (N, 3, S, S)."""
        return self(latent, self.size_px)

    def sample(self, z: Tensor, psi: float = 1.0) -> Tensor:
        """Random codes z (N, D) → codes w (N, D), truncated: psi 0 is the mean face, 1 keeps all
        of the variety (Karras et al. 2019, section B).
        """
        return self.mean_w + psi * (self.mapping(z) - self.mean_w)


class PreviewBlock(nn.Module):
    """Modulate, a depthwise and a pointwise convolution, and add: (N, C, S, S) → the same."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.modulation = Modulation(num_channels)
        self.depthwise = nn.Conv2d(num_channels, num_channels, 3, padding=1, groups=num_channels)
        self.conv = nn.Conv2d(num_channels, num_channels, 1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        y = self.conv(self.depthwise(x * self.modulation(code)))
        return F.leaky_relu(x + y, SLOPE)


class PreviewHead(Network):
    """A face of 256 pixels from the generator's features at 128, in a quarter of the time. Ours.

    It takes the place of the last two blocks, and was taught by the generator itself, whose
    pictures it saw at half their size.
    """

    name = "preview-head"
    INFO = ModelInfo(RENDERS, FROM_NOISE, size_px=256)
    NUM_BLOCKS = 5  # of the generator, before it

    def __init__(self, num_channels: int = 64) -> None:
        super().__init__()
        self.modulation = Modulation(CHANNELS[self.NUM_BLOCKS - 1])
        self.narrow = nn.Conv2d(CHANNELS[self.NUM_BLOCKS - 1], num_channels, 1)
        self.blocks = nn.ModuleList([PreviewBlock(num_channels) for _ in range(2)])
        self.to_img_modulation = Modulation(num_channels)
        self.to_img = nn.Conv2d(num_channels, 12, 1)

    @staticmethod
    def args_from(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        if "narrow.weight" not in shapes:
            raise LookupError
        return {"num_channels": shapes["narrow.weight"][0]}

    def paint(self, generator: MobileStyleGAN, w: Tensor) -> Tensor:
        """Codes (N, D) or (N, L, D), as the generator takes them → faces (N, 3, 256, 256)."""
        styles = generator.styles_of(w)
        features = generator.features(styles, self.NUM_BLOCKS)
        return self(features, styles[-1] - generator.mean_w)

    def forward(self, features: Tensor, w: Tensor) -> Tensor:
        """Features (N, 256, 128, 128) and the last style's codes w (N, D), less the mean code →
        faces (N, 3, 256, 256), RGB in [-1, 1].
        """
        x = F.leaky_relu(self.narrow(features * self.modulation(w)), SLOPE)
        for block in self.blocks:
            x = block(x, w)
        return inverse_haar(self.to_img(x * self.to_img_modulation(w)))
