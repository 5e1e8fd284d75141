"""What is asked for of a person, as traits of people of the generator, and whether they show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from s2f_studio.attributes import as_tone
from s2f_studio.faces.looks import TRAITS
from s2f_utils.pictures import mesh
from s2f_utils.pictures.attributes import WORN

# Attribute → trait → its values at -1, 0 and 1.
LEVELS: dict[str, dict[str, tuple[float, float, float]]] = {
    "age": {"age": (float(np.log(19)), float(np.log(40)), float(np.log(85)))},
    "presents": {"presents": (-0.1, 0.5, 1.1)},
    "smile": {"smile": (0.04, 0.09, 0.16), "gap": (0.0, 0.05, 0.16), "teeth": (0.0, 0.3, 1.0)},
    "hair_length": {"hair_length": (-0.8, 2.2, 4.2)},
    "curls": {"curls": (0.0, 0.9, 2.0)},
}
WORN_VALUES = -0.05, 0.0, 1.1
TONES = {"skin": ("skin_l", "skin_a", "skin_b"), "hair": ("hair_l", "hair_a", "hair_b")}
# How far a trait may be from what is asked for, and still be shown.
NEAR = {"age": 0.45, "presents": 0.6, "smile": 0.05, "hair_length": 1.6, "curls": 0.6}
NEAR_WORN = 0.55
CHEEKS = 0.2, 0.75  # of the way from the eyes to the mouth, where skin is measured,
INNER = 0.9  # within this share of the face's outline
NEAR_TONE = {"skin": 12.0, "hair": 18.0}  # of CIELAB


def traits_of(person: Mapping[str, Any]) -> np.ndarray:
    """The traits that are asked for: float32 (T,), NaN for the others.

    person: as `request.parse_person` returns it. Nobody becomes a child by being asked for.
    """
    traits = np.full(len(TRAITS), np.nan, np.float32)
    for name, value in person.items():
        for trait, wanted in _wanted(name, value).items():
            traits[TRAITS.index(trait)] = wanted
    return traits


def _wanted(name: str, value: Any) -> dict[str, float]:
    """The traits by which one attribute shows."""
    if name in TONES:
        return dict(zip(TONES[name], tone_of(value), strict=True))
    levels = {name: WORN_VALUES} if name in WORN else LEVELS[name]
    return {
        trait: float(np.interp(float(value), (-1, 0, 1), values))
        for trait, values in levels.items()
    }


def tone_of(colour: Any) -> np.ndarray:
    """A colour, as `attributes.as_tone` reads it, in CIELAB: float32 (3,)."""
    import cv2

    rgb = np.array(as_tone(colour).colour, np.float32) / 255
    return cv2.cvtColor(rgb[None, None], cv2.COLOR_RGB2LAB)[0, 0]


def skin_of(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The median tone of cheeks and nose in a picture, uint8 (H, W, 3), in CIELAB: float32 (3,).

    points: of the face, (164, 2), pixels.
    """
    import cv2

    oval = points[mesh.PARTS["oval"]]
    inner = oval.mean(axis=0) + INNER * (oval - oval.mean(axis=0))
    face = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillConvexPoly(face, inner.round().astype(np.int32), 1)
    five = mesh.five_of(points)
    eyes, mouth = five[:2, 1].mean(), five[3:, 1].mean()
    rows = (np.arange(len(picture)) - eyes) / (mouth - eyes)
    face[(rows < CHEEKS[0]) | (rows > CHEEKS[1])] = 0
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.median(lab[face > 0], axis=0)


def not_shown(person: Mapping[str, Any], traits: np.ndarray) -> tuple[str, ...]:
    """The attributes that are asked for and that somebody with traits (T,) does not show."""
    return tuple(name for name, value in person.items() if not _is_shown(name, value, traits))


def _is_shown(name: str, value: Any, traits: np.ndarray) -> bool:
    wanted = _wanted(name, value)
    away = np.array([traits[TRAITS.index(trait)] - own for trait, own in wanted.items()])
    if name in TONES:
        return bool(np.linalg.norm(away) <= NEAR_TONE[name])
    near = NEAR_WORN if name in WORN else NEAR[name]
    return bool(abs(away[0]) <= near)
