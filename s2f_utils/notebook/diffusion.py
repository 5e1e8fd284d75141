"""Diffusion and flow matching as notebook 08 assembles them: noise, network, losses, guidance.

A reader's cells are checked against it, and tools/shipped/diffusion.py trains the same network.

Shapes: N pictures, C channels, H and W pixels, both multiples of 8. The networks see photos as
codes, (N, 6, H/2, W/2), see `encode`. t, the noise level, is an index of `alpha_bars`; time runs
from 0, noise, to 1, the photo.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from s2f_utils import weights
from s2f_utils.weights import compact

NUM_LEVELS = 1000
NO_SKETCH = -1.0  # the plane of ink, from 0 to 1, where no sketch is given
MOST_WEIGHT = 5.0  # of a noise level in the losses
HIDDEN = 0.1  # share of the sketches that training hides
LEVEL_FEATURES = 64
WIDTHS = (32, 96, 160)
GROUPS = 8
CODE_CHANNELS = 6
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: Rec. 601
CHROMA = 3.0  # times as large in a code, so that it varies about as much as brightness
SIZE_PX = 64  # of the faces that the trained networks know
TRAINED = {"diffusion": "diffusion-64.safetensors", "flow matching": "flow-64.safetensors"}


def alpha_bars() -> Tensor:
    """ᾱ of every level, how much of a picture's power is left: float32 (1000,), falling.

    Ho et al. 2020, section 4: β rises evenly from 1e-4 to 0.02.
    """
    return torch.cumprod(1 - torch.linspace(1e-4, 0.02, NUM_LEVELS), dim=0)


def mix(photo: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Photos and noise, (N, C, H, W) each; ᾱ broadcasts: Ho et al. 2020, eq. 4."""
    return alpha_bar.sqrt() * photo + (1 - alpha_bar).sqrt() * noise


def noise_of(x: Tensor, photo: Tensor, alpha_bar: Tensor) -> Tensor:
    """The noise with which `mix` turns photos into x: eq. 4, solved for the noise."""
    return (x - alpha_bar.sqrt() * photo) / (1 - alpha_bar).sqrt()


def velocity(x: Tensor, photo: Tensor, time: float) -> Tensor:
    """Of the straight path that reaches the photo at time 1 and is at x at this time < 1."""
    return (photo - x) / (1 - time)


def guided(with_sketch: Tensor, without: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance of two estimates (Ho and Salimans 2022, eq. 6).

    scale: 0 ignores the sketch, 1 is the estimate with it, more goes beyond. It is 1 + w there.
    """
    return without + scale * (with_sketch - without)


def encode(photos: Tensor) -> Tensor:
    """Photos (N, 3, H, W) in [-1, 1] as codes (N, 6, H/2, W/2), half as many values.

    Brightness at full size, each square of four pixels as four channels; then red and blue without
    brightness, at half the size, as JPEG keeps them.
    """
    red, green, blue = photos.unbind(1)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue  # (N, H, W)
    chroma = torch.stack([red - luma, blue - luma], dim=1)  # (N, 2, H, W)
    luma = F.pixel_unshuffle(luma[:, None], 2)  # (N, 4, H/2, W/2)
    return torch.cat([luma, CHROMA * F.avg_pool2d(chroma, 2)], dim=1)


def decode(codes: Tensor) -> Tensor:
    """The photos in [-1, 1] of codes, with the colours enlarged: (N, 3, H, W)."""
    luma = F.pixel_shuffle(codes[:, :4], 2)  # (N, 1, H, W)
    chroma = F.interpolate(codes[:, 4:], scale_factor=2, mode="bilinear") / CHROMA
    red, blue = luma + chroma[:, :1], luma + chroma[:, 1:]
    green = (luma - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return torch.cat([red, green, blue], dim=1).clamp(-1, 1)


class Block(nn.Module):
    """Two convolutions that know the noise level, added to the input."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.norm = nn.GroupNorm(GROUPS, after)
        self.level = nn.Linear(LEVEL_FEATURES, after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        y = self.norm(self.conv1(x))  # (N, after, H, W)
        y = y + self.level(level)[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(y))


class UNet(nn.Module):
    """The best guess at codes under noise, (N, 6, H/2, W/2), from noisy ones, their noise level t
    (N,) from 0 to 1000, and ink (N, 1, H, W), 0 for paper to 1 for a black line, or `NO_SKETCH`
    everywhere.

    A U-Net at a half, a quarter and an eighth of the size, as Ho et al. 2020 have it but smaller
    and without attention. Its answer is the photo, as Li and He 2025 advise.
    """

    def __init__(self) -> None:
        super().__init__()
        high, middle, low = WIDTHS
        self.embed = nn.Sequential(nn.Linear(LEVEL_FEATURES, LEVEL_FEATURES), nn.SiLU())
        self.stem = nn.Conv2d(CODE_CHANNELS + 4, high, 3, padding=1)
        self.down = Block(high, middle)
        self.below = nn.ModuleList([Block(middle, low), Block(low, low), Block(low, low)])
        self.up = Block(low + middle, middle)
        self.narrow = nn.Conv2d(middle, high, 1)
        self.join = nn.Conv2d(2 * high, high, 3, padding=1)
        self.head = nn.Conv2d(high, CODE_CHANNELS, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, ink: Tensor) -> Tensor:
        level = self.embed(waves(t))
        seen = torch.cat([x, F.pixel_unshuffle(ink, 2)], dim=1)  # (N, 10, H/2, W/2)
        fine = F.silu(self.stem(seen))  # (N, 32, H/2, W/2)
        coarse = self.down(F.avg_pool2d(fine, 2), level)  # (N, 96, H/4, W/4)
        y = F.avg_pool2d(coarse, 2)  # (N, 96, H/8, W/8)
        for block in self.below:
            y = block(y, level)  # (N, 160, H/8, W/8)
        y = self.up(torch.cat([F.interpolate(y, scale_factor=2), coarse], dim=1), level)
        y = F.interpolate(self.narrow(F.silu(y)), scale_factor=2)  # (N, 32, H/2, W/2)
        return self.head(F.silu(self.join(torch.cat([y, fine], dim=1))))  # (N, 6, H/2, W/2)


def trained(method: str) -> UNet:
    """`UNet` in eval mode, for faces of 64 px, as tools/shipped/diffusion.py trained it.

    method: "diffusion" or "flow matching". Raises WeightsError where its file is missing or
    damaged, ValueError for another method.
    """
    if method not in TRAINED:
        raise ValueError(f"method must be one of {', '.join(TRAINED)}, got {method!r}")
    path, net = weights.SHIPPED_FOLDER / TRAINED[method], UNet()
    try:
        net.load_state_dict(compact.unpacked(load_file(path)))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise weights.WeightsError(
            f"{path}: not there, or damaged: install the package again ({error})"
        ) from error
    return net.eval()


def about_trained() -> dict[str, str]:
    """The settings of the training behind both networks, as their files say them."""
    with safe_open(weights.SHIPPED_FOLDER / TRAINED["diffusion"], "pt") as file:
        about = file.metadata()
    return {name.replace("_", " "): value for name, value in about.items()}


def waves(t: Tensor) -> Tensor:
    """Levels (N,) as sines and cosines of 32 frequencies, (N, 64): Vaswani et al. 2017."""
    frequency = torch.exp(torch.linspace(0, -math.log(1e4), LEVEL_FEATURES // 2, device=t.device))
    angle = t[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def some_hidden(ink: Tensor) -> Tensor:
    """Sketches, `HIDDEN` of them taken away, so that the same network learns to do without."""
    is_hidden = torch.rand(len(ink), 1, 1, 1, device=ink.device) < HIDDEN
    return torch.where(is_hidden, NO_SKETCH, ink)


def diffusion_loss(net: nn.Module, codes: Tensor, ink: Tensor, alpha_bar: Tensor) -> Tensor:
    """The squared error of the best guess at random levels, weighted by 1 / (1 − ᾱ), at most by
    `MOST_WEIGHT`.

    The weight makes it the squared error of v (Salimans and Ho 2022); Hang et al. 2023 limit it.
    """
    t = torch.randint(len(alpha_bar), (len(codes),), device=codes.device)
    noise = torch.randn_like(codes)
    at_t = alpha_bar[t].view(-1, 1, 1, 1)
    guess = net(mix(codes, noise, at_t), t, some_hidden(ink))
    weight = (1 / (1 - at_t)).clamp(max=MOST_WEIGHT)
    return (weight * (guess - codes).square()).mean()


def flow_loss(net: nn.Module, codes: Tensor, ink: Tensor) -> Tensor:
    """The squared error of the velocity at random times of straight paths from noise to photos:
    Lipman et al. 2023, eq. 23 with σ_min 0; Liu et al. 2023, eq. 1.

    As (guess − x) / (1 − time) is the velocity, it is that of the best guess, weighted by
    1 / (1 − time)², at most by `MOST_WEIGHT`.
    """
    time = torch.rand(len(codes), 1, 1, 1, device=codes.device)
    noise = torch.randn_like(codes)
    x = (1 - time) * noise + time * codes
    guess = net(x, NUM_LEVELS * (1 - time.flatten()), some_hidden(ink))
    weight = (1 / (1 - time).square()).clamp(max=MOST_WEIGHT)
    return (weight * (guess - codes).square()).mean()


def levels_of(num_steps: int) -> list[int]:
    """The noise levels of a sampler's steps, falling evenly from the last: Lin et al. 2024."""
    return (torch.linspace(NUM_LEVELS, 0, num_steps + 1)[:-1] - 1).round().long().tolist()


def ddim(
    guess_at: Callable[[Tensor, int], Tensor], x: Tensor, num_steps: int, alpha_bar: Tensor
) -> Tensor:
    """Codes from noise x by Song et al. 2021, eq. 12 with σ = 0; guess_at(x, t): the best guess."""
    levels = levels_of(num_steps)
    for t, next_t in zip(levels, [*levels[1:], None], strict=True):
        guess = guess_at(x, t)
        if next_t is None:
            return guess
        x = mix(guess, noise_of(x, guess, alpha_bar[t]), alpha_bar[next_t])
    raise ValueError(f"num_steps must be at least 1, got {num_steps}")


def euler(guess_at: Callable[[Tensor, float], Tensor], x: Tensor, num_steps: int) -> Tensor:
    """Codes from noise x along the velocity, by Euler's method; guess_at(x, time): the guess."""
    for step in range(num_steps):
        time = step / num_steps
        x = x + velocity(x, guess_at(x, time), time) / num_steps
    return x
