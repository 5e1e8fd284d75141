"""Diffusion as notebook 08 assembles it: schedule, noise, denoiser and guidance.

A reader's cells are checked against it, and tools/shipped/denoiser.py trains the same network.

Shapes: N pictures, C channels, H and W pixels, both multiples of 8; t, the noise level, is an index
of `shares`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from s2f_utils import weights

NUM_LEVELS = 1000
NO_SKETCH = -1.0  # the plane of ink, from 0 to 1, where no sketch is given
HIDDEN = 0.15  # share of the sketches that training hides
LEVEL_FEATURES = 64
WIDTHS = (32, 64, 96)
GROUPS = 8
TRAINED = "denoiser-32.safetensors"


def shares() -> Tensor:
    """ᾱ of every level, how much of a picture's power is left: float32 (1000,), falling.

    Ho et al. 2020, section 4: β rises evenly from 1e-4 to 0.02.
    """
    return torch.cumprod(1 - torch.linspace(1e-4, 0.02, NUM_LEVELS), dim=0)


def mix(photo: Tensor, noise: Tensor, share: Tensor) -> Tensor:
    """Photos and noise, (N, C, H, W) each, at a share ᾱ that broadcasts: Ho et al. 2020, eq. 4."""
    return share.sqrt() * photo + (1 - share).sqrt() * noise


def photo_of(x: Tensor, noise: Tensor, share: Tensor) -> Tensor:
    """The photos that `mix` turns into x with this noise: eq. 4, solved for the photo."""
    return (x - (1 - share).sqrt() * noise) / share.sqrt()


def guided(with_sketch: Tensor, without: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance of two estimates of the noise (Ho and Salimans 2022, eq. 6).

    scale: 0 ignores the sketch, 1 is the estimate with it, more goes beyond. It is 1 + w there.
    """
    return without + scale * (with_sketch - without)


class Block(nn.Module):
    """Two convolutions that know the noise level, added to the input."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, before)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.level = nn.Linear(LEVEL_FEATURES, after)
        self.norm2 = nn.GroupNorm(GROUPS, after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))  # (N, after, H, W)
        y = y + self.level(level)[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(y)))


class Denoiser(nn.Module):
    """Estimates the noise in pictures (N, 3, H, W) of level t (N,), beside ink (N, 1, H, W).

    A U-Net at a half, a quarter and an eighth of the size, as Ho et al. 2020 have it but without
    attention. It answers with v = √ᾱ ε − √(1 − ᾱ) x₀ inside (Salimans and Ho 2022, appendix D),
    which is right at every level: ε = √(1 − ᾱ) x + √ᾱ v. ink: 0 for paper to 1 for a black line,
    or `NO_SKETCH` everywhere.
    """

    def __init__(self) -> None:
        super().__init__()
        high, middle, low = WIDTHS
        self.register_buffer("share", shares())
        self.embed = nn.Sequential(nn.Linear(LEVEL_FEATURES, LEVEL_FEATURES), nn.SiLU())
        self.stem = nn.Conv2d(4, high, 2, stride=2)
        self.down1 = Block(high, high)
        self.down2 = Block(high, middle)
        self.below = nn.ModuleList([Block(middle, low), Block(low, low), Block(low, low)])
        self.up2 = Block(low + middle, middle)
        self.up1 = Block(middle + high, high)
        self.head = nn.ConvTranspose2d(high, 3, 2, stride=2)

    def forward(self, x: Tensor, t: Tensor, ink: Tensor) -> Tensor:
        level = self.embed(waves(t))
        fine = self.down1(self.stem(torch.cat([x, ink], dim=1)), level)  # (N, 32, H/2, W/2)
        coarse = self.down2(F.avg_pool2d(fine, 2), level)  # (N, 64, H/4, W/4)
        y = F.avg_pool2d(coarse, 2)  # (N, 64, H/8, W/8)
        for block in self.below:
            y = block(y, level)  # (N, 96, H/8, W/8)
        y = self.up2(torch.cat([F.interpolate(y, scale_factor=2), coarse], dim=1), level)
        y = self.up1(torch.cat([F.interpolate(y, scale_factor=2), fine], dim=1), level)
        share = self.share[t].view(-1, 1, 1, 1)
        return (1 - share).sqrt() * x + share.sqrt() * self.head(F.silu(y))  # (N, 3, H, W)


def trained() -> Denoiser:
    """`Denoiser` in eval mode, for faces of 32 px, as tools/shipped/denoiser.py trained it for an
    hour of one core.

    Raises WeightsError where its file is missing or damaged.
    """
    path, net = weights.SHIPPED_FOLDER / TRAINED, Denoiser()
    try:
        net.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise weights.WeightsError(
            f"{path}: not there, or damaged: install the package again ({error})"
        ) from error
    return net.eval()


def waves(t: Tensor) -> Tensor:
    """Levels (N,) as sines and cosines of 32 frequencies, (N, 64): Vaswani et al. 2017."""
    frequency = torch.exp(torch.linspace(0, -math.log(1e4), LEVEL_FEATURES // 2, device=t.device))
    angle = t[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def loss(net: nn.Module, photos: Tensor, ink: Tensor, share: Tensor) -> Tensor:
    """The mean squared error of the noise at random levels: Ho et al. 2020, eq. 14, over ᾱ, which
    makes it that of v (Salimans and Ho 2022).

    `HIDDEN` of the sketches are hidden, so that the same network learns to do without.
    """
    t = torch.randint(len(share), (len(photos),), device=photos.device)
    noise = torch.randn_like(photos)
    is_hidden = torch.rand(len(photos), 1, 1, 1, device=photos.device) < HIDDEN
    ink = torch.where(is_hidden, NO_SKETCH, ink)
    part = share[t].view(-1, 1, 1, 1)
    off = net(mix(photos, noise, part), t, ink) - noise
    return (off.square() / part).mean()
