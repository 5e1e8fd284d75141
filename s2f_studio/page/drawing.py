"""The drawing on a pad, and the pictures it can start from.

Shapes: P pixels of the pad (512 for drawings and photos, 256 for label maps). reads: what a model
reads, "sketch", "photo" or "map".
"""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from s2f_studio.answers import prepare_or_refuse
from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.face import face_of_photo
from s2f_studio.page.reply import crop_facts
from s2f_studio.request import DrawingRequest
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures import faces, images, masks

DRAWING_PX, MAP_PX = 512, 256
# drawn faces, and label maps of three portraits (face_maps)
FOLDER = Path(__file__).with_name("examples")
STARTS = {
    "sketch": drawings.EXAMPLES,
    "photo": ("photo-3", "photo-8", "photo-17"),
    "map": ("map-8", "map-3", "map-17"),
}
INK_BELOW = 200  # grey level
START = "long-hair"


def blank(reads: str) -> np.ndarray:
    """White paper, uint8 (P, P, 3), or an empty map, uint8 (P, P)."""
    if reads == "map":
        return np.zeros((MAP_PX, MAP_PX), np.uint8)
    return np.full((DRAWING_PX, DRAWING_PX, 3), 255, np.uint8)


def is_empty(given: np.ndarray) -> bool:
    """Whether nothing is drawn on paper, uint8 (P, P, 3), or in a map, uint8 (P, P)."""
    if given.ndim == 2:
        return given.max() == 0
    return given.min() > INK_BELOW


def as_given(drawing: np.ndarray, reads: str) -> np.ndarray:
    """A square picture in a pad's format: uint8 (H, W, 3) or (H, W) → (P, P, 3); for a model that
    reads maps, class numbers, uint8 (H, W), or their colours → (P, P).

    Raises ValueError for any other array, ImageError for a picture that is no map.
    """
    drawing = np.asarray(drawing)
    is_square = drawing.ndim in (2, 3) and drawing.shape[0] == drawing.shape[1] >= 16
    has_colours = drawing.ndim == 2 or drawing.shape[-1] == 3
    if drawing.dtype != np.uint8 or not is_square or not has_colours:
        raise ValueError(
            "a drawing must be uint8 and square, (P, P, 3) or (P, P), 16 pixels or more, got"
            f" {drawing.dtype} {drawing.shape}: begin_with takes drawings of any shape"
        )
    if reads == "map":
        return masks.resize(masks.labels_of(drawing), MAP_PX)
    rgb = np.repeat(drawing[..., None], 3, axis=2) if drawing.ndim == 2 else drawing
    if len(rgb) == DRAWING_PX:
        return rgb
    return images.resize(rgb, DRAWING_PX, "stretch")


def placed(picture: np.ndarray, reads: str) -> np.ndarray:
    """A picture of any shape, uint8 (H, W, 3), with its face where models expect it: cleaned and
    cropped, uint8 (P, P, 3); of a map the class numbers, uint8 (P, P).
    """
    if reads == "map":
        return masks.resize(masks.labels_of(picture), MAP_PX)
    if reads == "sketch":
        return drawings.prepare(picture, size_px=DRAWING_PX).image
    face, _ = face_of_photo(picture)
    return faces.warp(picture, faces.alignment(face.landmarks, DRAWING_PX), DRAWING_PX)


def cropped(picture: np.ndarray, request: DrawingRequest, info: ModelInfo) -> dict[str, Any]:
    """A user's picture, uint8 (H, W, 3), or map, uint8 (H, W), as a drawing, for JSON.

    request: how to crop it (`clean`, `face`, `points`, `insist`). Returns {"drawing": a data URI},
    and what `reply.crop_facts` says. Raises Refusal, of code "no-face" if there seems to be none.
    """
    always = request.model_copy(update={"align": "always"})
    prepared = prepare_or_refuse(picture, always, replace(info, size_px=DRAWING_PX))
    drawing = prepared.image
    if info.reads == "map":
        drawing = masks.resize(drawing, MAP_PX)
    about = crop_facts(prepared, prepared.warnings, info)
    return {"drawing": images.picture_uri(masks.shown(drawing)), **about}


@functools.lru_cache(maxsize=32)
def start_of(reads: str, name: str) -> np.ndarray:
    """One of `STARTS`, placed: uint8 (P, P, 3), or class numbers, uint8 (P, P).

    Raises ValueError for an unknown name.
    """
    if name not in STARTS[reads]:
        raise ValueError(f"there is no start {name!r} for this model: {', '.join(STARTS[reads])}")
    if reads == "map":
        return images.load_labels(FOLDER / f"{name}.png")
    if reads == "sketch":
        return placed(drawings.example(name), reads)
    return placed(images.load_rgb(FOLDER / f"{name}.webp"), reads)
