"""The face of a drawing or a photo: found by what is at hand, chosen among several, or taken to fill the drawing.

A picture is uint8 (H, W, 3); points are as in `faces`. A face is meant by None (the largest, of equally large ones the
most central), "left", "right", or its number from the left, 1 for the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from s2f_utils.pictures import faces
from s2f_utils.pictures.remarks import Remark

RATHER_SURE = 0.85  # as it lies; a turned drawing that is surer is known at the first look
SURER = 0.05  # by so much a turned drawing's score must be higher; turned, the ten examples score lower by 0.09 or more
INK_BELOW = 60  # grey levels below the paper
ENOUGH = 0.7  # score of a face that counts beside others; in 526 single drawings no second one has more than 0.3
LARGE_ENOUGH = 0.3  # of the largest one's width; smaller ones are in the background
AS_LARGE = 0.85  # of the largest one's width

Which = str | int | None


def checked(which: Which) -> Which:
    """The same choice as None, "left", "right" or a number; text of a number is read, too. ValueError for others."""
    text = "" if which is None else str(which).strip().lower()
    if text in ("", "auto", "left", "right"):
        return text if text in ("left", "right") else None
    if text.isdecimal() and int(text):
        return int(text)
    raise ValueError(f"a face is meant by left, right, or its number from the left; got {which!r}")


def choose(found: Sequence[faces.Face], which: Which, shape: tuple[int, ...]) -> int:
    """The place, among faces from left to right, of the one that is meant in a picture of this shape (H, W, …).

    which: as `checked` gives it. Raises FaceError where there is no such face, saying which there are.
    """
    if not found:
        raise faces.FaceError("no face was found that could be chosen: give the eyes and the mouth by hand")
    if which is None:
        widest, centre = max(face.box[2] for face in found), np.array(shape[1::-1]) / 2
        large = [n for n, face in enumerate(found) if face.box[2] >= AS_LARGE * widest]
        return min(large, key=lambda n: float(np.hypot(*(found[n].middle - centre))))
    if which in ("left", "right"):
        return 0 if which == "left" else len(found) - 1
    if which > len(found):
        raise faces.FaceError(f"there is no face {which}: {len(found)} found, counted from the left")
    return which - 1


def points_inside(points: np.ndarray | Sequence, shape: tuple[int, ...]) -> faces.Face:
    """The face of hand-given points. Raises FaceError where they lie outside of a picture of this shape (H, W, …)."""
    face, (height, width) = faces.face_from_points(points), shape[:2]
    if (np.asarray(points) < -0.5).any() or (np.asarray(points) > [width - 0.5, height - 0.5]).any():
        raise faces.FaceError(f"the points lie outside of the picture, which is {width} x {height} pixels")
    return face


def find_any(
    picture: np.ndarray, *, drawing: bool = True, points: np.ndarray | Sequence | None = None, face: Which = None
) -> tuple[faces.Face, list[Remark]]:
    """The face of a drawing or a photo by what is at hand, and what to tell the person about it.

    picture: uint8 (H, W, 3). points, face: as in `prepare`. Without points: YuNet, if it can be had; scikit-image's
    cascade; the picture's middle, for drawings that of the ink. Raises FaceError for points that are no face or lie
    outside, and for a face that is not there.
    """
    if points is not None:
        return points_inside(points, picture.shape), []
    problem, which = detector_problem(), checked(face)
    detect = faces.detect_drawn if drawing else faces.detect_turned
    detected, about = (None, []) if problem else _among_others(picture, which, drawing)
    detected = detected or (None if problem else detect(picture))
    return _completed(picture, which, detected, problem, drawing, about)


def _among_others(picture: np.ndarray, which: Which, drawing: bool) -> tuple[faces.Face | None, list[Remark]]:
    """The face that is meant and what is to be said, where a picture has several that count; else None."""
    found = [face for face in faces.detect(picture, min_score=faces.LOWEST_SCORE) if face.score >= ENOUGH]
    found = faces.apart(sorted(found, key=lambda face: -face.score))
    widest = max((face.box[2] for face in found), default=0)
    found = sorted((f for f in found if f.box[2] >= LARGE_ENOUGH * widest), key=lambda face: face.middle[0])
    if len(found) < 2:
        is_sure = drawing and found and found[0].score >= faces.DRAWING_SCORE
        return (found[0] if is_sure else None), []
    taken, sides = choose(found, which, picture.shape), picture.shape[1::-1] * 2
    boxes = [[round(float(v) / side, 4) for v, side in zip(face.box, sides, strict=True)] for face in found]
    return found[taken], [Remark("faces", {"num": len(found), "taken": taken + 1, "boxes": boxes})]


def detector_problem() -> str:
    """Why there is no face detector, or ""."""
    return faces.detector_problem(timeout_s=5, attempts=1)  # nobody waits for a first try


def _completed(
    picture: np.ndarray, which: Which, detected: faces.Face | None, problem: str, drawing: bool, about: list[Remark]
) -> tuple[faces.Face, list[Remark]]:
    """The detected face with its landmarks refined, or the best guess, and what to tell the person about it.

    problem: why there is no detector, or "". about: what there is to say about others beside it. Raises FaceError where
    a second face is asked for and there is one.
    """
    if isinstance(which, int) and which > 1 and not about:
        choose([detected] if detected else [], which, picture.shape)
    if detected:
        face = faces.refined(picture, detected, drawing, alone=not about)
        rough = [Remark("rough-face")] if drawing and face.score < faces.TRUSTED_IN_DRAWINGS else []
        return face, [*about, *rough]
    face = faces.find_face(picture, fallback="cascade", detector="none")
    remarks = [Remark("no-face" if face.method == "centre" else "rough-face")]
    if problem:
        remarks.append(Remark("no-detector", {"problem": problem.partition(" (")[0]}))
    return _centre_of_ink(picture) if face.method == "centre" and drawing else face, remarks


def _centre_of_ink(drawing: np.ndarray) -> faces.Face:
    """The face as it is where a drawing fills its picture, on the part of the picture that is drawn on."""
    grey = drawing.mean(axis=2)
    rows, columns = np.nonzero(grey < np.median(grey) - INK_BELOW)
    if len(rows) < 16:
        return faces.centre_face(drawing.shape[:2])
    (top, bottom), (left, right) = (np.percentile(at, (0.5, 99.5)) for at in (rows, columns))
    side = 1.2 * max(16.0, min(bottom - top, right - left))  # shoulders and long hair do not count
    corner = np.array([(left + right) / 2, (top + bottom) / 2]) - side / 2
    face = faces.centre_face((round(side), round(side)))
    box = (face.box[0] + corner[0], face.box[1] + corner[1], *face.box[2:])
    return replace(face, landmarks=face.landmarks + corner, box=box)


def upright_face(
    paper: np.ndarray, points: np.ndarray | None, which: Which
) -> tuple[np.ndarray, faces.Face, list[Remark]]:
    """The paper, turned if need be, the face on it, and what to tell the person about it."""
    if points is not None:
        return paper, *find_any(paper, points=points)
    problem, quarters, turned = detector_problem(), 0, paper
    detected, about = (None, []) if problem else _among_others(paper, which, drawing=True)
    if detected is None and not problem:
        quarters, detected = _surest_turn(paper)
        if quarters:
            turned = np.ascontiguousarray(np.rot90(paper, quarters))
            one_of, about = _among_others(turned, which, drawing=True)
            detected = one_of or detected
    face, remarks = _completed(turned, which, detected, problem, True, about)
    return turned, face, [*([Remark("turned")] if quarters else []), *remarks]


def _surest_turn(paper: np.ndarray) -> tuple[int, faces.Face | None]:
    """By how many quarter turns the paper has to be turned, where the detector is surer of a face than as it lies, and
    the face that it sees then.
    """
    upright = faces.detect_drawn(paper)
    if upright and upright.score >= faces.DRAWING_SCORE:
        return 0, upright
    best, surest, beat = 0, upright, upright.score + SURER if upright else 0.0
    views = 1 if upright and upright.score >= RATHER_SURE else 6
    for quarters in (1, 2, 3):
        face = faces.detect_drawn(np.ascontiguousarray(np.rot90(paper, quarters)), views=views)
        if face and face.score > beat:
            best, surest, beat = quarters, face, face.score
    return best, surest
