"""A portrait that drawings are made from: photo, points, hair, person, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from data_prep.make.scribbles.hand import even
from s2f_studio.drawings import mesh

WORN = ("glasses", "beard", "hat")
# What else a network may be told of a person, from -1 to 1: by which label of portrait_labels.csv, and what it means.
TRAITS: dict[str, tuple[str, dict[str, float]]] = {
    "age": ("age", {"young": -1.0, "middle": 0.0, "old": 1.0}),
    "smile": ("mouth", {"closed": -1.0, "smile-closed": 0.0, "teeth": 1.0}),
    "hair_length": ("hair_length", {"bald": -1.0, "receding": -0.6, "short": -0.3, "medium": 0.4, "long": 1.0}),
    "curls": ("hair_texture", {"straight": -1.0, "wavy": 0.0, "curly": 1.0}),
}
TRAIT_LABELS = tuple(label for label, _ in TRAITS.values())
TOLD = WORN + tuple(TRAITS)  # all that a network may be told
TEXTURED = ("age", "smile", "curls")  # of `TRAITS`: what is seen in a face's texture
FOUND_PARTS = ("person", "hair")  # what a finder maps,
FOUND_FLAGS = ("photo", "crude", "glasses", "beard", "hat")  # and what it says
BEARDS = ("none", "stubble", "moustache", "goatee", "full")


@dataclass(frozen=True)
class Portrait:
    """An aligned portrait.

    photo: uint8 (256, 256, 3). points: float (164, 2), pixels, as `faces.mesh` orders them. person, hair: float32 (256,
    256) in [0, 1]. shows: what is known about it: glasses ("0", "1"), beard (one of `BEARDS`), hair_texture ("curly"),
    age ("old"), …. lines: of what was put on it, "hat" and "glasses", each (N, 2) in pixels.
    """

    photo: np.ndarray
    points: np.ndarray
    person: np.ndarray
    hair: np.ndarray
    shows: dict[str, str] = field(default_factory=dict)
    lines: dict[str, tuple[np.ndarray, ...]] = field(default_factory=dict)


def mirrored(portrait: Portrait) -> Portrait:
    """The portrait as a mirror shows it."""
    last = portrait.photo.shape[1] - 1
    points = (portrait.points * [-1, 1] + [last, 0])[mesh.mirror()].astype(np.float32)
    lines = {name: tuple(line * [-1, 1] + [last, 0] for line in own) for name, own in portrait.lines.items()}
    flipped = {name: np.ascontiguousarray(getattr(portrait, name)[:, ::-1]) for name in ("photo", "person", "hair")}
    return replace(portrait, points=points, lines=lines, **flipped)


def moved(line: np.ndarray, where: np.ndarray) -> np.ndarray:
    """A line (N, 2) in pixels, as a hand puts it: (M, 2); where: (S, S, 2), where the hand puts each pixel."""
    line = even(line, 3.0)
    at = np.clip(np.rint(line).astype(int), 0, len(where) - 1)
    return line + where[at[:, 1], at[:, 0]] - at


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
