"""An entry's picture in the drawn shape, and its hair in the outline of the drawn hair.

The outline is described by its distance from the middle of the face in each direction, beyond the
face itself. Between face and outline, hair is stretched or pressed together; the wall gives way.
Hair that the picture's edge cuts off is never pressed, for what lies beyond the edge is not known.

Shapes: as in `faces.bank_stages`; A = 96 directions, R = 80 distances.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.drawings import mesh, plane, warping
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.faces.bank_stages import CANVAS_PX, MARGIN_PX
from s2f_studio.faces.networks.chooser import HAIR_PX
from s2f_studio.faces.stages import BLOCKS
from s2f_utils.infer.stages import F32, as_pictures

NUM_ANGLES, NUM_STEPS = 96, 80
STEP_PX = 2.0  # between distances, in pixels of the frame
INSIDE = 0.5  # from this value on a mask is hair
LEAST_PX = 5.0  # beyond the face: less is no hair that could be moved
MOST = 0.6, 1.7  # how far hair may be pressed together and stretched
SMOOTH = 3.0  # directions, the standard deviation over which the change is smoothed
REACH_PX = 60.0  # beyond the outline the wall gives way over so much
FROM_SIDE = (
    -0.25,
    0.1,
)  # sine of the direction: where hair beside the face begins to follow, and does


def face_radius() -> tuple[np.ndarray, np.ndarray]:
    """The middle of the mean shape's face, (2,), and how far it reaches in each direction, (A,)."""
    oval = mesh.mean_shape(FACE_PX)[mesh.PARTS["oval"]].astype(np.float64)
    middle = (oval.min(axis=0) + oval.max(axis=0)) / 2
    away = oval - middle
    angle, radius = np.arctan2(away[:, 1], away[:, 0]), np.hypot(*away.T)
    order = np.argsort(angle)
    at = 2 * np.pi * np.arange(NUM_ANGLES) / NUM_ANGLES - np.pi
    return middle, np.interp(at, angle[order], radius[order], period=2 * np.pi)


def distance_to_edge(middle: np.ndarray, ray: np.ndarray) -> np.ndarray:
    """How far the frame's edge is from a point (2,) in it in directions (A, 2): (A,), pixels."""
    with np.errstate(divide="ignore"):
        to_sides = np.where(ray > 0, FACE_PX - 1 - middle, -middle) / ray
    return np.where(ray == 0, np.inf, to_sides).min(axis=1)


class Placed(nn.Module):
    """In: canvas (N, 3, C, C) in [0, 1]; coarse (N, P / 4, P / 4, 2), the source of each block of
    an answer in the mean shape's frame (`warping.coarse_field`); drawn and own (N, H, H), the hair
    that is drawn and the entry's, in that frame. Out: picture uint8 (N, side_px, side_px, 3).
    """

    inputs = {
        "canvas": (F32, 3, CANVAS_PX, CANVAS_PX),
        "coarse": (F32, BLOCKS, BLOCKS, 2),
        "drawn": (F32, HAIR_PX, HAIR_PX),
        "own": (F32, HAIR_PX, HAIR_PX),
    }
    outputs = ("picture",)

    def __init__(self, side_px: int = FACE_PX) -> None:
        super().__init__()
        self.side_px = side_px
        middle, radius = face_radius()
        angle = 2 * np.pi * np.arange(NUM_ANGLES) / NUM_ANGLES - np.pi
        ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)  # (A, 2)
        steps = STEP_PX * np.arange(NUM_STEPS)
        places = middle + ray[:, None] * steps[None, :, None]  # (A, R, 2), pixels of the frame
        upper = (-np.sin(angle) - FROM_SIDE[0]) / (FROM_SIDE[1] - FROM_SIDE[0])
        self._keep("middle", middle)
        self._keep("radius", radius)
        self._keep("places", (places + 0.5) * (HAIR_PX / FACE_PX) - 0.5)
        self._keep("steps", steps)
        seen = np.minimum(distance_to_edge(middle, ray), steps[-1])
        self._keep("edge", seen - 2 * STEP_PX)
        self._keep("upper", np.clip(upper, 0, 1))
        blocks = (np.arange(HAIR_PX) + 0.5) * (FACE_PX / HAIR_PX) - 0.5
        self._keep("grid", np.stack(np.meshgrid(blocks, blocks), axis=-1))
        width = round(3 * SMOOTH)
        kernel = np.exp(-0.5 * (np.arange(-width, width + 1) / SMOOTH) ** 2)
        self._keep("kernel", (kernel / kernel.sum())[None, None])

    def _keep(self, name: str, values: np.ndarray) -> None:
        self.register_buffer(name, torch.from_numpy(values).float(), persistent=False)

    def forward(self, canvas: Tensor, coarse: Tensor, drawn: Tensor, own: Tensor) -> Tensor:
        scale = self.side_px // FACE_PX
        step = warping.STEP_PX * scale
        where = plane.spread((coarse + 0.5) * scale - 0.5, self.side_px, step)
        where = (where + 0.5) / scale - 0.5  # (N, side, side, 2), pixels of the frame
        moved = self.moved(drawn, own).permute(0, 3, 1, 2)  # (N, 2, H, H)
        grid = (2 * where + 1) / FACE_PX - 1
        by = F.grid_sample(moved, grid, "bilinear", "border", align_corners=False)
        where = where + by.permute(0, 2, 3, 1) + MARGIN_PX
        num_doublings = scale.bit_length() - 1
        for _ in range(num_doublings):
            canvas = plane.doubled(canvas)
        grid = (2 * where + 1) / CANVAS_PX - 1
        laid = F.grid_sample(canvas, grid, "bicubic", "border", align_corners=False)
        return as_pictures(255 * laid.clamp(0, 1))

    def outline(self, hair: Tensor) -> Tensor:
        """How far hair reaches in each direction: (N, H, H) → (N, A), pixels of the frame; the
        face's own radius where there is none.
        """
        places = self.places.expand(hair.shape[0], -1, -1, -1)
        along = plane.taken(hair[:, None], places)[:, 0]  # (N, A, R)
        reach = torch.where(along > INSIDE, self.steps, 0.0).amax(2)
        return torch.maximum(reach, self.radius)

    def moved(self, drawn: Tensor, own: Tensor) -> Tensor:
        """What is added to the source at each place of the frame: (N, H, H, 2), pixels."""
        own_outline = self.outline(own)
        to, came = self.outline(drawn) - self.radius, own_outline - self.radius
        there = ((to > LEAST_PX) & (came > LEAST_PX)).float()
        ratio = (to.clamp_min(1) / came.clamp_min(1)).clamp(*MOST).log()
        ratio = torch.where(own_outline > self.edge, ratio.clamp_min(0), ratio)
        ratio = self.smooth(ratio * there * self.upper)
        came = self.smooth(torch.where(there > 0, came, 25.0))
        away = self.grid - self.middle
        far = away.square().sum(2).sqrt().clamp_min(1e-3)  # (H, H)
        turn = torch.atan2(away[..., 1], away[..., 0])
        at = (turn + torch.pi) * (NUM_ANGLES / (2 * torch.pi))  # (H, H), directions
        face = between(self.radius[None], at)[0]
        factor, reach = between(ratio, at).exp(), between(came, at)  # (N, H, H)
        beyond = far - face
        outer = reach * factor  # where the entry's outline comes to lie, beyond the face
        in_hair = beyond / factor
        in_wall = reach + (beyond - outer) * ((outer + REACH_PX - reach) / REACH_PX)
        source = torch.where(beyond <= outer, in_hair, in_wall)
        source = torch.where((beyond <= 0) | (beyond > outer + REACH_PX), beyond, source)
        return (source - beyond)[..., None] * (away / far[..., None])

    def smooth(self, x: Tensor) -> Tensor:
        """Values (N, A) smoothed around the circle."""
        width = self.kernel.shape[2] // 2
        around = torch.cat([x[:, -width:], x, x[:, :width]], dim=1)
        return F.conv1d(around[:, None], self.kernel)[:, 0]


def between(values: Tensor, at: Tensor) -> Tensor:
    """Values (N, A) of directions at places (H, H) between them: (N, H, H)."""
    low = at.floor()
    share = at - low
    first = low.long() % NUM_ANGLES
    return values[:, first] * (1 - share) + values[:, (first + 1) % NUM_ANGLES] * share
