"""A person's photo in the mean shape's frame, from a code: principal components (Cootes, Edwards
and Taylor 1998), and a network that renders the photo, with what they leave out.

Shapes: N people, K components, S = 128 pixels, P = 3 · 64 · 64 values of a picture.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.drawings.mesh import MEAN_PX
from s2f_studio.faces.networks.renderer import Renderer
from s2f_utils.networks.info import RENDERS, ModelInfo
from s2f_utils.networks.network import Network, twice

SMALL_PX = MEAN_PX // 2
NUM_VALUES = 3 * SMALL_PX**2
BEYOND = 1.2  # of [-1, 1]: a code's picture may reach so far


class Appearance(nn.Module):
    """Codes of pictures, and pictures of codes.

    mean, weight: (P,), the mean picture, and how much each value counts. components: (K, P),
    orthonormal. deviation: (K,), the standard deviations of people along them.
    """

    def __init__(self, num_components: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(NUM_VALUES))
        self.register_buffer("weight", torch.ones(NUM_VALUES))
        self.register_buffer("components", torch.zeros(num_components, NUM_VALUES))
        self.register_buffer("deviation", torch.ones(num_components))

    def code(self, pictures: Tensor) -> Tensor:
        """Pictures (N, 3, S, S) in [-1, 1] → codes (N, K), of mean 0 and variance 1 over people."""
        small = F.avg_pool2d(pictures, 2).flatten(1)
        return F.linear((small - self.mean) * self.weight, self.components) / self.deviation

    def picture(self, codes: Tensor) -> Tensor:
        """Codes (N, K) → pictures (N, 3, S, S)."""
        flat = self.mean + (codes * self.deviation) @ self.components / self.weight
        return twice(flat.view(-1, 3, SMALL_PX, SMALL_PX)).clamp(-BEYOND, BEYOND)


class Person(Network):
    """Codes (N, K), lines (N, 1, S, S), 1 is paper, and noise (N, 1, S, S), of a standard normal
    distribution → photos (N, 3, S, S) in [-1, 1].
    """

    INFO = ModelInfo(RENDERS, size_px=MEAN_PX)

    def __init__(self, num_components: int = 160) -> None:
        super().__init__()
        self.appearance = Appearance(num_components)
        self.renderer = Renderer()

    def forward(self, codes: Tensor, lines: Tensor, noise: Tensor) -> Tensor:
        return self.renderer(torch.cat([self.appearance.picture(codes), lines, noise], dim=1))
