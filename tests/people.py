"""Generated people as test pictures, for whatever needs a face and not the exact truth about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.make.people_set import SIZE_PX, SketchStyle, portrait_of, prepare_person
from data_prep.make.write import MASK, PHOTO, SKETCH
from s2f_utils.pictures import mesh


@dataclass(frozen=True)
class Person:
    """photo: uint8 (S, S, 3). sketch: uint8 (S, S), pencil on paper. mask: uint8 (S, S), classes.

    landmarks: float32 (5, 2), as found in the photo, in pixels.
    """

    photo: np.ndarray
    sketch: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray


def person(place: int, size_px: int = SIZE_PX) -> Person:
    """The person at this place of the list, at this size."""
    files = prepare_person(place, size_px, SketchStyle("pencil")).files
    five = mesh.five_of(portrait_of(place).points)
    landmarks = (five + 0.5) * (size_px / SIZE_PX) - 0.5
    return Person(files[PHOTO], files[SKETCH], files[MASK], landmarks)
