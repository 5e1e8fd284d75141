"""From any drawing to what the models know: cleaned paper, an aligned face, and warnings; and back onto the paper.

`prepare` does it all. A drawing is uint8 (H, W, 3), of any size and aspect ratio; points are as in `faces`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2f_utils import cleanup, domain, faces, images

CLEAN = ("auto", "always", "never")
EXAMPLES = (
    "long-hair", "plain-man", "glasses", "old-man", "curls", "beard", "child", "hat", "turned", "few-lines",
)  # fmt: skip
SURER = 0.05  # by so much a turned drawing's score must be higher; turned, the ten examples score lower by 0.09 or more
EVEN_PAPER, WHITE_PAPER = 1.1, 240  # drawings on paper that is as even and as white as this are clean already


@dataclass(frozen=True)
class Prepared:
    """A drawing that is ready for a model.

    image: uint8 (S, S, 3), what the model sees. paper: uint8 (H, W, 3), the drawing after clean-up, upright. matrix:
    float64 (2, 3), from the paper's pixels to the image's. face: as it was found on the paper. look: what `domain.look`
    saw on the paper before that. warnings: sentences for the person, most important first; empty when all is well.
    """

    image: np.ndarray
    paper: np.ndarray
    matrix: np.ndarray
    face: faces.Face
    look: domain.Look
    warnings: tuple[str, ...]


def example(name: str) -> np.ndarray:
    """One of the drawings that come with the project, uint8 (510, 420, 3): strokes in code, no training has seen them.

    Raises ValueError for a name that is not in `EXAMPLES`.
    """
    if name not in EXAMPLES:
        raise ValueError(f"there is no example {name!r}: the names are {', '.join(EXAMPLES)}")
    return images.load_rgb(Path(__file__).with_name("examples") / f"{name}.png")


def needs_cleaning(drawing: np.ndarray) -> bool:
    """Whether this is photographed or scanned paper, not white or not even: uint8 (H, W, 3)."""
    grey = cleanup.flatten_paper(drawing)
    paper = float(np.percentile(drawing.mean(axis=2), 80))
    return paper < WHITE_PAPER or grey[1] > EVEN_PAPER


def prepare(
    drawing: np.ndarray,
    *,
    size_px: int = 256,
    points: np.ndarray | Sequence | None = None,
    clean: str = "auto",
) -> Prepared:
    """Clean a drawing's paper, find the face, cut it out as the models know it.

    points: hand-given eyes and mouth in pixels of the drawing as it is (see `faces.find_face`). clean: "auto"
    (`needs_cleaning`), "always" or "never"; a sheet that lies in the picture is cut out unless it is "never". Without
    points the face is looked for by YuNet if it can be had, also on its side and on its head, then by scikit-image's
    cascade, and is then taken to fill the picture, with a warning. Raises ValueError for other arrays, for less than 16
    pixels, and for points that are not numbers, FaceError for points that are no face or lie outside of the picture.
    """
    if drawing.dtype != np.uint8 or drawing.ndim != 3 or drawing.shape[2] != 3:
        raise ValueError(f"a drawing must be uint8 (H, W, 3), got {drawing.dtype} {drawing.shape}")
    height, width = drawing.shape[:2]
    if min(height, width) < 16:
        raise ValueError(f"the drawing is {width} x {height} pixels: 16 are needed each way, 256 are better")
    if clean not in CLEAN:
        raise ValueError(f"clean must be one of {', '.join(CLEAN)}, got {clean!r}")
    if points is not None:
        points = np.asarray(points, dtype=np.float64)
        faces.face_from_points(points)  # says what is wrong before anything is cut or turned
        if (points < -0.5).any() or (points > [width - 0.5, height - 0.5]).any():
            raise faces.FaceError(f"the points lie outside of the picture, which is {width} x {height} pixels")
    paper, points, found = _sheet(drawing, points) if clean != "never" else (drawing, points, domain.look(drawing))
    is_paper = found.kind in ("drawing", "faint", "coloured")  # of a photo or a negative nothing would be left
    dirty = found.kind == "faint" or needs_cleaning(paper)
    warnings = [] if found.kind == "drawing" else [domain.ADVICE[found.kind]]
    if clean == "always" or (clean == "auto" and is_paper and dirty):
        paper = np.repeat(cleanup.clean(paper, sheet=False).image[..., None], 3, axis=2)
        if found.kind == "faint":
            warnings = [domain.ADVICE["no lines" if paper.min() > 200 else "strengthened"]]
    paper, face, notes = _find(paper, points)
    matrix = faces.alignment(face.landmarks, size_px)
    image = faces.warp(paper, matrix, size_px, border="paper")
    return Prepared(image, paper, matrix, face, found, tuple(warnings + notes))


def _sheet(drawing: np.ndarray, points: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None, domain.Look]:
    """The sheet of paper in the picture, straightened, the points on it, and what it looks like; the picture itself
    where there is no sheet, where what looked like one bears no drawing, or where a point is not on it.
    """
    import cv2

    corners = cleanup.find_sheet(drawing)
    if corners is not None:
        sheet = cleanup.straighten(drawing, corners)
        seen = domain.look(sheet)
        on_it = points
        if points is not None:
            matrix, _ = cleanup.sheet_matrix(corners)
            on_it = cv2.perspectiveTransform(points[None], matrix)[0]
        inside = points is None or ((on_it >= 0) & (on_it < sheet.shape[1::-1])).all()
        if inside and seen.kind in ("drawing", "faint", "coloured") and min(sheet.shape[:2]) >= 64:
            return sheet, on_it, seen
    return drawing, points, domain.look(drawing)


def _find(paper: np.ndarray, points: np.ndarray | None) -> tuple[np.ndarray, faces.Face, list[str]]:
    """The paper, turned if need be, the face on it, and what to tell the person."""
    if points is not None:
        return paper, faces.find_face(paper, points=points), []
    problem = faces.detector_problem(timeout_s=5, attempts=1)  # nobody waits for a first try
    if not problem:
        quarters = _quarters(paper)
        turned = np.ascontiguousarray(np.rot90(paper, quarters))
        face = faces.find_face(turned, drawing=True, fallback="cascade")
        notes = [domain.ADVICE["turned"]] if quarters else []
        if face.method == "yunet":
            return turned, face, notes
    face = faces.find_face(paper, drawing=True, fallback="cascade", detector="none")
    advice = domain.ADVICE["no face" if face.method == "centre" else "rough face"]
    return paper, face, [f"{advice} (the detector cannot be used: {problem.partition(' (')[0]})" if problem else advice]


def _quarters(paper: np.ndarray) -> int:
    """By how many quarter turns the paper has to be turned: where the detector is surer of a face than as it lies."""
    upright = faces.detect_drawn(paper)
    best, beat = 0, upright.score + SURER if upright else 0.0
    if upright is None or upright.score < faces.DRAWING_SCORE:
        for quarters in (1, 2, 3):
            face = faces.detect_drawn(np.ascontiguousarray(np.rot90(paper, quarters)))
            if face and face.score > beat:
                best, beat = quarters, face.score
    return best


def onto_paper(made: np.ndarray, prepared: Prepared, *, feather: float = 0.04) -> np.ndarray:
    """Lay what a model made back where the face is on the paper: uint8 (S, S, 3) → uint8 like `prepared.paper`.

    feather: width of the soft rim, a share of the image's side.
    """
    import cv2

    size_px, (height, width) = len(made), prepared.paper.shape[:2]
    back = faces.inverse(prepared.matrix)
    inside = np.zeros((size_px, size_px), np.float32)
    rim = max(1, round(feather * size_px))
    inside[rim:-rim, rim:-rim] = 1
    inside = cv2.GaussianBlur(inside, (0, 0), rim / 2)
    share = cv2.warpAffine(inside, back, (width, height), flags=cv2.INTER_LINEAR)[..., None]
    laid = cv2.warpAffine(made, back, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(np.rint(laid * share + prepared.paper * (1 - share)), 0, 255).astype(np.uint8)
