"""Sampling, warping and blurring of pictures, in operations that every engine supports.

Shapes: N pictures, C channels, H and W pixels of the result, S of the source. A position is (x, y)
in pixels, (0, 0) the centre of the first one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_utils.runtime import to_device

# The cubic kernel with -0.75 (OpenCV's, and torch's "bicubic") a quarter of the way from the second
# to the third of four pixels.
CUBIC = (-0.10546875, 0.87890625, 0.26171875, -0.03515625)


def taken(x: Tensor, where: Tensor, beyond: Tensor | float = 0.0, mode: str = "bilinear") -> Tensor:
    """Sample each pixel at its position in `where`, (N, H, W, 2): (N, C, S, S) → (N, C, H, W).

    beyond: the value outside of the picture, one or (N, C, 1, 1).
    """
    grid = (2 * where + 1) / x.shape[-1] - 1
    return F.grid_sample(x - beyond, grid, mode, "zeros", align_corners=False) + beyond


def places(size_px: int) -> Tensor:
    """The position of every pixel, (S, S, 2)."""
    axis = torch.arange(size_px, dtype=torch.float32)
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)


def spread(coarse: Tensor, size_px: int, step_px: float) -> Tensor:
    """A field on a coarse grid, (N, G, G, 2), a value for each block of `step_px`, at every pixel:
    (N, S, S, 2).

    Its displacements are interpolated.
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
    return F.conv2d(
        F.pad(x, (0, 0, beyond, beyond), mode="reflect"), kernel.transpose(2, 3), groups=x.shape[1]
    )


def turned(affine: Tensor) -> Tensor:
    """The inverse of affine maps (N, 2, 3) from picture to square: the square's source."""
    a, b, c, d = affine[:, 0, 0], affine[:, 0, 1], affine[:, 1, 0], affine[:, 1, 1]
    by = a * d - b * c
    linear = torch.stack([torch.stack([d, -b], 1), torch.stack([-c, a], 1)], 1) / by[:, None, None]
    return torch.cat([linear, -linear @ affine[:, :, 2:]], dim=2)


def at_places(affine: Tensor, size_px: int) -> Tensor:
    """The position to which an affine map (N, 2, 3) takes each pixel of a square: (N, S, S, 2)."""
    own = places(size_px).to(affine.device)
    return torch.einsum("nij,hwj->nhwi", affine[:, :, :2], own) + affine[:, None, None, :, 2]


def doubled(x: Tensor) -> Tensor:
    """Twice as many pixels a side, (N, C, H, W) → (N, C, 2H, 2W), by the cubic kernel.

    Edges are continued.
    """
    # The weights of five pixels for each of the two new ones.
    taps = torch.tensor([[*CUBIC[::-1], 0.0], [0.0, *CUBIC]], dtype=x.dtype)
    taps = to_device(taps, x.device)
    kernel = torch.einsum("ay,bx->abyx", taps, taps).reshape(4, 1, 5, 5).repeat(x.shape[1], 1, 1, 1)
    made = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), kernel, groups=x.shape[1])
    return F.pixel_shuffle(made, 2)
