"""The paper of a drawing: cut out of its picture, and cleaned, as its verdict advises; the face
detector sees to it that no face is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2f_studio.drawings.verdict import SURE, Verdict, verdict
from s2f_studio.remarks import Remark
from s2f_utils.pictures import cleanup, faces
from s2f_utils.pictures.cleanup import LINES_BELOW
from s2f_utils.pictures.images import luminance

EVEN_PAPER, WHITE_PAPER = 1.1, 240  # drawings on paper this even and this white are clean already
# The share of a face that lies on its sheet, at least; on photographed sheets it is .999 and more
FACE_INSIDE = 0.9
SHEET_PX = 64  # smallest side of a sheet
# After correction for a hard shadow, a drawing has no tones left and white paper, and was not
# coloured before; photos have colours, and grey ones keep tones.
SHADOWED_TONES_BELOW, SHADOWED_WHITE_FROM, SHADOWED_COLOURED_BELOW = 0.0015, 0.6, 0.2


@dataclass(frozen=True)
class Paper:
    """The paper of a drawing, ready for face detection.

    image: uint8 (H, W, 3), cut out and cleaned, or unchanged. verdict: on it before cleaning, in
    even light. remarks: on the paper; about_sheet: on a sheet that was cut out. corners: of that
    sheet, float64 (4, 2), pixels of the original drawing, clockwise from the top left; None if
    nothing was cut out. points: the given ones, on the paper.
    """

    image: np.ndarray
    verdict: Verdict
    remarks: list[Remark]
    about_sheet: list[Remark]
    corners: np.ndarray | None = None
    points: np.ndarray | None = None


def clean_paper(
    drawing: np.ndarray, clean: str = "auto", points: np.ndarray | None = None
) -> Paper:
    """Classify a drawing's paper, uint8 (H, W, 3), and clean it as `clean` requests
    (`prepare.prepare`).

    points: manually placed ones of the face, float64 (N, 2), pixels of the drawing.
    """
    grey = luminance(drawing)
    sheet = _sheet(drawing, grey, points) if clean in ("auto", "always") else None
    if sheet is None:
        corners, image, seen = None, drawing, verdict(drawing)
    else:
        corners, image, seen = sheet
        grey, points = luminance(image), points if points is None else _on_sheet(points, corners)
    even = in_even_light(grey, seen) if clean != "never" else None
    image, remarks = _cleaned(image, grey, seen, even, clean)
    about_sheet = [] if corners is None else [_cut(drawing, corners)]
    return Paper(image, seen if even is None else even[1], remarks, about_sheet, corners, points)


def needs_cleaning(drawing: np.ndarray, unevenness: float | None = None) -> bool:
    """Whether this is photographed or scanned paper, not white or not even: uint8 (H, W, 3).

    unevenness: as `cleanup.flatten_paper` measures it, if known.
    """
    paper = float(np.percentile(drawing.mean(axis=2), 80))
    if paper < WHITE_PAPER:
        return True
    return (cleanup.flatten_paper(drawing)[1] if unevenness is None else unevenness) > EVEN_PAPER


def _cleaned(
    paper: np.ndarray,
    grey: np.ndarray,
    seen: Verdict,
    even: tuple[np.ndarray, Verdict] | None,
    clean: str,
) -> tuple[np.ndarray, list[Remark]]:
    """The paper, cleaned if requested and if lines remain, and remarks.

    grey: its grey levels. even: as `in_even_light`; None also for clean "never".
    """
    kind = seen.kind
    warnings = [] if kind == "drawing" else [Remark("shadow" if even else kind)]
    # Cleaning would erase a photo or a negative.
    is_paper = even or kind in ("drawing", "faint", "coloured")
    if clean == "never" or (clean != "always" and not is_paper):
        return paper, warnings
    if even:
        flat, unevenness = even[0], None
    else:
        flat, unevenness = cleanup.flatten_paper(
            grey, shadows="hard" if kind == "photo" else "soft"
        )
    if clean != "always" and not (even or kind == "faint" or needs_cleaning(paper, unevenness)):
        return paper, warnings
    lines = cleanup.clear_rim(cleanup.stretch_contrast(flat))
    has_lines = lines.min() <= LINES_BELOW
    if kind == "faint":
        warnings = [Remark("strengthened" if has_lines else "no-lines")]
    elif not has_lines:
        return paper, [*warnings, Remark("not-cleaned")]
    return np.repeat(lines[..., None], 3, axis=2), warnings


def in_even_light(picture: np.ndarray, seen: Verdict) -> tuple[np.ndarray, Verdict] | None:
    """A drawing in a shadow with edges, or on a table nearly as light as its paper, with its light
    corrected (`cleanup.flatten_paper` with hard shadows), uint8 (H, W), and the verdict on that;
    None for any other picture.

    picture: uint8 (H, W, 3), or its grey levels, (H, W). seen: the verdict on it before, usually
    photo.
    """
    if seen.kind != "photo" or seen.coloured >= SHADOWED_COLOURED_BELOW or seen.photo > SURE:
        return None
    flat = cleanup.flatten_paper(picture, shadows="hard")[0]
    again = verdict(np.repeat(flat[..., None], 3, axis=2))
    has_no_tones = again.tones < SHADOWED_TONES_BELOW and again.white >= SHADOWED_WHITE_FROM
    return (flat, again) if again.kind == "drawing" and has_no_tones else None


def _sheet(
    drawing: np.ndarray, grey: np.ndarray, points: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, Verdict] | None:
    """The corners of the sheet of paper in the picture, the sheet cut out, and the verdict on it;
    None if there is none, if it has no drawing, or if it would cut a face or leave out a point.
    grey: the picture's grey levels.
    """
    corners = cleanup.find_sheet(grey)
    if corners is None:
        return None
    sheet = cleanup.straighten(drawing, corners)
    if min(sheet.shape[:2]) < SHEET_PX:
        return None
    seen = verdict(sheet)
    if seen.kind not in ("drawing", "faint", "coloured"):
        return None
    if points is not None:
        on_it = _on_sheet(points, corners)
        is_whole = bool(((on_it >= 0) & (on_it < sheet.shape[1::-1])).all())
    else:
        is_whole = _face_inside(drawing, corners) >= FACE_INSIDE
    return (corners, sheet, seen) if is_whole else None


def _on_sheet(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Points of the picture, (N, 2), in pixels of the sheet that is cut out of it."""
    import cv2

    return cv2.perspectiveTransform(points[None], cleanup.sheet_matrix(corners)[0])[0]


def _face_inside(drawing: np.ndarray, corners: np.ndarray) -> float:
    """The share of the surest face that lies within these corners; 1 if there is no face."""
    import cv2

    found = faces.detect(drawing)
    if not found:
        return 1.0
    box = max(found, key=lambda face: face.score).box
    return cv2.intersectConvexConvex(_corners_of(box), corners.astype(np.float32))[0] / (
        box[2] * box[3]
    )


def _corners_of(box: Sequence[float]) -> np.ndarray:
    """The corners of a box, (left, top, width, height): float32 (4, 2)."""
    left, top, width, height = box
    return np.array(
        [[left, top], [left + width, top], [left + width, top + height], [left, top + height]],
        np.float32,
    )


def _cut(drawing: np.ndarray, corners: np.ndarray) -> Remark:
    """The remark on a sheet that was cut out."""
    x, y = corners.T
    area = 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))
    shares = np.clip((corners + 0.5) / drawing.shape[1::-1], 0, 1).round(4).tolist()
    percent = round(100 * (1 - area / (drawing.shape[0] * drawing.shape[1])))
    return Remark("cut", {"percent": percent, "corners": shares})
