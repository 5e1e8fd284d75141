"""Masks grown and shrunk, medians, and CIELAB, in operations that every engine knows.

Shapes: N pictures, C channels, H and W pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def grown(mask: Tensor, across: int) -> Tensor:
    """A mask (N, 1, H, W) dilated by a square of `across` pixels, an odd number."""
    return F.max_pool2d(mask, across, 1, across // 2)


def shrunk(mask: Tensor, across: int) -> Tensor:
    """A mask eroded; nothing is gnawed off at the picture's edge."""
    return -grown(-mask, across)


def reached(mask: Tensor, start: Tensor, steps: int = 64, across: int = 5) -> Tensor:
    """What of a mask (N, 1, H, W), 0 or 1, hangs together with `start`; gaps of one pixel
    are none.
    """
    found = start * mask
    for _ in range(steps):
        found = grown(found, across) * mask
    return found


def median(values: Tensor, inside: Tensor, steps: int = 18) -> Tensor:
    """The median of values (N, C, P) where `inside`, (N, 1, P), is 1: (N, C), by bisection; of
    none, the mean of the range.
    """
    low, high = values.amin(2), values.amax(2)
    half = inside.sum(2) / 2
    for _ in range(steps):
        middle = (low + high) / 2
        below = ((values <= middle[..., None]).float() * inside).sum(2)
        is_below = below < half
        low, high = torch.where(is_below, middle, low), torch.where(is_below, high, middle)
    return (low + high) / 2


_TO_XYZ = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
_FROM_XYZ = torch.linalg.inv(torch.tensor(_TO_XYZ, dtype=torch.float64)).tolist()
_WHITE = (0.950456, 1.0, 1.088754)  # D65


def to_lab(rgb: Tensor) -> Tensor:
    """sRGB (N, 3, H, W) in [0, 1] → CIELAB, D65."""
    linear = torch.where(rgb > 0.04045, ((rgb.clamp_min(0) + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    to_xyz = rgb.new_tensor(_TO_XYZ) / rgb.new_tensor(_WHITE)[:, None]
    xyz = torch.einsum("ij,njhw->nihw", to_xyz, linear)
    root = torch.where(xyz > 0.008856, xyz.clamp_min(1e-6) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = root.split(1, dim=1)
    return torch.cat([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def from_lab(lab: Tensor) -> Tensor:
    """CIELAB (N, 3, H, W) → sRGB in [0, 1], clamped."""
    light, a, b = lab.split(1, dim=1)
    y = (light + 16) / 116
    root = torch.cat([y + a / 500, y, y - b / 200], dim=1)
    xyz = torch.where(root > 0.206893, root**3, (root - 16 / 116) / 7.787)
    from_xyz = lab.new_tensor(_FROM_XYZ) * lab.new_tensor(_WHITE)
    linear = torch.einsum("ij,njhw->nihw", from_xyz, xyz).clamp(0, 1)
    return torch.where(
        linear > 0.0031308, 1.055 * linear.clamp_min(1e-6) ** (1 / 2.4) - 0.055, 12.92 * linear
    )
