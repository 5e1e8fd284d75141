"""What a guest is told in words: what is known of the person, what the drawing shows, and the asker's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from s2f_utils.inference import hints
from s2f_utils.pictures import images

SCENE = "photo portrait, head and shoulders, facing the camera, plain light wall, soft daylight, natural skin"
AVOID = "drawing, sketch, painting, cartoon, 3d render, deformed, blurry, text, frame, two people"
SHOWN_FROM = 0.6  # of what the finder sees in a drawing: below, it is left open
# Tones as words, each by a colour that is called so; the nearest in CIELAB is taken.
HAIR = {
    "black hair": "#191513", "dark brown hair": "#3b2a20", "brown hair": "#6a4a32", "light brown hair": "#94704c",
    "blond hair": "#c9a66b", "platinum blond hair": "#e6d6b0", "red hair": "#8f3f1d", "grey hair": "#8d8b88",
    "white hair": "#dcdad6",
}  # fmt: skip
SKIN = {
    "very fair skin": "#f3d9c8", "fair skin": "#e6bfa4", "light olive skin": "#cfa27c", "tan skin": "#b5835a",
    "brown skin": "#8a5a3c", "dark brown skin": "#5d3a28", "very dark skin": "#3a2419",
}  # fmt: skip
COLOURS = {"hair": HAIR, "skin": SKIN}
# Of a word: what is said from -1 on, up to its middle, and up to 1; "" where that is nothing.
AGES = ("child", "young", "", "middle-aged", "elderly")
SAID = {
    "smile": ("serious, closed mouth", "", "smiling with teeth"),
    "hair_length": ("bald", "short hair", "", "long hair"),
    "curls": ("straight hair", "", "curly hair"),
}
WORN = {"glasses": "wearing glasses", "beard": "with a beard", "hat": "wearing a hat"}
NOT_WORN = {"glasses": "without glasses", "beard": "clean-shaven", "hat": "bare-headed"}


def words_of(person: Mapping[str, Any], shown: Mapping[str, float] | None = None) -> tuple[list[str], list[str]]:
    """What is said of a person (`Ask.person`), and seen in the drawing, in words to be drawn and words to be avoided.

    shown: {"glasses", "beard", "hat": from 0 to 1}, as `understanding.Understood.flags`; what is said outweighs it.
    """
    wanted, avoided = [], []
    age = _step(AGES, float(person["age"])) if "age" in person else ""
    wanted.append(f"{age} person".strip())
    for part, tones in COLOURS.items():
        if part in person:
            wanted.append(_nearest(hints.as_tone(person[part]).colour, tones))
    wanted += [_step(steps, float(person[name])) for name, steps in SAID.items() if name in person]
    for name, words in WORN.items():
        is_there = person[name] > 0 if name in person else (shown or {}).get(name, 0.0) >= SHOWN_FROM
        if is_there:
            wanted.append(words)
        elif name in person:
            wanted.append(NOT_WORN[name])
            avoided.append(name)
    return [one for one in wanted if one], avoided


def prompts_of(
    person: Mapping[str, Any], shown: Mapping[str, float] | None = None, own: str = "", own_negative: str = ""
) -> tuple[str, str]:
    """The prompt and the negative prompt. own, own_negative: the asker's words. See `words_of`.

    Guests hear 77 tokens, and no more. So what is known of the person comes first, and the scene, which is the least,
    last.
    """
    wanted, avoided = words_of(person, shown)
    prompt = ", ".join(filter(None, [*wanted, own.strip(" ,"), SCENE]))
    return prompt, ", ".join(filter(None, [own_negative.strip(" ,"), *avoided, AVOID]))


def _step(steps: tuple[str, ...], value: float) -> str:
    """The word for a value from -1 to 1: the steps divide that range into equal parts."""
    return steps[min(int((value + 1) / 2 * len(steps)), len(steps) - 1)]


def _nearest(colour: tuple[int, int, int], tones: Mapping[str, str]) -> str:
    """The name of the tone nearest to a colour, in CIELAB."""
    known = [hints.as_tone(tone).colour for tone in tones.values()]
    lab = images.lab(np.array([[colour, *known]], np.uint8))[0]
    return list(tones)[int(np.linalg.norm(lab[1:] - lab[0], axis=1).argmin())]
