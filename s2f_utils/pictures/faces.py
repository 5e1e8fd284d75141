"""Faces in pictures: find one, turn it upright, cut it out as a square, all faces at the same place.

Detector → five landmarks → similarity transform (turn, scale, shift; nothing is squeezed) → square crop. Points are
(x, y) in pixels, x to the right, y downwards, (0, 0) the centre of the first pixel; the five landmarks are the eye on
the picture's left, the eye on its right, the tip of the nose, and the mouth's corners, left and right.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from s2f_utils import weights

# Mean landmarks of aligned FFHQ faces, as shares of the crop's side: the 512 px template that GFPGAN uses.
TEMPLATE = (
    np.array([[192.98, 239.95], [318.90, 240.19], [256.63, 314.01], [201.26, 371.41], [313.08, 371.15]]) + 0.5
) / 512
# The same landmarks in the box of scikit-image's frontal-face cascade, as shares of its side: means over portraits in
# which YuNet and the cascade both found the face, made symmetrical; their standard deviation is about 0.03.
IN_CASCADE_BOX = np.array([[0.305, 0.388], [0.695, 0.388], [0.500, 0.613], [0.332, 0.778], [0.668, 0.778]])
# How much each landmark counts in the fit: the nose moves most when a head turns.
FIT_WEIGHTS = np.array([1.0, 1.0, 0.25, 0.5, 0.5])

METHODS = ("similarity", "ffhq")
FALLBACKS = ("none", "cascade", "centre")
DETECTORS = ("yunet", "none")
PHOTO_SCORE, DRAWING_SCORE = 0.6, 0.9
DRAWING_BLURS = (0.008, 0.016)  # sigma as a share of the longer side
TRUSTED_IN_DRAWINGS = 0.8  # of faces in drawings that score less, three in five are not where they seem to be
LOWEST_SCORE, SURE_SCORE = 0.3, 0.92  # upright faces of photos have 0.93 and more, turned ones 0.91 and less
REFINE_PX = 256
MIN_FACE_SHARE = 0.06  # narrower faces, as a share of the picture's shorter side, are people in the background


class FaceError(ValueError):
    """No face could be found or used; the message says what was tried and what to do."""


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    landmarks: float64 (5, 2), pixels. box: (left, top, width, height), pixels. score: the detector's, in [0, 1], 1 for
    given points, 0 for a guess. method: "yunet", "points", "cascade" or "centre". turn: the degrees, counterclockwise,
    0, 90, 180 or 270, after which the detector knew the face: 0 for a picture that stands upright.
    """

    landmarks: np.ndarray
    box: tuple[float, float, float, float]
    score: float
    method: str
    turn: int = 0

    @property
    def eye_distance(self) -> float:
        """Between the eyes, in pixels."""
        return float(np.hypot(*(self.landmarks[1] - self.landmarks[0])))


def detector_problem(*, timeout_s: float = 30.0, attempts: int = 3) -> str:
    """Why YuNet cannot be used here; "" when it can. It is fetched if it is not on this machine, as `weights.get` does
    it.
    """
    try:
        weights.get("yunet", timeout_s=timeout_s, attempts=attempts)
    except weights.WeightsError as error:
        return str(error)
    return ""


@functools.lru_cache(maxsize=32)
def _detector(places: tuple[Path, ...], process: int, thread: int):
    """YuNet, one for each process (a forked one must not use its parent's), each thread (it keeps the size of its
    picture between two calls) and the folders of weights.
    """
    import cv2

    if not hasattr(cv2, "FaceDetectorYN"):
        raise FaceError(f"OpenCV {cv2.__version__} has no FaceDetectorYN: install opencv-python-headless 4.10 or later")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # OpenCV 5 warns of its own default target
    try:
        return cv2.FaceDetectorYN.create(str(weights.get("yunet")), "", (320, 320), LOWEST_SCORE, 0.3, 100)
    finally:
        cv2.utils.logging.setLogLevel(level)


def detect(
    image: np.ndarray, *, min_score: float = PHOTO_SCORE, max_side_px: int = 512, min_share: float = MIN_FACE_SHARE
) -> list[Face]:
    """All faces that YuNet finds, the largest first, but for those narrower than `min_share` of the shorter side.

    image: uint8 (H, W, 3) RGB. min_score: in [0.3, 1]. max_side_px: larger pictures are shrunk to this before
    detection, because YuNet was trained on faces of 10 to 300 px; where nothing is found, half and twice the size are
    tried as well. Raises WeightsError when the detector's file is not here and cannot be fetched.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image must be uint8 (H, W, 3), got {image.dtype} {image.shape}")
    if not LOWEST_SCORE <= min_score <= 1.0:
        raise ValueError(f"min_score must be in [{LOWEST_SCORE}, 1], got {min_score}")
    longest = max(image.shape[:2])
    for side in (max_side_px, max_side_px // 2, 2 * max_side_px):
        if side != max_side_px and longest <= min(side, max_side_px):
            continue  # enlarging shows nothing new
        found = _detect_at(image, min(1.0, side / longest), min_share)
        faces = [face for face in found if face.score >= min_score]
        if faces:
            return sorted(faces, key=lambda face: -face.box[2] * face.box[3])
    return []


def _detect_at(image: np.ndarray, scale: float, min_share: float) -> list[Face]:
    import cv2

    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    small = image if scale == 1.0 else np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))
    if min(height, width) < 16:
        return []
    detector = _detector(weights.places(), os.getpid(), threading.get_ident())
    detector.setInputSize((width, height))
    _, rows = detector.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    back = np.array([image.shape[1] / width, image.shape[0] / height])
    faces = []
    for row in rows if rows is not None else ():
        points = (row[4:14].reshape(5, 2).astype(np.float64) + 0.5) * back - 0.5
        left, top = row[:2] * back
        face = Face(points, (left, top, row[2] * back[0], row[3] * back[1]), float(row[14]), "yunet")
        if is_plausible(points) and face.box[2] >= min_share * min(image.shape[:2]):
            faces.append(face)
    return faces


def detect_turned(image: np.ndarray) -> Face | None:
    """The face of a photo that may lie on its side or stand on its head.

    The largest upright face, if the detector is sure of one (0.92). Else a turned one, if it is sure of that, and surer
    by 0.03 than of the upright one: it was trained on upright faces, half knows the others, and sees faces in profiles
    that are turned. Else the surest upright one, if any. Landmarks are those of the picture as it is.
    """
    upright = detect(image)
    if upright and max(face.score for face in upright) >= SURE_SCORE:
        return upright[0]
    best = max(upright, key=lambda face: face.score, default=None)
    beat = max(SURE_SCORE, best.score + 0.03 if best else 0.0)
    for face in _turned(image):
        if face.score > beat:
            best, beat = face, face.score
    return best


def _turned(image: np.ndarray, **options: float) -> list[Face]:
    """The faces that the detector is sure of in a picture that is turned by 90, 180 and 270 degrees."""
    found, (height, width) = [], image.shape[:2]
    for quarter in (1, 2, 3):
        turned = np.ascontiguousarray(np.rot90(image, quarter))
        for face in detect(turned, min_score=SURE_SCORE, **options):
            x, y = face.landmarks.T
            x, y = {1: (width - 1 - y, x), 2: (width - 1 - x, height - 1 - y), 3: (y, height - 1 - x)}[quarter]
            points = np.stack([x, y], axis=1)
            found.append(Face(points, _box_around(points), face.score, "yunet", 90 * quarter))
    return found


def detect_all(image: np.ndarray, *, max_side_px: int = 1280, min_share: float = 0.01) -> list[Face]:
    """Every face of a photo, the largest first, whichever way each is turned; landmarks found twice, as `find_face`.

    image: uint8 (H, W, 3). max_side_px: as in `detect`. A turned face counts where the detector is surer of it than of
    an upright one at its place, as in `detect_turned`. Raises WeightsError when the detector is not to be had.
    """
    options = {"max_side_px": max_side_px, "min_share": min_share}
    upright, longest = [], max(image.shape[:2])
    sides = (max_side_px, max_side_px // 2, max_side_px // 4)  # YuNet knows faces of 10 to 300 px
    for scale in dict.fromkeys(min(1.0, side / longest) for side in sides):
        found = _detect_at(image, scale, min_share)
        upright += [face for face in found if face.score >= PHOTO_SCORE]
    claims = [(face.score + 0.03, face) for face in upright]
    if not upright or min(face.score for face in upright) < SURE_SCORE:
        claims += [(face.score, face) for face in _turned(image, **options)]
    kept: list[Face] = []
    for _, face in sorted(claims, key=lambda claim: -claim[0]):
        middle = face.landmarks.mean(axis=0)
        apart = (np.hypot(*(middle - other.landmarks.mean(axis=0))) for other in kept)
        if all(far > 1.5 * max(face.eye_distance, other.eye_distance) for far, other in zip(apart, kept, strict=True)):
            kept.append(face)
    return [_refined(image, face, False) for face in sorted(kept, key=lambda face: -face.box[2] * face.box[3])]


def detect_drawn(image: np.ndarray, *, looks: int = 6) -> Face | None:
    """The face of a drawing: the detector knows photos, so it is asked again with lower demands.

    Where the plain drawing gives no score of 0.9, it is looked at in six ways, its lines softened to tones twice and
    each mirrored, down to a score of 0.3, and the landmarks are the median of the answers that agree with the surest.
    On contour drawings that lowers the share of misplaced landmarks. looks: 1 takes the plain drawing's answer.
    """
    import cv2

    plain = detect(image, min_score=LOWEST_SCORE)
    surest = max(plain, key=lambda face: face.score, default=None)
    if looks == 1 or (surest and surest.score >= DRAWING_SCORE):
        return surest
    answers = list(plain)
    for sigma in (0.0, *DRAWING_BLURS):
        soft = cv2.GaussianBlur(image, (0, 0), sigma * max(image.shape[:2])) if sigma else image
        answers += detect(soft, min_score=LOWEST_SCORE) if sigma else []
        for face in detect(np.ascontiguousarray(soft[:, ::-1]), min_score=LOWEST_SCORE):
            points = (face.landmarks * [-1, 1] + [image.shape[1] - 1, 0])[[1, 0, 2, 4, 3]]
            answers.append(Face(points, _box_around(points), face.score, "yunet"))
    if not answers:
        return None
    best = max(answers, key=lambda face: face.score)
    middle = best.landmarks.mean(axis=0)
    agree = [f.landmarks for f in answers if np.abs(f.landmarks.mean(axis=0) - middle).max() < 0.5 * best.eye_distance]
    points = np.median(agree, axis=0)
    return Face(points, _box_around(points), best.score, "yunet") if is_plausible(points) else best


def is_plausible(landmarks: np.ndarray) -> bool:
    """Whether five points can be an upright face, tilted by less than 60°: what detectors get wrong on drawings."""
    left_eye, right_eye, nose, left_mouth, right_mouth = landmarks
    across, down = right_eye - left_eye, (left_mouth + right_mouth - left_eye - right_eye) / 2
    eyes, height = np.hypot(*across), np.hypot(*down)
    if eyes < 2 or height < 2 or abs(np.degrees(np.arctan2(across[1], across[0]))) > 60:
        return False
    upright = (across[0] * down[1] - across[1] * down[0]) / (eyes * height)  # sine of the angle between both
    nose_at = np.dot(nose - (left_eye + right_eye) / 2, down) / height**2
    return bool(upright > 0.7 and 0.5 < height / eyes < 4.5 and 0.1 < nose_at < 1.0)


def find_face(
    image: np.ndarray,
    *,
    drawing: bool = False,
    points: np.ndarray | Sequence | None = None,
    fallback: str = "none",
    detector: str = "yunet",
    detected: Face | None = None,
) -> Face:
    """The one face of a portrait or a drawing.

    image: uint8 (H, W, 3) RGB. drawing: as `detect_drawn`, else as `detect_turned`. points: hand-given landmarks
    instead of a detector, (3, 2) the eyes and the mouth's middle, (4, 2) the eyes and the mouth's corners, or (5, 2)
    all; pixels. fallback: what to do when no face is found: "none" (an error), "cascade" (scikit-image's frontal-face
    cascade, a box only, and the centre where that fails), or "centre" (the face is taken to fill the picture as in
    FFHQ). detector: "yunet", or "none" to go to the points or the fallback at once, where YuNet cannot be had
    (`detector_problem`). detected: what `detect_drawn` or `detect_turned` gave for this picture, where that is known.
    Look at `method` and `score` of the result.

    Raises FaceError when nothing is found, WeightsError when YuNet is asked for and cannot be had, ValueError for other
    shapes.
    """
    if detector not in DETECTORS:
        raise ValueError(f"detector must be one of {', '.join(DETECTORS)}, got {detector!r}")
    if fallback not in FALLBACKS:
        raise ValueError(f"fallback must be one of {', '.join(FALLBACKS)}, got {fallback!r}")
    if points is not None:
        return face_from_points(points)
    if detector == "yunet" and (face := detected or (detect_drawn(image) if drawing else detect_turned(image))):
        return _refined(image, face, drawing)
    if fallback == "cascade" and (face := _cascade(image)):
        return face
    if fallback in ("cascade", "centre"):
        return centre_face(image.shape[:2])
    score = LOWEST_SCORE if drawing else PHOTO_SCORE
    tried = "without a detector" if detector == "none" else f"YuNet down to a score of {score}"
    raise FaceError(f"no face found ({tried}): give the eyes and the mouth by hand, or choose a fallback")


def _refined(image: np.ndarray, face: Face, drawing: bool) -> Face:
    """The same face with its landmarks found once more, in its upright crop, where all faces are of one size: aligned
    by them, the eyes of portraits lie closer together (a standard deviation of 1.1 % of the width, 1.3 % without).
    """
    matrix = alignment(face.landmarks, REFINE_PX, zoom=0.9)
    crop = warp(image, matrix, REFINE_PX, border="paper" if drawing else "reflect")
    again = detect_drawn(crop) if drawing else next(iter(detect(crop)), None)
    if again is None or again.score < face.score - 0.05:
        return face
    points = transform(again.landmarks, inverse(matrix))
    if not drawing and np.hypot(*(points.mean(axis=0) - face.landmarks.mean(axis=0))) > 0.5 * face.eye_distance:
        return face  # a larger one beside it
    return Face(points, face.box, max(face.score, again.score), face.method, face.turn)


def check_inside(points: np.ndarray | Sequence, shape: tuple[int, ...]) -> None:
    """Raise FaceError where hand-given points (N, 2) lie outside of a picture of this shape (H, W, …)."""
    points, (height, width) = np.asarray(points, dtype=np.float64), shape[:2]
    if (points < -0.5).any() or (points > [width - 0.5, height - 0.5]).any():
        raise FaceError(f"the points lie outside of the picture, which is {width} x {height} pixels")


def face_from_points(points: np.ndarray | Sequence) -> Face:
    """A face from hand-given points, as in `find_face`; what is missing is placed as in the mean face."""
    given = np.asarray(points, dtype=np.float64)
    if given.shape not in ((3, 2), (4, 2), (5, 2)):
        raise ValueError(f"points must be (3, 2), (4, 2) or (5, 2) numbers: eyes, mouth; got {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError("points must be finite numbers, but one is NaN or infinite")
    used = {3: [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0.5, 0.5]], 4: np.eye(5)[[0, 1, 3, 4]], 5: np.eye(5)}
    selection = np.asarray(used[len(given)], dtype=np.float64)
    matrix = similarity(selection @ TEMPLATE, given)
    landmarks = given if len(given) == 5 else transform(TEMPLATE, matrix)
    if len(given) != 5:
        landmarks[:2] = given[:2]
    if len(given) == 4:
        landmarks[3:] = given[2:]
    across = landmarks[1] - landmarks[0]  # hand-given, any tilt is meant
    level = np.array([[across[0], -across[1]], [across[1], across[0]]]) / max(float(np.hypot(*across)), 1e-9)
    if not is_plausible(landmarks @ level):
        raise FaceError(
            "the points are not a face: the order is the eye on the left, as the upright face shows it, the eye on the"
            " right, the mouth (x, y in pixels)"
        )
    return Face(landmarks, _box_around(landmarks), 1.0, "points")


def _cascade(image: np.ndarray) -> Face | None:
    """The largest box of scikit-image's LBP frontal-face cascade, with the landmarks where they are on average."""
    from skimage.color import rgb2gray

    scale = min(1.0, 256 / max(image.shape[:2]))
    size = tuple(max(24, round(side * scale)) for side in (image.shape[1], image.shape[0]))
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
    smallest = max(24, round(0.12 * min(small.shape[:2])))
    boxes = _cascade_detector().detect_multi_scale(
        img=rgb2gray(small),
        scale_factor=1.1,
        step_ratio=1,
        min_size=(smallest,) * 2,
        max_size=(min(small.shape[:2]),) * 2,
    )
    if not boxes:
        return None
    box = max(boxes, key=lambda found: found["width"])
    corner, side = np.array([box["c"], box["r"]]), np.array([box["width"], box["height"]])
    back = np.array([image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]])
    landmarks = (corner + IN_CASCADE_BOX * side) * back - 0.5
    return Face(landmarks, (*(corner * back), *(side * back)), 0.0, "cascade")


@functools.lru_cache(maxsize=1)
def _cascade_detector() -> Any:
    """scikit-image's cascade, read once; it keeps nothing of a picture, so that threads share it."""
    from skimage import data
    from skimage.feature import Cascade

    return Cascade(data.lbp_frontal_face_cascade_filename())


def centre_face(shape: tuple[int, int]) -> Face:
    """A face taken to fill the middle of a picture of (height, width) as an FFHQ face fills its crop."""
    height, width = shape
    side = min(height, width)
    landmarks = TEMPLATE * side + np.array([(width - side) / 2, (height - side) / 2]) - 0.5
    return Face(landmarks, _box_around(landmarks), 0.0, "centre")


def _box_around(landmarks: np.ndarray) -> tuple[float, float, float, float]:
    """A box as a detector would put it around these landmarks."""
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    side = 2.0 * max(np.hypot(*(landmarks[1] - landmarks[0])), 0.9 * np.hypot(*(mouth - eyes)))
    x, y = (eyes + mouth) / 2
    return (x - side / 2, y - 0.6 * side, side, 1.25 * side)


def similarity(source: np.ndarray, target: np.ndarray, point_weights: np.ndarray | None = None) -> np.ndarray:
    """The similarity transform that brings `source` closest to `target`, least squares (Umeyama 1991; no mirroring).

    source, target: (N, 2), N ≥ 2. point_weights: (N,), how much each point counts. Returns float64 (2, 3), to be
    multiplied with (x, y, 1).
    """
    a, b = (points[:, 0] + 1j * points[:, 1] for points in (np.asarray(source, float), np.asarray(target, float)))
    share = np.ones(len(a)) if point_weights is None else np.asarray(point_weights, float)
    share = share / share.sum()
    mean_a, mean_b = share @ a, share @ b
    spread = share @ np.abs(a - mean_a) ** 2
    if spread == 0:
        raise FaceError("the landmarks lie on one point")
    turn = (share * np.conj(a - mean_a)) @ (b - mean_b) / spread  # scale · e^{iθ}: in the plane, Umeyama's is this
    shift = mean_b - turn * mean_a
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def transform(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply a (2, 3) matrix to (N, 2) points."""
    return np.asarray(points, float) @ matrix[:, :2].T + matrix[:, 2]


def inverse(matrix: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix that undoes a (2, 3) matrix."""
    back = np.linalg.inv(matrix[:, :2])
    return np.column_stack([back, -back @ matrix[:, 2]])


def alignment(landmarks: np.ndarray, size_px: int, *, method: str = "similarity", zoom: float = 1.0) -> np.ndarray:
    """The (2, 3) matrix from a picture's pixels to those of its aligned crop of `size_px`.

    method: "similarity" fits the five landmarks to `TEMPLATE`; "ffhq" is the published FFHQ rule, an oriented square
    from the eyes and the mouth's middle (Karras et al. 2019, `recreate_aligned_images`), whose scale follows the larger
    of eye distance and face height. zoom: above 1 shows less around the face.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if not zoom > 0:
        raise ValueError(f"zoom must be more than 0, got {zoom}")
    centre = np.array([0.5, 0.5])
    if method == "similarity":
        target = ((TEMPLATE - centre) * zoom + centre) * size_px - 0.5
        return similarity(landmarks, target, FIT_WEIGHTS)
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    across, down = landmarks[1] - landmarks[0], mouth - eyes
    direction = across - np.array([-down[1], down[0]])
    direction = direction / np.hypot(*direction)
    half = max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down)) / zoom
    middle = eyes + 0.1 * down
    side = direction * half
    return similarity(np.array([middle - side, middle + side]), np.array([[0.0, 0.5], [1.0, 0.5]]) * size_px - 0.5)


def warp(image: np.ndarray, matrix: np.ndarray, size_px: int, *, border: str = "reflect") -> np.ndarray:
    """Cut the square out that `matrix` (2, 3) maps a picture's pixels to; uint8 (H, W, 3) → (size_px, size_px, 3).

    A picture that shrinks is low-pass filtered first (Lanczos), so that nothing is aliased. Beyond the picture's edge,
    "reflect" mirrors it and fades into its blurred and then its median colour, as FFHQ's crops do (with a narrower
    blurred rim inside of the picture); "paper" continues the colour of the rim, for drawings.
    """
    import cv2

    if border not in ("reflect", "paper"):
        raise ValueError(f"border must be reflect or paper, got {border!r}")
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    height, width = image.shape[:2]
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    if scale < 0.95 and min(small) >= 8:
        ratio = np.array([width / small[0], height / small[1]])
        image = np.asarray(Image.fromarray(image).resize(small, Image.Resampling.LANCZOS))
        linear = matrix[:, :2] * ratio
        matrix = np.column_stack([linear, matrix[:, :2] @ (0.5 * ratio - 0.5) + matrix[:, 2]])
    mode = {"reflect": cv2.BORDER_REFLECT_101, "paper": cv2.BORDER_CONSTANT}[border]
    paper = np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]), axis=0)
    size = (size_px, size_px)
    crop = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=mode, borderValue=paper.tolist())
    return crop if border == "paper" else _softened(crop, image, matrix)


def _softened(crop: np.ndarray, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Fade what lies beyond the picture's edge into blur and into the picture's median colour."""
    import cv2

    size_px = len(crop)
    back = inverse(matrix)
    axis = np.arange(size_px)
    x, y = (back[n, 0] * axis[None, :] + back[n, 1] * axis[:, None] + back[n, 2] for n in (0, 1))
    side = size_px * np.sqrt(abs(np.linalg.det(back[:, :2])))
    beyond = np.maximum.reduce([-x, x - (image.shape[1] - 1), -y, y - (image.shape[0] - 1)]) / (0.3 * side)
    if beyond.max() <= 0:
        return crop
    blurred = cv2.GaussianBlur(crop, (0, 0), 0.02 * size_px).astype(np.float32)
    median = np.median(image.reshape(-1, 3)[:: max(1, image.size // 30000)], axis=0).astype(np.float32)
    out = crop.astype(np.float32)
    out += (blurred - out) * np.clip(1 + beyond / 0.05, 0, 1)[..., None].astype(np.float32)
    out += (median - out) * np.clip(beyond, 0, 1)[..., None].astype(np.float32)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def warp_labels(labels: np.ndarray, matrix: np.ndarray, size_px: int) -> np.ndarray:
    """Cut a label map as `warp` cuts its photo, by nearest neighbour: uint8 (H, W) → (size_px, size_px), 0 outside."""
    import cv2

    return cv2.warpAffine(labels, matrix, (size_px, size_px), flags=cv2.INTER_NEAREST)


def align(
    image: np.ndarray, face: Face, size_px: int = 256, *, method: str = "similarity", zoom: float = 1.0
) -> np.ndarray:
    """The aligned square crop of a face: `warp` by `alignment`; uint8 (size_px, size_px, 3)."""
    return warp(image, alignment(face.landmarks, size_px, method=method, zoom=zoom), size_px)


def uniform_crop(image: np.ndarray, box: Sequence[float], size_px: int) -> np.ndarray:
    """The same part of every picture, without a detector (project 3): crop, then resize to a square.

    box: (left, top, right, bottom) as shares of width and height, 0 to 1. Returns uint8 (size_px, size_px, 3), bicubic.
    """
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"box must be left, top, right, bottom as shares from 0 to 1, got {tuple(box)}")
    height, width = image.shape[:2]
    rows = slice(min(height - 1, round(top * height)), max(1, round(bottom * height)))
    columns = slice(min(width - 1, round(left * width)), max(1, round(right * width)))
    part = Image.fromarray(np.ascontiguousarray(image[rows, columns]))  # Pillow's own `box` looks beyond its edges
    return np.asarray(part.resize((size_px, size_px), Image.Resampling.BICUBIC))
