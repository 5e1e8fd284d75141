"""From the average face to its code, and from a person's code to a photo, in the mean shape.

Shapes: N people, K components of appearance, S = 128 pixels of the frame, P = 256 of drawings.
"""

from __future__ import annotations

from torch import Tensor, nn

from s2f_studio.drawings.mesh import FACE_PX, NUM_POINTS
from s2f_studio.faces.networks.expect import SIDE_PX
from s2f_studio.faces.networks.person import Person
from s2f_studio.faces.stages.expect import ToMeanShape
from s2f_utils.infer.stages import F32, I64, U8
from s2f_utils.networks.noise import normal

STREAM = 7  # of the seed's noise: other streams draw who it is


class Coded(nn.Module):
    """In: expected (N, 5, S, S) in [0, 1], colours and masks. Out: code (N, K)."""

    inputs = {"expected": (F32, 5, SIDE_PX, SIDE_PX)}
    outputs = ("code",)

    def __init__(self, net: Person) -> None:
        super().__init__()
        self.appearance = net.appearance

    def forward(self, expected: Tensor) -> Tensor:
        return self.appearance.code(2 * expected[:, :3] - 1)


class Rendered(nn.Module):
    """In: code (N, K); picture uint8 (N, P, P, 3), the drawing; points (N, 164, 2), its pixels;
    lines (N,), how much of the drawing's lines is shown, from 0, blank paper, to 1; seed int64
    (N,), of the noise. Out: face (N, 3, S, S) in [0, 1].
    """

    outputs = ("face",)

    def __init__(self, net: Person) -> None:
        super().__init__()
        self.net, self.to_mean_shape = net, ToMeanShape()
        self.inputs = {
            "code": (F32, len(net.appearance.deviation)),
            "picture": (U8, FACE_PX, FACE_PX, 3),
            "points": (F32, NUM_POINTS, 2),
            "lines": (F32,),
            "seed": (I64,),
        }

    def forward(
        self, code: Tensor, picture: Tensor, points: Tensor, lines: Tensor, seed: Tensor
    ) -> Tensor:
        drawn, _ = self.to_mean_shape(picture, points)
        shown = 1 - lines[:, None, None, None] * (1 - drawn)
        noise = normal(seed, SIDE_PX**2, STREAM).view(-1, 1, SIDE_PX, SIDE_PX)
        return 0.5 + 0.5 * self.net(code, shown, noise)
