"""The average face of all whom a drawing could mean, in the mean shape's frame.

Pixel work is done by stages (`faces.stages`); this module makes the decisions between them, and has
the region of a face that shows each attribute. Regions are S = 128 pixels a side.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from s2f_studio.attributes import ATTRIBUTES, COLOURED, as_tone
from s2f_studio.request import DrawingRequest
from s2f_utils.infer.landmarks import Landmarks, asserted_hat
from s2f_utils.pictures import mesh, shape_prior
from s2f_utils.pictures.attributes import WORN
from s2f_utils.pictures.mesh import MEAN_PX

if TYPE_CHECKING:
    from s2f_utils.infer.engine import Engine

NOT_DRAWN = 0.5  # below it, glasses or a beard are missing from the drawing
BEARD_FROM = 0.15  # from this "beard" score on, a beard is asserted
GUIDANCE = 4.0  # amplification of a requested attribute
ADDED = ("glasses", "beard")  # drawn onto the drawing if requested and missing
ADDED_GUIDANCE = {"glasses": 1.3, "beard": 1.15}  # amplification of those that are drawn
# Drawn by `data_prep.hand_sketches.drawing.added`, seed 0.
INK = Path(__file__).with_name("added_ink.npz")


def average_face(
    engine: Engine, square: np.ndarray, found: Landmarks, ask: DrawingRequest
) -> np.ndarray:
    """The average face of a drawing, uint8 (P, P, 3), in the mean shape: colours, masks of person
    and hair, float32 (5, 128, 128) in [0, 1].

    A drawing outweighs the requested attributes, so each is amplified in its own region, a
    beard below the nose, as in classifier-free guidance (Ho and Salimans 2022): the change in
    the network's output times a factor is added to the answer. Elsewhere the answer stays as
    it is without the request. There are three rounds, one for each size of factor: what a round
    amplifies must be the effect of its own attributes alone.
    """
    points, tones = found.points.astype(np.float32), tones_of(ask)
    missing = missing_accessories(ask, found)
    asked = requested_levels(ask, found)
    worn, others = set(asked) & set(WORN), set(asked) - missing

    def output_of(levels: Mapping[str, float], added: Collection[str] = ()) -> np.ndarray:
        attributes = np.array([levels.get(name, np.nan) for name in ATTRIBUTES], np.float32)
        is_added = np.array([name in added for name in ADDED], np.float32)
        given = square, points, attributes, is_added, tones
        return engine.run("expect", *(one[None] for one in given))[0]

    # To begin with: the drawing and what the finder reads in it, nothing of the request.
    output = answer = output_of(found.flags)
    # Round 1, factor 1: what the finder reads of glasses, beard and hat is withdrawn where the
    # request mentions them.
    unread = {name: level for name, level in found.flags.items() if name not in asked}
    # Round 2, small factors: missing accessories are drawn onto the drawing, which shows well.
    drawn = unread | {name: asked[name] for name in missing}
    # Round 3, the large factor: all other attributes, which the network only gets as numbers.
    rounds = (
        (worn, unread, (), dict.fromkeys(WORN, 1.0)),
        (missing, drawn, missing, ADDED_GUIDANCE),
        (others, unread | asked, missing, {}),
    )
    for names, levels, added, factors in rounds:
        if names:
            last, output = output, output_of(levels, added)
            strengths = guidance(names, factors)[None]
            (answer,) = engine.run("guide", answer, last, output, strengths)
    turned = shape_prior.coordinates(found.points, found.off_by_hand)[:1].astype(np.float32)
    return engine.run("settle", answer, turned)[0][0]


def tones_of(ask: DrawingRequest) -> np.ndarray:
    """The requested tones, RGB of skin and hair: float32 (6,) in [-1, 1], NaN for others."""
    tones = np.full((len(COLOURED), 3), np.nan, np.float32)
    for place, name in enumerate(COLOURED):
        if name in ask.person:
            tones[place] = np.array(as_tone(ask.person[name]).colour, np.float32) / 127.5 - 1
    return tones.ravel()


def requested_levels(ask: DrawingRequest, found: Landmarks) -> dict[str, float]:
    """The requested attributes, from 0 to 1, and those inferred from the drawing where the request
    leaves them open: hair drawn down to the brows is no hat; a likely beard is asserted, because
    drawn beards are rendered weakly.
    """
    levels = {}
    is_hat = asserted_hat(found)
    if is_hat is not None:
        levels["hat"] = float(is_hat)
    if found.flags["beard"] > BEARD_FROM:
        levels["beard"] = 1.0
    asked = {name: value for name, value in ask.person.items() if name in ATTRIBUTES}
    return levels | {name: 0.5 + 0.5 * value for name, value in asked.items()}


def missing_accessories(ask: DrawingRequest, found: Landmarks) -> set[str]:
    """Which of `ADDED` were requested, and are missing from the drawing."""
    return {name for name in ADDED if ask.person.get(name, 0) > 0 and found.flags[name] < NOT_DRAWN}


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
