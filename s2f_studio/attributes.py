"""What can be asked of a person who is painted: attributes, and tones of hair and skin."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from s2f_utils.pictures.attributes import TRAITS, WORN

ATTRIBUTES = WORN + tuple(TRAITS)  # all of a network's inputs about a person
PRESENTS = "presents"  # as a man (-1) to as a woman (1); only of people who are drawn
LEVELS = (*ATTRIBUTES, PRESENTS)  # all that can be asked of a person from -1 to 1
# What users read for those whose name is no word.
CALLED = {
    "hair_length": "length of hair",
    "hair": "colour of hair",
    "skin": "tone of skin",
    PRESENTS: "man or woman",
    "smile": "mouth",
}
COLOURED = ("skin", "hair")


@dataclass(frozen=True)
class Tone:
    """A colour, RGB in [0, 255]."""

    colour: tuple[int, int, int]


def as_tone(colour: Tone | str | tuple) -> Tone:
    """A tone from itself, from "#rrggbb" or from three numbers of [0, 255].

    Raises ValueError for anything else.
    """
    if isinstance(colour, Tone):
        return colour
    numbers: list[int] = []
    with contextlib.suppress(TypeError, ValueError):
        if isinstance(colour, str):
            numbers = list(bytes.fromhex(colour.strip().removeprefix("#")))
        else:
            numbers = [int(value) for value in colour]
    if len(numbers) != 3 or not all(0 <= number <= 255 for number in numbers):
        raise ValueError(f"a colour is '#rrggbb' or three numbers from 0 to 255, got {colour!r}")
    return Tone(tuple(numbers))
