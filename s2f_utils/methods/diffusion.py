"""Diffusion and flow matching as notebook 08 assembles them: noise, losses, guidance, samplers.

A reader's cells are checked against it, and tools/shipped/diffusion.py trains by it.

Shapes: N pictures, C channels, H and W pixels; `networks.denoiser` sees photos as codes,
(N, 6, H/2, W/2). t, the noise level, is an index of `alpha_bars`; time runs from 0, noise, to 1,
the photo.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from s2f_utils.networks.denoiser import NO_SKETCH

NUM_LEVELS = 1000
MOST_WEIGHT = 5.0  # of a noise level in the losses
HIDDEN = 0.2  # share of the sketches that training hides


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


def time_of(alpha_bar: Tensor) -> Tensor:
    """The time at which a straight path mixes photo and noise in the same ratio as `mix`; the two
    mixtures differ by the factor time / √ᾱ.
    """
    return alpha_bar.sqrt() / (alpha_bar.sqrt() + (1 - alpha_bar).sqrt())


def guided(with_sketch: Tensor, without: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance of two estimates (Ho and Salimans 2022, eq. 6).

    scale: 0 ignores the sketch, 1 is the estimate with it, more goes beyond. It is 1 + w there.
    """
    return without + scale * (with_sketch - without)


def some_hidden(ink: Tensor) -> Tensor:
    """Sketches, `HIDDEN` of them taken away, so that the same network learns to do without."""
    is_hidden = torch.rand(len(ink), *[1] * (ink.ndim - 1), device=ink.device) < HIDDEN
    return torch.where(is_hidden, NO_SKETCH, ink)


def flow_loss(net: nn.Module, codes: Tensor, ink: Tensor) -> Tensor:
    """The squared error of the velocity at random times of straight paths from noise to photos:
    Lipman et al. 2023, eq. 23 with σ_min 0; Liu et al. 2023, eq. 1.

    codes, ink: (N, …), of any number of axes.

    As (guess − x) / (1 − time) is the velocity, it is that of the best guess, weighted by
    1 / (1 − time)², at most by `MOST_WEIGHT` (Hang et al. 2023).
    """
    time = torch.rand(len(codes), *[1] * (codes.ndim - 1), device=codes.device)
    noise = torch.randn_like(codes)
    x = (1 - time) * noise + time * codes
    guess = net(x, NUM_LEVELS * (1 - time.flatten()), some_hidden(ink))
    weight = (1 / (1 - time).square()).clamp(max=MOST_WEIGHT)
    return (weight * (guess - codes).square()).mean()


def levels_of(num_steps: int) -> list[int]:
    """The noise levels of a sampler's steps, falling evenly from the last: Lin et al. 2024."""
    _check_steps(num_steps)
    return (torch.linspace(NUM_LEVELS, 0, num_steps + 1)[:-1] - 1).round().long().tolist()


def _check_steps(num_steps: int) -> None:
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")


def ddim(
    guess_at: Callable[[Tensor, int], Tensor], x: Tensor, num_steps: int, alpha_bar: Tensor
) -> Tensor:
    """Codes from noise x by Song et al. 2021, eq. 12 with σ = 0; guess_at(x, t): the best guess."""
    levels = levels_of(num_steps)
    for t, next_t in zip(levels, [*levels[1:], None], strict=True):
        guess = guess_at(x, t)
        if next_t is not None:
            x = mix(guess, noise_of(x, guess, alpha_bar[t]), alpha_bar[next_t])
    return guess


def euler(guess_at: Callable[[Tensor, float], Tensor], x: Tensor, num_steps: int) -> Tensor:
    """Codes from noise x along the velocity, by Euler's method; guess_at(x, time): the guess."""
    _check_steps(num_steps)
    for step in range(num_steps):
        time = step / num_steps
        x = x + velocity(x, guess_at(x, time), time) / num_steps
    return x
