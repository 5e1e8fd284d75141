"""Which answer a drawing gets where a model has several, and what there is to say about it."""

from __future__ import annotations

import numpy as np

from s2f_utils.inference.asking import ANSWERS, Ask
from s2f_utils.pictures import domain
from s2f_utils.pictures.drawings import LINES_BELOW
from s2f_utils.pictures.remarks import Remark

_, FAITHFUL, EXPECTED, RENDERED = ANSWERS
CRUDE_FROM = 0.3  # of the finder's "crude", 0 to 1 (benchmarks/choosing.py)
PHOTO_FROM = 0.5  # of its "photo"; some photos, small faces above all, seem crude


def answer_to(square: np.ndarray, ask: Ask) -> str:
    """Which answer a drawing, uint8 (OUT_PX, OUT_PX, 3), gets where there are several: one of `ANSWERS` but "auto"."""
    if ask.answer != ANSWERS[0]:
        return ask.answer
    from s2f_utils.inference.understanding import understood

    is_drawn = ask.detail > 0 and square.min() <= LINES_BELOW  # empty paper means no face
    meant = is_drawn and understood(square).flags["photo"] < PHOTO_FROM and domain.verdict(square).kind != "photo"
    return RENDERED if meant else FAITHFUL


def advised(square: np.ndarray, ask: Ask) -> Remark | None:
    """Says that a drawing, uint8 (OUT_PX, OUT_PX, 3), is too crude for each line to be kept, where the question leaves
    the answer open.
    """
    from s2f_utils.inference.understanding import understood

    is_open = ask.answer == ANSWERS[0] and answer_to(square, ask) == RENDERED
    degree = understood(square).flags["crude"]
    return Remark("crude", {"degree": degree}) if is_open and degree > CRUDE_FROM else None
