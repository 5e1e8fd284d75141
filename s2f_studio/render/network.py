"""A believable photo of an expected face, another one for every code: a network and its
discriminator. Ours.

Shapes: N faces, in the frame in which a face has its mean shape (`drawings.mesh`): 128 pixels of
what is expected, 256 of the photo.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.attributes import TEXTURED
from s2f_studio.engines.plane import doubled
from s2f_utils.networks.info import RENDERS, SCORES, ModelInfo
from s2f_utils.networks.network import Network, twice
from s2f_utils.networks.noise import as_seeds, normal
from s2f_utils.networks.resunet import Noise

GIVEN_PX, MADE_PX = 128, 256
WALL = 0.6  # grey of [-1, 1], behind the person
MOST = 2.0  # standard deviations: further out there are few faces to have learned from
# Codes that a seed draws, of how photos differ most: light and tones. More of them, at random, make
# patches and halves that do not belong together, and people no more different.
NUM_DRAWN = 3
COARSE_PX = 32  # at which codes look at colours
# How much of somebody is there for sure; how sharp the outline becomes.
DECIDED_AT, STEEP = 0.55, 4.0
# A low pass, 1 - sin(w / 2)^6: all but the highest frequencies.
NO_MESH = tuple(value / 64 for value in (1, -6, 15, 44, 15, -6, 1))
SPREAD_PX = 5  # of three averages, about a normal distribution of 2.4 pixels


def decided(parts: Tensor, at: Tensor | float = DECIDED_AT, person: Tensor | None = None) -> Tensor:
    """Person and hair, (N, 2, S, S) in [0, 1], of one person instead of all whom a drawing may
    mean.

    What is expected is an average: long hair that a third of them have is there to a third. Of one
    person it is there or it is not: from the share `at`, (N, 1, 1, 1), or as the outline `person`,
    (N, 1, S, S), says.
    """
    soft, outline = _averaged(parts), parts[:, :1] if person is None else person
    there = ((_averaged(outline) - at) * STEEP + 0.5).clamp(0, 1)
    return torch.cat(
        [there, (soft[:, 1:] / soft[:, :1].clamp_min(0.05)).clamp(0, 1) * there], dim=1
    )


def without_mesh(x: Tensor) -> Tensor:
    """Pictures (N, C, S, S) without what alternates from pixel to pixel: sub-pixel convolution
    leaves a mesh of that period (Odena et al. 2016), which true photos do not have. More than half
    of what repeats every three pixels stays.
    """
    kernel = x.new_tensor(NO_MESH).view(1, 1, 1, -1).expand(x.shape[1], 1, 1, -1)
    beyond = len(NO_MESH) // 2
    x = F.pad(x, (beyond,) * 4, mode="reflect")
    return F.conv2d(
        F.conv2d(x, kernel, groups=x.shape[1]), kernel.transpose(2, 3), groups=x.shape[1]
    )


def _averaged(x: Tensor) -> Tensor:
    for _ in range(3):
        for kernel in ((SPREAD_PX, 1), (1, SPREAD_PX)):
            x = F.avg_pool2d(x, kernel, 1, [side // 2 for side in kernel], count_include_pad=False)
    return x


class StyledBlock(nn.Module):
    """SiLU, convolution, twice, added to the input; between them a style scales and shifts, and
    noise is added.
    """

    def __init__(self, num_channels: int, style: int = 0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.conv2 = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.conv2.weight.data.mul_(0.2)
        nn.init.zeros_(self.conv2.bias)
        self.style = nn.Linear(style, 2 * num_channels) if style else None
        self.noise = Noise(num_channels) if style else None
        if style:
            self.style.weight.data.mul_(0.1)
            nn.init.zeros_(self.style.bias)

    def forward(
        self, x: Tensor, style: Tensor | None = None, seeds: Tensor | None = None, level: int = 0
    ) -> Tensor:
        y = self.conv1(F.silu(x))
        if self.style is not None:
            scale, shift = self.style(style).to(y.dtype)[..., None, None].chunk(2, dim=1)
            y = self.noise(y * (1 + scale) + shift, seeds, level)
        return x + self.conv2(F.silu(y))


class Render(Network):
    """What is expected (N, 5, 128, 128), in [-1, 1], and a style → colours and person (N, 4, 256,
    256), in [-1, 1].

    What goes in: colours before a wall of `WALL`, person, hair. What comes out: colours before that
    wall, and person. The style (N, num_codes + 6): how the photo's colours differ from the expected
    ones, along principal components, in standard deviations (`codes_of`; a normal distribution of 1
    draws other faces), `TEXTURED` from -1 to 1, 0 where they are not known, and for each trait
    whether it is. No norms: they level what makes one face lighter than another (as in ESRGAN, Wang
    et al. 2018).
    """

    INFO = ModelInfo(
        RENDERS, direction="sketch-to-photo", supports=frozenset({"seed"}), size_px=MADE_PX
    )

    def __init__(
        self,
        widths: tuple[int, int, int] = (64, 96, 160),
        num_codes: int = 16,
        hidden: int = 96,
        fine: int = 32,
        blocks: tuple[int, int, int] = (3, 2, 3),
    ) -> None:
        super().__init__()
        first, second, last = widths
        self.num_codes = num_codes
        self.map = nn.Sequential(
            nn.Linear(num_codes + 2 * len(TEXTURED), hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
        )
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(20, first, 3, padding=1), StyledBlock(first)
        )  # 64
        self.down1, self.block1 = nn.Conv2d(first, second, 4, 2, 1), StyledBlock(second)  # 32
        self.down2 = nn.Conv2d(second, last, 4, 2, 1)  # 16
        self.place2 = nn.Parameter(torch.zeros(1, last, 16, 16))
        self.place1 = nn.Parameter(torch.zeros(1, second, 32, 32))
        self.place0 = nn.Parameter(torch.zeros(1, first, 64, 64))
        self.middle, self.ups1, self.ups0 = (
            nn.ModuleList([StyledBlock(width, hidden) for _ in range(num)])
            for width, num in zip((last, second, first), blocks, strict=True)
        )
        self.up1, self.up0 = nn.Conv2d(last, second, 1), nn.Conv2d(second, first, 1)
        # 128
        self.enlarge = nn.Sequential(nn.Conv2d(first, 4 * fine, 3, padding=1), nn.PixelShuffle(2))
        self.noise, self.fine = Noise(fine), nn.Conv2d(fine, fine, 3, padding=1)
        self.out = nn.Sequential(nn.Conv2d(fine, 16, 3, padding=1), nn.PixelShuffle(2))  # 256
        self.out[0].weight.data.mul_(0.1)
        nn.init.zeros_(self.out[0].bias)
        # Principal components of colours, weighted, and the spread of training's faces along them.
        self.register_buffer("components", torch.zeros(3 * COARSE_PX**2, num_codes))
        self.register_buffer("spread", torch.ones(num_codes))

    def forward(
        self, expected: Tensor, style: Tensor, seed: int | Sequence[int] | Tensor = 0
    ) -> Tensor:
        """seed: of the noise in eval mode, one for all faces or one for each."""
        if expected.shape[1:] != (5, GIVEN_PX, GIVEN_PX):
            raise ValueError(
                f"expected must be (N, 5, {GIVEN_PX}, {GIVEN_PX}), got {tuple(expected.shape)}"
            )
        seeds = as_seeds(seed, expected.device)
        style = self.map(style.to(expected.dtype))
        level = 0

        def run(blocks: nn.ModuleList, x: Tensor) -> Tensor:
            nonlocal level
            for block in blocks:
                x = block(x, style, seeds, level)
                level += 1
            return x

        fine = self.stem(expected)
        middle = self.block1(self.down1(F.silu(fine)))
        coarse = self.down2(F.silu(middle)) + self.place2.to(middle.dtype)
        up = run(
            self.ups1,
            twice(self.up1(run(self.middle, coarse))) + middle + self.place1.to(middle.dtype),
        )
        up = run(self.ups0, twice(self.up0(up)) + fine + self.place0.to(fine.dtype))
        large = self.noise(self.enlarge(F.silu(up)), seeds, level)
        made = self.out(F.silu(large + self.fine(F.silu(large)))).float()
        return doubled(expected[:, :4].float()) + made

    def codes_of(self, expected: Tensor, true: Tensor) -> Tensor:
        """By how much photos (N, 4, 256, 256) differ from what was expected (N, 5, 128, 128): (N,
        num_codes).
        """
        apart = F.avg_pool2d(true[:, :3].float(), 8) - F.avg_pool2d(expected[:, :3].float(), 4)
        return apart.flatten(1) @ self.components.float() / self.spread.float()

    def draw_style(
        self, seed: int | Sequence[int] | Tensor, temperature: float, traits: Tensor
    ) -> Tensor:
        """Styles at random, (N, num_codes + 6), the same for a seed: `NUM_DRAWN` codes, none beyond
        `MOST`; seed 0: the usual one.

        temperature: 1 for all the variety of training. traits: (N, 3) as `TEXTURED`, NaN where
        nothing is told.
        """
        seeds = as_seeds(seed, traits.device)
        codes = (
            temperature
            * normal(seeds, NUM_DRAWN).clamp(-MOST, MOST)
            * (seeds != 0).float()[:, None]
        )
        known = (traits == traits).float()  # NaN is not
        return torch.cat(
            [F.pad(codes, (0, self.num_codes - NUM_DRAWN)), traits.nan_to_num(0.0), known], dim=1
        )


class RenderJudge(Network):
    """Judges photos (N, 3, 256, 256) beside what was expected (N, 5, 64, 64), patch by patch, at
    four sizes: lists of logits (N, 1, H, W) and of features. It knows which place of a face it
    looks at.
    """

    INFO = ModelInfo(task=SCORES, size_px=MADE_PX)

    def __init__(self, widths: tuple[int, int, int] = (64, 128, 192)) -> None:
        super().__init__()
        first, second, last = widths
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(48 + 5, first, 3, 1, 1),  # 64
                nn.Conv2d(first, second, 4, 2, 1),  # 32
                nn.Conv2d(second, last, 4, 2, 1),  # 16
                nn.Conv2d(last, last, 3, 1, 1),
                nn.Conv2d(last, last, 4, 2, 1),  # 8
            ]
        )
        sides = ((first, 64), (second, 32), (last, 16), (last, 16), (last, 8))
        self.places = nn.ParameterList(
            [nn.Parameter(torch.zeros(1, width, side, side)) for width, side in sides]
        )
        self.heads = nn.ModuleDict(
            {
                str(n): nn.Conv2d(width, 1, 1)
                for n, width in ((0, first), (1, second), (3, last), (4, last))
            }
        )

    def forward(self, photo: Tensor, expected: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        x = torch.cat([F.pixel_unshuffle(photo, 4), expected.to(photo.dtype)], dim=1)
        logits, features = [], []
        for n, (layer, place) in enumerate(zip(self.layers, self.places, strict=True)):
            x = F.leaky_relu(layer(x) + place.to(x.dtype), 0.2)
            features.append(x)
            if str(n) in self.heads:
                logits.append(self.heads[str(n)](x))
        return logits, features
