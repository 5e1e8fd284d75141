"""Photos of faces for a notebook, with their landmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from s2f_studio.drawings import mesh
from s2f_studio.drawings.landmarks import find_all_landmarks
from s2f_studio.drawings.mesh import FACE_PX
from s2f_utils.data import read_manifest
from s2f_utils.pictures import images

STRAIGHT = 0.75  # of the faces; the most turned heads are left out


def straight_faces(manifest: str | Path, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Photos spread over a data set, with their landmarks: uint8 (N, 256, 256, 3), float64 (N, 164,
    2).

    num: photos to analyse; the quarter with the most turned heads is left out. Raises DataError for
    no data set.
    """
    rows = read_manifest(manifest).pairs
    rows = rows[:: max(1, len(rows) // num)][:num]
    photos = np.stack([images.resize(images.load_rgb(row.photo), FACE_PX) for row in rows])
    shapes = np.stack([found.points for found in find_all_landmarks(list(photos))])
    five = mesh.five_of(shapes)  # eyes, nose, corners of the mouth, (N, 5, 2)
    turned = np.abs(five[:, 2, 0] - five[:, :2, 0].mean(axis=1)) / mesh.eye_distance(shapes)
    straight = np.sort(np.argsort(turned)[: round(STRAIGHT * len(rows))])
    return photos[straight], shapes[straight]
