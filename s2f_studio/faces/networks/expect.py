"""A network that paints the average face for a drawing warped to the mean shape. Ours.

Shapes: N drawings, S = 128 pixels. Everything is in the frame of the mean shape (`pictures.mesh`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.attributes import ATTRIBUTES
from s2f_utils.networks.info import RENDERS, ModelInfo
from s2f_utils.networks.landmark_net import Block
from s2f_utils.networks.network import Dropout2d, Network, twice
from s2f_utils.pictures.attributes import WORN
from s2f_utils.pictures.mesh import MEAN_PX

SIDE_PX = MEAN_PX
TONES = ("skin", "hair")
CHANNELS = 3 + len(ATTRIBUTES)


class Expect(Network):
    """A warped drawing (N, 10, S, S) in [-1, 1] → colours, person and hair (N, 5, S, S).

    Input: the drawing (1 is paper), its displacement along x and y, in quarters of the side, and
    constant planes from -1 over 0 (unknown) to 1: glasses, beard and hat (-1: no), age, smile,
    length and curls of the hair. told: how many of these attributes the network uses.
    Output: the photo's colours in [-1, 1], and the logits of the masks of person and hair. There is
    no skip connection at full resolution: they start at 32 × 32 pixels, so that the answer follows
    the drawing's content and not its lines. A further input is `tones` (N, 6), RGB in [-1, 1] of
    skin and hair, NaN if unknown.
    """

    name = "expect"
    INFO = ModelInfo(RENDERS, direction="sketch-to-photo", size_px=SIDE_PX)

    def __init__(
        self,
        widths: tuple[int, int, int, int] = (32, 64, 128, 192),
        hidden: int = 96,
        dropout: float = 0.1,
        told: int = len(WORN),
    ) -> None:
        super().__init__()
        first, second, third, last = widths
        # To 64, 32, 16 and 8 pixels.
        self.stem = nn.Sequential(nn.Conv2d(3, first, 5, 2, 2), nn.SiLU(), Block(first, first))
        self.down1 = nn.Sequential(Block(first, second, 2), Block(second, second))
        self.down2 = nn.Sequential(Block(second, third, 2), Block(third, third))
        self.down3 = nn.Sequential(
            Block(third, last, 2), Dropout2d(dropout), Block(last, last), Block(last, last)
        )
        self.place3 = nn.Parameter(torch.zeros(1, last, 8, 8))
        self.place1 = nn.Parameter(torch.zeros(1, second, 32, 32))
        self.place0 = nn.Parameter(torch.zeros(1, second, 64, 64))
        self.levels = [last, third, second]
        self.told = told
        given = (3 + 1) * len(TONES) + told
        self.toned = nn.Sequential(
            nn.Linear(given, hidden), nn.SiLU(), nn.Linear(hidden, sum(self.levels))
        )
        self.whole = nn.Sequential(
            nn.Flatten(), nn.Linear(last * 64, hidden), nn.SiLU(), nn.Linear(hidden, last)
        )
        self.up2, self.block2 = (
            nn.Conv2d(last, third, 1),
            nn.Sequential(Block(third, third), Block(third, third)),
        )
        self.up1, self.block1 = (
            nn.Conv2d(third, second, 1),
            nn.Sequential(Block(second, 96), Block(96, 96)),
        )
        self.up0, self.block0 = nn.Conv2d(96, second, 1), Block(second, second)
        self.full, self.block = nn.Conv2d(second, first, 1), Block(first, first)
        self.out = nn.Conv2d(first, 5, 3, 1, 1)
        num_values = 3 * len(TONES)
        # Of training's tones: files have them, and nothing reads them any more.
        self.register_buffer("tone_mean", torch.zeros(num_values))
        self.register_buffer("tone_spread", torch.zeros(num_values, num_values))

    def forward(self, x: Tensor, tones: Tensor | None = None) -> Tensor:
        if x.shape[1:] != (CHANNELS, SIDE_PX, SIDE_PX):
            raise ValueError(
                f"bent drawings must be (N, {CHANNELS}, {SIDE_PX}, {SIDE_PX}), got {tuple(x.shape)}"
            )
        ink = torch.cat([0.5 - 0.5 * x[:, :1], x[:, 1:3]], dim=1)  # paper is 0, as beyond the edges
        fine = self.down1(self.stem(ink))  # (N, 64, 32, 32)
        middle = self.down2(fine)  # (N, 128, 16, 16)
        coarse = self.down3(middle) + self.place3  # (N, 192, 8, 8)
        last, third, second = self.toned(self._conditions(x, tones)).split(self.levels, dim=1)
        coarse = coarse + (self.whole(coarse) + last)[..., None, None]
        up = self.block2(twice(self.up2(coarse)) + middle + third[..., None, None])
        up = self.block1(twice(self.up1(up)) + fine + self.place1 + second[..., None, None])
        up = self.block0(twice(self.up0(up)) + self.place0)
        return self.out(self.block(twice(self.full(up)))).float()

    def _conditions(self, x: Tensor, tones: Tensor | None) -> Tensor:
        """The tones, 0 if unknown, a flag for each known one, and the attributes: (N, 8 + told)."""
        attributes = x[:, 3 : 3 + self.told].mean(dim=(2, 3))
        if tones is None:
            return torch.cat([x.new_zeros(x.shape[0], 4 * len(TONES)), attributes], dim=1)
        tones = tones.to(x.device, x.dtype).view(-1, len(TONES), 3)
        known = tones.isfinite().all(dim=2, keepdim=True)
        flagged = torch.cat([tones.where(known, 0), known.to(x.dtype)], dim=2).flatten(1)
        return torch.cat([flagged, attributes], dim=1)

    @torch.no_grad()
    def take(self, other: Expect) -> None:
        """Load another network of these widths, which may have fewer attributes.

        New ones have no effect at first.
        """
        state = other.state_dict()
        first = state["toned.0.weight"]
        state["toned.0.weight"] = F.pad(first, (0, self.told - other.told))
        self.load_state_dict(state)
