"""Which answer a drawing gets where a model has several, and what there is to say about it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from s2f_studio.drawings.cleanup import LINES_BELOW
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.drawings.understanding import understood
from s2f_studio.faces.expecting import ExpectModel, RenderModel
from s2f_utils.inference.asking import ANSWERS, ASKED, Ask, Facts
from s2f_utils.inference.engine import Engine
from s2f_utils.inference.translator import DetailModel
from s2f_utils.pictures.remarks import Remark

_, FAITHFUL, EXPECTED, RENDERED = ANSWERS
CRUDE_FROM = 0.25  # of the finder's "crude", 0 to 1 (docs/drawings.md)


def answer_to(square: np.ndarray, ask: Ask, finding: Engine | None = None) -> str:
    """Which answer a drawing, uint8 (OUT_PX, OUT_PX, 3), gets where there are several: one of `ANSWERS` but "auto".

    finding: as in `understood`.
    """
    if ask.answer != ANSWERS[0]:
        return ask.answer
    is_drawn = ask.detail > 0 and square.min() <= LINES_BELOW  # empty paper means no face
    return RENDERED if is_drawn and not understood(square, finding).is_photo else FAITHFUL


def advised(square: np.ndarray, ask: Ask, finding: Engine | None = None) -> Remark | None:
    """Says that a drawing, uint8 (OUT_PX, OUT_PX, 3), is too crude for each line to be kept, where the question leaves
    the answer open.
    """
    if ask.answer != ANSWERS[0] or answer_to(square, ask, finding) != RENDERED:
        return None
    degree = understood(square, finding).flags["crude"]
    return Remark("crude", {"degree": degree}) if degree > CRUDE_FROM else None


@dataclass
class ChoosingModel(DetailModel):
    """A faithful model that adds detail, and beside it the face that is meant: a drawing gets a photo of that, unless
    the question says otherwise (`Ask.answer`). Made by `load`.
    """

    hint_method = ASKED

    @functools.cached_property
    def expect(self) -> ExpectModel:
        """The model of what is expected."""
        return self._part(ExpectModel, EXPECTED)

    @functools.cached_property
    def render(self) -> RenderModel:
        """The model of what is rendered."""
        return self._part(RenderModel, RENDERED)

    def _part(self, kind: type[ExpectModel], name: str) -> ExpectModel:
        return kind(self.engine, name, frozenset(), self.direction, FACE_PX, name=self.name, at_once=self.at_once)

    def answer_squares(self, squares: np.ndarray, asks: Sequence[Ask]) -> Sequence[np.ndarray]:
        """As `DetailModel.answer_squares`."""
        ways = [answer_to(square, ask, self.engine) for square, ask in zip(squares, asks, strict=True)]
        made: dict[int, np.ndarray] = {}
        both = (EXPECTED, self.expect.answer_squares), (RENDERED, self.render.answer_squares)
        for way, answer in ((FAITHFUL, super().answer_squares), *both):
            mine = [n for n, own in enumerate(ways) if own == way]
            if mine:
                made |= zip(mine, answer(squares[mine], [asks[n] for n in mine]), strict=True)
        return [made[n] for n in range(len(squares))]

    @functools.cached_property
    def facts(self) -> Facts:
        """As `Translator.facts`."""
        alone = super().facts
        return replace(alone, knows=alone.knows | {"answer", "likely", "person"})

    def knows_person(self, picture: np.ndarray, ask: Ask) -> bool:
        """As `Model.knows_person`: not of the faithful answer."""
        return self.chosen(picture, ask) != FAITHFUL

    def chosen(self, picture: np.ndarray, ask: Ask) -> str:
        """As `Model.chosen`, of a drawing, uint8 (H, W, 3)."""
        return answer_to(self._square(self._checked(picture), ask), ask, self.engine)

    def advice(self, picture: np.ndarray, ask: Ask | None = None) -> Remark | None:
        """As `advised`, of a drawing, uint8 (H, W, 3)."""
        ask = ask or Ask()
        return advised(self._square(self._checked(picture), ask), ask, self.engine)
