"""Faces in pictures: find one, turn it upright, cut it out as a square, all faces at the same
place.

Detector → five landmarks → similarity transform (turn, scale, shift; nothing is squeezed) → square
crop.
"""

from s2f_utils.pictures.faces.finding import (
    DETECTORS,
    DRAWING_SCORE,
    FALLBACKS,
    LOWEST_SCORE,
    TRUSTED_IN_DRAWINGS,
    Face,
    align,
    apart,
    centre_face,
    detect,
    detect_all,
    detect_drawn,
    detect_turned,
    detector_problem,
    face_from_points,
    find_face,
    refined,
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
    "DETECTORS",
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
    "apart",
    "centre_face",
    "detect",
    "detect_all",
    "detect_drawn",
    "detect_turned",
    "detector_problem",
    "face_from_points",
    "find_face",
    "inverse",
    "refined",
    "rescaled",
    "similarity",
    "transform",
    "uniform_crop",
    "warp",
    "warp_labels",
]
