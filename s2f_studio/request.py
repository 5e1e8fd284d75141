"""What is asked of the studio's models besides the drawing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from s2f_studio.attributes import COLOURED, FACE_PARTS, TOLD, as_tone
from s2f_utils.infer.request import Request

ANSWERS = ("auto", "expected", "rendered")  # kinds of answer, for models with several
LIKELY = 0.8  # default: most of the way to a likely face


class DrawingRequest(Request):
    """A `Request` of a face in a drawing.

    person: known attributes: "skin" and "hair" as a colour (`as_tone`), and from -1 to 1 "glasses",
    "beard" and "hat" (no to yes), "age" (young to old), "smile" (closed to teeth), "hair_length"
    (bald to long) and "curls".
    """

    answer: Literal[ANSWERS] = Field(
        ANSWERS[0],
        description="expected is what such a drawing means on average, rendered, as auto, a photo"
        " of somebody who fits it",
    )
    likely: float | dict[str, float] = Field(
        LIKELY, description="0: the shape as it is drawn, 1: one that people have"
    )
    person: dict[str, Any] = Field(
        default_factory=dict, description="what is known of the person, as age=0.5,hair=#332211"
    )

    @field_validator("likely")
    @classmethod
    def _check_likely(cls, value: float | dict[str, float]) -> float | dict[str, float]:
        amounts_of(value)
        return value

    @field_validator("person")
    @classmethod
    def _check_person(cls, person: dict[str, Any]) -> dict[str, Any]:
        for name, value in person.items():
            if name in COLOURED:
                as_tone(value)
            elif name not in TOLD:
                known = ", ".join((*COLOURED, *TOLD))
                raise ValueError(f"person has the attributes {known}, not {name!r}")
            elif not -1 <= value <= 1:
                raise ValueError(f"person: {name} must be from -1 to 1, got {value:g}")
        return person


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


def parse_person(text: str) -> dict[str, Any]:
    """Parse a description of a person, such as "age=0.5,hair=#332211", for
    `DrawingRequest.person`. Raises ValueError.
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
    return DrawingRequest.of({"person": person}).person
