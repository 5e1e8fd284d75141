"""Faces in photos and drawings by YuNet, with test-time augmentation.

Points, and the five landmarks, are as in `geometry`.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from s2f_utils import weights
from s2f_utils.pictures.faces.geometry import alignment, inverse, transform, warp

PHOTO_SCORE = 0.6
DRAWING_SCORE = 0.9
TRUSTED_IN_DRAWINGS = 0.8  # of faces in drawings that score less, three in five are misplaced
LOWEST_SCORE = 0.3
SURE_SCORE = 0.92  # upright faces of photos have 0.93 and more, turned ones 0.91 and less
UPRIGHT_BONUS = 0.03  # YuNet detects faces in rotated profiles
DRAWING_BLURS = (0.008, 0.016)  # sigma as a share of the longer side
REFINE_PX = 256
MIN_FACE_SHARE = 0.06  # of the shorter side; narrower faces are people in the background
SIDE_PX = 512  # larger pictures are shrunk to this
ALL_SIDES_PX = (1280, 640, 320)  # for every face of a photo: YuNet knows faces of 10 to 300 px
LEAST_SHARE = 0.01
OVERLAP = 0.3  # of two boxes of one face
MAX_FACES = 100


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    landmarks: float64 (5, 2), pixels. box: (left, top, width, height), pixels. score: in [0, 1], 1
    for given points, 0
    for a guess. method: "yunet", "points" or "centre". turn: the rotation, in degrees
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
    across = right_eye - left_eye
    down = (left_mouth + right_mouth - left_eye - right_eye) / 2
    eyes = np.hypot(*across)
    height = np.hypot(*down)
    tilt = abs(np.degrees(np.arctan2(across[1], across[0])))
    if eyes < 2 or height < 2 or tilt > 60:
        return False
    sine = (across[0] * down[1] - across[1] * down[0]) / (eyes * height)  # of across to down
    nose_at = np.dot(nose - (left_eye + right_eye) / 2, down) / height**2
    return bool(sine > 0.7 and 0.5 < height / eyes < 4.5 and 0.1 < nose_at < 1.0)


@functools.lru_cache(maxsize=32)
def _detector(process: int, thread: int):
    """YuNet, which has state: one for each process and thread."""
    import cv2

    level = cv2.utils.logging.getLogLevel()
    # OpenCV 5 warns of its own default target.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        return cv2.FaceDetectorYN.create(
            str(weights.detector()), "", (320, 320), LOWEST_SCORE, OVERLAP, MAX_FACES
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
    """YuNet's faces, the largest first,
    without those narrower than `min_share` of the shorter side.

    image: uint8 (H, W, 3) RGB. min_score: in [0.3, 1]. max_side_px: larger pictures are shrunk to
    this, then to half and twice of it where nothing is detected. Raises WeightsError as
    `weights.detector`.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image must be uint8 (H, W, 3), got {image.dtype} {image.shape}")
    longest = max(image.shape[:2])
    for side in (max_side_px, max_side_px // 2, 2 * max_side_px):
        if side != max_side_px and longest <= min(side, max_side_px):
            continue  # enlarging shows nothing new
        detected = _detect_at(image, min(1.0, side / longest), min_share)
        faces = [face for face in detected if face.score >= min_score]
        if faces:
            return sorted(faces, key=lambda face: -face.box[2] * face.box[3])
    return []


def _detect_at(image: np.ndarray, scale: float, min_share: float) -> list[Face]:
    import cv2

    height, width = [max(1, round(side * scale)) for side in image.shape[:2]]
    if min(height, width) < 16:
        return []
    small = image
    if scale != 1.0:
        small = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))
    detector = _detector(os.getpid(), threading.get_ident())
    detector.setInputSize((width, height))
    _, rows = detector.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    back = np.array([image.shape[1] / width, image.shape[0] / height])
    faces = []
    for row in rows if rows is not None else ():
        points = (row[4:14].reshape(5, 2).astype(np.float64) + 0.5) * back - 0.5
        left, top = row[:2] * back
        box = (left, top, row[2] * back[0], row[3] * back[1])
        face = Face(points, box, float(row[14]), "yunet")
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
    if turned is None or turned.score <= SURE_SCORE:
        return best
    if best is not None and turned.score <= best.score + UPRIGHT_BONUS:
        return best
    return turned


def _turned(image: np.ndarray, **options: float) -> list[Face]:
    """The faces of a score of 0.92 in a picture that is rotated by 90, 180 and 270 degrees."""
    faces = []
    for quarter in (1, 2, 3):
        turned = np.ascontiguousarray(np.rot90(image, quarter))
        for face in detect(turned, min_score=SURE_SCORE, **options):
            points = _turned_back(face.landmarks, quarter, image.shape[:2])
            faces.append(Face.around(points, face.score, "yunet", 90 * quarter))
    return faces


def _turned_back(points: np.ndarray, quarter: int, shape: tuple[int, int]) -> np.ndarray:
    """Points of a picture of (height, width) that `np.rot90` rotated, in the picture as it was."""
    height, width = shape
    x, y = points.T
    if quarter == 1:
        return np.stack([width - 1 - y, x], axis=1)
    if quarter == 2:
        return np.stack([width - 1 - x, height - 1 - y], axis=1)
    return np.stack([y, height - 1 - x], axis=1)


def detect_all(image: np.ndarray) -> list[Face]:
    """Every face of a photo, uint8 (H, W, 3), the largest first, upright or rotated (as
    `detect_turned`), and refined. Raises WeightsError as `weights.detector`.
    """
    upright = []
    longest = max(image.shape[:2])
    scales = [min(1.0, side / longest) for side in ALL_SIDES_PX]
    for scale in dict.fromkeys(scales):
        detected = _detect_at(image, scale, LEAST_SHARE)
        upright += [face for face in detected if face.score >= PHOTO_SCORE]
    turned = []
    if not upright or min(face.score for face in upright) < SURE_SCORE:
        turned = _turned(image, max_side_px=ALL_SIDES_PX[0], min_share=LEAST_SHARE)

    def rank(face: Face) -> float:
        return face.score + (UPRIGHT_BONUS if face.turn == 0 else 0.0)

    kept = nms(sorted([*upright, *turned], key=rank, reverse=True))
    kept.sort(key=lambda face: -face.box[2] * face.box[3])
    return [refined(image, face, False) for face in kept]


def nms(faces: Sequence[Face]) -> list[Face]:
    """Non-maximum suppression: faces, the best first, without those that overlap a better one."""
    kept: list[Face] = []
    for face in faces:
        if not any(_overlap(face, better) for better in kept):
            kept.append(face)
    return kept


def _overlap(face: Face, other: Face) -> bool:
    """Whether two faces lie within one and a half eye distances of each other."""
    distance = np.hypot(*(face.middle - other.middle))
    return distance <= 1.5 * max(face.eye_distance, other.eye_distance)


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
        soft = image
        if sigma:
            soft = cv2.GaussianBlur(image, (0, 0), sigma * max(image.shape[:2]))
            faces += detect(soft, min_score=LOWEST_SCORE)
        for face in detect(np.ascontiguousarray(soft[:, ::-1]), min_score=LOWEST_SCORE):
            points = (face.landmarks * [-1, 1] + [image.shape[1] - 1, 0])[[1, 0, 2, 4, 3]]
            faces.append(Face.around(points, face.score, "yunet"))
    if not faces:
        return None
    best = max(faces, key=lambda face: face.score)
    reach = 0.5 * best.eye_distance
    agreeing = [face for face in faces if np.abs(face.middle - best.middle).max() < reach]
    points = np.median([face.landmarks for face in agreeing], axis=0)
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
