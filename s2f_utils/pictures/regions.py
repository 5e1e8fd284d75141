"""Masks of parts of a face, from its 164 landmarks (`mesh`) in pixels of a square picture."""

from __future__ import annotations

import numpy as np

from s2f_utils.pictures import mesh


def filled(points: np.ndarray, size_px: int) -> np.ndarray:
    """The inside of a polygon (N, 2): uint8 (size_px, size_px), 0 or 1."""
    import cv2

    return cv2.fillPoly(
        np.zeros((size_px, size_px), np.uint8), [np.rint(points).astype(np.int32)], 1
    )


def bare_skin(points: np.ndarray, size_px: int = 256) -> np.ndarray:
    """The bare skin of a face, bool (size_px, size_px): the oval without eyes, brows and mouth."""
    import cv2

    inside = cv2.erode(filled(points[mesh.PARTS["oval"]], size_px), np.ones((9, 9), np.uint8))
    for name in ("left_eye", "right_eye", "left_brow", "right_brow", "lips"):
        hull = cv2.convexHull(np.rint(points[mesh.PARTS[name]]).astype(np.int32))
        part = cv2.fillPoly(np.zeros((size_px, size_px), np.uint8), [hull], 1)
        inside[cv2.dilate(part, np.ones((7, 7), np.uint8)) > 0] = 0
    return inside > 0
