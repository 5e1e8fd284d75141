"""The discriminator of Projected GANs (Sauer et al. 2021): it looks at pictures through the
features of a network that was trained on ImageNet, mixed by fixed random projections, with a small
head at each of four scales.

Shapes: N pictures, H and W pixels; F = width of the projections and heads; h, w the places at a
stride of 4, 8, 16, 32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from s2f_utils.networks import pretrained
from s2f_utils.networks.info import SCORES, ModelInfo
from s2f_utils.networks.network import Network

COARSE = (2, 3)  # the strides, by number, at which a head is shown the sketch, too: 16 and 32


class RandomProjection(nn.Module):
    """Features at four strides, (N, C_i, h, w) → four of (N, F, h, w),
    by weights drawn once and never learned.

    1x1 convolutions mix channels; from coarse to fine, 3x3 convolutions and bilinear enlargement
    mix scales, so that no head can leave out a part of what the features say (Sauer et al. 2021,
    section 3.2). The weights are drawn by a generator of their own from `seed`, and are in the
    state dict, so that a resumed training has the same bits.
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
                coarser = F.interpolate(
                    coarser, size=x.shape[2:], mode="bilinear", align_corners=False
                )
                x = (x + coarser) * math.sqrt(0.5)
            mixed.append(x)
        return mixed[::-1]


class ProjectedDiscriminator(Network):
    """Pictures as `project` makes them, a list of four (N, F, h, w) → four maps of logits
    (N, 1, h', w').

    Heads have spectral norm and batch norm: without batch norm the discriminator won within a
    minute. The heads at strides 16 and 32 also see what the pictures are answers to, sketches (N,
    sketch_channels, H, W), by projection (Miyato and Koyama 2018): the inner product of a learned
    embedding of the sketch with the head's last features is added to the logit of each place.
    sketch_channels: 0 where no head sees a sketch. All is computed in float32.
    seed: of the fixed projections. features: a name in `pretrained.BACKBONES`; its weights
    are no part of this network. Raises ImportError where they are not installed.
    """

    name = "projected"
    INFO = ModelInfo(task=SCORES)

    def __init__(
        self,
        features: str = "efficientnet-lite0",
        width: int = 64,
        sketch_channels: int = 3,
        seed: int = 0,
    ) -> None:
        super().__init__()
        pretrained.check(features)
        self.features = features
        self.projection = RandomProjection(pretrained.BACKBONES[features].channels, width, seed)
        layers = [
            [_down(width), _down(width)],
            [_down(width), _same(width)],
            [_same(width)],
            [_same(width)],
        ]
        self.heads = nn.ModuleList(nn.Sequential(*parts) for parts in layers)
        self.logits = nn.ModuleList(
            spectral_norm(nn.Conv2d(width, 1, 3, padding=1)) for _ in layers
        )
        self.sketch = SketchEmbedding(sketch_channels, width) if sketch_channels else None

    def project(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Features of pictures,
        `pretrained.features_of` → the projected ones that `forward` takes.
        """
        with torch.autocast(features[0].device.type, enabled=False):
            return self.projection([f.float() for f in features])

    def forward(self, projected: Sequence[Tensor], sketch: Tensor | None = None) -> list[Tensor]:
        with torch.autocast(projected[0].device.type, enabled=False):
            found = [head(x) for head, x in zip(self.heads, projected, strict=True)]
            logits = [last(x) for last, x in zip(self.logits, found, strict=True)]
            if self.sketch is not None:
                for number, embedded in zip(
                    COARSE, self.sketch(pretrained.fitted(sketch.float())), strict=True
                ):
                    agrees = (found[number] * embedded).sum(dim=1, keepdim=True) / math.sqrt(
                        embedded.shape[1]
                    )
                    logits[number] = logits[number] + agrees
        return logits


class SketchEmbedding(nn.Module):
    """Sketches (N, C, H, W) → what they ask for at strides 16 and 32, (N, F, h, w) each."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        widths = (in_channels, max(8, width // 4), max(8, width // 2), width, width)
        self.to_16 = nn.Sequential(*(_down(i, o) for i, o in zip(widths, widths[1:], strict=False)))
        self.to_32 = _down(width)
        self.out = nn.ModuleList(spectral_norm(nn.Conv2d(width, width, 1)) for _ in COARSE)

    def forward(self, sketch: Tensor) -> list[Tensor]:
        at_16 = self.to_16(sketch)
        return [out(x) for out, x in zip(self.out, (at_16, self.to_32(at_16)), strict=True)]


def _down(in_channels: int, width: int = 0) -> nn.Module:
    """(N, C, H, W) → (N, F, H / 2, W / 2)."""
    return _normed(nn.Conv2d(in_channels, width or in_channels, 4, stride=2, padding=1, bias=False))


def _same(width: int) -> nn.Module:
    """(N, F, H, W) → the same shape."""
    return _normed(nn.Conv2d(width, width, 3, padding=1, bias=False))


def _normed(conv: nn.Conv2d) -> nn.Module:
    norm = nn.BatchNorm2d(conv.out_channels)
    return nn.Sequential(spectral_norm(conv), norm, nn.LeakyReLU(0.2, inplace=True))
