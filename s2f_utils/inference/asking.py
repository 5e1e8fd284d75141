"""One question to a model, what a model is, and what every model answers by.

A question (`Ask`) carries all that is asked beside the picture; a model is read-only while it answers, so that threads
may share it. Shapes: S pixels of a model's pictures.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils.extensions import extend
from s2f_utils.inference.engine import Engine
from s2f_utils.models.card import read_by
from s2f_utils.pictures import faces, images, masks
from s2f_utils.pictures.attributes import COLOURED, FACE_PARTS, TOLD, as_tone
from s2f_utils.pictures.remarks import Remark

MODES = ("deterministic", "paper")
ANSWERS = ("auto", "expected", "rendered")  # which answer is given, where a model has several
LEAST_PX = 16  # of a picture that can show a face
LIKELY = 0.8  # usually: most of the way to a likely face
DETAIL_OF_DRAWINGS = 0.5  # more of it glitters on lines and smooth paper; portraits in soft pencil bear 1
# Where eyes, nose and mouth's corners are, as shares of the side: of aligned photos, and of the faces that
# `synthetic.draw_face` draws, which our models of 64 px have learned from.
LAYOUTS = {
    "aligned": faces.TEMPLATE,
    "drawn": np.array([[0.383, 0.467], [0.596, 0.468], [0.488, 0.598], [0.398, 0.687], [0.588, 0.688]]),
}
# What a package adds that prepares drawings: objects with `understand(picture, facts, **options)`, whose `image` is the
# picture as the model reads it, and `advice_on(picture, reads)`, a `Remark` or None. The first one is used.
PREPARERS: list[Any] = []


@dataclass(frozen=True)
class Facts:
    """What a model is, without its network."""

    name: str  # as a person calls it
    direction: str  # the way it goes
    size_px: int  # S
    knows: frozenset[str] = frozenset()  # what it makes of a question: seed, detail, styles, answer, likely, person
    layout: str = "aligned"  # where it expects faces, a key of `LAYOUTS`; "": it takes pictures as they are

    @property
    def reads(self) -> str:
        """ "sketch", "map", "photo", "sketch and map", or "" for a model that draws by chance alone."""
        return read_by(self.direction)

    @property
    def guide(self) -> str:
        """The layout, or the usual one where the model has none."""
        return self.layout or "aligned"


@dataclass(frozen=True)
class Ask:
    """A question to a model beside the picture; a model ignores what it does not know (`Facts.knows`).

    seed: 0 gives the usual answer, each other number another one. detail: from 0, faithful, to 1, realistic; it is
    invented. style: (1, L, D), of a chosen variant. labels: the map beside a sketch, for a model that reads both.
    strength: of a restorer, from 0, the picture as it is, to 1. mode: "deterministic", or "paper"
    (`stages.AsPublished`). answer: "expected", the posterior mean, "rendered", a believable photo of somebody like
    that, or "auto", which is rendered. likely: from 0, the shape as it is drawn, to 1, a shape that people have; one
    number, or one for each of `FACE_PARTS`. person: known attributes: "skin" and "hair" as a colour (`as_tone`), and
    from -1 to 1 "glasses", "beard" and "hat" (no to yes), "age" (young to old), "smile" (closed to teeth),
    "hair_length" (bald to long) and "curls". fit: how a picture becomes a square, "stretch" or "pad"; None: as in
    training. square: an oblong picture is stretched, and its answer stays a square. large: an answer with twice as many
    pixels a side, of models of up to 256 pixels.
    """

    seed: int = 0
    detail: float = 1.0
    style: np.ndarray | None = None
    labels: np.ndarray | None = None
    strength: float = 1.0
    mode: str = MODES[0]
    answer: str = ANSWERS[0]
    likely: float | Mapping[str, float] = LIKELY
    person: Mapping[str, Any] = field(default_factory=dict)
    fit: str | None = None
    square: bool = False
    large: bool = False

    def __post_init__(self) -> None:
        for name in ("detail", "strength"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name):g}")
        if self.mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, got {self.mode!r}")
        if self.answer not in ANSWERS:
            gone = "; faithful is gone: expected invents least" if self.answer == "faithful" else ""
            raise ValueError(f"answer must be one of {', '.join(ANSWERS)}, got {self.answer!r}{gone}")
        amounts_of(self.likely)
        for name, value in self.person.items():
            if name in COLOURED:
                as_tone(value)
            elif name not in TOLD:
                raise ValueError(f"of a person one may say {', '.join((*COLOURED, *TOLD))}, not {name!r}")
            elif not -1 <= value <= 1:
                raise ValueError(f"{name} must be from -1 to 1, got {value:g}")


def checked(picture: np.ndarray) -> np.ndarray:
    """A picture that may show a face: uint8 (H, W, 3). Raises ValueError for another array, ImageError for one of less
    than 16 pixels.
    """
    picture = np.asarray(picture)
    height, width, *channels = picture.shape if picture.ndim > 1 else (0, 0)
    if picture.dtype != np.uint8 or channels != [3]:
        raise ValueError(
            f"image must be uint8 (H, W, 3), got {picture.dtype} {picture.shape}: images.load_rgb reads a file so"
        )
    if min(height, width) < LEAST_PX:
        raise images.ImageError(f"a picture of {width}x{height} pixels shows no face: {LEAST_PX} pixels are the least")
    return picture


def amounts_of(amount: float | Mapping[str, float]) -> dict[str, float]:
    """One amount for each of `FACE_PARTS`, 0 for those left out. Raises ValueError for others, or beyond 0 to 1."""
    given = dict(amount) if isinstance(amount, Mapping) else dict.fromkeys(FACE_PARTS, amount)
    if unknown := sorted(set(given) - set(FACE_PARTS)):
        raise ValueError(f"there is no part {unknown[0]!r}: choose of {', '.join(FACE_PARTS)}")
    if outside := [part for part, own in given.items() if not 0 <= own <= 1]:
        raise ValueError(f"likely must be from 0 to 1, got {given[outside[0]]:g} for {outside[0]}")
    return {part: float(given.get(part, 0.0)) for part in FACE_PARTS}


def person_of(text: str) -> dict[str, Any]:
    """A description of a person, as "age=0.5,hair=#332211", for `Ask.person`. Raises ValueError for what is unknown."""
    person: dict[str, Any] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, value = (one.strip() for one in part.partition("="))
        try:
            person[name] = value if name in COLOURED else float(value)
        except ValueError:
            raise ValueError(f"{name} must be a number from -1 to 1, as in age=0.5, got {value!r}") from None
    return dict(Ask(person=person).person)


class Model(ABC):
    """A trained network that answers pictures; made by `inference.load`."""

    facts: Facts
    engine: Engine

    @abstractmethod
    def answer(self, pictures: Sequence[np.ndarray], asks: Sequence[Ask]) -> list[np.ndarray]:
        """Pictures, uint8 (H, W, 3), or maps, uint8 (H, W), and as many questions → as many answers, uint8 (H, W, 3).

        Nothing in the model changes: threads may ask at once.
        """

    @property
    def num_bytes(self) -> int:
        """How much memory its weights take."""
        return self.engine.num_bytes

    def advice(self, picture: np.ndarray, ask: Ask | None = None) -> Remark | None:
        """What there is to say about a picture as this model reads it, and its answer; None where there is nothing."""
        return None

    def translate(self, picture: np.ndarray, **asked: Any) -> np.ndarray:
        """One picture, as the model reads it, to its answer; asked: the fields of `Ask`."""
        return self.answer([picture], [Ask(**asked)])[0]

    def __call__(
        self,
        picture: str | Path | np.ndarray,
        *,
        points: Any = None,
        clean: str = "auto",
        face: str | int | None = None,
        **asked: Any,
    ) -> np.ndarray:
        """A picture in, its translation out, uint8 RGB (H, W, 3): `model("drawing.jpg", seed=3)`.

        picture: a path, or an array, uint8 (H, W, 3); a drawing is cleaned and aligned, a photo is aligned, by the
        first of `PREPARERS`; without one, maps and models that take pictures as they are can be used. points, clean,
        face: as in `drawings.prepare`. asked: the fields of `Ask`; half of the detail, unless it says otherwise.
        Raises what `prepare`, `Ask` and `answer` raise.
        """
        facts = self.facts
        if "labels" in asked and facts.layout:
            raise ValueError("the sketch would be aligned and its map not: align both, and use translate")
        extend("answers")
        if PREPARERS:
            picture = PREPARERS[0].understand(picture, facts, points=points, clean=clean, face=face).image
        elif facts.reads == "map":
            picture = masks.labels_of(picture if isinstance(picture, np.ndarray) else masks.load(picture))
        elif facts.layout:
            raise ValueError(f"{facts.name}: needs aligned pictures, and s2f_studio, which aligns them, is not there")
        elif not isinstance(picture, np.ndarray):
            picture = images.load_rgb(picture)
        return self.translate(picture, **{"detail": DETAIL_OF_DRAWINGS} | asked)
