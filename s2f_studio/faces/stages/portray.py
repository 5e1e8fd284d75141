"""From the average face to portraits of possible people, each with its background, in a drawing's
shape.

Shapes: N portraits, S = 128 pixels of the mean shape's frame, P = 256 of drawings, Z = 64 numbers
of a code.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.drawings.bending import STEP_PX
from s2f_studio.engines import plane
from s2f_studio.faces.networks.portrait import (
    ATTRIBUTES,
    CHANNELS,
    CODE_DIM,
    NUM_VALUES,
    SIZE_PX,
    Portrait,
    with_known,
)
from s2f_studio.faces.stages.lay import BEYOND_PX, COARSE, PEOPLE_PX, SOFT_PX
from s2f_utils.infer.stages import F32, I64, as_pictures
from s2f_utils.networks.network import doubled
from s2f_utils.networks.noise import normal

BLUR_PX, POWER = 9.0, 1.3  # blur of the average face at degree 1
LEVELS = 8  # of blur that are computed


class Portrayed(nn.Module):
    """Portraits in the mean shape's frame.

    In: expected (N, 5, S, S) in [0, 1], colours, person and hair; degree (N,), from 0, as expected,
    to 1, almost entirely decided by the code; attributes (N, 16) as `PORTRAIT_ATTRIBUTES`, NaN if
    unknown; seed int64 (N,), of the
    code. Out: portrait (N, 3, P, P) in [0, 1].
    """

    inputs = {
        "expected": (F32, CHANNELS, SIZE_PX, SIZE_PX),
        "degree": (F32,),
        "attributes": (F32, NUM_VALUES),
        "seed": (I64,),
    }
    outputs = ("portrait",)

    def __init__(self, net: Portrait) -> None:
        super().__init__()
        self.net = net

    def forward(self, expected: Tensor, degree: Tensor, attributes: Tensor, seed: Tensor) -> Tensor:
        condition = spoiled(2 * expected - 1, degree, seed)
        told = with_known(
            attributes, torch.ones_like(attributes[:, : len(ATTRIBUTES)], dtype=torch.bool)
        )
        mean, log_var = self.net.prior(condition, told)
        code = mean + (0.5 * log_var).exp() * normal(seed, CODE_DIM, 7)
        return (0.5 + 0.5 * doubled(self.net.generator(condition, code, told, seed))).clamp(0, 1)


def spoiled(expected: Tensor, degree: Tensor, seed: Tensor) -> Tensor:
    """Average faces (N, 5, S, S) in [-1, 1], degraded as in training by blur and noise of a degree,
    which is a further
    plane: (N, 6, S, S).
    """
    share = degree.view(-1, 1, 1, 1)
    sigmas = [BLUR_PX * (n / LEVELS) ** POWER for n in range(LEVELS + 1)]
    levels = [expected, *(plane.blurred(expected, sigma) for sigma in sigmas[1:])]
    at = share * LEVELS
    blurred = sum((1 - (at - n).abs()).clamp_min(0) * level for n, level in enumerate(levels))
    grain = normal(seed, CHANNELS * SIZE_PX**2, 8).view(-1, CHANNELS, SIZE_PX, SIZE_PX)
    slow = normal(seed, CHANNELS * 36, 9).view(-1, CHANNELS, 6, 6)
    slow = F.interpolate(slow, size=SIZE_PX, mode="bilinear", align_corners=False)
    noisy = blurred + share * (0.08 * grain + 0.25 * slow)
    return torch.cat([noisy, (2 * share - 1) * torch.ones_like(expected[:, :1])], dim=1)


class Placed(nn.Module):
    """Portraits warped to a drawing's shape, with backgrounds continued beyond the frame.

    In: portrait (N, 3, P, P) in [0, 1]; coarse float32 (N, P / 4, P / 4, 2), as in `lay.Laid`. Out:
    picture uint8 (N, S, S, 3).
    """

    inputs = {
        "portrait": (F32, 3, PEOPLE_PX, PEOPLE_PX),
        "coarse": (F32, PEOPLE_PX // STEP_PX, PEOPLE_PX // STEP_PX, 2),
    }
    outputs = ("picture",)

    def __init__(self, side_px: int = PEOPLE_PX) -> None:
        super().__init__()
        self.side_px = side_px
        frame = F.pad(torch.ones(1, 1, PEOPLE_PX, PEOPLE_PX), (BEYOND_PX,) * 4)
        across = 2 * round(4 * BEYOND_PX / 24) + 1
        self.register_buffer(
            "inside", F.avg_pool2d(frame, across, 1, across // 2), persistent=False
        )

    def forward(self, portrait: Tensor, coarse: Tensor) -> Tensor:
        scale = self.side_px // PEOPLE_PX
        wider = F.pad(portrait, (BEYOND_PX,) * 4, mode="replicate")
        small = plane.blurred(F.avg_pool2d(wider, COARSE), SOFT_PX / COARSE)
        soft = F.interpolate(small, scale_factor=COARSE, mode="bilinear", align_corners=False)
        large = wider * self.inside + soft * (1 - self.inside)
        large = doubled(large).clamp(0, 1) if scale == 2 else large
        where = (
            plane.spread((coarse + 0.5) * scale - 0.5, self.side_px, STEP_PX * scale)
            + scale * BEYOND_PX
        )
        where = where.clamp(0, large.shape[-1] - 1)
        return as_pictures(255 * plane.taken(large, where))
