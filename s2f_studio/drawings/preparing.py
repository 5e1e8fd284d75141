"""A person's picture as a model expects it: cleaned, its face found and laid where the model knows faces to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2f_studio.drawings import domain
from s2f_studio.drawings import prepare as drawings
from s2f_utils.inference.asking import LAYOUTS, Facts
from s2f_utils.pictures import faces, images, masks
from s2f_utils.pictures.remarks import Remark

PAPER_PX = 512  # of a drawing that is laid as drawn faces lie


@dataclass(frozen=True)
class Ready:
    """A picture that a model can be asked about.

    given: uint8 (H, W, 3), or class numbers, uint8 (H, W). warnings: what there is to say about it. face: where its
    face was found, in pixels of `paper`; None where it was not looked for. paper: the sheet that was cut out and
    cleaned, or the picture itself.
    """

    given: np.ndarray
    paper: np.ndarray
    warnings: tuple[Remark, ...] = ()
    face: faces.Face | None = None


def laid(paper: np.ndarray, landmarks: np.ndarray, layout: str, size_px: int) -> np.ndarray:
    """A drawing with its face where a model of this layout expects it: uint8 (H, W, 3) → (size_px, size_px, 3)."""
    target = LAYOUTS[layout] * size_px - 0.5
    return faces.warp(paper, faces.similarity(landmarks, target, faces.FIT_WEIGHTS), size_px, border="paper")


def prepared_for(
    facts: Facts,
    picture: str | Path | np.ndarray,
    *,
    points: np.ndarray | Sequence | None = None,
    clean: str = "auto",
    align: bool | None = None,
    face: faces.Which = None,
) -> Ready:
    """The picture, a path, or uint8 (H, W, 3), as this model expects it.

    A map becomes class numbers. A drawing is cleaned and laid out, a photo is aligned, unless the model takes pictures
    as they are (`align` decides where it is given). points, clean, face: as in `drawings.prepare`. Raises what
    `drawings.prepare`, `faces.align` and `masks.labels_of` raise.
    """
    if not isinstance(picture, np.ndarray):
        picture = masks.load(picture) if facts.reads == "map" else images.load_rgb(picture)
    if facts.reads == "map":
        labels = masks.labels_of(picture)
        return Ready(labels, masks.colour(labels))
    if not (bool(facts.layout) or points is not None if align is None else align):
        return Ready(picture, picture)
    if facts.reads == "photo":
        found, notes = drawings.find_any(picture, drawing=False, points=points, face=face)
        advice = domain.advice(picture, "photo-to-sketch")
        return Ready(
            faces.align(picture, found, facts.size_px), picture, (*([advice] if advice else []), *notes), found
        )
    prepared = drawings.prepare(picture, size_px=facts.size_px, points=points, clean=clean, face=face)
    given = prepared.image
    if facts.layout == "drawn":
        given = laid(prepared.paper, prepared.face.landmarks, "drawn", PAPER_PX)
    return Ready(given, prepared.paper, prepared.warnings, prepared.face)


def advice_on(picture: np.ndarray, reads: str) -> Remark | None:
    """What to tell who gives this picture, uint8 (H, W, 3), to a model that reads sketches or photos as they are."""
    verdict = domain.verdict(picture)
    if min(picture.shape[:2]) < domain.SMALL_PX and verdict.coloured < domain.COLOURED_FROM:
        return None  # lines that are drawn so small are tones
    kind = verdict.kind
    drawn = kind in ("drawing", "faint", "inverted")
    if reads == "photo":
        return Remark("drawing-for-photos") if drawn else None
    if kind == "photo":
        return Remark("photo-for-sketches")
    return None if kind == "drawing" else Remark(kind)
