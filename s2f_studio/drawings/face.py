"""The face of a drawing or a photo: found by what is at hand, chosen among several, or taken to fill the drawing.

A picture is uint8 (H, W, 3); points are as in `faces`.
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


def find_any(
    picture: np.ndarray,
    *,
    drawing: bool = True,
    points: np.ndarray | Sequence | None = None,
    face: faces.Which = None,
) -> tuple[faces.Face, list[Remark]]:
    """The face of a drawing or a photo by what is at hand, and what to tell the person about it.

    picture: uint8 (H, W, 3). points, face: as in `prepare`. Without points: YuNet, if it can be had; scikit-image's
    cascade; the picture's middle, for drawings that of the ink. Raises FaceError for points that are no face or lie
    outside, and for a face that is not there.
    """
    if points is not None:
        given = faces.face_from_points(points)
        faces.check_inside(points, picture.shape)
        return given, []
    problem, which = detector_problem(), faces.checked(face)
    detect = faces.detect_drawn if drawing else faces.detect_turned
    detected, about = (None, []) if problem else _among_others(picture, which, drawing)
    detected = detected or (None if problem else detect(picture))
    _check_choice(picture, which, detected, about)
    return _completed(picture, detected, problem, drawing, about)


def _among_others(picture: np.ndarray, which: faces.Which, drawing: bool) -> tuple[faces.Face | None, list[Remark]]:
    """The face that is meant and what is to be said, where a picture has several; else None."""
    found = faces.all_faces(picture)
    if len(found) < 2:
        is_sure = drawing and found and found[0].score >= faces.DRAWING_SCORE
        return (found[0] if is_sure else None), []
    taken = faces.choose(found, which, picture.shape)
    height, width = picture.shape[:2]
    boxes = [
        [round(float(v) / side, 4) for v, side in zip(face.box, (width, height) * 2, strict=True)] for face in found
    ]
    data = {"num": len(found), "taken": taken + 1, "boxes": boxes}
    return found[taken], [Remark("faces", data)]


def _check_choice(
    picture: np.ndarray, which: faces.Which, detected: faces.Face | None, about: Sequence[Remark]
) -> None:
    """Raise FaceError where a second face is asked for and there is one."""
    if isinstance(which, int) and which > 1 and not about:
        faces.choose([detected] if detected else [], which, picture.shape)


def detector_problem() -> str:
    """Why there is no face detector, or ""."""
    return faces.detector_problem(timeout_s=5, attempts=1)  # nobody waits for a first try


def _completed(
    picture: np.ndarray, detected: faces.Face | None, problem: str, drawing: bool, about: Sequence[Remark]
) -> tuple[faces.Face, list[Remark]]:
    """The detected face with its landmarks refined, or the best guess, and what to tell the person about it.

    problem: why there is no detector, or "". about: what there is to say about others beside it.
    """
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
    paper: np.ndarray, points: np.ndarray | None, which: faces.Which
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
    _check_choice(turned, which, detected, about)
    face, remarks = _completed(turned, detected, problem, True, about)
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
