"""SSIM, PSNR, MSE and L1 of batches of tensors, on the device they are on: for validation while training runs.

They agree with the metrics of the tables, which scikit-image computes on the CPU, to 1e-4.
"""

from __future__ import annotations

import torch
from torch import Tensor

METRICS = ("ssim", "psnr", "mse", "l1")


def to_grey_levels(pictures: Tensor) -> Tensor:
    """Network range [-1, 1] → whole grey levels in [0, 255], float32, as the saved PNG would have them."""
    return ((pictures.float() + 1.0) * 127.5).round().clamp(0.0, 255.0)


def luminance(pictures: Tensor) -> Tensor:
    """PIL's "L" of (N, 3, H, W) in whole grey levels → (N, 1, H, W), rounded as PIL does, in 16-bit fixed point."""
    red, green, blue = pictures.round().to(torch.int32).unbind(1)
    return ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16).unsqueeze(1).float()


@torch.no_grad()
def measure(fakes: Tensor, reals: Tensor) -> dict[str, Tensor]:
    """{"ssim", "psnr", "mse", "l1"}: float32 (N,) for pictures (N, 3, H, W) in [0, 255], on their device.

    The same protocol as `metrics.ssim` and its kin. Raises ValueError for other shapes.
    """
    import piq

    if fakes.ndim != 4 or fakes.shape[1] != 3 or fakes.shape != reals.shape:
        raise ValueError(f"pictures must be (N, 3, H, W) of one size, got {tuple(fakes.shape)}, {tuple(reals.shape)}")
    fakes, reals = fakes.float(), reals.float()
    difference = fakes - reals
    mse = difference.square().mean(dim=(1, 2, 3))
    ssim = piq.ssim(  # by its own default it would halve pictures of 512 px
        luminance(fakes), luminance(reals), data_range=255.0, downsample=False, reduction="none"
    )
    return {
        "ssim": ssim,
        "psnr": 10.0 * torch.log10(255.0**2 / mse),
        "mse": mse,
        "l1": difference.abs().mean(dim=(1, 2, 3)),
    }
