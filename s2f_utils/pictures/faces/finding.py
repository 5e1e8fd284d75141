"""Faces in photos and drawings, found: by YuNet with test-time augmentation, by given points, or by
fallbacks.

Points, and the five landmarks, are as in `geometry`.
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
from s2f_utils.pictures.faces.geometry import (
    TEMPLATE,
    FaceError,
    alignment,
    inverse,
    similarity,
    transform,
    warp,
)

PHOTO_SCORE, DRAWING_SCORE = 0.6, 0.9
DRAWING_BLURS = (0.008, 0.016)  # sigma as a share of the longer side
TRUSTED_IN_DRAWINGS = (
    0.8  # of faces in drawings that score less, three in five are not where they seem to be
)
LOWEST_SCORE, SURE_SCORE = (
    0.3,
    0.92,
)  # upright faces of photos have 0.93 and more, turned ones 0.91 and less
REFINE_PX = 256
MIN_FACE_SHARE = (
    0.06  # narrower faces, as a share of the picture's shorter side, are people in the background
)
SIDE_PX = 512  # larger pictures are shrunk to this
ALL_SIDES_PX, LEAST_SHARE = (
    (1280, 640, 320),
    0.01,
)  # where every face is looked for; YuNet knows faces of 10 to 300 px
OVERLAP, MOST = 0.3, 100  # of two boxes of one face; of faces
FALLBACKS = ("none", "cascade", "centre")
DETECTORS = ("yunet", "none")
# The landmarks in the box of scikit-image's frontal-face cascade, as shares of its side: means over
# portraits in which YuNet and the cascade both found the face, made symmetrical; their standard
# deviation is about 0.03.
IN_CASCADE_BOX = np.array(
    [[0.305, 0.388], [0.695, 0.388], [0.500, 0.613], [0.332, 0.778], [0.668, 0.778]]
)


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    landmarks: float64 (5, 2), pixels. box: (left, top, width, height), pixels. score: in [0, 1], 1
    for given points, 0
    for a guess. method: "yunet", "points", "cascade" or "centre". turn: the rotation, in degrees
    counterclockwise, 0, 90, 180 or 270, in which the detector saw it upright.
    """

    landmarks: np.ndarray
    box: tuple[float, float, float, float]
    score: float
    method: str
    turn: int = 0

    @classmethod
    def around(cls, landmarks: np.ndarray, score: float, method: str, turn: int = 0) -> Face:
        """A face with the box that a detector would put around these landmarks."""
        eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
        side = 2.0 * max(np.hypot(*(landmarks[1] - landmarks[0])), 0.9 * np.hypot(*(mouth - eyes)))
        x, y = (eyes + mouth) / 2
        return cls(
            landmarks, (x - side / 2, y - 0.6 * side, side, 1.25 * side), score, method, turn
        )

    @property
    def middle(self) -> np.ndarray:
        """The mean of the landmarks, (x, y) in pixels."""
        return self.landmarks.mean(axis=0)

    @property
    def eye_distance(self) -> float:
        """Between the eyes, in pixels."""
        return float(np.hypot(*(self.landmarks[1] - self.landmarks[0])))


def is_plausible(landmarks: np.ndarray) -> bool:
    """Whether five points can be an upright face, tilted by less than 60°."""
    left_eye, right_eye, nose, left_mouth, right_mouth = landmarks
    across, down = right_eye - left_eye, (left_mouth + right_mouth - left_eye - right_eye) / 2
    eyes, height = np.hypot(*across), np.hypot(*down)
    if eyes < 2 or height < 2 or abs(np.degrees(np.arctan2(across[1], across[0]))) > 60:
        return False
    upright = (across[0] * down[1] - across[1] * down[0]) / (
        eyes * height
    )  # sine of the angle between both
    nose_at = np.dot(nose - (left_eye + right_eye) / 2, down) / height**2
    return bool(upright > 0.7 and 0.5 < height / eyes < 4.5 and 0.1 < nose_at < 1.0)


def face_from_points(points: np.ndarray | Sequence) -> Face:
    """A face from points: (3, 2) eyes and the mouth's middle, (4, 2) eyes and the mouth's corners,
    or (5, 2) all five landmarks; missing ones are the mean face's. Raises FaceError where they are
    no face.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.shape not in ((3, 2), (4, 2), (5, 2)) or not np.isfinite(points).all():
        raise ValueError(
            f"points must be (3, 2), (4, 2) or (5, 2) finite numbers: eyes, mouth; got {points.shape}"
        )
    landmarks = points
    if len(points) < 5:
        used = (
            [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0.5, 0.5]]
            if len(points) == 3
            else np.eye(5)[[0, 1, 3, 4]]
        )
        landmarks = transform(TEMPLATE, similarity(used @ TEMPLATE, points))
        landmarks[:2] = points[:2]
        if len(points) == 4:
            landmarks[3:] = points[2:]
    across = landmarks[1] - landmarks[0]  # any tilt is allowed
    level = np.array([[across[0], -across[1]], [across[1], across[0]]]) / max(
        float(np.hypot(*across)), 1e-9
    )
    if not is_plausible(landmarks @ level):
        raise FaceError(
            "the points are not a face: the order is the eye on the left, as the upright face shows it, the eye on the"
            " right, the mouth (x, y in pixels)"
        )
    return Face.around(landmarks, 1.0, "points")


def centre_face(shape: tuple[int, int]) -> Face:
    """A face that fills the middle of a picture of (height, width) as an FFHQ face fills its crop."""
    height, width = shape
    side = min(height, width)
    landmarks = TEMPLATE * side + np.array([(width - side) / 2, (height - side) / 2]) - 0.5
    return Face.around(landmarks, 0.0, "centre")


def find_face(
    image: np.ndarray,
    *,
    drawing: bool = False,
    points: np.ndarray | Sequence | None = None,
    fallback: str = "none",
    detector: str = "yunet",
) -> Face:
    """The one face of a portrait or a drawing.

    image: uint8 (H, W, 3) RGB. drawing: as `detect_drawn`, else as `detect_turned`. points: as
    `face_from_points`, instead of a detector. fallback, without a face: "none" (an error),
    "cascade" (scikit-image's, a box only, then the centre), or "centre" (the face fills the picture
    as in FFHQ). detector: "yunet" or "none". Raises FaceError without a face, WeightsError without
    YuNet's file, ValueError for other shapes.
    """
    if detector not in DETECTORS:
        raise ValueError(f"detector must be one of {', '.join(DETECTORS)}, got {detector!r}")
    if fallback not in FALLBACKS:
        raise ValueError(f"fallback must be one of {', '.join(FALLBACKS)}, got {fallback!r}")
    if points is not None:
        return face_from_points(points)
    if detector == "yunet" and (face := detect_drawn(image) if drawing else detect_turned(image)):
        return refined(image, face, drawing)
    if fallback == "cascade" and (face := _cascade(image)):
        return face
    if fallback in ("cascade", "centre"):
        return centre_face(image.shape[:2])
    score = LOWEST_SCORE if drawing else PHOTO_SCORE
    tried = "without a detector" if detector == "none" else f"YuNet down to a score of {score}"
    raise FaceError(
        f"no face found ({tried}): give the eyes and the mouth by hand, or choose a fallback"
    )


def _cascade(image: np.ndarray) -> Face | None:
    """The largest box of scikit-image's LBP frontal-face cascade, with mean landmarks; None without
    one, or it.
    """
    try:
        from skimage.color import rgb2gray
    except ImportError:  # serving needs none of it
        return None
    scale = min(1.0, 256 / max(image.shape[:2]))
    size = tuple(max(24, round(side * scale)) for side in (image.shape[1], image.shape[0]))
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
    least, most = max(24, round(0.12 * min(size))), min(size)
    limits = {"min_size": (least, least), "max_size": (most, most)}
    boxes = _cascade_detector().detect_multi_scale(
        rgb2gray(small), scale_factor=1.1, step_ratio=1, **limits
    )
    if not boxes:
        return None
    box = max(boxes, key=lambda box: box["width"])
    corner, side = np.array([box["c"], box["r"]]), np.array([box["width"], box["height"]])
    back = np.array(image.shape[1::-1]) / size
    landmarks = (corner + IN_CASCADE_BOX * side) * back - 0.5
    return Face(landmarks, (*(corner * back), *(side * back)), 0.0, "cascade")


@functools.lru_cache(maxsize=1)
def _cascade_detector() -> Any:
    """scikit-image's cascade, which is stateless: threads share it."""
    from skimage import data
    from skimage.feature import Cascade

    return Cascade(data.lbp_frontal_face_cascade_filename())


def detector_problem(*, timeout_s: float = 30.0, attempts: int = 3) -> str:
    """Why YuNet cannot be used; "" when it can. Its file is downloaded if need be, as `weights.get`
    does.
    """
    try:
        weights.get("yunet", timeout_s=timeout_s, attempts=attempts)
    except weights.WeightsError as error:
        return str(error)
    return ""


@functools.lru_cache(maxsize=32)
def _detector(places: tuple[Path, ...], process: int, thread: int):
    """YuNet, which has state: one for each process, thread and list of folders of weights."""
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(
        cv2.utils.logging.LOG_LEVEL_ERROR
    )  # OpenCV 5 warns of its own default target
    try:
        return cv2.FaceDetectorYN.create(
            str(weights.get("yunet")), "", (320, 320), LOWEST_SCORE, OVERLAP, MOST
        )
    finally:
        cv2.utils.logging.setLogLevel(level)


def detect(
    image: np.ndarray,
    *,
    min_score: float = PHOTO_SCORE,
    max_side_px: int = SIDE_PX,
    min_share: float = MIN_FACE_SHARE,
) -> list[Face]:
    """YuNet's faces, the largest first, without those narrower than `min_share` of the shorter
    side.

    image: uint8 (H, W, 3) RGB. min_score: in [0.3, 1]. max_side_px: larger pictures are shrunk to
    this, then to half and twice of it where nothing is detected. Raises WeightsError without the
    detector's file.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image must be uint8 (H, W, 3), got {image.dtype} {image.shape}")
    longest = max(image.shape[:2])
    for side in (max_side_px, max_side_px // 2, 2 * max_side_px):
        if side != max_side_px and longest <= min(side, max_side_px):
            continue  # enlarging shows nothing new
        faces = [
            face
            for face in _detect_at(image, min(1.0, side / longest), min_share)
            if face.score >= min_score
        ]
        if faces:
            return sorted(faces, key=lambda face: -face.box[2] * face.box[3])
    return []


def _detect_at(image: np.ndarray, scale: float, min_share: float) -> list[Face]:
    import cv2

    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    small = (
        image
        if scale == 1.0
        else np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))
    )
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
        face = Face(
            points, (left, top, row[2] * back[0], row[3] * back[1]), float(row[14]), "yunet"
        )
        if is_plausible(points) and face.box[2] >= min_share * min(image.shape[:2]):
            faces.append(face)
    return faces


def detect_turned(image: np.ndarray) -> Face | None:
    """The face of a photo that may be rotated by 90, 180 or 270 degrees; landmarks in the picture
    as it is.

    The largest upright face, if one has a score of 0.92. Else a rotated one of that score, 0.03
    above the upright one's (YuNet detects faces in rotated profiles). Else the upright one of the
    highest score, if any.
    """
    upright = detect(image)
    best = max(upright, key=lambda face: face.score, default=None)
    if best and best.score >= SURE_SCORE:
        return upright[0]
    turned = max(_turned(image), key=lambda face: face.score, default=None)
    return (
        turned
        if turned and turned.score > max(SURE_SCORE, best.score + 0.03 if best else 0.0)
        else best
    )


def _turned(image: np.ndarray, **options: float) -> list[Face]:
    """The faces of a score of 0.92 in a picture that is rotated by 90, 180 and 270 degrees."""
    turned_faces, (height, width) = [], image.shape[:2]
    for quarter in (1, 2, 3):
        turned = np.ascontiguousarray(np.rot90(image, quarter))
        for face in detect(turned, min_score=SURE_SCORE, **options):
            x, y = face.landmarks.T
            x, y = {
                1: (width - 1 - y, x),
                2: (width - 1 - x, height - 1 - y),
                3: (y, height - 1 - x),
            }[quarter]
            points = np.stack([x, y], axis=1)
            turned_faces.append(Face.around(points, face.score, "yunet", 90 * quarter))
    return turned_faces


def detect_all(image: np.ndarray) -> list[Face]:
    """Every face of a photo, uint8 (H, W, 3), the largest first, upright or rotated (as
    `detect_turned`), and refined. Raises WeightsError without the detector's file.
    """
    upright, longest = [], max(image.shape[:2])
    for scale in dict.fromkeys(min(1.0, side / longest) for side in ALL_SIDES_PX):
        upright += [
            face for face in _detect_at(image, scale, LEAST_SHARE) if face.score >= PHOTO_SCORE
        ]
    claims = [(face.score + 0.03, face) for face in upright]
    if not upright or min(face.score for face in upright) < SURE_SCORE:
        claims += [
            (face.score, face)
            for face in _turned(image, max_side_px=ALL_SIDES_PX[0], min_share=LEAST_SHARE)
        ]
    kept = apart([face for _, face in sorted(claims, key=lambda claim: -claim[0])])
    return [
        refined(image, face, False)
        for face in sorted(kept, key=lambda face: -face.box[2] * face.box[3])
    ]


def apart(faces: Sequence[Face]) -> list[Face]:
    """Non-maximum suppression: faces, the best first, without those that lie where one before them
    does.
    """
    kept: list[Face] = []
    for face in faces:
        away = (
            (np.hypot(*(face.middle - k.middle)), 1.5 * max(face.eye_distance, k.eye_distance))
            for k in kept
        )
        if all(distance > reach for distance, reach in away):
            kept.append(face)
    return kept


def detect_drawn(
    image: np.ndarray, *, views: int = 6, plain: list[Face] | None = None
) -> Face | None:
    """The face of a drawing, by test-time augmentation, as the detector was trained on photos.

    Without a score of 0.9 for the drawing itself, it is detected in six views, blurred twice and
    each mirrored, and the landmarks are the median of those that agree with the best. views: 1
    takes the drawing itself. plain: what `detect` finds in it from `LOWEST_SCORE` on, where that is
    known.
    """
    import cv2

    plain = detect(image, min_score=LOWEST_SCORE) if plain is None else plain
    surest = max(plain, key=lambda face: face.score, default=None)
    if views == 1 or (surest and surest.score >= DRAWING_SCORE):
        return surest
    faces = list(plain)
    for sigma in (0.0, *DRAWING_BLURS):
        soft = cv2.GaussianBlur(image, (0, 0), sigma * max(image.shape[:2])) if sigma else image
        faces += detect(soft, min_score=LOWEST_SCORE) if sigma else []
        for face in detect(np.ascontiguousarray(soft[:, ::-1]), min_score=LOWEST_SCORE):
            points = (face.landmarks * [-1, 1] + [image.shape[1] - 1, 0])[[1, 0, 2, 4, 3]]
            faces.append(Face.around(points, face.score, "yunet"))
    if not faces:
        return None
    best = max(faces, key=lambda face: face.score)
    agree = [
        f.landmarks for f in faces if np.abs(f.middle - best.middle).max() < 0.5 * best.eye_distance
    ]
    points = np.median(agree, axis=0)
    return Face.around(points, best.score, "yunet") if is_plausible(points) else best


def refined(image: np.ndarray, face: Face, drawing: bool, *, alone: bool = True) -> Face:
    """The face with its landmarks detected again in its upright crop, which aligns the eyes of
    portraits better (a standard deviation of 1.1 % of the width, 1.3 % without). alone: whether it
    is the only face of its drawing.
    """
    matrix = alignment(face.landmarks, REFINE_PX, zoom=0.9)
    crop = warp(image, matrix, REFINE_PX, border="paper" if drawing else "reflect")
    again = detect_drawn(crop) if drawing else next(iter(detect(crop)), None)
    if again is None or again.score < face.score - 0.05:
        return face
    points = transform(again.landmarks, inverse(matrix))
    away = np.hypot(*(points.mean(axis=0) - face.middle))
    if away > 0.5 * face.eye_distance and not (drawing and alone):
        return face  # a larger one beside it
    return Face(points, face.box, max(face.score, again.score), face.method, face.turn)


def align(
    image: np.ndarray,
    face: Face,
    size_px: int = 256,
    *,
    method: str = "similarity",
    zoom: float = 1.0,
) -> np.ndarray:
    """The aligned square crop of a face: `warp` by `alignment`; uint8 (size_px, size_px, 3)."""
    return warp(image, alignment(face.landmarks, size_px, method=method, zoom=zoom), size_px)
