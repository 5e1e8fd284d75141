"""The one face of a portrait or a drawing: by YuNet, by given points, or guessed.

Points, and the five landmarks, are as in `geometry`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from s2f_utils.pictures.faces.detection import (
    LOWEST_SCORE,
    PHOTO_SCORE,
    Face,
    detect_drawn,
    detect_turned,
    is_plausible,
    refined,
)
from s2f_utils.pictures.faces.geometry import (
    TEMPLATE,
    FaceError,
    alignment,
    similarity,
    transform,
    warp,
)

FALLBACKS = ("none", "centre")
# By the number of given points: each as a combination of the five landmarks.
GIVEN = {
    3: np.array([[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0.5, 0.5]]),
    4: np.eye(5)[[0, 1, 3, 4]],
    5: np.eye(5),
}


def face_from_points(points: np.ndarray | Sequence) -> Face:
    """A face from points: (3, 2) eyes and the mouth's middle, (4, 2) eyes and the mouth's corners,
    or (5, 2) all five landmarks; missing ones are the mean face's. Raises FaceError where they are
    no face.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) not in GIVEN or points.shape[1:] != (2,) or not np.isfinite(points).all():
        raise ValueError(
            "points must be (3, 2), (4, 2) or (5, 2) finite numbers: eyes, mouth;"
            f" got {points.shape}"
        )
    landmarks = points
    if len(points) < 5:
        landmarks = transform(TEMPLATE, similarity(GIVEN[len(points)] @ TEMPLATE, points))
        landmarks[:2] = points[:2]
    if len(points) == 4:
        landmarks[3:] = points[2:]
    across = landmarks[1] - landmarks[0]
    rotation = np.array([[across[0], -across[1]], [across[1], across[0]]])
    level = landmarks @ (rotation / max(float(np.hypot(*across)), 1e-9))  # any tilt is allowed
    if not is_plausible(level):
        raise FaceError(
            "the points are not a face: the order is the eye on the left, as the upright face"
            " shows it, the eye on the right, the mouth (x, y in pixels)"
        )
    return Face.around(landmarks, 1.0, "points")


def centre_face(shape: tuple[int, int]) -> Face:
    """A face in the middle of a picture of (height, width), as large as FFHQ's in its crop."""
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
) -> Face:
    """The one face of a portrait or a drawing.

    image: uint8 (H, W, 3) RGB. drawing: as `detect_drawn`, else as `detect_turned`. points: as
    `face_from_points`, instead of the detector. fallback, without a face: "none" (an error), or
    "centre" (the face fills the picture as in FFHQ). Raises FaceError without a face, WeightsError
    as `weights.detector`, ValueError for other shapes.
    """
    if fallback not in FALLBACKS:
        raise ValueError(f"fallback must be one of {', '.join(FALLBACKS)}, got {fallback!r}")
    if points is not None:
        return face_from_points(points)
    face = detect_drawn(image) if drawing else detect_turned(image)
    if face is not None:
        return refined(image, face, drawing)
    if fallback == "centre":
        return centre_face(image.shape[:2])
    score = LOWEST_SCORE if drawing else PHOTO_SCORE
    raise FaceError(
        f"no face found (YuNet down to a score of {score}): give the eyes and the mouth by hand, or"
        " choose a fallback"
    )


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
