"""Photos of faces for a notebook, with their landmarks."""

from __future__ import annotations

import numpy as np

from s2f_studio.drawings import mesh
from s2f_studio.drawings.landmarks import find_all_landmarks

STRAIGHT = 0.75  # of the faces; the most turned heads are left out


def straight_faces(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Photos of faces, uint8 (N, 256, 256, 3), without the quarter with the most turned heads, and
    their landmarks: uint8 (M, 256, 256, 3), float64 (M, 164, 2).
    """
    shapes = np.stack([found.points for found in find_all_landmarks(list(photos))])
    five = mesh.five_of(shapes)  # eyes, nose, corners of the mouth, (N, 5, 2)
    turned = np.abs(five[:, 2, 0] - five[:, :2, 0].mean(axis=1)) / mesh.eye_distance(shapes)
    straight = np.sort(np.argsort(turned)[: round(STRAIGHT * len(photos))])
    return photos[straight], shapes[straight]
