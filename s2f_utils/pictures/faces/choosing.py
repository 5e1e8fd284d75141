"""Several people in one picture: which faces there are, and which of them is meant.

A face is meant by None (the largest, of equally large ones the most central), "left", "right", its number from the
left, 1 for the first, or a box around it, (left, top, width, height) in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from s2f_utils.pictures.faces.geometry import Face, FaceError
from s2f_utils.pictures.faces.yunet import LOWEST_SCORE, detect, detect_drawn

ENOUGH = 0.7  # score of a face that counts beside others; in 526 single drawings no second one has more than 0.3
LARGE_ENOUGH = 0.3  # of the largest one's width; smaller ones are in the background
AS_LARGE = 0.85  # of the largest one's width

Which = str | int | Sequence[float] | None


def checked(which: Which) -> Which:
    """The same choice as None, "left", "right", a number, or a box of four numbers; text of numbers is read, too.

    Raises ValueError for anything else.
    """
    problem = ValueError(
        f"a face is meant by left, right, its number from the left, or a box of four numbers, left, top, width, height;"
        f" got {which!r}"
    )
    if isinstance(which, str):
        which = which.strip().lower()
        if which in ("", "auto"):
            return None
        if which in ("left", "right"):
            return which
        try:
            which = [float(part) for part in which.split(",")]
        except ValueError:
            raise problem from None
        which = which[0] if len(which) == 1 else which
    if which is None:
        return None
    values = np.asarray(which)
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise problem
    if values.shape == () and values >= 1 and values == int(values):
        return int(values)
    if values.shape == (4,) and (values[2:] > 0).all():
        return tuple(float(value) for value in values)
    raise problem


def all_faces(picture: np.ndarray) -> list[Face]:
    """The upright faces of a drawing or a photo, uint8 (H, W, 3), that count beside each other, from left to right.

    Raises WeightsError when the detector is not to be had.
    """
    kept: list[Face] = []
    for face in sorted(detect(picture, min_score=LOWEST_SCORE), key=lambda face: -face.score):
        if face.score < ENOUGH:
            break
        apart = (np.hypot(*(_middle(face) - _middle(other))) for other in kept)
        if all(far > 1.5 * max(face.eye_distance, other.eye_distance) for far, other in zip(apart, kept, strict=True)):
            kept.append(face)
    widest = max((face.box[2] for face in kept), default=0)
    return sorted((f for f in kept if f.box[2] >= LARGE_ENOUGH * widest), key=lambda face: _middle(face)[0])


def choose(found: Sequence[Face], which: Which, shape: tuple[int, ...]) -> int:
    """The place, among faces from left to right, of the one that is meant in a picture of this shape (H, W, …).

    which: as `checked` gives it. Raises FaceError where there is no such face, saying which there are.
    """
    if not found:
        raise FaceError("no face was found that could be chosen: give the eyes and the mouth by hand")
    if which is None:
        widest, centre = max(face.box[2] for face in found), np.array(shape[1::-1]) / 2
        large = [n for n, face in enumerate(found) if face.box[2] >= AS_LARGE * widest]
        return min(large, key=lambda n: float(np.hypot(*(_middle(found[n]) - centre))))
    if which in ("left", "right"):
        return 0 if which == "left" else len(found) - 1
    if isinstance(which, int):
        if which > len(found):
            raise FaceError(f"there is no face {which}: {len(found)} found, counted from the left")
        return which - 1
    inside = [n for n, face in enumerate(found) if in_box(face, which)]
    if not inside:
        raise FaceError("no face was found in the box: give the eyes and the mouth by hand")
    centre = np.array(which[:2]) + np.array(which[2:]) / 2
    return min(inside, key=lambda n: float(np.hypot(*(_middle(found[n]) - centre))))


def in_box(face: Face, box: Sequence[float]) -> bool:
    """Whether the middle of a face lies in a box, (left, top, width, height)."""
    away = _middle(face) - np.array(box[:2])
    return bool((away >= 0).all() and (away <= np.array(box[2:])).all())


def look_into(picture: np.ndarray, box: Sequence[float], *, drawing: bool) -> Face | None:
    """The face of a drawing or a photo, uint8 (H, W, 3), in a box, (left, top, width, height), looked for there alone;
    None where none is found.
    """
    margin = 0.2 * max(box[2:])
    left, top = (max(0, int(start - margin)) for start in box[:2])
    right, bottom = (int(np.ceil(start + side + margin)) for start, side in zip(box[:2], box[2:], strict=True))
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    if min(part.shape[:2]) < 16:
        return None
    found = [detect_drawn(part)] if drawing else detect(part)
    for face in found:
        if face is not None:
            box_there = (face.box[0] + left, face.box[1] + top, *face.box[2:])
            there = replace(face, landmarks=face.landmarks + [left, top], box=box_there)
            if in_box(there, box):
                return there
    return None


def _middle(face: Face) -> np.ndarray:
    return face.landmarks.mean(axis=0)
