"""The face on a drawing's paper, or in a photo: turned upright, selected among several, or guessed.

All of the studio's face detection is here.

A picture is uint8 (H, W, 3); points are as in `faces`. A face is selected by None (the largest, of
equally large ones the most central), "left", "right", or its number from the left, 1 for the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from s2f_studio.drawings.paper import Sheet
from s2f_studio.remarks import Remark
from s2f_utils.pictures import faces

# The share of a face that lies on its sheet, at least; on photographed sheets it is .999 and more
FACE_INSIDE = 0.9
RATHER_SURE = 0.85  # score of the upright drawing from which each turn is tested with a single view
# Margin by which a turned view must win; turned, the ten examples score lower by 0.09 or more
SURER = 0.05
INK_BELOW = 60  # grey levels below the paper
# Score from which one of several faces counts; in 526 single drawings no second one exceeds 0.3.
ENOUGH = 0.7
LARGE_ENOUGH = 0.3  # of the largest one's width; smaller ones are in the background
AS_LARGE = 0.85  # of the largest one's width

Which = str | int | None


def is_whole(drawing: np.ndarray, sheet: Sheet, points: np.ndarray | None) -> bool:
    """Whether a sheet has the whole face of its picture: the placed points, if given, else the
    surest face that is detected, if any.
    """
    if points is not None:
        on_it = sheet.place(points)
        return bool(((on_it >= 0) & (on_it < sheet.image.shape[1::-1])).all())
    found = faces.detect(drawing)
    if not found:
        return True
    box = max(found, key=lambda face: face.score).box
    return _share_inside(box, sheet.corners) >= FACE_INSIDE


def _share_inside(box: Sequence[float], corners: np.ndarray) -> float:
    """The share of a box, (left, top, width, height), within these corners, (4, 2)."""
    import cv2

    left, top, width, height = box
    right, bottom = left + width, top + height
    of_box = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    area = cv2.intersectConvexConvex(of_box, corners.astype(np.float32))[0]
    return area / (width * height)


def upright_face(
    paper: np.ndarray, points: np.ndarray | None, which: Which
) -> tuple[np.ndarray, faces.Face, list[Remark]]:
    """The paper, turned if need be, the face on it, and remarks for the user.

    points: of the face, on the paper; then nothing is detected.
    """
    if points is not None:
        return paper, points_inside(points, paper.shape), []
    seen, turned = faces.detect(paper, min_score=faces.LOWEST_SCORE), paper
    detected, about = _among_others(seen, paper.shape, which)
    if detected is None:
        turned, detected, seen = _surest_turn(paper, seen)
        if turned is not paper:
            one_of, about = _among_others(seen, turned.shape, which)
            detected = one_of or detected
    remarks = [*about] if turned is paper else [Remark("turned"), *about]
    _check_number(which, detected, about, turned.shape)
    if detected is None:
        return turned, _centre_of_ink(turned), [*remarks, Remark("no-face")]
    face = faces.refined(turned, detected, True, alone=not about)
    if face.score < faces.TRUSTED_IN_DRAWINGS:
        remarks.append(Remark("rough-face"))
    return turned, face, remarks


def face_of_photo(
    photo: np.ndarray, points: np.ndarray | Sequence | None = None, face: Which = None
) -> tuple[faces.Face, list[Remark]]:
    """The face of a photo, uint8 (H, W, 3), and remarks for the user.

    points, face: as in `prepare`. Without points: by YuNet; else the centre of the picture. Raises
    FaceError for points that are not a face or are outside, and if the selected face does not
    exist.
    """
    if points is not None:
        return points_inside(points, photo.shape), []
    which = parse_face_choice(face)
    seen = faces.detect(photo, min_score=faces.LOWEST_SCORE)
    detected, about = _among_others(seen, photo.shape, which)
    if not about:
        detected = faces.detect_turned(photo)
    _check_number(which, detected, about, photo.shape)
    if detected is None:
        return faces.centre_face(photo.shape[:2]), [Remark("no-face")]
    return faces.refined(photo, detected, False, alone=not about), about


def parse_face_choice(which: Which) -> Which:
    """A face selection as None, "left", "right" or a number, also from text. ValueError for
    anything else.
    """
    text = "" if which is None else str(which).strip().lower()
    if text in ("", "auto", "left", "right"):
        return text if text in ("left", "right") else None
    if text.isdecimal() and int(text):
        return int(text)
    raise ValueError(
        f"a face is selected by left, right, or its number from the left; got {which!r}"
    )


def choose(found: Sequence[faces.Face], which: Which, shape: tuple[int, ...]) -> int:
    """Index, left to right, of the selected face in a picture of this shape (H, W, …).

    which: as `parse_face_choice` returns it. Raises FaceError if there is no such face.
    """
    if not found:
        raise faces.FaceError(
            "no face was found that could be chosen: give the eyes and the mouth by hand"
        )
    if which is None:
        widest, centre = max(face.box[2] for face in found), np.array(shape[1::-1]) / 2
        large = [n for n, face in enumerate(found) if face.box[2] >= AS_LARGE * widest]
        return min(large, key=lambda n: float(np.hypot(*(found[n].middle - centre))))
    if which in ("left", "right"):
        return 0 if which == "left" else len(found) - 1
    if which > len(found):
        raise faces.FaceError(
            f"there is no face {which}: {len(found)} found, counted from the left"
        )
    return which - 1


def points_inside(points: np.ndarray | Sequence, shape: tuple[int, ...]) -> faces.Face:
    """The face of manually placed points.

    Raises FaceError if they are outside a picture of this shape (H, W, …).
    """
    face, (height, width) = faces.face_from_points(points), shape[:2]
    if (np.asarray(points) < -0.5).any() or (
        np.asarray(points) > [width - 0.5, height - 0.5]
    ).any():
        raise faces.FaceError(
            f"the points lie outside of the picture, which is {width} x {height} pixels"
        )
    return face


def _among_others(
    seen: Sequence[faces.Face], shape: tuple[int, ...], which: Which
) -> tuple[faces.Face | None, list[Remark]]:
    """The selected face and a remark, if several of the detected faces count; else a single sure
    one, or None.
    """
    found = faces.nms(
        sorted((face for face in seen if face.score >= ENOUGH), key=lambda face: -face.score)
    )
    widest = max((face.box[2] for face in found), default=0)
    found = sorted(
        (f for f in found if f.box[2] >= LARGE_ENOUGH * widest), key=lambda face: face.middle[0]
    )
    if len(found) < 2:
        is_sure = found and found[0].score >= faces.DRAWING_SCORE
        return (found[0] if is_sure else None), []
    taken, sides = choose(found, which, shape), shape[1::-1] * 2
    boxes = [
        [round(float(v) / side, 4) for v, side in zip(face.box, sides, strict=True)]
        for face in found
    ]
    return found[taken], [Remark("faces", {"num": len(found), "taken": taken + 1, "boxes": boxes})]


def _check_number(
    which: Which, detected: faces.Face | None, about: list[Remark], shape: tuple[int, ...]
) -> None:
    """Raise FaceError if a second face is selected and there is only one.

    about: remarks on other faces.
    """
    if isinstance(which, int) and which > 1 and not about:
        choose([detected] if detected else [], which, shape)


def _centre_of_ink(drawing: np.ndarray) -> faces.Face:
    """The default centred face, placed on the inked area."""
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


def _surest_turn(
    paper: np.ndarray, seen: list[faces.Face]
) -> tuple[np.ndarray, faces.Face | None, list[faces.Face]]:
    """The paper in the quarter turn with the highest detector score, if that beats the upright
    score; its face, and all faces detected in that view. seen: those of the upright view.
    """
    upright = faces.detect_drawn(paper, plain=seen)
    best, score_to_beat = (paper, upright, seen), upright.score + SURER if upright else 0.0
    if upright and upright.score >= faces.DRAWING_SCORE:
        return best
    views = 1 if upright and upright.score >= RATHER_SURE else 6
    for quarters in (1, 2, 3):
        turned = np.ascontiguousarray(np.rot90(paper, quarters))
        there = faces.detect(turned, min_score=faces.LOWEST_SCORE)
        face = faces.detect_drawn(turned, views=views, plain=there)
        if face and face.score > score_to_beat:
            best, score_to_beat = (turned, face, there), face.score
    return best
