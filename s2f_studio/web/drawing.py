"""The drawing on a pad, and where it begins.

Shapes: P pixels of the pad (512 for drawings, 256 for label maps).
"""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image

from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.preparing import laid
from s2f_utils import weights
from s2f_utils.inference import Facts
from s2f_utils.pictures import images, masks
from s2f_utils.pictures.drawn import synthetic
from s2f_utils.pictures.remarks import Remark

DRAWING_PX, MAP_PX = 512, 256
DRAWN = tuple(f"drawn face {n}" for n in (3, 5, 8, 10, 17, 21))  # of synthetic.draw_face's endless series
INK_BELOW = 200  # grey level
FEATHER = 0.05  # width of a region's soft rim, a share of the side; it lies inside the region


def blank(reads: str) -> np.ndarray:
    """White paper, uint8 (P, P, 3), or an empty map, uint8 (P, P)."""
    if reads == "map":
        return np.zeros((MAP_PX, MAP_PX), np.uint8)
    return np.full((DRAWING_PX, DRAWING_PX, 3), 255, np.uint8)


def is_empty(given: np.ndarray) -> bool:
    """Whether nothing is drawn on paper, uint8 (P, P, 3), or in a map, uint8 (P, P)."""
    return given.max() == 0 if given.ndim == 2 else given.min() > INK_BELOW


def as_given(drawing: np.ndarray, reads: str) -> np.ndarray:
    """A square picture as a pad keeps it: uint8 (H, W, 3) or (H, W) → (P, P, 3); for a model that reads maps, class
    numbers, uint8 (H, W), or their colours → (P, P).

    Raises ValueError for anything that is no such picture, MaskError for a picture that is no map.
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


def starts(reads: str) -> tuple[str, ...]:
    """The names of what a drawing, or a map, can begin with."""
    return (*drawings.EXAMPLES, *DRAWN) if reads == "sketch" else DRAWN


def begun_with(start: str | int, facts: Facts) -> np.ndarray:
    """One of `starts`, or face number `start` of `synthetic.draw_face`, its face where the model expects it.

    uint8 (P, P, 3), or class numbers, uint8 (P, P). Raises ValueError for an unknown name.
    """
    if isinstance(start, str) and start in drawings.EXAMPLES and facts.reads == "sketch":
        return _example(start, facts.guide, weights.find("yunet") is not None)
    if isinstance(start, str) and start not in starts(facts.reads):
        raise ValueError(f"there is no start {start!r} for this model: {', '.join(starts(facts.reads))}")
    index = start if isinstance(start, int) else int(start.split()[-1])
    if facts.reads == "map":
        return synthetic.draw_face(index, size_px=MAP_PX).mask
    face = synthetic.draw_face(index, size_px=DRAWING_PX)
    sketch = np.repeat(face.sketch[..., None], 3, axis=2)
    return sketch if facts.guide == "drawn" else laid(sketch, face.landmarks, facts.guide, DRAWING_PX)


def own(picture: np.ndarray, facts: Facts) -> tuple[np.ndarray, tuple[Remark, ...]]:
    """A person's picture, uint8 (H, W, 3), or map, cleaned and laid for the pad; and what there is to say about it."""
    if facts.reads == "map":
        return masks.resize(masks.labels_of(picture), MAP_PX), ()
    prepared = drawings.prepare(picture, size_px=DRAWING_PX)
    return laid(prepared.paper, prepared.face.landmarks, facts.guide, DRAWING_PX), prepared.warnings


@functools.lru_cache(maxsize=16)
def _example(name: str, layout: str, with_detector: bool) -> np.ndarray:
    """An example with its face where models of this layout expect it: uint8 (512, 512, 3)."""
    prepared = drawings.prepare(drawings.example(name), size_px=DRAWING_PX)
    return laid(prepared.paper, prepared.face.landmarks, layout, DRAWING_PX)


def shown(given: np.ndarray) -> np.ndarray:
    """A drawing as it is, or a map in its colours: uint8 (P, P, 3)."""
    return masks.colour(given) if given.ndim == 2 else given


def feathered(mask: np.ndarray, size_px: int, feather: float = FEATHER) -> np.ndarray:
    """How much of a region is redrawn: bool (H, W) → float32 (size_px, size_px), exactly 0 outside, rising inside.

    In a region that is narrower than two rims it rises to 1 in the middle. Raises ValueError for an empty region.
    """
    import cv2

    mask = np.asarray(mask)
    if mask.ndim != 2 or not mask.any():
        raise ValueError(f"a region must be bool (H, W) with some pixels set, got {mask.dtype} {mask.shape}")
    inside = np.asarray(
        Image.fromarray((mask > 0).astype(np.uint8)).resize((size_px, size_px), Image.Resampling.NEAREST)
    )
    framed = np.pad(np.asarray(inside), 1, mode="edge")  # the picture's own edge is no rim
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
    if not depth.any():
        raise ValueError("the region is too small: draw a larger one")
    rise = np.clip(depth / min(max(1.0, feather * size_px), float(depth.max())), 0, 1)
    return (rise * rise * (3 - 2 * rise)).astype(np.float32)
