"""What is asked for of a person, in the terms by which entries of the bank are weighed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from s2f_studio.attributes import COLOURED, TRAITS, WORN, as_tone
from s2f_studio.faces import skin
from s2f_studio.faces.looks import LOOKS, NUM_VALUES, SPANS

MOST = 40.0  # nats that an entry loses which shows the opposite of what is asked for
MOST_WORN = 60.0  # the same of glasses, beards and hats
# Attribute → the look that shows it, and the level of each of its values.
LEVELS_OF: dict[str, tuple[str, dict[str, float]]] = {
    "age": ("age", {"young": -1.0, "middle": 0.0, "old": 1.0}),
    "smile": ("lips", {"closed": -1.0, "parted": 0.0, "teeth": 1.0}),
    "hair_length": ("length", TRAITS["hair_length"][1]),
    "curls": ("texture", {"straight": -1.0, "wavy": 0.0, "curly": 1.0}),
    "presents": ("presents", {"man": -1.0, "woman": 1.0}),
}
# An entry does not show what is asked for if it loses this share of the most, of what is worn that
# one, or has a tone that is further off in CIELAB: the page's tones are some 10 apart. White hair
# has many greys.
LOST, LOST_WORN = 0.25, 0.5
TONE_OFF = {"skin": 15.0, "hair": 20.0}
SAME_TONE = 1.0  # of CIELAB: colours of 8 bits are apart by about that much
# What is worn, if it is asked for; less than a full beard is less of a beard.
LEVELS_OF_BEARD = {"moustache": 0.4, "goatee": 0.6}


def values_of(person: Mapping[str, Any]) -> np.ndarray:
    """What the asked attributes add to entries with each value of the looks: float32 (V,), nats;
    NaN for looks that are not asked for.

    person: as `request.parse_person` returns it. Nobody becomes a child by being asked for.
    """
    asked = np.full(NUM_VALUES, np.nan, np.float32)
    for name, level in person.items():
        if name in WORN:
            asked[SPANS[name]] = _of_worn(name, float(level))
        elif name in LEVELS_OF:
            look, levels = LEVELS_OF[name]
            away = [abs(levels.get(value, np.inf) - float(level)) for value in LOOKS[look]]
            asked[SPANS[look]] = -MOST * np.minimum(np.array(away) / 2, 1)
    return asked


def _of_worn(name: str, level: float) -> np.ndarray:
    """The first value of what is worn is "no" or "none"."""
    shown = np.array([LEVELS_OF_BEARD.get(value, 1.0) for value in LOOKS[name]])
    shown[0] = 0.0
    return -MOST_WORN * np.abs(shown - float(level > 0))


def not_shown(person: Mapping[str, Any], looks: np.ndarray, tones: np.ndarray) -> tuple[str, ...]:
    """The attributes that are asked for and that an entry does not show.

    person: as `request.parse_person` returns it. looks: (V,), 1 for what the entry shows; where
    nothing is known of a look, the entry may have what is asked. tones: (6,), CIELAB of its skin
    and hair, NaN for hair that is not seen, which is not shown.
    """
    return tuple(name for name in person if not _is_shown(name, person, looks, tones))


def _is_shown(name: str, person: Mapping[str, Any], looks: np.ndarray, tones: np.ndarray) -> bool:
    if name in COLOURED:
        first = 3 * COLOURED.index(name)
        own = slice(first, first + 3)
        tone, wanted = tones[own], tones_of({name: person[name]})[own]
        shown = skin.reached(tone, wanted) if name == "skin" else tone
        return bool(np.linalg.norm(wanted - shown) <= TONE_OFF[name])  # False for NaN
    span = SPANS[name if name in WORN else LEVELS_OF[name][0]]
    if not looks[span].any():
        return True
    values = values_of({name: person[name]})[span]
    lost = float(values.max() - values @ looks[span])
    if name not in WORN:
        return lost < LOST * MOST
    is_worn = bool(looks[span][1:].any())
    return is_worn == (float(person[name]) > 0) and lost < LOST_WORN * MOST_WORN


def is_skin_shifted(person: Mapping[str, Any], tones: np.ndarray) -> bool:
    """Whether an entry's skin has another tone than is asked for, so that it is shifted
    (`skin.with_tone`). Arguments as for `not_shown`.
    """
    if "skin" not in person:
        return False
    return bool(np.linalg.norm(tones_of(person)[:3] - tones[:3]) > SAME_TONE)


def tones_of(person: Mapping[str, Any]) -> np.ndarray:
    """CIELAB of the asked skin and hair: float32 (6,), NaN for what is not asked."""
    import cv2

    tones = np.full((len(COLOURED), 3), np.nan, np.float32)
    for row, name in zip(tones, COLOURED, strict=True):
        if name in person:
            colour = np.array(as_tone(person[name]).colour, np.float32) / 255
            row[:] = cv2.cvtColor(colour[None, None], cv2.COLOR_RGB2LAB)[0, 0]
    return tones.ravel()
