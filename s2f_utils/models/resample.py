"""Pictures with more pixels, in operations that every engine is quick at: onnxruntime's cubic resize is not."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_utils.runtime import sent


def twice(x: Tensor) -> Tensor:
    """Twice as many pixels a side, (N, C, H, W) → (N, C, 2H, 2W), bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def doubled(x: Tensor) -> Tensor:
    """Twice as many pixels a side, by the cubic kernel with -0.75 (OpenCV's, and torch's "bicubic"); edges go on."""
    num, channels, height, width = x.shape
    near, far = _cubic(0.25), _cubic(0.75)
    taps = torch.tensor([[*far, 0.0], [0.0, *near]], dtype=x.dtype)  # of five pixels, for the first and second of two
    taps = sent(taps, x.device)
    kernel = torch.einsum("ay,bx->abyx", taps, taps).reshape(4, 1, 5, 5).repeat(channels, 1, 1, 1)
    made = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), kernel, groups=channels)
    return F.pixel_shuffle(made, 2)


def _cubic(share: float, a: float = -0.75) -> list[float]:
    """The weights of four pixels for a place this far from the second to the third."""

    def inner(t: float) -> float:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1

    def outer(t: float) -> float:
        return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a

    return [outer(1 + share), inner(share), inner(1 - share), outer(2 - share)]
