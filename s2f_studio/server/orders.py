"""What a visitor asks for, and what that asks of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from s2f_studio.faces.choosing import FAITHFUL
from s2f_studio.server.catalogue import Choice
from s2f_utils.inference import Ask
from s2f_utils.inference.asking import ANSWERS, DETAIL_OF_DRAWINGS, LIKELY


@dataclass(frozen=True)
class Order:
    """What a visitor asks for, checked by `forms.order_of`. points: eyes and mouth as shares of the picture's width and
    height, three (x, y). face: which of several, as `faces.checked` reads it, a box in such shares. insist: also where
    no face is found.
    """

    direction: str = ""
    model: str = ""
    enhance: bool = False
    strength: float = 0.5
    restorer: str = ""
    seed: int = 0
    detail: float = DETAIL_OF_DRAWINGS
    candidates: int = 1
    answer: str = ANSWERS[0]
    likely: float | Mapping[str, float] = LIKELY
    person: Mapping[str, Any] = field(default_factory=dict)
    large: bool = False
    clean: str = "auto"
    align: str = "auto"
    face: str = ""
    insist: bool = False
    points: tuple[tuple[float, float], ...] | None = None


def asks_of(asked: Order, choice: Choice) -> tuple[list[tuple[str, Ask]], tuple[str, ...]]:
    """What is asked of the model, by name, and what to tell the visitor about it."""
    detail = asked.detail if choice.detail else 0.0
    common = {"square": choice.answers > 1, "answer": asked.answer, "likely": asked.likely, "person": asked.person}
    common |= {"large": asked.large}
    found = [("answer", Ask(asked.seed, detail, **common))]
    if asked.candidates == 1:
        return found, ()
    if choice.answers == 1:
        return found, (f"{choice.id} has one answer to a picture: choose another model for several",)
    if choice.detail:
        is_meant = choice.chooses and asked.answer not in (ANSWERS[0], FAITHFUL)
        found = [("realistic", Ask(asked.seed, detail, **common))] if detail > 0 or is_meant else []
        found.append(("faithful", Ask(asked.seed, 0.0, **{**common, "answer": FAITHFUL})))
    first = len(found)
    for n in range(first, asked.candidates):
        seed = (asked.seed + 1 + n - first) % 2**31
        found.append((f"variation {n - first + 1}", Ask(seed, detail, choice.detail, **common)))
    return found[: asked.candidates], ()


def named(asks: list[tuple[str, Ask]], kind: str) -> list[tuple[str, Ask]]:
    """What was asked of a model with several answers, by what it gave. kind: of the first answer."""
    named = []
    for name, ask in asks:
        given = FAITHFUL if name == FAITHFUL else kind
        named.append((given if name == "realistic" and given != FAITHFUL else name, replace(ask, answer=given)))
    return named
