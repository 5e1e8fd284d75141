"""Pictures moved, bent and blurred, in operations that every engine knows.

Shapes: N pictures, C channels, H and W pixels of what is made, S of what it is taken from. A place is (x, y) in pixels,
(0, 0) the centre of the first one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def channels_first(pictures: Tensor) -> Tensor:
    """uint8 (N, H, W, C) → float32 (N, C, H, W), still from 0 to 255."""
    return pictures.permute(0, 3, 1, 2).float()


def as_pictures(x: Tensor) -> Tensor:
    """Colours (N, C, H, W) from 0 to 255 → uint8 (N, H, W, C), rounded.

    Raises ValueError where one is not finite: such a picture must not be saved as if it were one.
    """
    if not torch.compiler.is_exporting() and not torch.isfinite(x).all():
        raise ValueError("the network's output has NaN or infinite values: use an earlier checkpoint or float32")
    return x.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def taken(x: Tensor, where: Tensor, beyond: Tensor | float = 0.0, mode: str = "bilinear") -> Tensor:
    """Each pixel from the place that `where`, (N, H, W, 2), names: (N, C, S, S) → (N, C, H, W).

    beyond: the value outside of the picture, one or (N, C, 1, 1).
    """
    grid = (2 * where + 1) / x.shape[-1] - 1
    return F.grid_sample(x - beyond, grid, mode, "zeros", align_corners=False) + beyond


def places(size_px: int) -> Tensor:
    """Every pixel's own place, (S, S, 2)."""
    axis = torch.arange(size_px, dtype=torch.float32)
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)


def spread(coarse: Tensor, size_px: int, step_px: float) -> Tensor:
    """A field on a coarse grid, (N, G, G, 2), a value for each block of `step_px`, at every pixel: (N, S, S, 2).

    What is interpolated is by how much the field moves.
    """
    own = ((places(coarse.shape[1]) + 0.5) * step_px - 0.5).to(coarse.device)
    moved = (coarse - own).permute(0, 3, 1, 2)
    fine = F.interpolate(moved, size=(size_px, size_px), mode="bicubic", align_corners=False)
    return fine.permute(0, 2, 3, 1) + places(size_px).to(coarse.device)


def blurred(x: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur, (N, C, H, W) → the same; edges are mirrored."""
    beyond = max(1, round(3 * sigma))
    axis = torch.arange(-beyond, beyond + 1, dtype=torch.float32, device=x.device)
    kernel = torch.exp(-0.5 * (axis / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1).expand(x.shape[1], 1, 1, -1)
    x = F.conv2d(F.pad(x, (beyond, beyond, 0, 0), mode="reflect"), kernel, groups=x.shape[1])
    return F.conv2d(F.pad(x, (0, 0, beyond, beyond), mode="reflect"), kernel.transpose(2, 3), groups=x.shape[1])


def grown(mask: Tensor, across: int) -> Tensor:
    """A mask (N, 1, H, W) dilated by a square of `across` pixels, an odd number."""
    return F.max_pool2d(mask, across, 1, across // 2)


def shrunk(mask: Tensor, across: int) -> Tensor:
    """A mask eroded; nothing is gnawed off at the picture's edge."""
    return -grown(-mask, across)


def reached(mask: Tensor, start: Tensor, steps: int = 64, across: int = 5) -> Tensor:
    """What of a mask (N, 1, H, W), 0 or 1, hangs together with `start`; gaps of one pixel are none."""
    found = start * mask
    for _ in range(steps):
        found = grown(found, across) * mask
    return found


def median(values: Tensor, inside: Tensor, steps: int = 18) -> Tensor:
    """The median of values (N, C, P) where `inside`, (N, 1, P), is 1: (N, C), by bisection; of none, the mean of the
    range.
    """
    low, high = values.amin(2), values.amax(2)
    half = inside.sum(2) / 2
    for _ in range(steps):
        middle = (low + high) / 2
        below = ((values <= middle[..., None]).float() * inside).sum(2)
        is_below = below < half
        low, high = torch.where(is_below, middle, low), torch.where(is_below, high, middle)
    return (low + high) / 2


_TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
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
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp_min(1e-6) ** (1 / 2.4) - 0.055, 12.92 * linear)


def turned(affine: Tensor) -> Tensor:
    """Where the pixels of a made square come from: the inverse of affine maps (N, 2, 3) from picture to square."""
    a, b, c, d = affine[:, 0, 0], affine[:, 0, 1], affine[:, 1, 0], affine[:, 1, 1]
    by = a * d - b * c
    linear = torch.stack([torch.stack([d, -b], 1), torch.stack([-c, a], 1)], 1) / by[:, None, None]
    return torch.cat([linear, -linear @ affine[:, :, 2:]], dim=2)


def at_places(affine: Tensor, size_px: int) -> Tensor:
    """Where an affine map (N, 2, 3) brings each pixel of a square: (N, S, S, 2)."""
    own = places(size_px).to(affine.device)
    return torch.einsum("nij,hwj->nhwi", affine[:, :, :2], own) + affine[:, None, None, :, 2]
