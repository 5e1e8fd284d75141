"""From any picture to a model's input: cleaned paper, an aligned face, and remarks; and back onto
the paper.

`prepare` prepares a drawing, `prepare_for` a picture for any model; both return a `Drawing` with
all results. A picture is uint8 (H, W, 3), of any size and aspect ratio; points are as in `faces`;
a face is selected as in `face`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from s2f_studio.drawings import CLEAN
from s2f_studio.drawings.face import (
    Which,
    face_of_photo,
    is_whole,
    parse_face_choice,
    points_inside,
    upright_face,
)
from s2f_studio.drawings.paper import advice, clean_paper, sheet_in
from s2f_studio.remarks import Remark
from s2f_utils.infer.landmarks import Landmarks, find_landmarks
from s2f_utils.infer.translator import LEAST_PX
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures import background, faces, images, masks
from s2f_utils.pictures.cleanup import LINES_BELOW
from s2f_utils.pictures.mesh import FACE_PX

if TYPE_CHECKING:
    from s2f_utils.infer.engine import Engine

RIM = 0.04  # width of the soft rim of an answer on paper, a share of its side
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


@dataclass(frozen=True)
class Drawing:
    """A picture prepared for a model, with everything found in it; analysed only once.

    image: the model's input, uint8 (S, S, 3), or class numbers, uint8 (H, W). paper: uint8 (H, W,
    3), the sheet, cut out, cleaned and upright, or the picture itself. matrix: float64 (2, 3), from
    the paper's pixels to the image's. face: on the paper. Both are None for an unprepared picture.
    warnings: for the user, most important first; empty if all is well. finder: that finds the
    landmarks; None: the shipped one.
    """

    image: np.ndarray
    paper: np.ndarray
    matrix: np.ndarray | None = None
    face: faces.Face | None = None
    warnings: tuple[Remark, ...] = ()
    finder: Engine | None = None

    @functools.cached_property
    def shows(self) -> Landmarks:
        """Landmarks of the face, what is worn, and masks of person and hair, in `FACE_PX`."""
        return find_landmarks(images.resize(self.image, FACE_PX, "stretch"), self.finder)


def prepare_for(
    picture: np.ndarray,
    info: ModelInfo,
    *,
    points: np.ndarray | Sequence | None = None,
    clean: str = "auto",
    align: bool | None = None,
    face: Which = None,
) -> Drawing:
    """Prepare a picture, uint8 (H, W, 3), or a map, for the model with this description.

    A map becomes class numbers. A drawing is cleaned and aligned, a photo is aligned, unless the
    model needs no alignment (`align` overrides that). points, clean, face: as in `prepare`. Raises
    what `prepare`, `faces.align` and `masks.labels_of` raise.
    """
    if info.reads == "map":
        labels = masks.labels_of(picture)
        return Drawing(labels, masks.colour(labels))
    if not (bool(info.layout) or points is not None if align is None else align):
        return Drawing(picture, picture)
    if info.reads == "photo":
        found, notes = face_of_photo(picture, points, face)
        matrix = faces.alignment(found.landmarks, info.size_px)
        image = faces.warp(picture, matrix, info.size_px)
        remark = advice(picture, "photo")
        warnings = (*([remark] if remark else []), *notes)
        return Drawing(image, picture, matrix, found, warnings)
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

    The face is detected by YuNet, also sideways and upside down; failing that, it is assumed to
    fill the inked area, with a warning.

    drawing: uint8 (H, W, 3). size_px: side of the crop. points: manually placed eyes and mouth in
    pixels of the original drawing (see `faces.find_face`); then nothing is detected. clean: "auto"
    (`needs_cleaning`), "always" or "never"; or "whole", which is "auto" without cutting a sheet
    out. With "auto" and "always" a sheet within the picture is cut out, and the remark "cut" says
    so. face: which of several to take, "left", "right", or the number from the left, 1 for the
    first; None: the largest, of equally large ones the most central; the remark "faces" has their
    number. Raises ValueError for other arrays, for less than
    16 pixels, and for points that are not numbers, FaceError for points that are not a face or are
    outside the picture, and if the selected face does not exist.
    """
    points, which = _check_arguments(drawing, points, clean, face)
    sheet = sheet_in(drawing) if clean in ("auto", "always") else None
    if sheet is not None and not is_whole(drawing, sheet, points):
        sheet = None
    if sheet is None:
        paper, remarks = clean_paper(drawing, clean)
        about_sheet = []
    else:
        paper, remarks = clean_paper(sheet.image, clean, sheet.verdict)
        about_sheet = [sheet.remark(drawing.shape)]
        points = None if points is None else sheet.place(points)
    upright, found, about_face = upright_face(paper, points, which)
    matrix = faces.alignment(found.landmarks, size_px)
    image = faces.warp(upright, matrix, size_px, border="paper")
    empty = [Remark("empty")] if image.min() > LINES_BELOW >= upright.min() else []
    warnings = (*remarks, *empty, *about_sheet, *about_face)
    return Drawing(image, upright, matrix, found, warnings)


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


def onto_paper(made: np.ndarray, prepared: Drawing, *, person: bool = False) -> np.ndarray:
    """Paste a model's answer back over the face on the paper: uint8 (S, S, 3) → uint8 like
    `prepared.paper`.

    person: leave the person's background out (`background.person_mask`); parts mistaken for
    background, such as loose curls, stay as drawn.
    """
    import cv2

    size_px, (height, width) = len(made), prepared.paper.shape[:2]
    scale = size_px / len(prepared.image)  # a large answer
    matrix = scale * prepared.matrix + np.array([0, 0, (scale - 1) / 2])
    back = faces.inverse(matrix)
    inside = np.zeros((size_px, size_px), np.float32)
    rim = max(1, round(RIM * size_px))
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
