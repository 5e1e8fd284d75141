"""From any picture to what a model reads: cleaned paper, an aligned face, and remarks; and back onto the paper.

`prepare` makes a drawing ready, `understand` whatever a model reads; both give a `Drawing`, which carries all that was
found. A picture is uint8 (H, W, 3), of any size and aspect ratio; points are as in `faces`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from s2f_studio.drawings import background, cleanup, domain
from s2f_studio.drawings.cleanup import LINES_BELOW
from s2f_studio.drawings.face import Which, checked, detector_problem, find_any, points_inside, upright_face
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.drawings.understanding import Understood, understood
from s2f_utils.inference.asking import LAYOUTS, LEAST_PX, Facts
from s2f_utils.pictures import faces, images, masks
from s2f_utils.pictures.remarks import Remark

CLEAN = ("auto", "always", "never", "whole")
FRAMES = ("square", "paper", "person")
EXAMPLES = (
    "long-hair", "plain-man", "glasses", "old-man", "curls", "beard", "child", "hat", "turned", "few-lines",
)  # fmt: skip
PAPER_PX = 512  # of a drawing that is laid as drawn faces lie
EVEN_PAPER, WHITE_PAPER = 1.1, 240  # drawings on paper that is as even and as white as this are clean already
FACE_INSIDE = 0.9  # of a face lies on its sheet; of faces on sheets that were photographed, .999 and more
SHEET_PX = 64  # of a sheet that can bear a drawing
# Evened out as if it lay in a hard shadow, a drawing has no tones left and white paper, and was not coloured before;
# photos have colours, and grey ones have tones left.
SHADOWED_TONES_BELOW, SHADOWED_WHITE_FROM, SHADOWED_COLOURED_BELOW = 0.0015, 0.6, 0.2


@dataclass(frozen=True)
class Drawing:
    """A picture that is ready for a model, and what was found on the way; looked at once.

    image: what the model reads, uint8 (S, S, 3), or class numbers, uint8 (H, W). paper: uint8 (H, W, 3), the sheet that
    was cut out and cleaned, upright, or the picture itself. matrix: float64 (2, 3), from the paper's pixels to the
    image's. face: as it was found on the paper. verdict: of `domain.verdict` on the paper before it was cleaned, in
    even light. Matrix, face and verdict are None where the picture was taken as it is. warnings: for the person, most
    important first; empty when all is well. corners: of the sheet that was cut out, float64 (4, 2), pixels of the
    drawing as it was given, clockwise from the top left; None where nothing was.
    """

    image: np.ndarray
    paper: np.ndarray
    matrix: np.ndarray | None = None
    face: faces.Face | None = None
    verdict: domain.Verdict | None = None
    warnings: tuple[Remark, ...] = ()
    corners: np.ndarray | None = None

    @functools.cached_property
    def shows(self) -> Understood:
        """The landmarks of the face, what is worn, and where person and hair are, in pixels of `FACE_PX`."""
        return understood(images.resize(self.image, FACE_PX, "stretch"))


def understand(
    picture: str | Path | np.ndarray,
    facts: Facts,
    *,
    points: np.ndarray | Sequence | None = None,
    clean: str = "auto",
    align: bool | None = None,
    face: Which = None,
) -> Drawing:
    """A picture, a path, or uint8 (H, W, 3), as the model with these facts reads it.

    A map becomes class numbers. A drawing is cleaned and laid out, a photo is aligned, unless the model takes pictures
    as they are (`align` decides where it is given). points, clean, face: as in `prepare`. Raises what `prepare`,
    `faces.align` and `masks.labels_of` raise.
    """
    if not isinstance(picture, np.ndarray):
        picture = masks.load(picture) if facts.reads == "map" else images.load_rgb(picture)
    if facts.reads == "map":
        labels = masks.labels_of(picture)
        return Drawing(labels, masks.colour(labels))
    if not (bool(facts.layout) or points is not None if align is None else align):
        return Drawing(picture, picture)
    if facts.reads == "photo":
        found, notes = find_any(picture, drawing=False, points=points, face=face)
        matrix = faces.alignment(found.landmarks, facts.size_px)
        advice = domain.advice(picture, "photo")
        warnings = (*([advice] if advice else []), *notes)
        return Drawing(faces.align(picture, found, facts.size_px), picture, matrix, found, warnings=warnings)
    drawing = prepare(picture, size_px=facts.size_px, points=points, clean=clean, face=face)
    if facts.layout == "drawn":
        return replace(drawing, image=laid(drawing.paper, drawing.face.landmarks, "drawn", PAPER_PX))
    return drawing


def prepare(
    drawing: np.ndarray,
    *,
    size_px: int = 256,
    points: np.ndarray | Sequence | None = None,
    clean: str = "auto",
    face: Which = None,
) -> Drawing:
    """Clean a drawing's paper, find the face, cut it out as the models know it.

    points: hand-given eyes and mouth in pixels of the drawing as it is (see `faces.find_face`). clean: "auto"
    (`needs_cleaning`), "always" or "never"; or "whole", which is "auto" without cutting a sheet out. With "auto" and
    "always" a sheet that lies in the picture is cut out, and the remark "cut" says so. Without points the face is
    looked for by YuNet if it can be had, also on its side and on its head, then by scikit-image's cascade, and is then
    taken to fill the picture, with a warning. face: which one is meant where there are several, "left", "right", the
    number from the left, 1 for the first; None: the largest, of equally large ones the most central; the remark "faces"
    says how many there are. Raises ValueError for other arrays, for less than 16 pixels, and for points that are not
    numbers, FaceError for points that are no face or lie outside of the picture, and for a face that is not there.
    """
    points, which = _checked(drawing, points, clean, face)
    sheet = _sheet(drawing, points) if clean in ("auto", "always") else None
    if sheet is None:
        corners, paper, seen = None, drawing, domain.verdict(drawing)
    else:
        corners, paper, seen = sheet
        points = points if points is None else _on_sheet(points, corners)
    even = in_even_light(paper, seen) if clean != "never" else None
    paper, warnings = _cleaned(paper, seen, even, clean)
    paper, found, about_face = upright_face(paper, points, which)
    matrix = faces.alignment(found.landmarks, size_px)
    image = faces.warp(paper, matrix, size_px, border="paper")
    if image.min() > LINES_BELOW >= paper.min():
        warnings.append(Remark("empty"))
    if corners is not None:
        about_face = [_cut(drawing, corners), *about_face]
    verdict = seen if even is None else even[1]
    return Drawing(image, paper, matrix, found, verdict, (*warnings, *about_face), corners)


def _checked(
    drawing: np.ndarray, points: np.ndarray | Sequence | None, clean: str, face: Which
) -> tuple[np.ndarray | None, Which]:
    """The points and which face is meant. Raises what `prepare` raises for what cannot be."""
    if drawing.dtype != np.uint8 or drawing.ndim != 3 or drawing.shape[2] != 3:
        raise ValueError(f"a drawing must be uint8 (H, W, 3), got {drawing.dtype} {drawing.shape}")
    height, width = drawing.shape[:2]
    if min(height, width) < LEAST_PX:
        raise ValueError(f"the drawing is {width} x {height} pixels: {LEAST_PX} are needed each way, 256 are better")
    if clean not in CLEAN:
        raise ValueError(f"clean must be one of {', '.join(CLEAN)}, got {clean!r}")
    if points is not None:
        points = np.asarray(points, dtype=np.float64)
        points_inside(points, drawing.shape)  # says what is wrong before anything is cut or turned
    return points, checked(face)


def laid(paper: np.ndarray, landmarks: np.ndarray, layout: str, size_px: int) -> np.ndarray:
    """A drawing with its face where a model of this layout expects it: uint8 (H, W, 3) → (size_px, size_px, 3)."""
    target = LAYOUTS[layout] * size_px - 0.5
    return faces.warp(paper, faces.similarity(landmarks, target, faces.FIT_WEIGHTS), size_px, border="paper")


def needs_cleaning(drawing: np.ndarray, unevenness: float | None = None) -> bool:
    """Whether this is photographed or scanned paper, not white or not even: uint8 (H, W, 3).

    unevenness: as `cleanup.flatten_paper` measures it, where that is known.
    """
    paper = float(np.percentile(drawing.mean(axis=2), 80))
    if paper < WHITE_PAPER:
        return True
    return (cleanup.flatten_paper(drawing)[1] if unevenness is None else unevenness) > EVEN_PAPER


def _cleaned(
    paper: np.ndarray, seen: domain.Verdict, even: tuple[np.ndarray, domain.Verdict] | None, clean: str
) -> tuple[np.ndarray, list[Remark]]:
    """The paper, cleaned where that is wished and leaves something of it, and what is to be said about it.

    even: as `in_even_light`; None also for clean "never".
    """
    kind = seen.kind
    warnings = [] if kind == "drawing" else [Remark("shadow" if even else kind)]
    is_paper = even or kind in ("drawing", "faint", "coloured")  # of a photo or a negative nothing would be left
    if clean == "never" or (clean != "always" and not is_paper):
        return paper, warnings
    if even:
        flat, unevenness = even[0], None
    else:
        flat, unevenness = cleanup.flatten_paper(paper, shadows="hard" if kind == "photo" else "soft")
    if clean != "always" and not (even or kind == "faint" or needs_cleaning(paper, unevenness)):
        return paper, warnings
    lines = cleanup.clear_rim(cleanup.stretch_contrast(flat))
    has_lines = lines.min() <= LINES_BELOW
    if kind == "faint":
        warnings = [Remark("strengthened" if has_lines else "no-lines")]
    elif not has_lines:
        return paper, [*warnings, Remark("not-cleaned")]
    return np.repeat(lines[..., None], 3, axis=2), warnings


def in_even_light(picture: np.ndarray, seen: domain.Verdict) -> tuple[np.ndarray, domain.Verdict] | None:
    """A drawing in a shadow with edges, or on a table nearly as light as its paper, when its light is evened out
    (`cleanup.flatten_paper` with hard shadows), uint8 (H, W), and the verdict on that; None for what is no such
    drawing.

    picture: uint8 (H, W, 3). seen: the verdict on it as it is; photo, as a rule.
    """
    if seen.kind != "photo" or seen.coloured >= SHADOWED_COLOURED_BELOW or seen.photo > domain.SURE:
        return None
    flat = cleanup.flatten_paper(picture, shadows="hard")[0]
    verdict = domain.verdict(np.repeat(flat[..., None], 3, axis=2))
    has_no_tones = verdict.tones < SHADOWED_TONES_BELOW and verdict.white >= SHADOWED_WHITE_FROM
    return (flat, verdict) if verdict.kind == "drawing" and has_no_tones else None


def _sheet(drawing: np.ndarray, points: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, domain.Verdict] | None:
    """The corners of the sheet of paper in the picture, the sheet cut out, and the verdict on it; None where there is
    none, where what looked like one bears no drawing, and where it would cut a face or leave a point out.
    """
    corners = cleanup.find_sheet(drawing)
    if corners is None:
        return None
    sheet = cleanup.straighten(drawing, corners)
    if min(sheet.shape[:2]) < SHEET_PX:
        return None
    verdict = domain.verdict(sheet)
    if verdict.kind not in ("drawing", "faint", "coloured"):
        return None
    if points is not None:
        on_it = _on_sheet(points, corners)
        is_whole = bool(((on_it >= 0) & (on_it < sheet.shape[1::-1])).all())
    else:
        is_whole = _face_inside(drawing, corners) >= FACE_INSIDE
    return (corners, sheet, verdict) if is_whole else None


def _on_sheet(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Points of the picture, (N, 2), on the sheet that is cut out of it."""
    import cv2

    return cv2.perspectiveTransform(points[None], cleanup.sheet_matrix(corners)[0])[0]


def _face_inside(drawing: np.ndarray, corners: np.ndarray) -> float:
    """How much of the surest face lies within these corners; 1 where none is found."""
    import cv2

    found = [] if detector_problem() else faces.detect(drawing)
    if not found:
        return 1.0
    box = max(found, key=lambda face: face.score).box
    return cv2.intersectConvexConvex(_corners_of(box), corners.astype(np.float32))[0] / (box[2] * box[3])


def _corners_of(box: Sequence[float]) -> np.ndarray:
    """The corners of a box, (left, top, width, height): float32 (4, 2)."""
    left, top, width, height = box
    return np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]], np.float32)


def _cut(drawing: np.ndarray, corners: np.ndarray) -> Remark:
    """What is to be said about a sheet that was cut out."""
    x, y = corners.T
    area = 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))
    shares = np.clip((corners + 0.5) / drawing.shape[1::-1], 0, 1).round(4).tolist()
    percent = round(100 * (1 - area / (drawing.shape[0] * drawing.shape[1])))
    return Remark("cut", {"percent": percent, "corners": shares})


def example(name: str) -> np.ndarray:
    """One of the drawings that come with the project, uint8 (510, 420, 3): strokes in code, no training has seen them.

    Raises ValueError for a name that is not in `EXAMPLES`.
    """
    if name not in EXAMPLES:
        raise ValueError(f"there is no example {name!r}: the names are {', '.join(EXAMPLES)}")
    return images.load_rgb(Path(__file__).with_name("examples") / f"{name}.png")


def framed(made: np.ndarray, prepared: Drawing, frame: str = "square") -> np.ndarray:
    """What a model made, uint8 (S, S, 3): as it is ("square"), or laid back onto the drawing ("paper"), there without
    the wall behind the person ("person"). Raises ValueError for other frames.
    """
    if frame not in FRAMES:
        raise ValueError(f"frame must be one of {', '.join(FRAMES)}, got {frame!r}")
    return made if frame == "square" else onto_paper(made, prepared, person=frame == "person")


def onto_paper(made: np.ndarray, prepared: Drawing, *, feather: float = 0.04, person: bool = False) -> np.ndarray:
    """Lay what a model made back where the face is on the paper: uint8 (S, S, 3) → uint8 like `prepared.paper`.

    feather: width of the soft rim, a share of the image's side. person: leave the wall behind the person out
    (`background.person_mask`); what is taken for wall by mistake, such as loose curls, stays as it was drawn.
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
    laid = cv2.warpAffine(made, back, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return images.rounded(laid * share + prepared.paper * (1 - share))
