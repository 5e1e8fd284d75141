"""What a model is, without its network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from s2f_utils.models.card import made_by, read_by
from s2f_utils.pictures import faces

MIXED, TRANSFERRED, ASKED = "style mixing", "colour transfer", "the person's own tone"  # how a model takes a hint
# Where eyes, nose and mouth's corners are, as shares of the side: of aligned photos, and of the faces that
# `synthetic.draw_face` draws, which our models of 64 px have learned from.
LAYOUTS = {
    "aligned": faces.TEMPLATE,
    "drawn": np.array([[0.383, 0.467], [0.596, 0.468], [0.488, 0.598], [0.398, 0.687], [0.588, 0.688]]),
}


@dataclass(frozen=True)
class Facts:
    """What a model is, without its network.

    name: as a person calls it. direction: the way it goes. size_px: S. knows: what it makes of a question: "seed",
    "detail", "colours", "styles", "answer" (it has all of `Ask.answer`), "likely", "person". layout: where it expects
    faces, a key of `LAYOUTS`, or "" for a model that takes pictures as they are. hint_method: how it takes hints.
    """

    name: str
    direction: str
    size_px: int
    knows: frozenset[str] = frozenset()
    layout: str = "aligned"
    hint_method: str = TRANSFERRED

    @property
    def reads(self) -> str:
        """ "sketch", "map", "photo", "sketch and map", or "" for a model that draws by chance alone."""
        return read_by(self.direction)

    @property
    def makes(self) -> str:
        """ "photo" or "sketch"."""
        return made_by(self.direction)

    @property
    def guide(self) -> str:
        """The layout, or the usual one where the model has none."""
        return self.layout or "aligned"

    @property
    def landmarks(self) -> np.ndarray:
        """Where the five landmarks are expected in its faces: float64 (5, 2), pixels."""
        return LAYOUTS[self.guide] * self.size_px - 0.5


def check_for_drawings(facts: Facts) -> None:
    """Raise ValueError for a model that reads photos, or chance alone, or a sketch and a map at once."""
    if facts.reads in ("sketch", "map"):
        return
    reads = f"reads a {facts.reads}" if facts.reads else "draws faces by chance and reads nothing"
    what = f"takes photos (it goes {facts.direction})" if facts.reads == "photo" else reads
    raise ValueError(f"{facts.name}: {what}: the pad gives a drawing or a label map; choose a model for one of them")
