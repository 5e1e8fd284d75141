"""All pixel work of `FaceModel`, in the order in which it runs: each stage is a module on arrays.

PyTorch runs these; onnxruntime runs the graphs that were written of them. `Expected`, `Guided`
and `Settled` make the average face (`average_face` decides between them), and `Laid` warps it from
the mean shape to the drawn one.

Shapes: N drawings or faces, S = 128 pixels of the mean shape's frame, P = 256 of drawings and of
answers (or twice that).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.attributes import ATTRIBUTES
from s2f_studio.faces.average_face import ADDED, added_ink, inside_face, region
from s2f_studio.faces.networks.expect import SIDE_PX, Expect
from s2f_studio.faces.shaped import SHIFT_SHARE
from s2f_utils.infer import plane
from s2f_utils.infer.stages import F32, U8, as_pictures, channels_first
from s2f_utils.pictures import mesh, warping
from s2f_utils.pictures.mesh import FACE_PX, MEAN_PX, NUM_POINTS

TURNED = 0.5, 1.2  # along the first principal component of shapes, which is the head's turn
BLOCKS = FACE_PX // warping.STEP_PX


class ToMeanShape(nn.Module):
    """Drawings warped to the mean shape: picture uint8 (N, P, P, 3) and points (N, 164, 2), its
    pixels → (N, 1, S, S) in [-1, 1], 1 is paper, and the source of each pixel (N, S, S, 2).
    """

    def __init__(self) -> None:
        super().__init__()
        mean = mesh.mean_shape(SIDE_PX)
        # The field is linear in the points, and in the anchors, which follow them.
        matrix = warping.fixed_field(mean, SIDE_PX)
        centred = (mean - mean.mean(axis=0)).astype(np.float64)
        self.register_buffer("matrix", torch.from_numpy(matrix), persistent=False)
        self.register_buffer("mean", torch.from_numpy(centred).float(), persistent=False)
        ring = torch.from_numpy(warping.ring(SIDE_PX)).float()
        self.register_buffer("ring", ring, persistent=False)

    def forward(self, picture: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        small = F.avg_pool2d(channels_first(picture).mean(1, keepdim=True), FACE_PX // SIDE_PX)
        where = self.where((points + 0.5) * (SIDE_PX / FACE_PX) - 0.5)
        return plane.taken(small, where, 255.0) / 127.5 - 1, where

    def where(self, points: Tensor) -> Tensor:
        """The source, in drawings with these points, of the mean shape's pixels: (N, S, S, 2)."""
        middle = points.mean(1, keepdim=True)
        away = points - middle
        size = self.mean.square().sum()
        # The similarity from the mean shape, as a complex number.
        real = (self.mean * away).sum((1, 2)) / size
        cross = self.mean[:, 0] * away[..., 1] - self.mean[:, 1] * away[..., 0]
        imaginary = cross.sum(1) / size
        turn = torch.stack(
            [torch.stack([real, -imaginary], 1), torch.stack([imaginary, real], 1)], 1
        )
        anchors = torch.einsum("nij,pj->npi", turn, self.ring) + middle
        coarse = torch.einsum("gp,npi->ngi", self.matrix, torch.cat([points, anchors], dim=1))
        side = SIDE_PX // warping.STEP_PX
        return plane.spread(coarse.view(-1, side, side, 2), SIDE_PX, warping.STEP_PX)


class Warped(nn.Module):
    """What `Expect` reads of drawings.

    In: picture and points as `ToMeanShape`; told (N, 7), the `ATTRIBUTES`, from 0 to 1, NaN if
    unknown; added (N, 2), 1 if one of `ADDED` is to be drawn onto it. Out: (N, 10, S, S) in
    [-1, 1].
    """

    def __init__(self) -> None:
        super().__init__()
        self.to_mean_shape = ToMeanShape()
        ink = np.stack([added_ink(name) for name in ADDED])
        self.register_buffer("ink", torch.from_numpy(ink)[None], persistent=False)

    def forward(self, picture: Tensor, points: Tensor, told: Tensor, added: Tensor) -> Tensor:
        warped, where = self.to_mean_shape(picture, points)
        ink = (self.ink * added[:, :, None, None]).amax(1, keepdim=True)
        by = (where - plane.places(SIDE_PX).to(where.device)).permute(0, 3, 1, 2) / (
            SHIFT_SHARE * SIDE_PX
        )
        known = (2 * told - 1).nan_to_num(0.0)[:, :, None, None].expand(-1, -1, SIDE_PX, SIDE_PX)
        return torch.cat([(warped + 1) * (1 - ink) - 1, by.clamp(-1, 1), known], dim=1)


class Expected(nn.Module):
    """The output of `Expect` for drawings.

    In: as `Warped`; tones (N, 6), RGB in [-1, 1] of skin and hair, NaN to leave them to the
    network. Out: raw (N, 5, S, S), colours and logits.
    """

    inputs = {
        "picture": (U8, FACE_PX, FACE_PX, 3),
        "points": (F32, NUM_POINTS, 2),
        "told": (F32, len(ATTRIBUTES)),
        "added": (F32, len(ADDED)),
        "tones": (F32, 6),
    }
    outputs = ("raw",)

    def __init__(self, net: Expect, images: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        self.net, self.bent, self.images = net, Warped(), images

    def forward(
        self, picture: Tensor, points: Tensor, told: Tensor, added: Tensor, tones: Tensor
    ) -> Tensor:
        return self.net(self.images(self.bent(picture, points, told, added)), tones)


class Guided(nn.Module):
    """Amplify the effect of attributes in their regions (classifier-free guidance, Ho and Salimans
    2022).

    In: raw, last, made (N, 5, S, S): the answer so far, and the network's without and with the
    attributes; words (N, 7), the amplification of each of `ATTRIBUTES`, 0 for those not requested.
    Out: raw.
    """

    inputs = {
        **dict.fromkeys(("raw", "last", "made"), (F32, 5, SIDE_PX, SIDE_PX)),
        "words": (F32, len(ATTRIBUTES)),
    }
    outputs = ("guided",)

    def __init__(self) -> None:
        super().__init__()
        regions = torch.from_numpy(np.stack([region(name) for name in ATTRIBUTES]))
        self.register_buffer("regions", regions[None], persistent=False)

    def forward(self, raw: Tensor, last: Tensor, made: Tensor, words: Tensor) -> Tensor:
        return raw + (words[:, :, None, None] * self.regions).amax(1, keepdim=True) * (made - last)


class Settled(nn.Module):
    """The network's output in [0, 1], with the far side of a turned head repaired.

    In this frame photos show only smears of that side: inside the face it is blended with the near
    side's mirror image, more so the further the head is turned. In: raw (N, 5, S, S); turned (N,),
    in standard deviations of shapes. Out: expected (N, 5, S, S), colours, masks of person and hair
    in [0, 1]: the average face.
    """

    inputs = {"raw": (F32, 5, SIDE_PX, SIDE_PX), "turned": (F32,)}
    outputs = ("expected",)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("face", torch.from_numpy(inside_face())[None, None], persistent=False)

    def forward(self, raw: Tensor, turned: Tensor) -> Tensor:
        expected = torch.cat([0.5 + 0.5 * raw[:, :3].clamp(-1, 1), raw[:, 3:].sigmoid()], dim=1)
        much = ((turned.abs() - TURNED[0]) / (TURNED[1] - TURNED[0])).clamp(0, 1).view(-1, 1, 1, 1)
        across = torch.arange(SIDE_PX, device=raw.device) + 0.5 - SIDE_PX / 2
        side = torch.where(turned > 0, 1.0, -1.0).view(-1, 1, 1, 1) * across
        far = much * self.face * torch.sigmoid(-side / 2.5)
        return expected * (1 - far) + expected.flip(3) * far


class Laid(nn.Module):
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
        where = plane.spread((coarse + 0.5) * scale - 0.5, self.side_px, warping.STEP_PX * scale)
        num_doublings = (self.side_px // MEAN_PX).bit_length() - 1  # log2: 128 to 256 or to 512
        for _ in range(num_doublings):
            face = plane.doubled(face)
        grid = (2 * where + 1) / self.side_px - 1
        laid = F.grid_sample(face, grid, "bilinear", "border", align_corners=False)
        return as_pictures(255 * laid)
