"""One question to a model, and what every model answers by.

A question carries all that is asked beside the picture; a model is read-only while it answers, so that threads may
share it. Shapes: S pixels of a model's pictures.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from s2f_utils.inference import hints
from s2f_utils.inference.facts import Facts
from s2f_utils.inference.hints import Tone
from s2f_utils.inference.preparing import prepared_for
from s2f_utils.pictures import faces
from s2f_utils.pictures.remarks import Remark

MODES = ("deterministic", "paper")
ANSWERS = ("auto", "faithful", "expected")  # which answer is given, where a model has both
DETAIL_OF_DRAWINGS = 0.5  # more of it glitters on lines and smooth paper; portraits in soft pencil bear 1


@dataclass(frozen=True)
class Ask:
    """What is asked of a model beside the picture; what a model does not know is left out of its answer.

    seed: 0, or another answer, where the model knows seeds. detail: from 0, faithful, to 1, realistic, where it knows
    detail; it is invented. colours: whether they are drawn at random, where it knows colours. style: (1, L, D), those
    of a chosen variant, for a model that knows styles. labels: the map beside a sketch, for a model that reads both.
    strength: of a restorer, from 0, the picture as it is, to 1. mode: "deterministic", or "paper" (`generate`). answer:
    "faithful", where every line is kept, "expected", the face that the drawing means (with a seed, in other colours),
    or "auto", by how crude it is; faithful without detail, for then nothing is to be invented. fit: how a picture
    becomes a square, "stretch" or "pad"; None: as the model was trained. square: an oblong picture is stretched, and
    its answer stays a square.
    """

    seed: int = 0
    detail: float = 1.0
    colours: bool = False
    style: Tensor | None = None
    labels: np.ndarray | None = None
    strength: float = 1.0
    mode: str = MODES[0]
    answer: str = ANSWERS[0]
    fit: str | None = None
    square: bool = False

    def __post_init__(self) -> None:
        for name in ("detail", "strength"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name):g}")
        if self.mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, got {self.mode!r}")
        if self.answer not in ANSWERS:
            raise ValueError(f"answer must be one of {', '.join(ANSWERS)}, got {self.answer!r}")


class Model(ABC):
    """A trained network that answers pictures; made by `inference.load`.

    in_batches: whether several pictures go through the network in one pass.
    """

    in_batches = True
    facts: Facts
    net: nn.Module

    @abstractmethod
    def answer(self, pictures: Sequence[np.ndarray], asks: Sequence[Ask]) -> list[np.ndarray]:
        """Pictures, uint8 (H, W, 3), or maps, uint8 (H, W), and as many questions → as many answers, uint8 (H, W, 3).

        Nothing in the model changes: threads may ask at once.
        """

    def chosen(self, picture: np.ndarray, ask: Ask) -> str:
        """Which of its answers a picture gets, "faithful" or "expected"; "" of a model that has one alone."""
        return ""

    def advice(self, picture: np.ndarray, ask: Ask | None = None) -> Remark | None:
        """What there is to say about a picture as this model reads it, and its answer; None where there is nothing."""
        return None

    def translate(self, picture: np.ndarray, **asked: Any) -> np.ndarray:
        """One picture, as the model reads it, to its answer; asked: the fields of `Ask`."""
        return self.answer([picture], [Ask(**asked)])[0]

    @property
    def num_bytes(self) -> int:
        """What its weights take of the memory."""
        return sum(t.numel() * t.element_size() for t in (*self.net.parameters(), *self.net.buffers()))

    def parts(self, given: np.ndarray, face: np.ndarray) -> dict[str, np.ndarray]:
        """Hair and skin of a face, by the map that was given, or by its looks: {part: float32 (S, S)}."""
        if self.facts.reads == "map":
            return hints.parts_of_map(given, len(face))
        return hints.find_parts(face, self.facts.landmarks, given)

    def with_hints(
        self, given: np.ndarray, face: np.ndarray, tones: Mapping[str, Tone], memory: MutableMapping | None = None
    ) -> np.ndarray:
        """The face, uint8 (S, S, 3), with its hair or skin in the tones that were asked for.

        memory: what a model found for a tone, kept by whoever asks, so that the next face gets the same.
        """
        found = self.parts(given, face)
        for part, tone in tones.items():
            face = hints.transfer(face, found[part], tone)
        return face

    def __call__(
        self,
        picture: str | Path | np.ndarray,
        *,
        points: Any = None,
        clean: str = "auto",
        face: faces.Which = None,
        **asked: Any,
    ) -> np.ndarray:
        """A picture in, its translation out, uint8 RGB (H, W, 3): `model("drawing.jpg", seed=3)`.

        picture: a path, or an array, uint8 (H, W, 3); a drawing is cleaned and aligned, a photo is aligned. points,
        clean, face: as in `drawings.prepare`. asked: the fields of `Ask`; half of the detail, and colours at random
        with a seed, unless it says otherwise. Raises what `prepare`, `Ask` and `answer` raise.
        """
        if "labels" in asked and self.facts.layout:
            raise ValueError("the sketch would be aligned and its map not: align both, and use translate")
        ready = prepared_for(self.facts, picture, points=points, clean=clean, face=face)
        usual = {"detail": DETAIL_OF_DRAWINGS, "colours": asked.get("seed", 0) > 0}
        return self.translate(ready.given, **usual | asked)
