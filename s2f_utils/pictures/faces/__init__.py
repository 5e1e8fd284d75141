"""Faces in pictures:
find one, turn it upright, cut it out as a square, all faces at the same place.

Detector → five landmarks → similarity transform (turn, scale, shift; nothing is squeezed) → square
crop.
"""

from s2f_utils.pictures.faces.detection import (
    DRAWING_SCORE,
    LOWEST_SCORE,
    TRUSTED_IN_DRAWINGS,
    Face,
    detect,
    detect_all,
    detect_drawn,
    detect_turned,
    nms,
    refined,
)
from s2f_utils.pictures.faces.finding import (
    FALLBACKS,
    align,
    centre_face,
    face_from_points,
    find_face,
)
from s2f_utils.pictures.faces.geometry import (
    FIT_WEIGHTS,
    METHODS,
    TEMPLATE,
    FaceError,
    alignment,
    inverse,
    rescaled,
    similarity,
    transform,
    uniform_crop,
    warp,
    warp_labels,
)

__all__ = [
    "DRAWING_SCORE",
    "FALLBACKS",
    "FIT_WEIGHTS",
    "Face",
    "FaceError",
    "LOWEST_SCORE",
    "METHODS",
    "TEMPLATE",
    "TRUSTED_IN_DRAWINGS",
    "align",
    "alignment",
    "centre_face",
    "detect",
    "detect_all",
    "detect_drawn",
    "detect_turned",
    "face_from_points",
    "find_face",
    "inverse",
    "nms",
    "refined",
    "rescaled",
    "similarity",
    "transform",
    "uniform_crop",
    "warp",
    "warp_labels",
]
