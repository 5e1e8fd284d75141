"""The network of notebook 08: the best guess at a photo under noise, given a sketch; and the codes
that photos are to it.

tools/shipped/diffusion.py trains it.

Shapes: N pictures, H and W pixels, both multiples of 8. The network sees photos as codes,
(N, 6, H/2, W/2), see `encode`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from s2f_utils import weights
from s2f_utils.weights import compact

NO_SKETCH = -1.0  # the plane of ink, from 0 to 1, where no sketch is given
LEVEL_FEATURES = 64
WIDTHS = (32, 96, 160)
GROUPS = 8
CODE_CHANNELS = 6
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: Rec. 601
CHROMA = 3.0  # times as large in a code, so that it varies about as much as brightness
SIZE_PX = 64  # of the faces that the trained networks know
TRAINED = "flow-64.safetensors"


def encode(photos: Tensor) -> Tensor:
    """Photos (N, 3, H, W) in [-1, 1] as codes (N, 6, H/2, W/2), half as many values.

    Brightness at full size, each square of four pixels as four channels; then red and blue without
    brightness, at half the size, as JPEG keeps them.
    """
    red, green, blue = photos.unbind(1)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue  # (N, H, W)
    chroma = torch.stack([red - luma, blue - luma], dim=1)  # (N, 2, H, W)
    luma = F.pixel_unshuffle(luma[:, None], 2)  # (N, 4, H/2, W/2)
    return torch.cat([luma, CHROMA * F.avg_pool2d(chroma, 2)], dim=1)


def decode(codes: Tensor) -> Tensor:
    """The photos in [-1, 1] of codes, with the colours enlarged: (N, 3, H, W)."""
    luma = F.pixel_shuffle(codes[:, :4], 2)  # (N, 1, H, W)
    chroma = F.interpolate(codes[:, 4:], scale_factor=2, mode="bilinear") / CHROMA
    red, blue = luma + chroma[:, :1], luma + chroma[:, 1:]
    green = (luma - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return torch.cat([red, green, blue], dim=1).clamp(-1, 1)


class Block(nn.Module):
    """Two convolutions that know the noise level, added to the input."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.norm = nn.GroupNorm(GROUPS, after)
        self.level = nn.Linear(LEVEL_FEATURES, after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        y = self.norm(self.conv1(x))  # (N, after, H, W)
        y = y + self.level(level)[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(y))


class UNet(nn.Module):
    """The best guess at codes under noise, (N, 6, H/2, W/2), from noisy ones, their noise level t
    (N,) from 0 to 1000, and ink (N, 1, H, W), 0 for paper to 1 for a black line, or `NO_SKETCH`
    everywhere.

    A U-Net at a half, a quarter and an eighth of the size, as Ho et al. 2020 have it but smaller
    and without attention. Its answer is the photo, as Li and He 2025 advise.
    """

    def __init__(self) -> None:
        super().__init__()
        high, middle, low = WIDTHS
        self.embed = nn.Sequential(nn.Linear(LEVEL_FEATURES, LEVEL_FEATURES), nn.SiLU())
        self.stem = nn.Conv2d(CODE_CHANNELS + 4, high, 3, padding=1)
        self.down = Block(high, middle)
        self.below = nn.ModuleList([Block(middle, low), Block(low, low), Block(low, low)])
        self.up = Block(low + middle, middle)
        self.narrow = nn.Conv2d(middle, high, 1)
        self.join = nn.Conv2d(2 * high, high, 3, padding=1)
        self.head = nn.Conv2d(high, CODE_CHANNELS, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, ink: Tensor) -> Tensor:
        level = self.embed(waves(t))
        seen = torch.cat([x, F.pixel_unshuffle(ink, 2)], dim=1)  # (N, 10, H/2, W/2)
        fine = F.silu(self.stem(seen))  # (N, 32, H/2, W/2)
        coarse = self.down(F.avg_pool2d(fine, 2), level)  # (N, 96, H/4, W/4)
        y = F.avg_pool2d(coarse, 2)  # (N, 96, H/8, W/8)
        for block in self.below:
            y = block(y, level)  # (N, 160, H/8, W/8)
        y = self.up(torch.cat([F.interpolate(y, scale_factor=2), coarse], dim=1), level)
        y = F.interpolate(self.narrow(F.silu(y)), scale_factor=2)  # (N, 32, H/2, W/2)
        return self.head(F.silu(self.join(torch.cat([y, fine], dim=1))))  # (N, 6, H/2, W/2)


def waves(t: Tensor) -> Tensor:
    """Levels (N,) as sines and cosines of 32 frequencies, (N, 64): Vaswani et al. 2017."""
    frequency = torch.exp(torch.linspace(0, -math.log(1e4), LEVEL_FEATURES // 2, device=t.device))
    angle = t[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def trained() -> UNet:
    """`UNet` in eval mode, for faces of 64 px, as tools/shipped/diffusion.py trained it by flow
    matching.

    Raises WeightsError where its file is missing or damaged.
    """
    path, net = weights.SHIPPED_FOLDER / TRAINED, UNet()
    try:
        net.load_state_dict(compact.unpacked(load_file(path)))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise weights.WeightsError(
            f"{path}: not there, or damaged: install the package again ({error})"
        ) from error
    return net.eval()


def about_trained() -> dict[str, str]:
    """The settings of its training, as its file says them."""
    with safe_open(weights.SHIPPED_FOLDER / TRAINED, "pt") as file:
        about = file.metadata()
    return {name.replace("_", " "): value for name, value in about.items()}
