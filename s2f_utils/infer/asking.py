"""A request to a model, `Ask`, and a model's description, `Facts`. Shapes: S pixels of a model's
pictures.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from s2f_utils.networks.card import read_by
from s2f_utils.pictures.attributes import COLOURED, FACE_PARTS, TOLD, as_tone

MODES = ("deterministic", "paper")
ANSWERS = ("auto", "expected", "rendered")  # kinds of answer, for models with several
LEAST_PX = 16  # least side of a picture of a face
LIKELY = 0.8  # default: most of the way to a likely face
DETAIL_OF_DRAWINGS = (
    0.5  # more of it glitters on lines and smooth paper; soft pencil portraits tolerate 1
)


@dataclass(frozen=True)
class Facts:
    """A model's description, without its network."""

    name: str  # the name used by the user
    direction: str  # from which domain to which
    size_px: int  # S
    knows: frozenset[str] = (
        frozenset()
    )  # supported fields of a request: seed, detail, styles, answer, likely, person
    layout: str = "aligned"  # for faces aligned to `faces.TEMPLATE`; "": pictures need no alignment

    @functools.cached_property
    def reads(self) -> str:
        """ "sketch", "map", "photo", "sketch and map", or "" for a model that takes random codes
        alone.
        """
        return read_by(self.direction)


@dataclass(frozen=True)
class Ask:
    """The fields of a request besides the picture; a model ignores those it does not support
    (`Facts.knows`).

    seed: 0 gives the usual answer, each other number another one. detail: from 0, faithful, to 1,
    realistic; it is
    invented. style: (1, L, D), of a chosen variant. labels: the map beside a sketch, for a model
    that reads both.
    strength: of a restorer, from 0, the picture unchanged, to 1. mode: "deterministic", or "paper"
    (`stages.AsPublished`). answer: "expected", the posterior mean, "rendered", a believable photo
    of somebody like that, or "auto", which is rendered. likely: from 0, the shape as drawn, to 1, a
    plausible human shape; one number, or one for each of `FACE_PARTS`, `LIKELY` where it is left
    out. person: known attributes: "skin" and "hair" as a colour (`as_tone`), and from -1 to 1
    "glasses", "beard" and "hat" (no to yes), "age" (young to old), "smile" (closed to teeth),
    "hair_length" (bald to long) and "curls". fit: how a picture becomes a square, "stretch" or
    "pad"; None:
    as in training. square: an oblong picture is stretched, and its answer stays a square. large: an
    answer with twice as many pixels a side, of models of up to 256 pixels.
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
            raise ValueError(
                f"answer must be one of {', '.join(ANSWERS)}, got {self.answer!r}{gone}"
            )
        amounts_of(self.likely)
        for name, value in self.person.items():
            if name in COLOURED:
                as_tone(value)
            elif name not in TOLD:
                raise ValueError(
                    f"of a person one may say {', '.join((*COLOURED, *TOLD))}, not {name!r}"
                )
            elif not -1 <= value <= 1:
                raise ValueError(f"{name} must be from -1 to 1, got {value:g}")


def amounts_of(amount: float | Mapping[str, float]) -> dict[str, float]:
    """An amount for each of `FACE_PARTS`, `LIKELY` if left out. Raises ValueError for others, or
    beyond 0 to 1.
    """
    given = dict(amount) if isinstance(amount, Mapping) else dict.fromkeys(FACE_PARTS, amount)
    if unknown := sorted(set(given) - set(FACE_PARTS)):
        raise ValueError(f"there is no part {unknown[0]!r}: choose of {', '.join(FACE_PARTS)}")
    if outside := [part for part, value in given.items() if not 0 <= value <= 1]:
        raise ValueError(f"likely must be from 0 to 1, got {given[outside[0]]:g} for {outside[0]}")
    return {part: float(given.get(part, LIKELY)) for part in FACE_PARTS}


def person_of(text: str) -> dict[str, Any]:
    """Parse a description of a person, such as "age=0.5,hair=#332211", for `Ask.person`. Raises
    ValueError.
    """
    person: dict[str, Any] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, value = (one.strip() for one in part.partition("="))
        try:
            person[name] = value if name in COLOURED else float(value)
        except ValueError:
            raise ValueError(
                f"{name} must be a number from -1 to 1, as in age=0.5, got {value!r}"
            ) from None
    return dict(Ask(person=person).person)
