"""Warps faces from the mean shape to a person's.

Shapes: N faces, S = 128 pixels of the mean shape's frame, P = 256 of an answer, or twice that.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.drawings.mesh import FACE_PX, MEAN_PX
from s2f_studio.drawings.warping import STEP_PX
from s2f_studio.engines import plane
from s2f_utils.infer.stages import F32, as_pictures

BLOCKS = FACE_PX // STEP_PX


class Placed(nn.Module):
    """In: face (N, 3, S, S) in [0, 1]; coarse (N, P / 4, P / 4, 2), the source of each block of an
    answer of P pixels in the frame, also of P (`warping.coarse_field`). Out: picture uint8
    (N, side_px, side_px, 3).
    """

    inputs = {"face": (F32, 3, MEAN_PX, MEAN_PX), "coarse": (F32, BLOCKS, BLOCKS, 2)}
    outputs = ("picture",)

    def __init__(self, side_px: int = FACE_PX) -> None:
        super().__init__()
        self.side_px = side_px

    def forward(self, face: Tensor, coarse: Tensor) -> Tensor:
        scale = self.side_px // FACE_PX
        where = plane.spread((coarse + 0.5) * scale - 0.5, self.side_px, STEP_PX * scale)
        for _ in range(self.side_px // MEAN_PX // 2):
            face = plane.doubled(face)
        grid = (2 * where + 1) / self.side_px - 1
        laid = F.grid_sample(face, grid, "bilinear", "border", align_corners=False)
        return as_pictures(255 * laid)
