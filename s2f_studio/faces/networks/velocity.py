"""The velocity of a flow from noise to people, given a drawing: flow matching (Lipman et al. 2023),
as in notebook 08. Ours.

Noise z at time 0 and a person's code u at time 1 are joined by a line, x = (1 - t) z + t u; the
velocity is the mean of u - z over all lines through x. For a normal distribution it is known in
closed form; the network learns what people differ from that.

Shapes: N people, K directions of W, F features of a drawing.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, NUM_BLOCKS = 384, 4
NUM_GIVEN = 192  # numbers that say what the drawing and the time are
NUM_WAVES = 32  # of the time
DROPPED = 0.3


class Block(nn.Module):
    """A residual block of two layers, scaled and shifted by what is given."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.by_given = nn.Linear(NUM_GIVEN, 2 * WIDTH)
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        scale, shift = self.by_given(given).chunk(2, dim=1)
        hidden = F.silu(self.first(self.norm(x) * (1 + scale) + shift))
        return x + self.second(hidden)  # (N, 384)


class Velocity(nn.Module):
    """What the velocity differs from a normal distribution's: x (N, K) at a time (N,), features (N,
    F) → (N, K).
    """

    def __init__(self, num_directions: int, num_features: int) -> None:
        super().__init__()
        self.by_drawing = nn.Sequential(
            nn.Linear(num_features, NUM_GIVEN),
            nn.SiLU(),
            nn.Dropout(DROPPED),
            nn.Linear(NUM_GIVEN, NUM_GIVEN),
        )
        self.by_both = nn.Linear(2 * NUM_WAVES + NUM_GIVEN, NUM_GIVEN)
        self.enter, self.leave = nn.Linear(num_directions, WIDTH), nn.Linear(WIDTH, num_directions)
        self.blocks = nn.ModuleList(Block() for _ in range(NUM_BLOCKS))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        waves = 100 * torch.linspace(0, -math.log(1000), NUM_WAVES).exp()
        self.register_buffer("waves", waves, persistent=False)

    def forward(self, x: Tensor, time: Tensor, features: Tensor) -> Tensor:
        angles = time[:, None] * self.waves
        given = torch.cat([angles.sin(), angles.cos(), self.by_drawing(features)], dim=1)
        given = F.silu(self.by_both(given))
        x = self.enter(x)
        for block in self.blocks:
            x = block(x, given)
        return self.leave(x)


def normal_velocity(x: Tensor, time: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """The velocity where people are normally distributed around a mean (N, K): (N, K).

    spread: (K, K), orthogonal columns; times its transpose it is the covariance.
    """
    variances = spread.square().sum(0)
    axes = spread / variances.sqrt()
    time = time[:, None]
    off = (x - time * mean) @ axes / ((1 - time).square() + time.square() * variances)
    return mean + (off * (time * variances - (1 - time))) @ axes.T
