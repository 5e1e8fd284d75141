"""From any picture to a model's input: cleaned paper, an aligned face, and remarks; and back onto
the paper.

`prepare` prepares a drawing, `prepare_for` a picture for any model; both return a `Drawing` with
all results. A picture is uint8 (H, W, 3), of any size and aspect ratio; points are as in `faces`. A
face is selected by None (the largest, of equally large ones the most central), "left", "right", or
its number from the left, 1 for the first.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from s2f_studio.drawings import background
from s2f_studio.drawings.cleanup import LINES_BELOW
from s2f_studio.drawings.landmarks import Landmarks, find_landmarks
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.drawings.paper import Verdict, advice, clean_paper, detector_problem
from s2f_studio.remarks import Remark
from s2f_utils.infer.translator import LEAST_PX
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures import faces, images, masks

CLEAN = ("auto", "always", "never", "whole")
FRAMES = ("square", "paper", "person")
EXAMPLES = (
    "long-hair",
    "plain-man",
    "glasses",
    "old-man",
    "curls",
    "beard",
    "child",
    "hat",
    "turned",
    "few-lines",
)
RATHER_SURE = 0.85  # score of the upright drawing from which each turn is tested with a single view
# Margin by which a turned view must win; turned, the ten examples score lower by 0.09 or more
SURER = 0.05
INK_BELOW = 60  # grey levels below the paper
# Score from which one of several faces counts; in 526 single drawings no second one exceeds 0.3.
ENOUGH = 0.7
LARGE_ENOUGH = 0.3  # of the largest one's width; smaller ones are in the background
AS_LARGE = 0.85  # of the largest one's width

Which = str | int | None


@dataclass(frozen=True)
class Drawing:
    """A picture prepared for a model, with everything found in it; analysed only once.

    image: the model's input, uint8 (S, S, 3), or class numbers, uint8 (H, W). paper: uint8 (H, W,
    3), the sheet, cut out, cleaned and upright, or the picture itself. matrix: float64 (2, 3), from
    the paper's pixels to the image's.
    face: on the paper. verdict: of `paper.verdict` on the paper before cleaning, in even light.
    Matrix, face and verdict are None for an unprepared picture. warnings: for the user, most
    important first; empty if all is well.
    corners: of the sheet that was cut out, float64 (4, 2), pixels of the original drawing,
    clockwise from the top left; None if no sheet was cut out.
    """

    image: np.ndarray
    paper: np.ndarray
    matrix: np.ndarray | None = None
    face: faces.Face | None = None
    verdict: Verdict | None = None
    warnings: tuple[Remark, ...] = ()
    corners: np.ndarray | None = None

    @functools.cached_property
    def shows(self) -> Landmarks:
        """Landmarks of the face, what is worn, and masks of person and hair, in `FACE_PX`."""
        return find_landmarks(images.resize(self.image, FACE_PX, "stretch"))


def prepare_for(
    picture: str | Path | np.ndarray,
    info: ModelInfo,
    *,
    points: np.ndarray | Sequence | None = None,
    clean: str = "auto",
    align: bool | None = None,
    face: Which = None,
) -> Drawing:
    """Prepare a picture, a path or uint8 (H, W, 3), for the model with this description.

    A map becomes class numbers. A drawing is cleaned and aligned, a photo is aligned, unless the
    model needs no alignment (`align` overrides that). points, clean, face: as in `prepare`. Raises
    what `prepare`, `faces.align` and `masks.labels_of` raise.
    """
    if not isinstance(picture, np.ndarray):
        picture = masks.load(picture) if info.reads == "map" else images.load_rgb(picture)
    if info.reads == "map":
        labels = masks.labels_of(picture)
        return Drawing(labels, masks.colour(labels))
    if not (bool(info.layout) or points is not None if align is None else align):
        return Drawing(picture, picture)
    if info.reads == "photo":
        found, notes = find_any(picture, drawing=False, points=points, face=face)
        matrix = faces.alignment(found.landmarks, info.size_px)
        remark = advice(picture, "photo")
        warnings = (*([remark] if remark else []), *notes)
        return Drawing(
            faces.warp(picture, matrix, info.size_px), picture, matrix, found, warnings=warnings
        )
    return prepare(picture, size_px=info.size_px, points=points, clean=clean, face=face)


def prepare(
    drawing: np.ndarray,
    *,
    size_px: int = 256,
    points: np.ndarray | Sequence | None = None,
    clean: str = "auto",
    face: Which = None,
) -> Drawing:
    """Clean a drawing's paper, find the face, and crop it as the models expect it.

    points: manually placed eyes and mouth in pixels of the original drawing (see
    `faces.find_face`). clean: "auto" (`needs_cleaning`), "always" or "never"; or "whole", which is
    "auto" without cutting a sheet out. With "auto" and "always" a sheet within the picture is cut
    out, and the remark "cut" says so. Without points the face is detected by YuNet if available,
    also sideways and upside down, then by scikit-image's cascade; failing that, the face is assumed
    to fill the picture, with a warning. face: which of several to take, "left", "right", or the
    number from the left, 1 for the first; None: the largest, of equally large ones the most
    central; the remark "faces" has their number. Raises ValueError for other arrays, for less than
    16 pixels, and for points that are not numbers, FaceError for points that are not a face or are
    outside the picture, and if the selected face does not exist.
    """
    points, which = _check_arguments(drawing, points, clean, face)
    paper = clean_paper(drawing, clean, points)
    upright, found, about_face = upright_face(paper.image, paper.points, which)
    matrix = faces.alignment(found.landmarks, size_px)
    image = faces.warp(upright, matrix, size_px, border="paper")
    empty = [Remark("empty")] if image.min() > LINES_BELOW >= upright.min() else []
    remarks = (*paper.remarks, *empty, *paper.about_sheet, *about_face)
    return Drawing(image, upright, matrix, found, paper.verdict, remarks, paper.corners)


def _check_arguments(
    drawing: np.ndarray, points: np.ndarray | Sequence | None, clean: str, face: Which
) -> tuple[np.ndarray | None, Which]:
    """The points and the selected face, validated.

    Raises what `prepare` raises for invalid arguments.
    """
    if drawing.dtype != np.uint8 or drawing.ndim != 3 or drawing.shape[2] != 3:
        raise ValueError(f"a drawing must be uint8 (H, W, 3), got {drawing.dtype} {drawing.shape}")
    height, width = drawing.shape[:2]
    if min(height, width) < LEAST_PX:
        raise ValueError(
            f"the drawing is {width} x {height} pixels: {LEAST_PX} are needed each way, 256 are"
            " better"
        )
    if clean not in CLEAN:
        raise ValueError(f"clean must be one of {', '.join(CLEAN)}, got {clean!r}")
    if points is not None:
        points = np.asarray(points, dtype=np.float64)
        points_inside(points, drawing.shape)  # raises before anything is cut or turned
    return points, parse_face_choice(face)


def example(name: str) -> np.ndarray:
    """One of the project's example drawings, uint8 (510, 420, 3): drawn by code, never used in
    training.

    Raises ValueError for a name that is not in `EXAMPLES`.
    """
    if name not in EXAMPLES:
        raise ValueError(f"there is no example {name!r}: the names are {', '.join(EXAMPLES)}")
    return images.load_rgb(Path(__file__).with_name("examples") / f"{name}.png")


def framed(made: np.ndarray, prepared: Drawing, frame: str = "square") -> np.ndarray:
    """A model's answer, uint8 (S, S, 3): unchanged ("square"), or pasted onto the drawing, with its
    background ("paper") or without ("person"). Raises ValueError for other frames.
    """
    if frame not in FRAMES:
        raise ValueError(f"frame must be one of {', '.join(FRAMES)}, got {frame!r}")
    return made if frame == "square" else onto_paper(made, prepared, person=frame == "person")


def onto_paper(
    made: np.ndarray, prepared: Drawing, *, feather: float = 0.04, person: bool = False
) -> np.ndarray:
    """Paste a model's answer back over the face on the paper: uint8 (S, S, 3) → uint8 like
    `prepared.paper`.

    feather: width of the soft rim, a share of the image's side. person: leave the person's
    background out (`background.person_mask`); parts mistaken for background, such as loose curls,
    stay as drawn.
    """
    import cv2

    size_px, (height, width) = len(made), prepared.paper.shape[:2]
    scale = size_px / len(prepared.image)  # a large answer
    matrix = scale * prepared.matrix + np.array([0, 0, (scale - 1) / 2])
    back = faces.inverse(matrix)
    inside = np.zeros((size_px, size_px), np.float32)
    rim = max(1, round(feather * size_px))
    inside[rim:-rim, rim:-rim] = 1
    inside = cv2.GaussianBlur(inside, (0, 0), rim / 2)
    if person:
        face = replace(prepared.face, landmarks=faces.transform(prepared.face.landmarks, matrix))
        inside *= background.person_mask(made, face=face)
    share = cv2.warpAffine(inside, back, (width, height), flags=cv2.INTER_LINEAR)[..., None]
    laid = cv2.warpAffine(
        made, back, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return images.rounded(laid * share + prepared.paper * (1 - share))


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


def find_any(
    picture: np.ndarray,
    *,
    drawing: bool = True,
    points: np.ndarray | Sequence | None = None,
    face: Which = None,
) -> tuple[faces.Face, list[Remark]]:
    """The face of a drawing or a photo, with whatever detector is available, and remarks for the
    user.

    picture: uint8 (H, W, 3). points, face: as in `prepare`. Without points: YuNet, if available;
    scikit-image's cascade; the centre of the picture, or, in drawings, of the ink. Raises FaceError
    for points that are not a face or are outside, and if the selected face does not exist.
    """
    if points is not None:
        return points_inside(points, picture.shape), []
    problem, which = detector_problem(), parse_face_choice(face)
    if problem:
        return _completed(picture, which, None, problem, drawing, [])
    seen = faces.detect(picture, min_score=faces.LOWEST_SCORE)
    detected, about = _among_others(seen, picture.shape, which, drawing)
    detected = detected or (
        faces.detect_drawn(picture, plain=seen) if drawing else faces.detect_turned(picture)
    )
    return _completed(picture, which, detected, problem, drawing, about)


def _among_others(
    seen: Sequence[faces.Face], shape: tuple[int, ...], which: Which, drawing: bool
) -> tuple[faces.Face | None, list[Remark]]:
    """The selected face and remarks, if several of the detected faces count; else a single sure one
    of a drawing, or None.
    """
    found = faces.nms(
        sorted((face for face in seen if face.score >= ENOUGH), key=lambda face: -face.score)
    )
    widest = max((face.box[2] for face in found), default=0)
    found = sorted(
        (f for f in found if f.box[2] >= LARGE_ENOUGH * widest), key=lambda face: face.middle[0]
    )
    if len(found) < 2:
        is_sure = drawing and found and found[0].score >= faces.DRAWING_SCORE
        return (found[0] if is_sure else None), []
    taken, sides = choose(found, which, shape), shape[1::-1] * 2
    boxes = [
        [round(float(v) / side, 4) for v, side in zip(face.box, sides, strict=True)]
        for face in found
    ]
    return found[taken], [Remark("faces", {"num": len(found), "taken": taken + 1, "boxes": boxes})]


def _completed(
    picture: np.ndarray,
    which: Which,
    detected: faces.Face | None,
    problem: str,
    drawing: bool,
    about: list[Remark],
) -> tuple[faces.Face, list[Remark]]:
    """The detected face with its landmarks refined, or the best guess, and remarks for the user.

    problem: why there is no detector, or "". about: remarks on other faces. Raises FaceError if a
    second face is selected and there is only one.
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


def upright_face(
    paper: np.ndarray, points: np.ndarray | None, which: Which
) -> tuple[np.ndarray, faces.Face, list[Remark]]:
    """The paper, turned if need be, the face on it, and remarks for the user."""
    if points is not None:
        return paper, *find_any(paper, points=points)
    if problem := detector_problem():
        return paper, *_completed(paper, which, None, problem, True, [])
    seen, turned = faces.detect(paper, min_score=faces.LOWEST_SCORE), paper
    detected, about = _among_others(seen, paper.shape, which, drawing=True)
    if detected is None:
        turned, detected, seen = _surest_turn(paper, seen)
        if turned is not paper:
            one_of, about = _among_others(seen, turned.shape, which, drawing=True)
            detected = one_of or detected
    face, remarks = _completed(turned, which, detected, "", True, about)
    return turned, face, remarks if turned is paper else [Remark("turned"), *remarks]


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
