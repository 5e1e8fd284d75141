"""The face to be expected from a drawing, at the drawing's shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from s2f_utils.data.shaped import planes_of
from s2f_utils.inference.asking import Ask
from s2f_utils.inference.translator import Translator, one_way, parts_of
from s2f_utils.inference.understanding import Understood, understand
from s2f_utils.models.expect import SIDE_PX
from s2f_utils.pictures import images
from s2f_utils.pictures.faces import bending, mesh

WALL = (214, 217, 221)  # behind the person
OUT_PX = 256


class ExpectModel(Translator):
    """An `Expect` network, ready for drawings; made by `load`.

    A drawing is understood, bent to the mean shape, answered there, and the answer is bent back.
    """

    @torch.no_grad()
    def answer_squares(self, squares: np.ndarray, asks: Sequence[Ask]) -> np.ndarray:
        """As `Translator.answer_squares`; S is OUT_PX."""
        one_way(self.net, asks)
        understood = understand(list(squares))
        made = np.empty((len(squares), OUT_PX, OUT_PX, 3), np.uint8)
        for part in parts_of(range(len(squares)), max(self.at_once, 1)):
            shown = [squares[n] for n in part]
            drawn = self.expected(shown, [understood[n] for n in part], [self.tones(asks[n]) for n in part])
            for n, picture in zip(part, drawn, strict=True):
                made[n] = at_shape(picture, _at_size(understood[n].points, len(squares[n])))
        return made

    def tones(self, ask: Ask) -> torch.Tensor:
        """The tones that are asked for, (1, 6); NaN for those that the drawing is to say."""
        if ask.colours:
            return self.net.draw_tones(ask.seed)
        return torch.full((1, 6), torch.nan)

    def expected(
        self, drawings: Sequence[np.ndarray], understood: Sequence[Understood], tones: Sequence[torch.Tensor]
    ) -> np.ndarray:
        """What is expected, in the mean shape: colours, person and hair, float32 (N, 128, 128, 5) in [0, 1]."""
        bent = np.stack([bent_to_mean(d, u.points) for d, u in zip(drawings, understood, strict=True)])
        x = self.precision.images(images.to_tensor(bent).to(self.precision.device))
        with self.precision.autocast():
            out = self.net(x, torch.cat(list(tones)).to(x.device)).float()
        out = torch.cat([0.5 + 0.5 * out[:, :3].clamp(-1, 1), out[:, 3:].sigmoid()], dim=1)
        return out.permute(0, 2, 3, 1).cpu().numpy()


def bent_to_mean(drawing: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A drawing, uint8 (S, S, 3), with its points (164, 2), as the network reads it: uint8 (128, 128, 3)."""
    import cv2

    small = cv2.resize(drawing, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).mean(axis=2).astype(np.uint8)
    points = (points + 0.5) * (SIDE_PX / len(drawing)) - 0.5
    where = bending.field(mesh.mean_shape(SIDE_PX), points, SIDE_PX)
    return np.dstack([bending.bend(small, where, border=255), planes_of(where)])


def at_shape(expected: np.ndarray, points: np.ndarray, wall: tuple[int, int, int] = WALL) -> np.ndarray:
    """An answer in the mean shape, float32 (128, 128, 5), at the points (164, 2) of a picture of OUT_PX, before a wall:
    uint8 (OUT_PX, OUT_PX, 3).
    """
    large = F.interpolate(torch.from_numpy(expected).permute(2, 0, 1)[None], size=(OUT_PX, OUT_PX), mode="bicubic")
    large = large[0].clamp(0, 1).permute(1, 2, 0).contiguous().numpy()
    bent = bending.bend(large, bending.field(points, mesh.mean_shape(OUT_PX), OUT_PX))
    person = bent[..., 3:4]
    return images.rounded(255 * bent[..., :3] * person + np.array(wall) * (1 - person))


def _at_size(points: np.ndarray, size_px: int) -> np.ndarray:
    """Points of a picture of this size in one of OUT_PX."""
    return (points + 0.5) * (OUT_PX / size_px) - 0.5
