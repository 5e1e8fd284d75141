"""The face to be expected from a drawing, at the drawing's shape."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from s2f_utils.data.shaped import planes_of, worn_planes
from s2f_utils.inference.asking import ANSWERS, Ask
from s2f_utils.inference.facts import Facts
from s2f_utils.inference.translator import DetailModel, Translator, one_way, parts_of
from s2f_utils.inference.understanding import Understood, understood
from s2f_utils.models.expect import SIDE_PX
from s2f_utils.pictures import domain, images
from s2f_utils.pictures.drawings import LINES_BELOW
from s2f_utils.pictures.faces import bending, mesh
from s2f_utils.pictures.remarks import Remark
from s2f_utils.pictures.scribbles.portrait import WORN

WALL = (214, 217, 221)  # behind the person
OUT_PX = 256
BEYOND_PX, SOFT_PX = 24, 7.0  # of 128: how far an answer goes on beyond the mean shape's frame, and how soft
_, FAITHFUL, EXPECTED = ANSWERS
CRUDE_FROM = 0.3  # of the finder's "crude", 0 to 1 (benchmarks/choosing.py)
PHOTO_FROM = 0.5  # of its "photo"; some photos, small faces above all, seem crude


@dataclass
class ExpectModel(Translator):
    """An `Expect` network, ready for drawings; made by `load`.

    A drawing is understood, bent to the mean shape, answered there, and the answer is bent back.
    """

    def __post_init__(self) -> None:
        self.size_px = OUT_PX  # of the drawings that are given; the network's own pictures are smaller

    @torch.no_grad()
    def answer_squares(self, squares: np.ndarray, asks: Sequence[Ask]) -> np.ndarray:
        """As `Translator.answer_squares`; S is OUT_PX."""
        one_way(self.net, asks)
        found = [understood(square) for square in squares]
        made = np.empty((len(squares), OUT_PX, OUT_PX, 3), np.uint8)
        for part in parts_of(range(len(squares)), self.at_once):
            shown = [squares[n] for n in part]
            drawn = self.expected(shown, [found[n] for n in part], [self.tones(asks[n]) for n in part])
            for n, picture in zip(part, drawn, strict=True):
                made[n] = at_shape(picture, _at_size(found[n].points, len(squares[n])))
        return made

    def tones(self, ask: Ask) -> torch.Tensor:
        """The tones that are asked for, (1, 6); NaN for those that the drawing is to say."""
        if ask.colours or ask.seed:
            return self.net.draw_tones(ask.seed).cpu()
        return torch.full((1, 6), torch.nan)

    def expected(
        self, drawings: Sequence[np.ndarray], found: Sequence[Understood], tones: Sequence[torch.Tensor]
    ) -> np.ndarray:
        """What is expected, in the mean shape: colours, person and hair, float32 (N, 128, 128, 5) in [0, 1]."""
        bent = np.stack([as_read(d, u) for d, u in zip(drawings, found, strict=True)])
        planes = torch.from_numpy(np.ascontiguousarray(bent.transpose(0, 3, 1, 2)))
        x = self.precision.images(images.to_tensor(planes).to(self.precision.device))
        with self.precision.autocast():
            out = self.net(x, torch.cat(list(tones)).to(x.device)).float()
        out = torch.cat([0.5 + 0.5 * out[:, :3].clamp(-1, 1), out[:, 3:].sigmoid()], dim=1)
        return out.permute(0, 2, 3, 1).cpu().numpy()


def as_read(drawing: np.ndarray, found: Understood) -> np.ndarray:
    """A drawing, uint8 (S, S, 3), and what was found in it, as the network reads it: uint8 (128, 128, 6)."""
    import cv2

    small = cv2.resize(drawing, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).mean(axis=2).astype(np.uint8)
    points = (found.points + 0.5) * (SIDE_PX / len(drawing)) - 0.5
    where = bending.field(mesh.mean_shape(SIDE_PX), points, SIDE_PX)
    worn = worn_planes([found.flags[name] for name in WORN], SIDE_PX)
    return np.dstack([bending.bend(small, where, border=255), planes_of(where), worn])


def at_shape(expected: np.ndarray, points: np.ndarray, wall: tuple[int, int, int] = WALL) -> np.ndarray:
    """An answer in the mean shape, float32 (128, 128, 5), at the points (164, 2) of a picture of OUT_PX, before a wall:
    uint8 (OUT_PX, OUT_PX, 3).
    """
    import cv2

    wider = continued(expected)
    scale = OUT_PX // SIDE_PX
    large = np.clip(cv2.resize(wider, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), 0, 1)
    where = bending.field(points, mesh.mean_shape(OUT_PX), OUT_PX) + np.float32(scale * BEYOND_PX)
    bent = bending.bend(large, where)
    person = bent[..., 3:4]
    return images.rounded(255 * bent[..., :3] * person + np.array(wall) * (1 - person))


def continued(expected: np.ndarray) -> np.ndarray:
    """An answer with BEYOND_PX more on each side, where its edges go on and the person fades into the wall: float32."""
    import cv2

    border = (BEYOND_PX,) * 4
    wider = cv2.copyMakeBorder(expected, *border, cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(wider, (0, 0), SOFT_PX)
    inside = cv2.copyMakeBorder(np.ones(expected.shape[:2], np.float32), *border, cv2.BORDER_CONSTANT, value=0)
    inside = cv2.blur(inside, (9, 9))[..., None]  # the seam is no line
    made = wider * inside + soft * (1 - inside)
    made[..., 3] *= fading(expected.shape[0])
    return made


def fading(size_px: int) -> np.ndarray:
    """How much of a person is seen, within a picture's sides 1, and BEYOND_PX further out 0: float32."""
    beyond = np.maximum(0, np.abs(np.arange(size_px + 2 * BEYOND_PX) - (BEYOND_PX + (size_px - 1) / 2)) - size_px / 2)
    away = np.minimum(1, np.hypot(beyond[:, None], beyond) / BEYOND_PX)
    return (0.5 + 0.5 * np.cos(np.pi * away)).astype(np.float32)


def _at_size(points: np.ndarray, size_px: int) -> np.ndarray:
    """Points of a picture of this size in one of OUT_PX."""
    return (points + 0.5) * (OUT_PX / size_px) - 0.5


@dataclass
class ChoosingModel(DetailModel):
    """A faithful model that adds detail, and beside it the face to be expected: a drawing of few lines gets the latter,
    unless the question says otherwise (`Ask.answer`). Made by `load`.
    """

    expect: ExpectModel | None = None

    def answer_squares(self, squares: np.ndarray, asks: Sequence[Ask]) -> np.ndarray:
        """As `DetailModel.answer_squares`."""
        ways = [answer_to(square, ask) for square, ask in zip(squares, asks, strict=True)]
        made = np.empty((len(squares), self.size_px, self.size_px, 3), np.uint8)
        for way, answer in ((FAITHFUL, super().answer_squares), (EXPECTED, self.expect.answer_squares)):
            mine = [n for n, own in enumerate(ways) if own == way]
            if mine:
                made[mine] = answer(squares[mine], [asks[n] for n in mine])
        return made

    @functools.cached_property
    def facts(self) -> Facts:
        """As `Translator.facts`."""
        alone = super().facts
        return replace(alone, knows=alone.knows | {"answer"})

    def chosen(self, picture: np.ndarray, ask: Ask) -> str:
        """As `Model.chosen`, of a drawing, uint8 (H, W, 3)."""
        return answer_to(self._square(self._checked(picture), ask), ask)

    def advice(self, picture: np.ndarray, ask: Ask | None = None) -> Remark | None:
        """Says that a drawing, uint8 (H, W, 3), gets the face to be expected, where the question leaves that open."""
        ask = ask or Ask()
        left_open = ask.answer == ANSWERS[0]
        return Remark("crude") if left_open and self.chosen(picture, ask) == EXPECTED else None

    @property
    def num_bytes(self) -> int:
        """What the weights of both take of the memory."""
        return super().num_bytes + self.expect.num_bytes


def answer_to(square: np.ndarray, ask: Ask) -> str:
    """Which answer a drawing, uint8 (OUT_PX, OUT_PX, 3), gets where there are both: "faithful" or "expected"."""
    if ask.answer != ANSWERS[0]:
        return ask.answer
    is_drawn = ask.detail > 0 and square.min() <= LINES_BELOW  # empty paper means no face
    meant = is_drawn and is_crude(understood(square)) and domain.verdict(square).kind != "photo"
    return EXPECTED if meant else FAITHFUL


def is_crude(found: Understood) -> bool:
    """Whether this is a drawing, and says too little for each of its lines to be kept."""
    return found.flags["crude"] > CRUDE_FROM and found.flags["photo"] < PHOTO_FROM
