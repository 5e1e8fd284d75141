"""A person in the mean shape, laid at a drawing's shape before a studio's wall."""

from __future__ import annotations

import functools

import numpy as np

from s2f_utils.pictures import images
from s2f_utils.pictures.faces import bending, mesh

SIDE_PX = 128  # of the mean shape's frame
OUT_PX = 256
CROWN, CROWN_HIGH = 0.08, 0.35  # of the side, from where heads are made round; and how high, of half their width
TUFT = 0.2  # of the side: what is narrower there is no head
BEYOND_PX, SOFT_PX = 24, 7.0  # of 128: how far an answer goes on beyond the mean shape's frame, and how soft


def at_shape(person: np.ndarray, points: np.ndarray, wall: np.ndarray, side_px: int = OUT_PX) -> np.ndarray:
    """A person in the mean shape, colours times person and person, float32 (P, P, 4) in [0, 1], P = 128 or 256, at the
    points (164, 2) of a picture of OUT_PX, before a wall, (OUT_PX, OUT_PX, 3) or (3,) in [0, 255]: uint8
    (side_px, side_px, 3).
    """
    import cv2

    beyond_px = BEYOND_PX * len(person) // SIDE_PX
    large = continued(person, beyond_px)
    scale = side_px // len(person)
    if scale > 1:
        large = np.clip(cv2.resize(large, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), 0, 1)
    where = bending.field(points, mesh.mean_shape(OUT_PX), OUT_PX)
    if side_px != OUT_PX:  # the field is smooth
        where = cv2.resize(where + np.float32(0.5), (side_px, side_px)) * np.float32(side_px / OUT_PX) - np.float32(0.5)
    bent = bending.bend(large, where + np.float32(scale * beyond_px))
    if wall.ndim == 3:
        wall = cv2.resize(wall, (side_px, side_px), interpolation=cv2.INTER_LINEAR)
    return images.rounded(255 * bent[..., :3] + wall * (1 - bent[..., 3:4]))


@functools.lru_cache(maxsize=8)
def backdrop(seed: int) -> np.ndarray:
    """A studio's wall, float32 (OUT_PX, OUT_PX, 3) in [0, 255]: light from one side, darker at the corners, another
    for another seed; 0: a plain grey one.
    """
    rng = np.random.default_rng(seed)
    light, tint, slope = 150.0, np.array([-4.0, 0.0, 5.0]), np.array([18.0, -26.0])
    if seed:
        light, tint, slope = rng.uniform(60, 205), rng.normal(0, [7, 3, 8]), rng.normal(0, 26, 2)
    y, x = (np.mgrid[:OUT_PX, :OUT_PX] + 0.5) / OUT_PX - 0.5
    grey = light + slope[0] * x + slope[1] * y - 70 * (x**2 + (y + 0.05) ** 2)
    grain = rng.normal(0, 1.2, (OUT_PX, OUT_PX, 1))
    made = (grey[..., None] + tint + grain).clip(0, 255).astype(np.float32)
    made.flags.writeable = False
    return made


def continued(person: np.ndarray, beyond_px: int) -> np.ndarray:
    """A person (P, P, 4) with `beyond_px` more on each side, where its edges go on and fade into the wall: float32."""
    import cv2

    border, scale = (beyond_px,) * 4, beyond_px / BEYOND_PX
    wider = cv2.copyMakeBorder(person, *border, cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(wider, (0, 0), SOFT_PX * scale)
    inside = cv2.copyMakeBorder(np.ones(person.shape[:2], np.float32), *border, cv2.BORDER_CONSTANT, value=0)
    inside = cv2.blur(inside, (round(8 * scale) + 1,) * 2)[..., None]  # the seam is no line
    made = wider * inside + soft * (1 - inside)
    return made * (fading(len(person), beyond_px) * crown(person, beyond_px))[..., None]


def fading(size_px: int, beyond_px: int) -> np.ndarray:
    """How much of a person is seen, within a picture's sides 1, and `beyond_px` further out 0: float32."""
    beyond = np.maximum(0, np.abs(np.arange(size_px + 2 * beyond_px) - (beyond_px + (size_px - 1) / 2)) - size_px / 2)
    away = np.minimum(1, np.hypot(beyond[:, None], beyond) / beyond_px)
    return (0.5 + 0.5 * np.cos(np.pi * away)).astype(np.float32)


def crown(person: np.ndarray, beyond_px: int) -> np.ndarray:
    """How much of `continued` is shown, so that a head that the frame cuts at its top is round: float32."""
    side = len(person) + 2 * beyond_px
    first = beyond_px + round(CROWN * len(person))
    inked = np.flatnonzero(person[first - beyond_px, :, 3] > 0.5) + beyond_px
    shown = np.ones((side, side), np.float32)
    if 0 < len(inked) < TUFT * len(person):  # no head is so narrow
        shown[:first] = np.linspace(-4, 1, first, dtype=np.float32).clip(0, 1)[:, None]
    elif len(inked):
        middle, half = (inked[0] + inked[-1]) / 2, (inked[-1] - inked[0] + 1) / 2
        across, up = (np.arange(side) - middle) / half, (first - np.arange(first)) / min(first, CROWN_HIGH * half)
        inside = 1 - np.hypot(across[None], up[:, None])
        shown[:first] = np.clip(0.5 + inside * half / (4 * len(person) / SIDE_PX), 0, 1)
    return shown
