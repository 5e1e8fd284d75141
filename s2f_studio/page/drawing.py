"""The drawing on a pad, and the pictures it can start from.

Shapes: P pixels of the pad (512 for drawings, 256 for label maps).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.prepare import place_face
from s2f_studio.page.uploads import Refusal
from s2f_studio.remarks import Remark
from s2f_utils import weights
from s2f_utils.infer import Facts
from s2f_utils.pictures import faces, images, masks

DRAWING_PX, MAP_PX = 512, 256
# drawn faces, and label maps of three portraits (face_maps)
FOLDER = Path(__file__).parents[1] / "web" / "examples"
MAPS = ("map-3", "map-8", "map-17")
STARTS = {"aligned": drawings.EXAMPLES, "map": MAPS}  # the pictures a pad can start from
INK_BELOW = 200  # grey level
START = "long-hair"


def blank(reads: str) -> np.ndarray:
    """White paper, uint8 (P, P, 3), or an empty map, uint8 (P, P)."""
    if reads == "map":
        return np.zeros((MAP_PX, MAP_PX), np.uint8)
    return np.full((DRAWING_PX, DRAWING_PX, 3), 255, np.uint8)


def is_empty(given: np.ndarray) -> bool:
    """Whether nothing is drawn on paper, uint8 (P, P, 3), or in a map, uint8 (P, P)."""
    return given.max() == 0 if given.ndim == 2 else given.min() > INK_BELOW


def as_given(drawing: np.ndarray, reads: str) -> np.ndarray:
    """A square picture in a pad's format: uint8 (H, W, 3) or (H, W) → (P, P, 3); for a model that
    reads maps, class numbers, uint8 (H, W), or their colours → (P, P).

    Raises ValueError for any other array, MaskError for a picture that is no map.
    """
    drawing = np.asarray(drawing)
    square = drawing.ndim in (2, 3) and drawing.shape[0] == drawing.shape[1] >= 16
    if drawing.dtype != np.uint8 or not square or (drawing.ndim == 3 and drawing.shape[2] != 3):
        raise ValueError(
            f"a drawing must be uint8 and square, (P, P, 3) or (P, P), 16 pixels or more, got {drawing.dtype}"
            f" {drawing.shape}: begin_with takes drawings of any shape"
        )
    if reads == "map":
        return masks.resize(masks.labels_of(drawing), MAP_PX)
    rgb = np.repeat(drawing[..., None], 3, axis=2) if drawing.ndim == 2 else drawing
    return rgb if len(rgb) == DRAWING_PX else images.resize(rgb, DRAWING_PX, "stretch")


def kind_of(facts: Facts) -> str:
    """The key of `STARTS` for a model."""
    return "map" if facts.reads == "map" else "aligned"


def start_of(kind: str, name: str) -> np.ndarray:
    """One of `STARTS`, its face placed for models: uint8 (P, P, 3), or class numbers, uint8 (P, P).

    Raises ValueError for an unknown name.
    """
    if name not in STARTS[kind]:
        raise ValueError(f"there is no start {name!r} for this model: {', '.join(STARTS[kind])}")
    if name in drawings.EXAMPLES:
        return _example(name, weights.find("yunet") is not None)
    return example_map(name)


def example_map(name: str) -> np.ndarray:
    """One of `MAPS`, class numbers, uint8 (P, P)."""
    return images.load_labels(FOLDER / f"{name}.png")


def own(picture: np.ndarray, facts: Facts) -> tuple[np.ndarray, tuple[Remark, ...]]:
    """A user's picture, uint8 (H, W, 3), or map, cleaned and aligned for the pad; and remarks on
    it.
    """
    if facts.reads == "map":
        return masks.resize(masks.labels_of(picture), MAP_PX), ()
    prepared = drawings.prepare(picture, size_px=DRAWING_PX)
    return place_face(prepared.paper, prepared.face.landmarks, DRAWING_PX), prepared.warnings


def for_pad(picture: np.ndarray, facts: Facts, words: Mapping[str, str]) -> dict[str, Any]:
    """A user's picture for a page's pad: {"drawing": its data URI, "warnings": the remarks' words,
    "codes"}.

    words: of the page, as in `Remark.worded`. Raises Refusal.
    """
    try:
        drawing, remarks = own(picture, facts)
    except (faces.FaceError, ValueError) as error:
        raise Refusal(422, str(error)) from None
    said = [text for one in remarks if (text := one.worded(words))]
    return {
        "drawing": images.picture_uri(shown(drawing)),
        "warnings": said,
        "codes": [one.code for one in remarks],
    }


@functools.lru_cache(maxsize=16)
def _example(name: str, with_detector: bool) -> np.ndarray:
    """An example, its face placed for models: uint8 (512, 512, 3)."""
    prepared = drawings.prepare(drawings.example(name), size_px=DRAWING_PX)
    return place_face(prepared.paper, prepared.face.landmarks, DRAWING_PX)


def shown(given: np.ndarray) -> np.ndarray:
    """A drawing as it is, or a map in its colours: uint8 (P, P, 3)."""
    return masks.colour(given) if given.ndim == 2 else given
