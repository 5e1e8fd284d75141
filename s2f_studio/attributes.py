"""Attributes of a person in a drawing, masks of a picture's parts, and tones of hair and skin."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

WORN = ("glasses", "beard", "hat")
# Further inputs of a network about a person, from -1 to 1: the column of portrait_labels.csv, and
# its labels' values.
TRAITS: dict[str, tuple[str, dict[str, float]]] = {
    "age": ("age", {"young": -1.0, "middle": 0.0, "old": 1.0}),
    "smile": ("mouth", {"closed": -1.0, "smile-closed": 0.0, "teeth": 1.0}),
    "hair_length": (
        "hair_length",
        {"bald": -1.0, "receding": -0.6, "short": -0.3, "medium": 0.4, "long": 1.0},
    ),
    "curls": ("hair_texture", {"straight": -1.0, "wavy": 0.0, "curly": 1.0}),
}
TRAIT_LABELS = tuple(label for label, _ in TRAITS.values())
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
FOUND_PARTS = ("person", "hair")  # the finder's segmentation classes,
FINDER_OUTPUTS = ("photo", "crude", "glasses", "beard", "hat")  # and its binary outputs
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
