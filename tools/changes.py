"""Changes of pictures in the training of portraits: colours and places before features are looked
at, and what is expected, spoiled by a degree. Shapes: N pictures, S = 128 pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_studio.drawings.mesh import MEAN_PX as SIZE_PX

CHANNELS_LAST = {"memory_format": torch.channels_last}


class Change:
    """A change of colours and place, drawn once for each of `num` pictures, for true and made ones
    alike.

    slight: only moved, by up to three pixels.
    """

    def __init__(self, num: int, device: torch.device, slight: bool) -> None:
        changed = (torch.rand(num, device=device) < 0.7).float()

        def span(most: float) -> Tensor:
            return (2 * torch.rand(num, device=device) - 1) * most * changed

        self.slight = slight
        self.brightness, self.contrast, self.saturation = span(0.25), 1 + span(0.25), 1 + span(0.4)
        zoomed = (torch.rand(num, device=device) < 0.5).float() * (0.0 if slight else 0.45)
        zoom = 1 - zoomed * torch.rand(num, device=device)
        self.matrix = torch.zeros(num, 2, 3, device=device)
        self.matrix[:, 0, 0] = self.matrix[:, 1, 1] = zoom
        for axis in (0, 1):
            room = (2 * torch.rand(num, device=device) - 1) * (1 - zoom) * 0.6
            self.matrix[:, axis, 2] = 2 * span(0.024 if slight else 0.08) + room

    def __call__(self, x: Tensor) -> Tensor:
        if not self.slight:
            mean = x.mean(1, keepdim=True)
            x = mean + (x - mean) * self.saturation.view(-1, 1, 1, 1)
            mean = x.mean((1, 2, 3), keepdim=True)
            x = (
                mean
                + (x - mean) * self.contrast.view(-1, 1, 1, 1)
                + self.brightness.view(-1, 1, 1, 1)
            )
        grid = F.affine_grid(self.matrix, list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False).contiguous(
            **CHANNELS_LAST
        )


def spoiled(expected: Tensor, degree: Tensor) -> Tensor:
    """What is expected (N, 5, S, S), blurred and covered with noise by a degree from 0 to 1, which
    is a further plane: (N, 6, S, S).
    """
    num, share = len(degree), degree.view(-1, 1, 1, 1)
    blurred = blur(expected, 9 * degree**1.3)
    slow = torch.randn(num, 5, 6, 6, device=degree.device)
    slow = F.interpolate(slow, size=SIZE_PX, mode="bilinear", align_corners=False)
    noisy = blurred + share * (0.08 * torch.randn_like(blurred) + 0.25 * slow)
    plane = (2 * share - 1).expand(-1, 1, SIZE_PX, SIZE_PX)
    return torch.cat([noisy, plane], dim=1).contiguous(**CHANNELS_LAST)


def blur(x: Tensor, sigma: Tensor) -> Tensor:
    """A Gaussian blur of pictures (N, C, S, S), each by its own sigma (N,) in pixels; beyond the
    edge is nothing.
    """
    at = torch.arange(float(x.shape[-1]), device=x.device)
    apart = (at[:, None] - at).square() / sigma.clamp_min(0.2).square().view(-1, 1, 1)
    weights = torch.exp(-0.5 * apart)
    weights = (weights / weights.sum(2, keepdim=True))[:, None]  # (N, 1, S, S)
    return weights @ x @ weights.transpose(2, 3)
