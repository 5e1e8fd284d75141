"""Person and hair in a portrait: the person by a mask or by colours, the hair by how unlike the
skin it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from s2f_utils.pictures import background, mesh
from s2f_utils.pictures.faces import Face
from s2f_utils.pictures.mesh import bare_skin, filled

LONG = ("medium", "long", "")  # hair that may hang below the chin; "": unknown
SMALLEST = 80  # pixels of a piece of hair
# of CIELAB's values as uint8: how much skin and hair vary, at least and at most
SKIN_SPREAD, HAIR_SPREAD = ([6.0, 2.5, 3.0], [16.0, 6.0, 7.0]), ([10.0, 3.0, 3.0], [30.0, 8.0, 8.0])


def segment(
    photo: np.ndarray,
    points: np.ndarray,
    labels: Mapping[str, str] | None = None,
    person: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Where the person is in a portrait, and the hair: float32 (256, 256) in [0, 1] each.

    photo: uint8 (256, 256, 3), aligned. points: (164, 2), pixels. labels: as in `Portrait`;
    "hair_length" ("bald", "receding", "short", "medium", "long") says how far down hair is looked
    for. person: float (256, 256) in [0, 1];
    None: found by GrabCut, which misses hair of the wall's colour and shoulders.
    """
    labels = dict(labels or {})
    if person is None:
        face = Face.around(mesh.five_of(points).astype(float), 1.0, "points")
        person = background.person_mask(photo, face=face)
    person = _of_one_piece(np.asarray(person, np.float32), points)
    hair = _hair(photo, points, person > 0.5, labels.get("hair_length", ""))
    return person, hair


def _of_one_piece(person: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Without pieces of wall that do not hang together with the face."""
    import cv2

    _, pieces = cv2.connectedComponents((person > 0.5).astype(np.uint8))
    column, row = np.clip(
        np.rint(points[mesh.PARTS["nose"]].mean(axis=0)), 0, len(person) - 1
    ).astype(int)
    return np.where((pieces == pieces[row, column]) | (pieces == 0), person, np.float32(0))


def _hair(photo: np.ndarray, points: np.ndarray, inside: np.ndarray, length: str) -> np.ndarray:
    """Where hair is: what looks like the top of the head rather than like the skin: float32 (256,
    256) in [0, 1].

    inside: bool (256, 256), the person. What is a piece of its own without any of the head's top is
    no hair.
    """
    import cv2

    size, nothing = len(photo), np.zeros(photo.shape[:2], np.float32)
    lab = cv2.cvtColor(cv2.bilateralFilter(photo, 5, 30, 3), cv2.COLOR_RGB2LAB).astype(np.float32)
    oval, eyes = points[mesh.PARTS["oval"]], points[mesh.FIVE[:2]].mean(axis=0)
    middle, chin = oval.mean(axis=0), oval[18]
    unit = float(np.hypot(*(chin - eyes)))
    brows = float(points[mesh.PARTS["left_brow"], 1].min()) - 3
    bare = bare_skin(points, size) & inside
    if bare.sum() < SMALLEST:
        return nothing
    from_skin = _unlike_skin(lab, bare, oval)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    face, around = (filled(middle + (oval - middle) * factor, size) > 0 for factor in (0.97, 1.05))
    level = eyes[1] - 0.25 * unit
    above = inside & ~around & (y < level)
    top = above & (from_skin > 2) & (y < oval[0, 1] + 0.25 * unit)
    if top.sum() < SMALLEST:  # bald
        return nothing
    middle_hair = np.median(lab[top], axis=0)
    from_hair = _unlike(lab, middle_hair, lab[top] - middle_hair, HAIR_SPREAD)
    forehead = face & (y < brows)
    beside = inside & ~face & (y >= level) & (y < chin[1] + 0.1 * unit)
    below = inside & (y >= chin[1] + 0.1 * unit) & (np.abs(x - chin[0]) >= 0.55 * unit)
    bias = np.full((size, size), -0.15, np.float32)
    bias[above & (from_skin > 1.6)] = 0.25
    for area, most, share in ((forehead, 1.2, 0.6), (beside, 1.6, 0.8), (below, 1.3, 0.7)):
        bias[area & (from_hair < most) & (from_hair < share * from_skin)] = 0.25
    likely = 1 / (1 + np.exp(-np.clip(1.5 * (from_skin - 1.1 * from_hair) - 0.3, -8, 8)))
    likely = np.clip(likely + bias, 0, 1)
    likely[top & (from_hair < 1.5)] = 1
    none = (
        ~inside
        | (face & (y >= brows))
        | (forehead & (from_skin < 2.2))
        | ((y >= chin[1] + 0.1 * unit) & ~below)
    )
    if length == "bald":
        none |= np.abs(x - middle[0]) < 0.375 * float(np.ptp(oval[:, 0]))
    if length not in LONG:
        none |= y > oval[10, 1] + 0.1 * unit
    likely[none] = 0
    hair = (cv2.GaussianBlur(likely, (0, 0), 2.0) > 0.5).astype(np.uint8)
    hair = cv2.morphologyEx(
        hair, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    )
    hair[~inside | (face & (y >= brows))] = 0
    hair = cv2.morphologyEx(hair, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(hair)
    kept = [
        n
        for n in range(1, count)
        if stats[n, cv2.CC_STAT_AREA] >= SMALLEST and (top & (pieces == n)).sum() > 20
    ]
    return cv2.GaussianBlur(np.isin(pieces, kept).astype(np.float32), (0, 0), 1.0)


def _unlike_skin(lab: np.ndarray, bare: np.ndarray, oval: np.ndarray) -> np.ndarray:
    """How far each pixel is from the skin's colour there,
    which changes evenly over a face lit from a side.
    """
    y, x = np.mgrid[: len(lab), : len(lab)].astype(np.float32)
    x, y = np.clip(x, oval[:, 0].min(), oval[:, 0].max()), np.clip(y, oval[:, 1].min(), oval[18, 1])
    places = np.stack([np.ones_like(x), x, y], axis=-1)
    known, colours = places[bare], lab[bare]
    usual = np.ones(len(colours), bool)
    for _ in range(3):
        plane, *_ = np.linalg.lstsq(known[usual], colours[usual], rcond=None)
        off = colours - known @ plane
        usual = (np.abs(off) < 2.5 * (1.48 * np.median(np.abs(off), axis=0) + 1)).all(axis=1)
    return _unlike(lab, places @ plane, off, SKIN_SPREAD)


def _unlike(
    lab: np.ndarray, middle: np.ndarray, off: np.ndarray, limits: tuple[list, list]
) -> np.ndarray:
    """The distance of colours from `middle`, in units of the spread of `off`, within limits:
    float32 (H, W).
    """
    spread = np.clip(1.48 * np.median(np.abs(off), axis=0) + 1, *limits)
    return np.sqrt((((lab - middle) / spread) ** 2).sum(axis=-1) / 1.6)
