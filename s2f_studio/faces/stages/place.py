"""Warps people from the mean shape to a drawing's shape, in front of a background.

Shapes: N people, P = 256 pixels of them and of drawings, S of the picture.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.drawings.warping import STEP_PX
from s2f_studio.engines import plane
from s2f_studio.engines.plane import doubled
from s2f_utils.infer.stages import F32, I64, as_pictures
from s2f_utils.networks.noise import normal, uniform

PEOPLE_PX = FACE_PX
PLAIN = (214, 217, 221)  # background of the expected person
STUDIO = (150.0, (-4.0, 0.0, 5.0), (18.0, -26.0))  # light, tint, slope of seed 0
LIGHTS, TINTS, SLOPES = (60.0, 205.0), (7.0, 3.0, 8.0), 26.0  # from, to; standard deviations
FALL, GRAIN = 70.0, 1.2  # darker at the corners
# A head cropped by the frame is rounded from this row on, a share of the side, upwards: at most as
# high as this share of half the head's width, with a rim this soft, of 128 pixels.
CROWN, CROWN_HIGH, CROWN_SOFT_PX = 0.08, 0.35, 4
# Anything narrower in that row, a share of the side, is a tuft and no head: it fades out upwards,
# in one part of so many of the rows above.
TUFT, TUFT_PARTS = 0.2, 5
# How far an answer extends beyond the mean shape's frame, and its blur there.
BEYOND_PX, SOFT_PX = 48, 14.0
COARSE = 4  # blurred parts are computed at a resolution lower by this factor


class Placed(nn.Module):
    """People warped to the drawings' shapes, in front of a background.

    In: people (N, 4, P, P), colours times mask, and mask, in [0, 1]; coarse float32
    (N, P / 4, P / 4, 2), the source of each block of the picture (`warping.coarse_field`);
    background int64 (N,), the seed of a studio's, -1 for a plain one (named "wall" in graphs).
    Out: picture uint8 (N, S, S, 3).
    """

    inputs = {
        "people": (F32, 4, PEOPLE_PX, PEOPLE_PX),
        "coarse": (F32, PEOPLE_PX // STEP_PX, PEOPLE_PX // STEP_PX, 2),
        "wall": (I64,),
    }
    outputs = ("picture",)

    def __init__(self, side_px: int = PEOPLE_PX) -> None:
        super().__init__()
        self.side_px = side_px
        wide = PEOPLE_PX + 2 * BEYOND_PX
        frame = F.pad(torch.ones(1, 1, PEOPLE_PX, PEOPLE_PX), (BEYOND_PX,) * 4)
        across = 2 * round(4 * BEYOND_PX / 24) + 1
        inside = F.avg_pool2d(frame, across, 1, across // 2)  # soft, to hide the seam
        self.register_buffer("inside", inside, persistent=False)
        axis = np.arange(wide) - (BEYOND_PX + (PEOPLE_PX - 1) / 2)
        beyond = np.maximum(0, np.abs(axis) - PEOPLE_PX / 2)
        away = np.minimum(1, np.hypot(beyond[:, None], beyond) / BEYOND_PX)
        fading = torch.from_numpy(0.5 + 0.5 * np.cos(np.pi * away)).float()
        self.register_buffer("fading", fading[None, None], persistent=False)

    def forward(self, people: Tensor, coarse: Tensor, background: Tensor) -> Tensor:
        scale = self.side_px // PEOPLE_PX
        large = self.continued(people)
        large = doubled(large).clamp(0, 1) if scale == 2 else large
        where = plane.spread((coarse + 0.5) * scale - 0.5, self.side_px, STEP_PX * scale)
        bent = plane.taken(large, where + scale * BEYOND_PX)
        behind = F.interpolate(
            backdrop(background), size=(self.side_px,) * 2, mode="bilinear", align_corners=False
        )
        return as_pictures(255 * bent[:, :3] + behind * (1 - bent[:, 3:]))

    def continued(self, people: Tensor) -> Tensor:
        """People extended by `BEYOND_PX` on each side, where their edges continue and fade out."""
        wider = F.pad(people, (BEYOND_PX,) * 4, mode="replicate")
        small = plane.blurred(F.avg_pool2d(wider, COARSE), SOFT_PX / COARSE)
        soft = F.interpolate(small, scale_factor=COARSE, mode="bilinear", align_corners=False)
        made = wider * self.inside + soft * (1 - self.inside)
        return made * self.fading * crown(people)


def crown(people: Tensor) -> Tensor:
    """A mask for `Placed.continued`, (N, 1, W, W), for what the frame crops at its top: it rounds
    off a head, fades out a tuft, and is 1 below and where nothing reaches the top.
    """
    num, _, size, _ = people.shape
    side, first = size + 2 * BEYOND_PX, BEYOND_PX + round(CROWN * size)
    rows = torch.arange(first, device=people.device).view(1, 1, -1, 1)
    # The head's extent in the first row below the crown.
    axis = torch.arange(size, dtype=torch.float32, device=people.device)
    is_person = people[:, 3, first - BEYOND_PX] > 0.5  # (N, P)
    width = is_person.float().sum(1).view(-1, 1, 1, 1)
    left = torch.where(is_person, axis, size + 0.0).amin(1).view(-1, 1, 1, 1) + BEYOND_PX
    right = torch.where(is_person, axis, -1.0).amax(1).view(-1, 1, 1, 1) + BEYOND_PX
    middle, half = (left + right) / 2, ((right - left + 1) / 2).clamp_min(1.0)
    # A half ellipse on that row: `across` and `up` are shares of its axes.
    across = (torch.arange(side, device=people.device).view(1, 1, 1, -1) - middle) / half
    up = (first - rows) / (CROWN_HIGH * half).clamp_max(first)
    inside = (1 - (across.square() + up.square()).sqrt()) * half
    head = (0.5 + inside / (CROWN_SOFT_PX * size / 128)).clamp(0, 1)
    # From 1 in the lowest row down to 0 a fifth of the rows further up.
    tuft = (1 - TUFT_PARTS + TUFT_PARTS * rows / (first - 1)).clamp(0, 1).expand_as(head)
    cropped = torch.where(width < TUFT * size, tuft, head)
    top = torch.where(width == 0, torch.ones_like(head), cropped)
    return torch.cat([top, torch.ones(num, 1, side - first, side, device=people.device)], dim=2)


def backdrop(seeds: Tensor) -> Tensor:
    """Backgrounds, (N, 3, P, P) in [0, 255]: a studio lit from one side, darker at the corners,
    different for each seed; 0: a plain grey one; -1: one colour, `PLAIN`.
    """
    seed = seeds.clamp_min(0)
    light, tint, slope = (torch.tensor(one, device=seeds.device) for one in STUDIO)
    drawn = normal(seed, 5, 1)
    other = (seed > 0)[:, None]
    light = torch.where(other, LIGHTS[0] + (LIGHTS[1] - LIGHTS[0]) * uniform(seed, 1, 2), light)
    tint = torch.where(other, drawn[:, :3] * torch.tensor(TINTS, device=seeds.device), tint)
    slope = torch.where(other, drawn[:, 3:] * SLOPES, slope)
    axis = (torch.arange(PEOPLE_PX, device=seeds.device) + 0.5) / PEOPLE_PX - 0.5
    x, y = axis.view(1, 1, 1, -1), axis.view(1, 1, -1, 1)
    grey = light[:, :, None, None] + slope[:, :1, None, None] * x + slope[:, 1:, None, None] * y
    grey = grey - FALL * (x.square() + (y + 0.05).square())
    grain = GRAIN * normal(seed, PEOPLE_PX**2, 3).view(-1, 1, PEOPLE_PX, PEOPLE_PX)
    made = (grey + tint[:, :, None, None] + grain).clamp(0, 255)
    plain = torch.tensor(PLAIN, dtype=torch.float32, device=seeds.device).view(1, 3, 1, 1)
    return torch.where((seeds < 0).view(-1, 1, 1, 1), plain, made)
