"""Possible people for a drawing: a portrait generator turns the average face into a photo, a
different one per seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from s2f_studio.drawings import bending, likely, mesh
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.drawings.understanding import Understood, understood
from s2f_studio.faces.expecting import ExpectModel, attribute_vector, resolve_attributes, tones_of
from s2f_utils.infer.asking import Ask
from s2f_utils.infer.translator import one_way, parts_of
from s2f_utils.pictures.attributes import PORTRAIT_ATTRIBUTES, TOLD

LEAST, MOST = 0.1, 0.6  # influence of the code: for a careful drawing, for a scribble
OPEN_FROM = 0.1  # opening of the lips, in widths of the mouth
SURE = 0.5  # threshold of the finder's flags
WORD_OF = {
    "open mouth": "smile",
    "hair length": "hair_length",
}  # attributes with another name in a request


class PortraitModel(ExpectModel):
    """A photo of a person who fits the drawing, on a background; made by `load`.

    A careful drawing determines more than a crude one: `degree_of` gives the code's influence.
    """

    def answer_squares(self, squares: np.ndarray, asks: Sequence[Ask]) -> Sequence[np.ndarray]:
        """As `Translator.answer_squares`; S is FACE_PX."""
        one_way(self.network, asks)
        made: list[np.ndarray] = []
        for part in parts_of(range(len(squares)), self.at_once):
            found = [understood(square, self.engine) for square in squares[part]]
            some = [asks[n] for n in part]
            portraits = self.portraits(squares[part], found, some)
            made += [self.placed(*one) for one in zip(portraits, found, some, strict=True)]
        return made

    def portraits(
        self, squares: np.ndarray, found: Sequence[Understood], asks: Sequence[Ask]
    ) -> np.ndarray:
        """Drawings, uint8 (N, P, P, 3), to portraits in the mean shape, float32 (N, 3, P, P) in [0,
        1].
        """
        expected, _, _ = self.expected(squares, found, asks)
        attributes = np.stack(
            [attributes_of(one, ask) for one, ask in zip(found, asks, strict=True)]
        )
        degrees = np.array([degree_of(one) for one in found], np.float32)
        return self.engine.run(
            "portray", expected, degrees, attributes, np.array([ask.seed for ask in asks])
        )[0]

    def placed(self, portrait: np.ndarray, found: Understood, ask: Ask) -> np.ndarray:
        """A portrait in the drawing's shape, or a likely one: uint8 (S, S, 3)."""
        points = likely.likely(found.points, ask.likely, found.off_by_hand)
        coarse = bending.coarse_field(points, mesh.mean_shape(FACE_PX), FACE_PX).astype(np.float32)
        return self.engine.run(
            "place_large" if ask.large else "place", portrait[None], coarse[None]
        )[0][0]


def degree_of(found: Understood) -> float:
    """The code's influence on the answer to a drawing, from `LEAST` to `MOST`."""
    return float(LEAST + (MOST - LEAST) * np.clip(found.flags["crude"], 0, 1))


def attributes_of(found: Understood, ask: Ask) -> np.ndarray:
    """Attributes from the drawing and the request, as `PORTRAIT_ATTRIBUTES`: float32 (16,), NaN if
    unknown.
    """
    told = dict(
        zip(TOLD, 2 * attribute_vector(found, resolve_attributes(ask, found)) - 1, strict=True)
    )
    told["smile"] = (
        told["smile"]
        if "smile" in ask.person
        else 2.0 * (between_lips(found.points) >= OPEN_FROM) - 1
    )
    for name in ("glasses", "beard", "hat"):
        if name not in ask.person:
            told[name] = 1.0 if found.flags[name] > SURE else -1.0
    tones = tones_of(ask)
    values = {"skin": tones[:3], "hair": tones[3:], "lips": np.full(3, np.nan)}
    out = [
        values.get(name, [told.get(WORD_OF.get(name, name), np.nan)])
        for name in PORTRAIT_ATTRIBUTES
    ]
    return np.concatenate(out).astype(np.float32)


def between_lips(points: np.ndarray) -> float:
    """The opening of the lips of a face, (164, 2), in widths of the mouth."""
    left, low, right, top = points[mesh.PARTS["mouth"][[0, 5, 10, 15]]]
    return float(np.hypot(*(top - low)) / np.hypot(*(right - left)))
