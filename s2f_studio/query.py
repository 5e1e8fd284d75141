"""The request of every front end for answers to a picture.

Form, JSON schema, page and widget all take their fields, bounds and defaults from this one model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from s2f_studio.attributes import COLOURED, FACE_PARTS, TOLD
from s2f_studio.drawings.prepare import CLEAN, parse_face_choice
from s2f_studio.request import ANSWERS, LIKELY, DrawingRequest, amounts_of, parse_person
from s2f_utils.networks.info import ModelInfo

WAYS = ("sketch-to-photo", "photo-to-sketch", "map-to-photo")
_, EXPECTED, RENDERED = ANSWERS
ALIGN = ("auto", "always", "never")
MOST_SEED = 2**31 - 1
TEXT_OF = {  # fields that are neither numbers nor words: how to write them
    "likely": {"type": "string", "maxLength": 100, "default": f"{LIKELY:g}"},
    "person": {"type": "string", "maxLength": 300},
    "points": {
        "type": "string",
        "pattern": r"^(0|1|0?\.\d{1,6}|0\.\d{1,6})(,(0|1|0?\.\d{1,6}|0\.\d{1,6})){5}$",
    },
}


def _likely(given: Any) -> Any:
    """0.8, "0.8", {"eyes": 1}, or "eyes=1,mouth=0"."""
    if isinstance(given, str) and "=" in given:
        given = {
            name.strip(): value
            for name, _, value in (part.partition("=") for part in given.split(","))
        }
    try:
        if isinstance(given, Mapping):
            found: Any = {name: float(value) for name, value in given.items()}
        else:
            found = float(given)
        amounts_of(found)
    except (ValueError, TypeError):
        parts = ", ".join(FACE_PARTS)
        raise ValueError(
            f"likely must be from 0 to 1, or by parts, as eyes=1,mouth=0: {parts}"
        ) from None
    return found


def _person(given: Any) -> Any:
    """{"age": 0.5}, or "age=0.5,hair=#332211"."""
    try:
        return (
            parse_person(given)
            if isinstance(given, str)
            else DrawingRequest.of({"person": given or {}}).person
        )
    except (TypeError, AttributeError):  # no numbers, or no names for them
        raise ValueError(
            "person must be names with colours and numbers, as age=0.5,hair=#332211"
        ) from None


def _face(given: str) -> str:
    parse_face_choice(given)
    return given


def _points(given: Any) -> Any:
    """Three pairs, or six numbers separated by commas."""
    if given is None:
        return None
    try:
        values = [
            float(one) for one in (given.split(",") if isinstance(given, str) else np.ravel(given))
        ]
    except (TypeError, ValueError):
        values = []
    if len(values) != 6 or not all(0 <= value <= 1 for value in values):
        raise ValueError(
            "points must be six shares of width and height, from 0 to 1: eye, eye, mouth"
        )
    return tuple(zip(values[::2], values[1::2], strict=True))


def _written(name: str) -> WithJsonSchema:
    return WithJsonSchema(TEXT_OF[name])


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=1000)]  # of a run: that of its folder, spelt out
Likely = Annotated[float | dict[str, float], BeforeValidator(_likely), _written("likely")]
Person = Annotated[dict[str, Any], BeforeValidator(_person), _written("person")]
Points = Annotated[
    tuple[tuple[float, float], ...] | None, BeforeValidator(_points), _written("points")
]
Which = Annotated[str, BeforeValidator(_face), Field(max_length=100)]


class Query(BaseModel):
    """The settings of a request; a model ignores those that it does not know.

    points: eyes and mouth, three (x, y): shares of the picture's width and height.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    direction: Literal[("", *WAYS)] = Field(
        "", description="default: the model's own, or sketch-to-photo"
    )
    model: Name = Field("", description="an id of GET /api/models; default: the shipped one")
    enhance: bool = Field(False, description="restore the photo, which invents detail")
    strength: Share = Field(0.5, description="of enhance: 0 leaves the photo, 1 invents most")
    restorer: Name = Field("", description="an id of GET /api/models; default: our own")
    seed: int = Field(
        0, ge=0, le=MOST_SEED, description="0: the usual answer; each other number another one"
    )
    answer: Literal[ANSWERS] = Field(
        ANSWERS[0],
        description="expected is what such a drawing means on average, rendered, as auto, a photo of"
        " somebody who fits it",
    )
    likely: Likely = Field(
        LIKELY,
        description="of expected and rendered: 0: the shape as it is drawn, 1: one that people have; or by"
        " parts, as eyes=1,mouth=0",
    )
    person: Person = Field(
        default_factory=dict,
        description="what is known of the person, as age=0.5,hair=#332211:"
        f" {' and '.join(COLOURED)} as colours, {', '.join(TOLD)} from -1 to 1",
    )
    large: bool = Field(False, description="twice as many pixels a side: 512 for 256")
    candidates: int = Field(1, ge=1, le=8, description="how many answers")
    clean: Literal[CLEAN] = Field(
        CLEAN[0],
        description="clean the paper up; whole: as auto, but no sheet is cut out of the picture",
    )
    align: Literal[ALIGN] = Field(ALIGN[0], description="find the face, lay it upright")
    face: Which = Field(
        "",
        description="of several: left, right, or the number from the left; default: the largest, most central",
    )
    insist: bool = Field(False, description="make a face also where none is found")
    points: Points = Field(
        None,
        description="eye on the left, eye on the right, mouth: x,y,x,y,x,y as shares of width and height",
    )

    def asks(self, facts: ModelInfo) -> list[tuple[str, DrawingRequest]]:
        """The requests for a model with these facts, by name: one for each candidate if it has
        several answers.

        facts: of the model.
        """
        chooses = "answer" in facts.supports
        has_several = bool({"answer", "styles"} & facts.supports)
        common = {
            "fit": "square" if has_several else "",
            "likely": self.likely,
            "person": self.person,
            "large": self.large,
            "answer": RENDERED if chooses and self.answer == ANSWERS[0] else self.answer,
        }
        first = DrawingRequest(seed=self.seed, **common)
        found = [(first.answer if chooses else "answer", first)]
        if self.candidates == 1 or not has_several:
            return found
        if chooses and first.answer == RENDERED:
            found.append(
                (EXPECTED, DrawingRequest(seed=self.seed, **common | {"answer": EXPECTED}))
            )
        num = len(found)
        for n in range(num, self.candidates):
            seed = (self.seed + 1 + n - num) % (MOST_SEED + 1)
            found.append((f"variation {n - num + 1}", DrawingRequest(seed=seed, **common)))
        return found


def asked(fields: Mapping[str, Any]) -> Query:
    """A request from fields, as text or as values. Raises ValueError with one sentence that names
    the field.
    """
    try:
        return Query.model_validate(dict(fields))
    except ValidationError as error:
        raise ValueError(problem_of(error)) from None


def problem_of(error: ValidationError) -> str:
    """What is wrong with a request, in one sentence that names the field."""
    one = error.errors()[0]
    name = str(one["loc"][0])[:40] if one["loc"] else "the question"
    if one["type"] == "extra_forbidden":
        return f"unknown field {name!r}: the fields are {', '.join(Query.model_fields)}"
    said = one["msg"].removeprefix("Value error, ")
    return said if said.startswith(name) else f"{name}: {said[0].lower()}{said[1:]}"


def schema() -> dict[str, dict[str, Any]]:
    """Every field as a form has it: {name: its JSON schema}."""
    return {
        name: {key: value for key, value in rule.items() if key != "title"} | TEXT_OF.get(name, {})
        for name, rule in Query.model_json_schema()["properties"].items()
    }


def defaults() -> dict[str, Any]:
    """The default of every field, for JSON."""
    return Query().model_dump(mode="json")
