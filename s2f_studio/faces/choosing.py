"""Which answer a drawing gets where a model has several, and what there is to say about it."""

from __future__ import annotations

import numpy as np

from s2f_studio.drawings import domain
from s2f_studio.drawings.prepare import LINES_BELOW
from s2f_utils.inference.asking import ANSWERS, Ask
from s2f_utils.inference.engine import Engine
from s2f_utils.pictures.remarks import Remark

_, FAITHFUL, EXPECTED, RENDERED = ANSWERS
CRUDE_FROM = 0.3  # of the finder's "crude", 0 to 1 (docs/drawings.md)
PHOTO_FROM = 0.5  # of its "photo"; some photos, small faces above all, seem crude


def answer_to(square: np.ndarray, ask: Ask, finding: Engine | None = None) -> str:
    """Which answer a drawing, uint8 (OUT_PX, OUT_PX, 3), gets where there are several: one of `ANSWERS` but "auto".

    finding: as in `understood`.
    """
    if ask.answer != ANSWERS[0]:
        return ask.answer
    from s2f_studio.drawings.understanding import understood

    is_drawn = ask.detail > 0 and square.min() <= LINES_BELOW  # empty paper means no face
    if not is_drawn or understood(square, finding).flags["photo"] >= PHOTO_FROM:
        return FAITHFUL
    return FAITHFUL if domain.verdict(square).kind == "photo" else RENDERED


def advised(square: np.ndarray, ask: Ask, finding: Engine | None = None) -> Remark | None:
    """Says that a drawing, uint8 (OUT_PX, OUT_PX, 3), is too crude for each line to be kept, where the question leaves
    the answer open.
    """
    from s2f_studio.drawings.understanding import understood

    if ask.answer != ANSWERS[0] or answer_to(square, ask, finding) != RENDERED:
        return None
    degree = understood(square, finding).flags["crude"]
    return Remark("crude", {"degree": degree}) if degree > CRUDE_FROM else None
