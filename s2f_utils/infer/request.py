"""What is asked of a model besides the picture: one class for flags, form, JSON and widget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MODES = ("deterministic", "paper")
MAX_SEED = 2**31 - 1  # what torch takes on every device

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Request(BaseModel):
    """The settings of an answer;
    a model ignores those that it does not support (`ModelInfo.supports`).

    A package with further models extends the class; `Model.Request` is the one that a model reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(
        0, ge=0, le=MAX_SEED, description="0: the usual answer; each other number another one"
    )
    strength: Share = Field(1.0, description="of a restorer: 0 leaves the photo, 1 invents most")
    mode: Literal[MODES] = Field(
        MODES[0],
        description="paper: dropout and the statistics of the picture itself, as in pix2pix",
    )
    fit: Literal["", "stretch", "pad", "square"] = Field(
        "",
        description="how an oblong picture becomes a square; square: its answer stays one;"
        " default: as in training",
    )
    preview: bool = Field(False, description="256 px, in a quarter of the time")
    large: bool = Field(False, description="twice as many pixels a side: 512 for 256")

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """A request from fields, as values or as text. Raises ValueError with one sentence that
        names the field.
        """
        try:
            return cls.model_validate(dict(fields))
        except ValidationError as error:
            raise ValueError(cls.explain(error)) from None

    @classmethod
    def explain(cls, error: ValidationError) -> str:
        """What is wrong with a request, in one sentence that names the field."""
        first = error.errors()[0]
        name = str(first["loc"][0])[:40] if first["loc"] else "the request"
        if first["type"] == "extra_forbidden":
            return f"unknown field {name!r}: the fields are {', '.join(cls.model_fields)}"
        reason = first["msg"].removeprefix("Value error, ")
        if reason.startswith(name):
            return reason
        return f"{name}: {reason[0].lower()}{reason[1:]}"
