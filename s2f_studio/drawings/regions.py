"""Parts of a face as areas, from its 164 points (`mesh`): places in pixels of a square picture."""

from __future__ import annotations

import numpy as np

from s2f_studio.drawings import mesh


def filled(points: np.ndarray, size_px: int) -> np.ndarray:
    """The inside of a polygon (N, 2): uint8 (size_px, size_px), 0 or 1."""
    import cv2

    return cv2.fillPoly(np.zeros((size_px, size_px), np.uint8), [np.rint(points).astype(np.int32)], 1)


def bare_skin(points: np.ndarray, size_px: int = 256) -> np.ndarray:
    """Where a face's skin lies bare: inside of the oval, away from eyes, brows and mouth: bool (size_px, size_px)."""
    import cv2

    inside = cv2.erode(filled(points[mesh.PARTS["oval"]], size_px), np.ones((9, 9), np.uint8))
    for name in ("left_eye", "right_eye", "left_brow", "right_brow", "lips"):
        hull = cv2.convexHull(np.rint(points[mesh.PARTS[name]]).astype(np.int32))
        part = cv2.fillPoly(np.zeros((size_px, size_px), np.uint8), [hull], 1)
        inside[cv2.dilate(part, np.ones((7, 7), np.uint8)) > 0] = 0
    return inside > 0


def beard_zone(points: np.ndarray, kind: str, size_px: int = 256) -> np.ndarray:
    """Where a beard of this kind grows: uint8 (size_px, size_px), 0 or 1; nothing for "none"."""
    oval, lips, nose = points[mesh.PARTS["oval"]], points[mesh.PARTS["lips"]], points[mesh.PARTS["nose"]]
    if kind == "none":
        return np.zeros((size_px, size_px), np.uint8)
    under_nose = nose[[8, 7, 11]] + [0, 2]
    upper = filled(np.concatenate([lips[:1], under_nose, lips[10:]]), size_px)
    if kind == "moustache":
        zone = upper
    elif kind == "goatee":
        chin = oval[14:23]
        zone = upper | filled(np.concatenate([lips[10:11] + [4, 0], chin, lips[:1] - [4, 0]]), size_px)
    else:
        zone = upper | filled(
            np.concatenate([oval[9:28], lips[:1] - [3, 2], under_nose, lips[10:11] + [3, -2]]), size_px
        )
    zone[filled(lips, size_px) > 0] = 0
    return zone
