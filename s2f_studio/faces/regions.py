"""Requested attributes of a person: the region of a face that shows each, and how missing ones are
drawn.

Everything is in the frame of the mean shape, S = 128 pixels.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from s2f_studio.attributes import ATTRIBUTES
from s2f_utils.pictures import mesh
from s2f_utils.pictures.mesh import MEAN_PX

GUIDANCE = 4.0  # amplification of a requested attribute
ADDED = ("glasses", "beard")  # drawn onto the drawing if requested and missing
ADDED_GUIDANCE = {"glasses": 1.3, "beard": 1.15}  # amplification of those that are drawn
# Drawn by `data_prep.hand_sketches.drawing.added`, seed 0.
INK = Path(__file__).with_name("added_ink.npz")


def guidance(words: Collection[str], scales: Mapping[str, float] | None = None) -> np.ndarray:
    """The amplification of each of `ATTRIBUTES`: float32 (7,), 0 for those not requested. scales:
    {attribute: amplification}, `GUIDANCE` for the others.
    """
    scales = scales or {}
    return np.array(
        [scales.get(name, GUIDANCE) * (name in words) for name in ATTRIBUTES], np.float32
    )


@functools.cache
def inside_face() -> np.ndarray:
    """1 inside the mean shape's face, with a soft rim: float32 (S, S)."""
    import cv2

    face = np.zeros((MEAN_PX, MEAN_PX), np.uint8)
    oval = mesh.mean_shape(MEAN_PX)[mesh.PARTS["oval"]]
    cv2.fillConvexPoly(face, cv2.convexHull(np.rint(oval).astype(np.int32)), 1)
    return cv2.GaussianBlur(
        cv2.erode(face, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), 1.5
    )


@functools.cache
def region(name: str) -> np.ndarray:
    """The region that shows one of `ATTRIBUTES`, all of it for age: float32 (S, S), 0 to 1."""
    import cv2

    points = mesh.mean_shape(MEAN_PX)
    down = np.arange(MEAN_PX, dtype=np.float32)[:, None].repeat(MEAN_PX, axis=1)
    brows, nose, chin = (points[mesh.PARTS[part], 1] for part in ("left_brow", "nose", "oval"))
    below_nose, face = down > nose.max() - 2, (inside_face() > 0.3).astype(np.uint8)
    inside = {
        "beard": below_nose & (cv2.dilate(face, np.ones((9, 9), np.uint8)) > 0),
        "smile": below_nose & (face > 0),
        "glasses": (down > brows.min() - 2) & (down < nose.max() - 4),
        "hat": down < brows.max() + 4,
        "hair_length": face == 0,
        "curls": face == 0,
    }.get(name, down <= chin.max() + MEAN_PX)
    return cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 3.0)


@functools.cache
def added_ink(name: str) -> np.ndarray:
    """One of `ADDED` as a pen draws it on the mean face, from 0 for paper to 1: float32 (S, S)."""
    with np.load(INK) as found:
        return found[name]
