"""A small U-Net of residual blocks that begins at a quarter of the size, fast on a CPU and
trainable from 88 pairs.

Shapes: N images, C channels, H and W pixels, both multiples of `multiple_px`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils.networks.network import Dropout2d, Network, check_images, twice
from s2f_utils.networks.noise import as_seeds, normal
from s2f_utils.runtime import distributed

GROUPS = 8
PATCH_PX = 4
NOISE_GAIN = 10.0  # the noise weights learn as if their learning rate were ten times as high


class Noise(nn.Module):
    """Add one plane of noise, scaled by a learned weight for every channel: Karras et al. 2019,
    section 3.2.

    The weights begin at 0. In training the noise is new every time; in eval mode it follows from
    the seeds alone, one for all pictures or one for each, whatever else is in the batch and
    whatever the device (`noise.normal`).
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_channels))

    def forward(self, x: Tensor, seeds: Tensor, level: int) -> Tensor:
        """seeds: int64 (1,) or (N,). level: of the network, each with noise of its own."""
        num, _, height, width = x.shape
        if self.training:
            noise = distributed.randn(num, 1, height, width, device=x.device)
        else:
            noise = normal(seeds, height * width, level).view(-1, 1, height, width)
        return x + noise.to(x.dtype) * (NOISE_GAIN * self.weight).view(1, -1, 1, 1).to(x.dtype)


class ResidualBlock(nn.Module):
    """Group norm (or none), SiLU, convolution, twice, added to the input;
    it begins as the identity.
    """

    def __init__(self, num_channels: int, dropout: float = 0.0, norm: str = "group") -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, num_channels) if norm == "group" else nn.Identity()
        self.conv1 = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(GROUPS, num_channels) if norm == "group" else nn.Identity()
        self.dropout = Dropout2d(dropout)
        self.conv2 = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(self.dropout(F.silu(self.norm2(y))))


class ResUNet(Network):
    """Sketch (N, 3, H, W) → photo (N, 3, H, W), both in [-1, 1].

    Patches of 4×4 pixels become the first level's channels, each level halves the size, and what
    comes back up is joined with what went down. From a quarter of the size on two narrow stages go
    up to the full size, each beside the sketch at its own size, so that fine lines find their way.
    Colours are made at half the size, as JPEG keeps them; at full size only grey detail is added,
    so that no opponent can ask for coloured fringes. Everything is enlarged
    smoothly: rearranged channels (pixel shuffle) leave a grid as soon as an opponent asks for
    detail.

    Beside the sketch the network sees two planes of coordinates. Noise enters at every level on the
    way up; its weights are 0 until adversarial training uses it.
    """

    name = "resunet"

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        widths: tuple[int, ...] = (48, 96, 144, 168),
        blocks: int = 2,
        fine: tuple[int, int] = (32, 16),
        dropout: float = 0.1,
        norm: str = "group",
    ) -> None:
        super().__init__()
        widths, (half, full) = tuple(widths), fine
        self.in_channels, self.out_channels = in_channels, out_channels
        self.multiple_px = PATCH_PX * 2 ** (len(widths) - 1)

        def residual(width: int, num: int) -> nn.Sequential:
            return nn.Sequential(*[ResidualBlock(width, dropout, norm) for _ in range(num)])

        pairs = list(zip(widths, widths[1:], strict=False))
        self.stem = nn.Conv2d(
            in_channels + 2 + out_channels + 1, widths[0], PATCH_PX, stride=PATCH_PX
        )
        self.down_blocks = nn.ModuleList([residual(width, blocks) for width in widths[:-1]])
        self.downs = nn.ModuleList([nn.Conv2d(high, low, 2, stride=2) for high, low in pairs])
        self.middle = residual(widths[-1], 2 * blocks)
        self.ups = nn.ModuleList([nn.Conv2d(low, high, 1) for high, low in reversed(pairs)])
        self.joins = nn.ModuleList([nn.Conv2d(2 * high, high, 1) for high, _ in reversed(pairs)])
        self.up_blocks = nn.ModuleList([residual(high, blocks) for high, _ in reversed(pairs)])

        # The picture goes on beyond its edges: zeros there would draw a frame around it.
        def conv(before: int, after: int) -> nn.Conv2d:
            return nn.Conv2d(before, after, 3, padding=1, padding_mode="replicate")

        self.half_up = conv(widths[0], half)
        self.half_join = conv(half + in_channels, half)
        self.half_block = ResidualBlock(half, norm=norm)
        self.colours = conv(half, out_channels)
        self.full_up = conv(half, full)
        self.full_join = conv(full + in_channels, full)
        self.detail = conv(full, 1)
        self.noises = nn.ModuleList(
            [Noise(width) for width in (*reversed(widths[:-1]), half, full)]
        )

    def forward(self, x: Tensor, seed: int | Sequence[int] | Tensor = 0) -> Tensor:
        """seed: of the noise in eval mode, one for all pictures or one for each: another seed,
        another answer, where training has given the noise weight.
        """
        seeds = as_seeds(seed, x.device)
        check_images(x, self.in_channels, self.multiple_px)
        features = self.stem(torch.cat([x, self._beside(x)], dim=1))  # (N, widths[0], H/4, W/4)
        kept = []
        for block, down in zip(self.down_blocks, self.downs, strict=True):
            features = block(features)
            kept.append(features)
            features = down(features)
        features = self.middle(features)
        noises = enumerate(self.noises)

        def noisy(features: Tensor) -> Tensor:
            level, noise = next(noises)
            return noise(features, seeds, level)

        for up, join, block in zip(self.ups, self.joins, self.up_blocks, strict=True):
            features = join(torch.cat([twice(up(features)), kept.pop()], dim=1))
            features = block(noisy(features))
        # (N, half + 3, H/2, W/2)
        features = torch.cat([twice(self.half_up(features)), F.avg_pool2d(x, 2)], dim=1)
        features = self.half_block(noisy(self.half_join(features)))
        colours = twice(self.colours(F.silu(features)))  # (N, 3, H, W)
        # (N, full + 3, H, W)
        features = torch.cat([twice(F.silu(self.full_up(features))), x], dim=1)
        return colours + self.detail(F.silu(noisy(self.full_join(features))))

    def _beside(self, x: Tensor) -> Tensor:
        """Beside the sketch, (N, 2 + 3 + 1, H, W):
        coordinates, and zeros (once hints of colours).
        """
        num, _, height, width = x.shape
        axes = (torch.arange(n, dtype=torch.float32, device=x.device) for n in (height, width))
        rows, columns = ((2 * axis / axis.amax(0) - 1).to(x.dtype) for axis in axes)  # from -1 to 1
        rows, columns = rows.view(1, 1, -1, 1), columns.view(1, 1, 1, -1)
        where = torch.cat(
            [rows.expand(num, 1, height, width), columns.expand(num, 1, height, width)], dim=1
        )
        return torch.cat([where, x.new_zeros(num, self.out_channels + 1, height, width)], dim=1)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        for name in ("hint_mean", "hint_spread"):  # of earlier releases
            state_dict.pop(prefix + name, None)
        super()._load_from_state_dict(state_dict, prefix, *args)
