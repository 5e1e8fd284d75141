"""Portraits of people who are not: one person's eyes, another's nose and a third's mouth in the
face of a fourth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data_prep.hand_sketches.shape import places
from data_prep.portrait import Portrait
from s2f_utils.pictures import mesh, warping
from s2f_utils.pictures.mesh import filled

# part → its points; what must be alike in both people for it to be exchanged
EXCHANGED: dict[str, tuple[np.ndarray, tuple[str, ...]]] = {
    "eyes": (
        places("left_eye", "right_eye", "left_iris", "right_iris", "left_brow", "right_brow"),
        ("glasses", "fringe"),
    ),
    "nose": (places("nose"), ("glasses",)),
    "mouth": (places("lips", "mouth"), ("beard",)),
}
MOST_TURNED_APART = 0.06  # of the face's width, between the noses' places


def turned(points: np.ndarray) -> float:
    """How far a head is turned: the tip of the nose beside the oval's middle, a share of its
    width.
    """
    oval = points[mesh.PARTS["oval"]]
    low, high = oval[:, 0].min(), oval[:, 0].max()
    return float((points[mesh.FIVE[2], 0] - (low + high) / 2) / (high - low))


def mixed(
    face: Portrait, others: Sequence[Portrait], rng: np.random.Generator, *, share: float = 0.75
) -> Portrait:
    """A portrait with parts of others, each exchanged with this probability, where one that fits is
    found.
    """
    for part, (these, alike) in EXCHANGED.items():
        if rng.random() >= share:
            continue
        for other in rng.integers(0, len(others), 12):
            donor = others[other]
            fits = all(donor.labels.get(key) == face.labels.get(key) for key in alike)
            if fits and abs(turned(donor.points) - turned(face.points)) < MOST_TURNED_APART:
                face = with_part(face, donor, part, these)
                break
    return face


def with_part(face: Portrait, donor: Portrait, part: str, these: np.ndarray) -> Portrait:
    """`face` with one part of `donor`, in its place and light."""
    import cv2

    size = len(face.photo)
    points = face.points.astype(np.float64).copy()
    points[these] = (
        donor.points[these] - donor.points[these].mean(axis=0) + points[these].mean(axis=0)
    )
    field = warping.field(points, donor.points, size)
    lent = warping.bend(donor.photo, field)
    own = warping.bend(face.photo, warping.field(points, face.points, size))
    mask = _around(points, part, size)
    if not mask.any():  # turned so far that nothing of it lies inside of the oval
        return face
    rows, columns = np.nonzero(mask)
    middle = (
        int((columns.min() + columns.max() + 1) // 2),
        int((rows.min() + rows.max() + 1) // 2),
    )
    photo = cv2.seamlessClone(lent, own, mask * 255, middle, cv2.NORMAL_CLONE)
    labels = dict(face.labels)
    if part == "mouth" and "mouth" in donor.labels:
        labels["mouth"] = donor.labels["mouth"]
    return replace(face, photo=photo, points=points.astype(np.float32), labels=labels)


def _around(points: np.ndarray, part: str, size: int) -> np.ndarray:
    """The area that is exchanged: the part and some skin around it, inside of the face: uint8 (H,
    W), 0 or 1.
    """
    import cv2

    these = EXCHANGED[part][0]
    hull = cv2.convexHull(points[these].astype(np.float32))[:, 0]
    grown = (
        hull.mean(axis=0)
        + (hull - hull.mean(axis=0)) * {"eyes": 1.12, "nose": 1.15, "mouth": 1.3}[part]
    )
    oval = points[mesh.PARTS["oval"]]
    inside = cv2.erode(filled(oval, size), np.ones((7, 7), np.uint8))
    return filled(grown, size) & inside
