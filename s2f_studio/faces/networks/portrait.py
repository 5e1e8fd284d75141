"""A conditional generator of portraits in the mean shape's frame, with a style code for the person.
Ours.

Blocks as in FastGAN (Liu et al. 2021), trained against pretrained features (Sauer et al. 2021); the
code is learned from real photos, and a prior gives the codes that fit a condition, as in a
conditional VAE (Sohn et al. 2015). See tools/train_portrait.py. Shapes: N portraits, S = 128
pixels, Z = 64 numbers of a code, V = 26 of attributes, W = 160.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from s2f_studio.drawings.mesh import MEAN_PX
from s2f_utils.networks.card import MEASURES, RENDERS, SCORES, ModelCard
from s2f_utils.networks.network import Network
from s2f_utils.networks.noise import normal
from s2f_utils.pictures.attributes import PORTRAIT_ATTRIBUTES as ATTRIBUTES

SIZE_PX = MEAN_PX
CODE_DIM = 64
NUM_VALUES = sum(ATTRIBUTES.values())
NUM_TOLD = NUM_VALUES + len(
    ATTRIBUTES
)  # the values, 0 if unknown, and for each attribute whether it is known
CHANNELS = 5  # of the average face: RGB, person, hair


def with_known(values: Tensor, shown: Tensor) -> Tensor:
    """Attributes (N, 16), NaN if unknown, and a mask of those to use, bool (N, 10) → (N, V)."""
    group = _group(values.device)
    known = torch.isfinite(values) & shown[:, group]
    of_each = (
        torch.zeros_like(shown, dtype=values.dtype)
        .index_add(1, group, known.to(values.dtype))
        .clamp_max(1)
    )
    return torch.cat([values.nan_to_num(0.0) * known, of_each], dim=1)


@functools.cache
def _group(device: torch.device) -> Tensor:
    """The attribute of each value, int64 (16,)."""
    return torch.tensor(
        [n for n, size in enumerate(ATTRIBUTES.values()) for _ in range(size)], device=device
    )


class Down(nn.Sequential):
    """Half the size: convolution, batch norm, leaky ReLU."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(
            nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)
        )


class StyledUp(nn.Module):
    """Twice the size: the style scales the input, and scales and shifts the first convolution's
    output; two gated linear units, noise between them.
    """

    def __init__(self, before: int, middle: int, after: int, style_dim: int) -> None:
        super().__init__()
        self.scale = nn.Linear(style_dim, before)
        self.conv1, self.norm1 = (
            nn.Conv2d(before, 2 * middle, 3, 1, 1, bias=False),
            nn.BatchNorm2d(2 * middle),
        )
        self.affine = nn.Linear(style_dim, 4 * middle)
        self.noise = nn.Parameter(torch.zeros(1))
        self.conv2, self.norm2 = (
            nn.Conv2d(middle, 2 * after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(2 * after),
        )
        for layer in (self.scale, self.affine):
            nn.init.normal_(layer.weight, 0, 0.08)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, style: Tensor, grain: Tensor | None = None) -> Tensor:
        x = self.norm1(self.conv1(x * (1 + self.scale(style))[..., None, None].to(x.dtype)))
        scale, shift = self.affine(style)[..., None, None].to(x.dtype).chunk(2, dim=1)
        x = F.interpolate(
            F.glu(x * (1 + scale) + shift, 1), scale_factor=2, mode="bilinear", align_corners=False
        )
        grain = (
            torch.randn_like(x[:, :1]) if grain is None else grain.to(x.dtype)
        )  # training's, or a seed's
        x = x + self.noise.to(x.dtype) * grain
        return F.glu(self.norm2(self.conv2(x)), 1)


class PortraitGenerator(Network):
    """A degraded average face and its degree (N, 6, S, S), a code (N, Z) and attributes (N, V) → a
    portrait with its background (N, 3, S, S) in [-1, 1].

    The first five channels are as `models.expect` gives them, in [-1, 1]; the sixth is a constant
    plane, from -1 (unchanged) to 1 (blurred and noisy: the code decides nearly everything). No skip
    connection at more than 32 px.
    """

    CARD = ModelCard(
        RENDERS, direction="sketch-to-photo", knows=frozenset({"seed"}), size_px=SIZE_PX
    )

    def __init__(self, width: float = 0.75, style_dim: int = 160) -> None:
        super().__init__()
        to_4 = (CHANNELS + 1, 32, 64, 128, 192, 256)
        self.downs = nn.ModuleList(
            Down(before, after) for before, after in zip(to_4, to_4[1:], strict=False)
        )
        values = CODE_DIM + NUM_TOLD + 1
        self.map = nn.Sequential(
            nn.Linear(values, style_dim),
            nn.LeakyReLU(0.2),
            nn.Linear(style_dim, style_dim),
            nn.LeakyReLU(0.2),
        )
        self.start = nn.Linear(style_dim, 256 * 16)
        nn.init.normal_(self.start.weight, 0, 0.02)

        def of(channels: int) -> int:
            return int(channels * width) // 8 * 8

        widths = (256, 256, 256), (224, 224, 160), (128, 128, 112), (72, 72, 56), (40, 40, 32)
        befores = (256, of(256) + 192, of(160) + 128, of(112) + 64, of(56))
        self.ups = nn.ModuleList(
            StyledUp(before, of(middle), of(after), style_dim)
            for before, (_, middle, after) in zip(befores, widths, strict=True)
        )
        self.rgb = nn.Conv2d(of(32), 3, 3, 1, 1)

    def forward(
        self, condition: Tensor, code: Tensor, attributes: Tensor, seed: Tensor | None = None
    ) -> Tensor:
        """seed: int64 (N,), of the noise; None: from torch's generator."""
        if condition.shape[1:] != (CHANNELS + 1, SIZE_PX, SIZE_PX):
            raise ValueError(
                f"condition must be (N, 6, {SIZE_PX}, {SIZE_PX}), got {tuple(condition.shape)}"
            )
        style = self.map(
            torch.cat([code, attributes, condition[:, 5, :1, 0].to(code.dtype)], dim=1)
        )
        found, x = [], condition
        for down in self.downs:
            x = down(x)
            found.append(x)  # 64, 32, 16, 8, 4 px
        x = found[4] + self.start(style).view(-1, 256, 4, 4).to(x.dtype)
        for n, (up, across) in enumerate(
            zip(self.ups, (None, found[3], found[2], found[1], None), strict=True)
        ):
            side = 8 * 2**n
            grain = (
                None if seed is None else normal(seed, side * side, 20 + n).view(-1, 1, side, side)
            )
            x = up(x if across is None else torch.cat([x, across], dim=1), style, grain)
        return torch.tanh(self.rgb(x).float())


class StyleEncoder(Network):
    """Standardised `pooled_places` features of a real photo, (N, F) → its code (N, Z), of mean 0
    and variance 1 over the training photos.
    """

    CARD = ModelCard(MEASURES, size_px=SIZE_PX)

    def __init__(self, num_features: int = 3072, hidden: int = 320) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(num_features, hidden), nn.GELU(), nn.Linear(hidden, CODE_DIM)
        )
        self.norm = nn.BatchNorm1d(CODE_DIM, affine=False, momentum=0.02)

    def forward(self, features: Tensor) -> Tensor:
        return self.norm(self.layers(features))


class CodePrior(Network):
    """A condition (N, 6, S, S) and attributes (N, V) → mean and log variance of the codes that fit,
    (N, Z) each.
    """

    CARD = ModelCard(MEASURES, size_px=SIZE_PX)

    def __init__(self, hidden: int = 192) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(CHANNELS * 64 + NUM_TOLD + 1, hidden),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(hidden, 2 * CODE_DIM),
        )
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, condition: Tensor, attributes: Tensor) -> tuple[Tensor, Tensor]:
        small = F.adaptive_avg_pool2d(condition[:, :CHANNELS], 8).flatten(1)
        mean, log_var = self.layers(
            torch.cat([small, attributes, condition[:, 5, :1, 0]], dim=1)
        ).chunk(2, dim=1)
        return mean, log_var.clamp(-4, 1)


class Portrait(Network):
    """The model for inference: the generator and the prior of its codes, in one file."""

    CARD = ModelCard(
        RENDERS, direction="sketch-to-photo", knows=frozenset({"seed"}), size_px=SIZE_PX
    )

    def __init__(
        self, generator: Mapping[str, Any] | None = None, prior: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.generator = PortraitGenerator.build(**(generator or {}))
        self.prior = CodePrior.build(**(prior or {}))


class PortraitDiscriminator(Network):
    """Projected features at four strides and the pixels themselves → five maps of logits (N, 1, h,
    w).

    The heads on features see the condition by projection (Miyato and Koyama 2018); the one on
    pixels detects repetition at the finest scale, which the features miss.
    """

    CARD = ModelCard(SCORES, size_px=SIZE_PX)

    def __init__(self, width: int = 64, hidden: int = 96) -> None:
        super().__init__()

        def layer(before: int, after: int, stride: int) -> list[nn.Module]:
            size = 4 if stride == 2 else 3
            conv = spectral_norm(nn.Conv2d(before, after, size, stride, 1, bias=False))
            return [conv, nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]

        down, same = layer(width, width, 2), layer(width, width, 1)
        plans = (
            [*down, *layer(width, width, 2)],
            [*layer(width, width, 2), *same],
            layer(width, width, 1),
            layer(width, width, 1),
            [*layer(3, 32, 2), *layer(32, 64, 2), *layer(64, width, 1)],
        )
        self.heads = nn.ModuleList(nn.Sequential(*plan) for plan in plans)
        self.logits = nn.ModuleList(spectral_norm(nn.Conv2d(width, 1, 3, 1, 1)) for _ in plans)
        self.asked = nn.Sequential(
            nn.Conv2d(CHANNELS, 32, 3, 1, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, hidden, 3, 1, 1),
            nn.LeakyReLU(0.2),
        )
        self.told = nn.Linear(NUM_TOLD, hidden)
        self.embeddings = nn.ModuleList(
            spectral_norm(nn.Conv2d(hidden, width, 1)) for _ in plans[:4]
        )

    def forward(
        self,
        projected: list[Tensor],
        pixels: Tensor,
        condition: Tensor,
        attributes: Tensor,
        in_place: bool,
    ) -> list[Tensor]:
        """condition: (N, 5, 16, 16). in_place: whether the pictures are aligned with the condition,
        not shifted.
        """
        found = [head(x) for head, x in zip(self.heads, [*projected, pixels], strict=True)]
        logits = [last(x) for last, x in zip(self.logits, found, strict=True)]
        if in_place:
            asked = self.asked(condition) + self.told(attributes)[..., None, None]
            for n, embed in enumerate(self.embeddings):
                wanted = F.interpolate(embed(asked), size=found[n].shape[2:], mode="area")
                logits[n] = logits[n] + (found[n] * wanted).sum(dim=1, keepdim=True) / 8
        return logits


def pooled_places(features: list[Tensor]) -> Tensor:
    """The two coarsest of `PretrainedFeatures`, averaged to 4 × 4 and 2 × 2 cells: (N, 3072) for
    lite0 at 128 px.
    """
    parts = (F.adaptive_avg_pool2d(features[2], 4), F.adaptive_avg_pool2d(features[3], 2))
    return torch.cat([part.flatten(1) for part in parts], dim=1)
