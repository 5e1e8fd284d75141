"""Person and hair in a portrait, cut out by colours and by what is known about the hair: no network, no download."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from s2f_utils.pictures import background
from s2f_utils.pictures.faces import mesh
from s2f_utils.pictures.faces.geometry import Face
from s2f_utils.pictures.scribbles.portrait import Portrait, filled

SHORT = ("short", "receding", "bald")
SMALLEST = 60  # pixels of a piece of hair
APART = (255, 0, 255)  # a colour that no portrait has, for what is not the person


def cut_out(photo: np.ndarray, points: np.ndarray, shows: Mapping[str, str] | None = None) -> Portrait:
    """A portrait with its person and hair masked.

    photo: uint8 (256, 256, 3), aligned. points: (164, 2), pixels. shows: as in `Portrait`; "hair_length" ("bald",
    "receding", "short", "medium", "long") says how far down hair is looked for.
    """
    shows = dict(shows or {})
    face = Face.around(mesh.five_of(points).astype(float), 1.0, "points")
    person = background.person_mask(photo, face=face)
    hair = _hair(photo, points, person)
    return _trimmed(Portrait(photo, np.asarray(points, np.float32), person, hair, shows))


def _hair(photo: np.ndarray, points: np.ndarray, person: np.ndarray) -> np.ndarray:
    """GrabCut (Rother et al. 2004) inside of the person: hair is around the oval, skin and collar are not."""
    import cv2

    size, inside = len(photo), person > 0.5
    picture = cv2.bilateralFilter(np.where(inside[..., None], photo, np.uint8(APART)), 5, 30, 3)
    oval, eyes = points[mesh.PARTS["oval"]], points[mesh.FIVE[:2]].mean(axis=0)
    middle, chin = oval.mean(axis=0), oval[18]
    unit, brows = float(np.hypot(*(chin - eyes))), float(points[mesh.PARTS["left_brow"]][:, 1].min())
    around, face = (filled(middle + (oval - middle) * factor, size) > 0 for factor in (1.06, 0.97))
    y, x = np.mgrid[:size, :size]
    trimap = np.full((size, size), cv2.GC_PR_BGD, np.uint8)
    trimap[~inside] = cv2.GC_BGD
    trimap[inside & ~around & (y < chin[1] + 0.3 * unit)] = cv2.GC_PR_FGD
    trimap[inside & (y > chin[1] + 0.15 * unit) & (np.abs(x - chin[0]) < 0.9 * unit)] = cv2.GC_BGD  # neck and collar
    trimap[face & (y > brows - 2)] = cv2.GC_BGD
    trimap[face & (y <= brows - 2)] = cv2.GC_PR_BGD  # a fringe may lie there
    if not (trimap == cv2.GC_PR_FGD).any():
        return np.zeros((size, size), np.float32)
    cv2.setRNGSeed(0)
    cv2.grabCut(picture, trimap, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    hair = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    hair = cv2.morphologyEx(hair, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(hair)
    kept = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= SMALLEST]
    return cv2.GaussianBlur(np.isin(pieces, kept).astype(np.float32), (0, 0), 1.0)


def _trimmed(portrait: Portrait) -> Portrait:
    """Without pieces of wall: what hangs beside a short-haired head is no hair."""
    import cv2

    size, length = len(portrait.photo), portrait.shows.get("hair_length", "")
    oval, eyes = portrait.points[mesh.PARTS["oval"]], portrait.points[mesh.FIVE[:2]].mean(axis=0)
    middle, chin, half = oval.mean(axis=0), oval[18], float(np.ptp(oval[:, 0])) / 2
    y, x = np.mgrid[:size, :size]
    hair, person = portrait.hair.copy(), portrait.person.copy()
    aside = np.abs(x - middle[0])
    if length in SHORT:
        hair[(aside > 1.32 * half) & (y > eyes[1] - 10)] = 0
        hair[y > oval[10, 1] + 6] = 0
        person[(aside > 1.32 * half) & (y > eyes[1] - 20) & (y < chin[1])] = 0
    if length == "bald":
        hair[aside < 0.75 * half] = 0
    hair[((x - middle[0]) / (2.1 * half)) ** 2 + ((y - middle[1] + 10) / (2.3 * half)) ** 2 > 1] = 0
    _, pieces = cv2.connectedComponents((person > 0.5).astype(np.uint8))
    own = pieces[int(np.clip(middle[1], 0, size - 1)), int(np.clip(middle[0], 0, size - 1))]
    person[(pieces != own) & (pieces > 0)] = 0
    return Portrait(portrait.photo, portrait.points, person, hair * (person > 0.3), portrait.shows)
