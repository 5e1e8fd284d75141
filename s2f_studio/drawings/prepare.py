"""From any drawing to what the models know: cleaned paper, an aligned face, and remarks; and back onto the paper.

`prepare` does it all. A drawing is uint8 (H, W, 3), of any size and aspect ratio; points are as in `faces`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from s2f_studio.drawings import background, cleanup, domain
from s2f_utils.pictures import faces, images
from s2f_utils.pictures.remarks import Remark

CLEAN = ("auto", "always", "never", "whole")
FRAMES = ("square", "paper", "person")
EXAMPLES = (
    "long-hair", "plain-man", "glasses", "old-man", "curls", "beard", "child", "hat", "turned", "few-lines",
)  # fmt: skip
RATHER_SURE = 0.85  # as it lies; a turned drawing that is surer is known at the first look
SURER = 0.05  # by so much a turned drawing's score must be higher; turned, the ten examples score lower by 0.09 or more
EVEN_PAPER, WHITE_PAPER = 1.1, 240  # drawings on paper that is as even and as white as this are clean already
FACE_INSIDE = 0.9  # of a face lies on its sheet; of faces on sheets that were photographed, .999 and more
LINES_BELOW = 200  # grey levels; what is lighter on cleaned paper is no line
INK_BELOW = 60  # grey levels below the paper
# Evened out as if it lay in a hard shadow, a drawing has no tones left and white paper, and was not coloured before;
# photos have colours, and grey ones have tones left.
SHADOWED_TONES_BELOW, SHADOWED_WHITE_FROM, SHADOWED_COLOURED_BELOW = 0.0015, 0.6, 0.2


@dataclass(frozen=True)
class Prepared:
    """A drawing that is ready for a model.

    image: uint8 (S, S, 3), what the model sees. paper: uint8 (H, W, 3), the drawing after clean-up, upright. matrix:
    float64 (2, 3), from the paper's pixels to the image's. face: as it was found on the paper. verdict: of
    `domain.verdict` on the paper before that, in even light. warnings: for the person, most important first; empty when
    all is well. corners: of the sheet that was cut out, float64 (4, 2), pixels of the drawing as it was given,
    clockwise from the top left; None where nothing was.
    """

    image: np.ndarray
    paper: np.ndarray
    matrix: np.ndarray
    face: faces.Face
    verdict: domain.Verdict
    warnings: tuple[Remark, ...]
    corners: np.ndarray | None = None


def example(name: str) -> np.ndarray:
    """One of the drawings that come with the project, uint8 (510, 420, 3): strokes in code, no training has seen them.

    Raises ValueError for a name that is not in `EXAMPLES`.
    """
    if name not in EXAMPLES:
        raise ValueError(f"there is no example {name!r}: the names are {', '.join(EXAMPLES)}")
    return images.load_rgb(Path(__file__).with_name("examples") / f"{name}.png")


def needs_cleaning(drawing: np.ndarray) -> bool:
    """Whether this is photographed or scanned paper, not white or not even: uint8 (H, W, 3)."""
    paper = float(np.percentile(drawing.mean(axis=2), 80))
    return paper < WHITE_PAPER or cleanup.flatten_paper(drawing)[1] > EVEN_PAPER


def prepare(
    drawing: np.ndarray,
    *,
    size_px: int = 256,
    points: np.ndarray | Sequence | None = None,
    clean: str = "auto",
    face: faces.Which = None,
) -> Prepared:
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
        faces.check_inside(points, drawing.shape)
    which = faces.checked(face)
    corners = _sheet(drawing, points) if clean in ("auto", "always") else None
    paper = drawing if corners is None else cleanup.straighten(drawing, corners)
    points = points if points is None or corners is None else _on_sheet(points, corners)
    seen = domain.verdict(paper)
    evened = verdict_in_even_light(paper, seen) if clean != "never" else None
    paper, warnings = _cleaned(paper, seen, evened, clean)
    paper, found, about_face = _face_on(paper, points, which)
    matrix = faces.alignment(found.landmarks, size_px)
    image = faces.warp(paper, matrix, size_px, border="paper")
    if image.min() > LINES_BELOW >= paper.min():
        warnings.append(Remark("empty"))
    if corners is not None:
        about_face = [_cut(drawing, corners), *about_face]
    return Prepared(image, paper, matrix, found, evened or seen, (*warnings, *about_face), corners)


def _cleaned(
    paper: np.ndarray, seen: domain.Verdict, evened: domain.Verdict | None, clean: str
) -> tuple[np.ndarray, list[Remark]]:
    """The paper, cleaned where that is wished and leaves something of it, and what is to be said about it."""
    kind = seen.kind
    warnings = [] if kind == "drawing" else [Remark("shadow" if evened else kind)]
    is_paper = evened or kind in ("drawing", "faint", "coloured")  # of a photo or a negative nothing would be left
    dirty = evened or kind == "faint" or needs_cleaning(paper)
    if not (clean == "always" or (clean in ("auto", "whole") and is_paper and dirty)):
        return paper, warnings
    cleaned = cleanup.clean(paper, sheet=False, shadows="hard" if kind == "photo" else "soft").image
    has_lines = cleaned.min() <= LINES_BELOW
    if kind == "faint":
        warnings = [Remark("strengthened" if has_lines else "no-lines")]
    elif not has_lines:
        return paper, [*warnings, Remark("not-cleaned")]
    return np.repeat(cleaned[..., None], 3, axis=2), warnings


def verdict_in_even_light(picture: np.ndarray, seen: domain.Verdict) -> domain.Verdict | None:
    """The verdict on a drawing in a shadow with edges, or on a table nearly as light as its paper, when its light is
    evened out (`cleanup.flatten_paper` with hard shadows); None for what is no such drawing.

    picture: uint8 (H, W, 3). seen: the verdict on it as it is; photo, as a rule.
    """
    if seen.kind != "photo" or seen.coloured >= SHADOWED_COLOURED_BELOW or seen.photo > domain.SURE:
        return None
    even = cleanup.flatten_paper(picture, shadows="hard")[0]
    verdict = domain.verdict(np.repeat(even[..., None], 3, axis=2))
    has_no_tones = verdict.tones < SHADOWED_TONES_BELOW and verdict.white >= SHADOWED_WHITE_FROM
    return verdict if verdict.kind == "drawing" and has_no_tones else None


def _sheet(drawing: np.ndarray, points: np.ndarray | None) -> np.ndarray | None:
    """The corners of the sheet of paper in the picture; None where there is none, where what looked like one bears no
    drawing, and where it would cut a face or leave a point out.
    """
    corners = cleanup.find_sheet(drawing)
    if corners is None:
        return None
    sheet = cleanup.straighten(drawing, corners)
    bears_drawing = min(sheet.shape[:2]) >= 64 and domain.verdict(sheet).kind in ("drawing", "faint", "coloured")
    if points is not None:
        on_it = _on_sheet(points, corners)
        is_whole = bool(((on_it >= 0) & (on_it < sheet.shape[1::-1])).all())
    else:
        is_whole = bears_drawing and _face_inside(drawing, corners) >= FACE_INSIDE
    return corners if bears_drawing and is_whole else None


def _on_sheet(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Points of the picture, (N, 2), on the sheet that is cut out of it."""
    import cv2

    return cv2.perspectiveTransform(points[None], cleanup.sheet_matrix(corners)[0])[0]


def _face_inside(drawing: np.ndarray, corners: np.ndarray) -> float:
    """How much of the surest face lies within these corners; 1 where none is found."""
    import cv2

    found = [] if _detector_problem() else faces.detect(drawing)
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
    problem, which = _detector_problem(), faces.checked(face)
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


def _detector_problem() -> str:
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


def _face_on(
    paper: np.ndarray, points: np.ndarray | None, which: faces.Which
) -> tuple[np.ndarray, faces.Face, list[Remark]]:
    """The paper, turned if need be, the face on it, and what to tell the person about it."""
    if points is not None:
        return paper, *find_any(paper, points=points)
    problem, quarters, turned = _detector_problem(), 0, paper
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


def framed(made: np.ndarray, prepared: Prepared, frame: str = "square") -> np.ndarray:
    """What a model made, uint8 (S, S, 3): as it is ("square"), or laid back onto the drawing ("paper"), there without
    the wall behind the person ("person"). Raises ValueError for other frames.
    """
    if frame not in FRAMES:
        raise ValueError(f"frame must be one of {', '.join(FRAMES)}, got {frame!r}")
    return made if frame == "square" else onto_paper(made, prepared, person=frame == "person")


def onto_paper(made: np.ndarray, prepared: Prepared, *, feather: float = 0.04, person: bool = False) -> np.ndarray:
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
