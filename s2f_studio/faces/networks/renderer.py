"""The renderer: what a code keeps of a photo, lines or blank paper, and noise → the photo.

A U-Net with the encoder and decoder of pix2pix-128 (Isola et al. 2017), whose transposed
convolutions became "resize and convolve" (Odena et al. 2016), with a finer last level. Shapes: N
pictures, I and O channels in and out, H and W pixels, multiples of 32.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CODE, LINES, NOISE = 3, 1, 1  # input channels
WIDTHS = (40, 80, 160, 320, 320)
FINE = 24  # channels of the last level


class ResizeConv2d(nn.Module):
    """Enlarge bilinearly and convolve (3 × 3): (N, I, H, W) → (N, O, 2H, 2W).

    Done as a transposed convolution whose kernel is the 3 × 3 one spread over two pixels (which is
    to enlarge by nearest neighbours and convolve, in four steps in place of nine), and the blur
    that makes bilinear interpolation of nearest neighbours. Without it, hair was woven.
    """

    def __init__(self, in_channels: int, out_channels: int, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 3, 3))
        nn.init.normal_(self.weight, std=0.02)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return blur(F.conv_transpose2d(x, self.spread(), self.bias, stride=2, padding=1))

    def spread(self) -> Tensor:
        """The kernel of the transposed convolution: (I, O, 4, 4)."""
        flipped = self.weight.flip(2, 3).transpose(0, 1)
        padded = F.pad(flipped, (1, 1, 1, 1))
        rows = padded[:, :, 1:] + padded[:, :, :-1]
        return rows[..., 1:] + rows[..., :-1]


def blur(x: Tensor) -> Tensor:
    """Average with the neighbours, by 1, 2, 1: (N, C, H, W) → the same shape."""
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    x = x[..., :-2] + 2 * x[..., 1:-1] + x[..., 2:]
    return (x[..., :-2, :] + 2 * x[..., 1:-1, :] + x[..., 2:, :]) / 16


class Renderer(nn.Module):
    """(N, 5, H, W), `CODE`, `LINES` and `NOISE` → (N, 3, H, W), all in about [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        num_inputs = CODE + LINES + NOISE
        before = (num_inputs, *WIDTHS[:-1])
        self.downs = nn.ModuleList(
            nn.Conv2d(i, o, 4, stride=2, padding=1, bias=False)
            for i, o in zip(before, WIDTHS, strict=True)
        )
        self.down_norms = nn.ModuleList(nn.BatchNorm2d(width) for width in WIDTHS[1:-1])
        above = WIDTHS[-2::-1]  # 320, 160, 80, 40
        below = (WIDTHS[-1], *(2 * width for width in above[:-1]))
        self.ups = nn.ModuleList(ResizeConv2d(i, o) for i, o in zip(below, above, strict=True))
        self.up_norms = nn.ModuleList(nn.BatchNorm2d(width) for width in above)
        self.colours = ResizeConv2d(2 * WIDTHS[0], 3, bias=True)
        self.fine = ResizeConv2d(2 * WIDTHS[0], FINE)
        self.fine_norm = nn.BatchNorm2d(FINE)
        self.finish = nn.Sequential(
            nn.Conv2d(FINE + num_inputs, FINE, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(FINE, FINE, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(FINE, 3, 3, padding=1),
        )
        nn.init.dirac_(self.finish[2].weight)
        nn.init.zeros_(self.finish[2].bias)
        nn.init.normal_(self.finish[-1].weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        given, kept = x, []
        for level, down in enumerate(self.downs):
            x = down(x if level == 0 else F.leaky_relu(x, 0.2))
            if 0 < level < len(WIDTHS) - 1:
                x = self.down_norms[level - 1](x)
            kept.append(x)
        kept.pop()
        for up, norm in zip(self.ups, self.up_norms, strict=True):
            x = norm(up(F.relu(x)))
            x = torch.cat([kept.pop(), x], dim=1)
        x = F.relu(x)
        fine = F.leaky_relu(self.fine_norm(self.fine(x)), 0.2)
        detail = self.finish(torch.cat([fine, given.to(fine.dtype)], dim=1))
        return torch.tanh((self.colours(x) + detail).float())
