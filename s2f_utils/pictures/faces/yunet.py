"""YuNet, the face detector, and how it is asked about photos that lie on their side and about drawings."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from s2f_utils import weights
from s2f_utils.pictures.faces.crop import warp
from s2f_utils.pictures.faces.geometry import Face, FaceError, alignment, inverse, is_plausible, transform

PHOTO_SCORE, DRAWING_SCORE = 0.6, 0.9
DRAWING_BLURS = (0.008, 0.016)  # sigma as a share of the longer side
TRUSTED_IN_DRAWINGS = 0.8  # of faces in drawings that score less, three in five are not where they seem to be
LOWEST_SCORE, SURE_SCORE = 0.3, 0.92  # upright faces of photos have 0.93 and more, turned ones 0.91 and less
REFINE_PX = 256
MIN_FACE_SHARE = 0.06  # narrower faces, as a share of the picture's shorter side, are people in the background
SIDE_PX = 512  # larger pictures are shrunk to this
OVERLAP, MOST = 0.3, 100  # of two boxes of one face; of faces


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
        return cv2.FaceDetectorYN.create(str(weights.get("yunet")), "", (320, 320), LOWEST_SCORE, OVERLAP, MOST)
    finally:
        cv2.utils.logging.setLogLevel(level)


def detect(
    image: np.ndarray, *, min_score: float = PHOTO_SCORE, max_side_px: int = SIDE_PX, min_share: float = MIN_FACE_SHARE
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
        faces = [face for face in _detect_at(image, min(1.0, side / longest), min_share) if face.score >= min_score]
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
    turned_faces, (height, width) = [], image.shape[:2]
    for quarter in (1, 2, 3):
        turned = np.ascontiguousarray(np.rot90(image, quarter))
        for face in detect(turned, min_score=SURE_SCORE, **options):
            x, y = face.landmarks.T
            x, y = {1: (width - 1 - y, x), 2: (width - 1 - x, height - 1 - y), 3: (y, height - 1 - x)}[quarter]
            points = np.stack([x, y], axis=1)
            turned_faces.append(Face.around(points, face.score, "yunet", 90 * quarter))
    return turned_faces


def detect_all(image: np.ndarray, *, max_side_px: int = 1280, min_share: float = 0.01) -> list[Face]:
    """Every face of a photo, the largest first, whichever way each is turned; landmarks found twice, as `find_face`.

    image: uint8 (H, W, 3). max_side_px: as in `detect`. A turned face counts where the detector is surer of it than of
    an upright one at its place, as in `detect_turned`. Raises WeightsError when the detector is not to be had.
    """
    options = {"max_side_px": max_side_px, "min_share": min_share}
    upright, longest = [], max(image.shape[:2])
    sides = (max_side_px, max_side_px // 2, max_side_px // 4)  # YuNet knows faces of 10 to 300 px
    for scale in dict.fromkeys(min(1.0, side / longest) for side in sides):
        upright += [face for face in _detect_at(image, scale, min_share) if face.score >= PHOTO_SCORE]
    claims = [(face.score + 0.03, face) for face in upright]
    if not upright or min(face.score for face in upright) < SURE_SCORE:
        claims += [(face.score, face) for face in _turned(image, **options)]
    kept = apart([face for _, face in sorted(claims, key=lambda claim: -claim[0])])
    return [refined(image, face, False) for face in sorted(kept, key=lambda face: -face.box[2] * face.box[3])]


def apart(found: Sequence[Face]) -> list[Face]:
    """Faces without those that lie where one before them does: the same face, found again."""
    kept: list[Face] = []
    for face in found:
        reach = [1.5 * max(face.eye_distance, other.eye_distance) for other in kept]
        if all(np.hypot(*(face.middle - k.middle)) > far for k, far in zip(kept, reach, strict=True)):
            kept.append(face)
    return kept


def detect_drawn(image: np.ndarray, *, views: int = 6) -> Face | None:
    """The face of a drawing: the detector knows photos, so it is asked again with lower demands.

    Where the plain drawing gives no score of 0.9, it is looked at in six ways, its lines softened to tones twice and
    each mirrored, down to a score of 0.3, and the landmarks are the median of the answers that agree with the surest.
    On contour drawings that lowers the share of misplaced landmarks. views: 1 takes the plain drawing's answer.
    """
    import cv2

    plain = detect(image, min_score=LOWEST_SCORE)
    surest = max(plain, key=lambda face: face.score, default=None)
    if views == 1 or (surest and surest.score >= DRAWING_SCORE):
        return surest
    answers = list(plain)
    for sigma in (0.0, *DRAWING_BLURS):
        soft = cv2.GaussianBlur(image, (0, 0), sigma * max(image.shape[:2])) if sigma else image
        answers += detect(soft, min_score=LOWEST_SCORE) if sigma else []
        for face in detect(np.ascontiguousarray(soft[:, ::-1]), min_score=LOWEST_SCORE):
            points = (face.landmarks * [-1, 1] + [image.shape[1] - 1, 0])[[1, 0, 2, 4, 3]]
            answers.append(Face.around(points, face.score, "yunet"))
    if not answers:
        return None
    best = max(answers, key=lambda face: face.score)
    agree = [f.landmarks for f in answers if np.abs(f.middle - best.middle).max() < 0.5 * best.eye_distance]
    points = np.median(agree, axis=0)
    return Face.around(points, best.score, "yunet") if is_plausible(points) else best


def refined(image: np.ndarray, face: Face, drawing: bool, *, alone: bool = True) -> Face:
    """The same face with its landmarks found once more, in its upright crop, where all faces are of one size: aligned
    by them, the eyes of portraits lie closer together (a standard deviation of 1.1 % of the width, 1.3 % without).
    alone: whether it is the only face of its drawing; of photos that is never sure.
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
