"""Several people in one picture: which faces there are, and which of them is meant.

A face is meant by None (the largest, of equally large ones the most central), "left", "right", or its number from the
left, 1 for the first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from s2f_utils.pictures.faces.geometry import Face, FaceError
from s2f_utils.pictures.faces.yunet import LOWEST_SCORE, apart, detect

ENOUGH = 0.7  # score of a face that counts beside others; in 526 single drawings no second one has more than 0.3
LARGE_ENOUGH = 0.3  # of the largest one's width; smaller ones are in the background
AS_LARGE = 0.85  # of the largest one's width

Which = str | int | None


def checked(which: Which) -> Which:
    """The same choice as None, "left", "right" or a number; text of a number is read, too. Raises ValueError for
    anything else.
    """
    text = "" if which is None else str(which).strip().lower()
    if text in ("", "auto"):
        return None
    if text in ("left", "right"):
        return text
    if text.isdecimal() and int(text):
        return int(text)
    raise ValueError(f"a face is meant by left, right, or its number from the left; got {which!r}")


def all_faces(picture: np.ndarray) -> list[Face]:
    """The upright faces of a drawing or a photo, uint8 (H, W, 3), that count beside each other, from left to right.

    Raises WeightsError when the detector is not to be had.
    """
    found = [face for face in detect(picture, min_score=LOWEST_SCORE) if face.score >= ENOUGH]
    kept = apart(sorted(found, key=lambda face: -face.score))
    widest = max((face.box[2] for face in kept), default=0)
    return sorted((f for f in kept if f.box[2] >= LARGE_ENOUGH * widest), key=lambda face: face.middle[0])


def choose(found: Sequence[Face], which: Which, shape: tuple[int, ...]) -> int:
    """The place, among faces from left to right, of the one that is meant in a picture of this shape (H, W, …).

    which: as `checked` gives it. Raises FaceError where there is no such face, saying which there are.
    """
    if not found:
        raise FaceError("no face was found that could be chosen: give the eyes and the mouth by hand")
    if which is None:
        widest, centre = max(face.box[2] for face in found), np.array(shape[1::-1]) / 2
        large = [n for n, face in enumerate(found) if face.box[2] >= AS_LARGE * widest]
        return min(large, key=lambda n: float(np.hypot(*(found[n].middle - centre))))
    if which in ("left", "right"):
        return 0 if which == "left" else len(found) - 1
    if which > len(found):
        raise FaceError(f"there is no face {which}: {len(found)} found, counted from the left")
    return which - 1
