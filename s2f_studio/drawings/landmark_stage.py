"""The stage that runs the finder: landmarks of a face, and attributes of the drawing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.drawings.landmark_net import SIDE_PX, LandmarkNet
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.engines import plane
from s2f_utils.infer.stages import F32, U8, channels_first


class FindLandmarks(nn.Module):
    """One pass of the finder over pictures, each transformed by an affine map.

    In: pictures uint8 (N, S, S, 3); affine float32 (N, 2, 3), from their pixels to those of
    `FACE_PX`; paper float32 (N,), the grey level beyond their edges. Out, in the pictures' pixels:
    points float32 (N, 164, 2); off (N, 164), the expected error of each; parts (N, 2, 256, 256) as
    `attributes.FOUND_PARTS`, at the pixels of a picture of that size, and flags (N, 5) as
    `attributes.FOUND_FLAGS`, both in [0, 1].
    """

    inputs = {"picture": (U8, "S", "S", 3), "affine": (F32, 2, 3), "paper": (F32,)}
    outputs = ("points", "off", "parts", "flags")

    def __init__(self, net: LandmarkNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor, affine: Tensor, paper: Tensor) -> tuple[Tensor, ...]:
        grey = channels_first(picture).mean(1, keepdim=True)
        back = plane.turned(affine)
        laid = plane.taken(
            grey, plane.at_places(back, FACE_PX), paper.view(-1, 1, 1, 1), "bicubic"
        ).clamp(0, 255)
        found = self.net(F.avg_pool2d(1 - laid / 255, FACE_PX // SIDE_PX))
        points = (
            torch.einsum("nij,npj->npi", back[:, :, :2], found.points * FACE_PX - 0.5)
            + back[:, None, :, 2]
        )
        scale = (affine[:, 0, 0] * affine[:, 1, 1] - affine[:, 0, 1] * affine[:, 1, 0]).abs().sqrt()
        off = found.spread.exp() * (FACE_PX / SIDE_PX) / scale[:, None]
        where = plane.at_places(affine, FACE_PX)
        half = (where + 0.5) * (SIDE_PX / FACE_PX) - 0.5
        return points, off, plane.taken(found.parts.sigmoid(), half), found.flags.sigmoid()
