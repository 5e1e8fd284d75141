"""Pictures shifted, turned and scaled on the device, for augmentation before a discriminator: their
gradients can be differentiated again.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_utils.runtime import to_device


def resample(x: Tensor, matrix: Tensor) -> Tensor:
    """Pictures (N, C, H, W) transformed by matrices
    (N, 2, 3) from output to input positions; mirrored edges.
    """
    return Resample.apply(
        x, F.affine_grid(to_device(matrix, x.device).to(x), list(x.shape), align_corners=False)
    )


class Resample(torch.autograd.Function):
    """`grid_sample` with a constant grid, whose gradient can be differentiated again, as R1 needs;
    PyTorch's cannot before 2.13. Pictures (N, C, H, W), grid (N, H, W, 2); edges are mirrored.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.shape = x.shape
        return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _ResampleBack.apply(grad, ctx.saved_tensors[0], ctx.shape), None


class _ResampleBack(torch.autograd.Function):
    """The gradient of `Resample`, which is linear: its gradient is `Resample`."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        # bilinear, reflection, no aligned corners, the pictures' gradient alone
        how = (0, 2, False, [True, False])
        return torch.ops.aten.grid_sampler_2d_backward(grad, grad.new_zeros(shape), grid, *how)[0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return Resample.apply(grad, ctx.saved_tensors[0]), None, None
