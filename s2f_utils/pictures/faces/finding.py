"""The one face of a portrait or a drawing: by points, by YuNet, or by what is left where it cannot be had."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from s2f_utils.pictures.faces.geometry import Face, FaceError, centre_face, face_from_points
from s2f_utils.pictures.faces.yunet import LOWEST_SCORE, PHOTO_SCORE, detect_drawn, detect_turned, refined

FALLBACKS = ("none", "cascade", "centre")
DETECTORS = ("yunet", "none")
# The landmarks in the box of scikit-image's frontal-face cascade, as shares of its side: means over portraits in which
# YuNet and the cascade both found the face, made symmetrical; their standard deviation is about 0.03.
IN_CASCADE_BOX = np.array([[0.305, 0.388], [0.695, 0.388], [0.500, 0.613], [0.332, 0.778], [0.668, 0.778]])


def find_face(
    image: np.ndarray,
    *,
    drawing: bool = False,
    points: np.ndarray | Sequence | None = None,
    fallback: str = "none",
    detector: str = "yunet",
) -> Face:
    """The one face of a portrait or a drawing.

    image: uint8 (H, W, 3) RGB. drawing: as `detect_drawn`, else as `detect_turned`. points: hand-given landmarks
    instead of a detector, (3, 2) the eyes and the mouth's middle, (4, 2) the eyes and the mouth's corners, or (5, 2)
    all; pixels. fallback: what to do when no face is found: "none" (an error), "cascade" (scikit-image's frontal-face
    cascade, a box only, and the centre where that fails), or "centre" (the face is taken to fill the picture as in
    FFHQ). detector: "yunet", or "none" to go to the points or the fallback at once, where YuNet cannot be had
    (`detector_problem`). Look at `method` and `score` of the result.

    Raises FaceError when nothing is found, WeightsError when YuNet is asked for and cannot be had, ValueError for other
    shapes.
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
    raise FaceError(f"no face found ({tried}): give the eyes and the mouth by hand, or choose a fallback")


def _cascade(image: np.ndarray) -> Face | None:
    """The largest box of scikit-image's LBP frontal-face cascade, with the landmarks where they are on average; None
    where it finds none, or scikit-image is not installed.
    """
    try:
        from skimage.color import rgb2gray
    except ImportError:  # serving needs none of it
        return None
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
    box = max(boxes, key=lambda box: box["width"])
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
