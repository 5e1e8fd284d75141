"""The tone of skin that is asked for, in the picture of the entry that was chosen.

Entries of about that tone are chosen first. What is left is a shift in CIELAB, in a soft mask of
skin, by at most `MOST_DEG` of the individual typology angle (Chardon, Cretois, Hourseau 1991).
Highlights stay, shadows follow in proportion to their lightness, eyes and mouth keep their colours.

Shapes: C = 320 pixels of an entry's picture, which has the mean shape's frame in its middle; H = 64
of a mask of hair in that frame.
"""

from __future__ import annotations

import functools

import numpy as np

from s2f_studio.drawings import mesh
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.drawings.regions import bare_skin, filled

MOST_DEG, MOST_LAB = 15.0, 12.0  # of a shift: of the angle, and of CIELAB
CHEEKS = 0.2, 0.85  # where they are, from the line of the eyes, 0, to that of the mouth, 1
# Standard deviations, in CIELAB, of what counts as skin outside the face: of a* and b* together,
# and of L* beyond the first number.
OF_COLOUR, OF_LIGHT = 9.0, (12.0, 14.0)
FIRM = 1.6  # factor of the mask outside the face, before it is cut off at 1
HAIR = 0.25, 0.75  # from this value on a pixel is less of skin, and none of it
WHITE = 97.0  # of L*: highlights so light stay


def angle_of(tone: np.ndarray) -> np.ndarray:
    """The individual typology angle of CIELAB (..., 3): (...), degrees."""
    return np.degrees(np.arctan2(tone[..., 0] - 50.0, tone[..., 2]))


def reached(own: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The tone that skin gets: the last on the way from its own to the asked one that is no further
    off than a shift may be. CIELAB, (3,) each.
    """
    way = own + np.linspace(0, 1, 101)[:, None] * (asked - own)  # (101, 3)
    is_near = np.abs(angle_of(way) - angle_of(own)) <= MOST_DEG
    is_near &= np.linalg.norm(way - own, axis=1) <= MOST_LAB
    return way[np.logical_and.accumulate(is_near)][-1]


def tone_of(picture: np.ndarray) -> np.ndarray:
    """The tone of the cheeks in a picture in the mean shape's frame, the median: uint8 (P, P, 3) →
    CIELAB, float32 (3,).
    """
    return np.median(_lab(picture)[cheeks()], axis=0)


def with_tone(canvas: np.ndarray, hair: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """An entry's picture with skin of about the asked tone.

    canvas: uint8 (C, C, 3). hair: (H, H), its mask of hair, from 0 to 1. asked: (3,), CIELAB.
    """
    import cv2

    margin = (len(canvas) - FACE_PX) // 2
    own = tone_of(canvas[margin:-margin, margin:-margin])
    lab = _lab(canvas)
    mask = mask_of(lab, hair, own)
    light = lab[..., 0]
    highlight = np.clip((light - own[0]) / max(1.0, WHITE - own[0]), 0, 1)
    follows = np.where(light < own[0], light / max(1.0, own[0]), 1 - highlight**1.5)
    shift = (mask * follows)[..., None] * (reached(own, asked) - own)
    made = cv2.cvtColor((lab + shift).astype(np.float32), cv2.COLOR_LAB2RGB)
    made = np.rint(255 * made.clip(0, 1)).astype(np.uint8)
    return np.where(mask[..., None] > 1 / 255, made, canvas)


def mask_of(lab: np.ndarray, hair: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Where a picture shows skin, softly: (C, C), from 0 to 1.

    All of the face but eyes, mouth and hair; around it and on the neck what has about its colour.
    lab: (C, C, 3). hair: (H, H). own: (3,), the face's tone.
    """
    import cv2

    side = len(lab)
    face, around, kept = regions(side)
    off = cv2.GaussianBlur(lab, (0, 0), 1.2) - own
    least, deviation = OF_LIGHT
    darker = np.maximum(0, np.abs(off[..., 0]) - least) / deviation
    coloured = (np.square(off[..., 1]) + np.square(off[..., 2])) / OF_COLOUR**2
    alike = np.clip(FIRM * np.exp(-0.5 * (coloured + np.square(darker))), 0, 1)
    inner = cv2.resize(hair.astype(np.float32), (FACE_PX, FACE_PX))
    margin = (side - FACE_PX) // 2
    bare = 1 - np.clip((np.pad(inner, margin) - HAIR[0]) / (HAIR[1] - HAIR[0]), 0, 1)
    mask = np.maximum(alike * around, face * bare)
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2) * (1 - kept)


@functools.cache
def cheeks() -> np.ndarray:
    """The bare skin between eyes and mouth of the mean shape: bool (P, P)."""
    points = mesh.mean_shape(FACE_PX)
    five = mesh.five_of(points)
    eyes, mouth = five[:2, 1].mean(), five[3:, 1].mean()
    down = (np.arange(FACE_PX) - eyes) / (mouth - eyes)
    return bare_skin(points, FACE_PX) & ((down > CHEEKS[0]) & (down < CHEEKS[1]))[:, None]


@functools.cache
def regions(side_px: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the mean shape, softly: the inside of the face; where ears, forehead and neck may be; eyes
    and mouth: float32 (side_px, side_px) each, from 0 to 1.
    """
    import cv2

    def circle(radius: int) -> np.ndarray:
        return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)

    points = mesh.mean_shape(FACE_PX) + (side_px - FACE_PX) // 2
    oval = points[mesh.PARTS["oval"]]
    wide, high = np.ptp(oval, axis=0)
    x, y = np.meshgrid(np.arange(side_px), np.arange(side_px))
    across, below = (x - oval[:, 0].mean()) / wide, (y - (oval[:, 1].min() + high / 2)) / high
    ears = np.hypot(across / 0.64, below / 0.42) < 1
    forehead = np.hypot(across / 0.56, below / 0.72) < 1
    widening = np.maximum(0, below - 0.65) * (1.2 * high / wide)
    neck = (below > 0.12) & (np.abs(across) < 0.42 + widening)
    around = cv2.GaussianBlur((ears | forehead | neck).astype(np.float32), (0, 0), 5.0)
    inside = cv2.erode(filled(oval, side_px), circle(6)).astype(np.float32)
    eyes = filled(points[mesh.PARTS["left_eye"]], side_px)
    eyes |= filled(points[mesh.PARTS["right_eye"]], side_px)
    eyes = cv2.GaussianBlur(cv2.dilate(eyes, circle(1)).astype(np.float32), (0, 0), 1.5)
    lips = filled(points[mesh.PARTS["lips"]], side_px).astype(np.float32)
    kept = np.maximum(eyes, cv2.GaussianBlur(lips, (0, 0), 2.0))
    return cv2.GaussianBlur(inside, (0, 0), 3.5), around, kept


def _lab(picture: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
