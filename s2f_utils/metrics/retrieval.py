"""Retrieval: the rank of the true photo in a gallery sorted by similarity to the output. `CAVEAT`
belongs beside every such number, as do the rows of the raw sketch and of the hair alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from s2f_utils.metrics.registry import Metric, Pictures, Reference, SetScores, register
from s2f_utils.pictures.images import luminance, rounded

CAVEAT = (
    "Retrieval: where artists looked at the photo while they drew, as those of CUFS did, these ranks say nothing about"
    " sketches from memory, and nothing about recognising people: the raw sketch, and even the hair alone, find the"
    " photo too."
)
FEATURE_PX = 128
HOG_CELLS = (8, 16, 32)
LBP_RADII = (1, 2, 4)
LBP_GRID = 8
FACE = (
    0.5,
    0.58,
    0.27,
    0.34,
)  # centre x, y and half axes of the face in an aligned portrait, shares of the side


def features(pictures: Pictures) -> np.ndarray:
    """HOG in cells of 8, 16 and 32 px (Dalal and Triggs 2005) and uniform LBP of radius 1, 2 and 4
    px in an 8x8 grid (Ahonen, Hadid and Pietikäinen 2006) at 128 px: uint8 (N, H, W, 3) → float32
    (N, F), every kind of length 1.
    """
    from skimage.feature import hog, local_binary_pattern

    rows, side, cell_px = [], (FEATURE_PX, FEATURE_PX), FEATURE_PX // LBP_GRID
    for picture in pictures:
        grey = np.asarray(Image.fromarray(luminance(picture)).resize(side, Image.Resampling.BOX))
        parts = [
            hog(grey, orientations=8, pixels_per_cell=(c, c), cells_per_block=(2, 2))
            for c in HOG_CELLS
        ]
        for radius in LBP_RADII:
            codes = local_binary_pattern(grey, 8, radius, method="uniform").astype(np.int64)
            cells = (
                codes.reshape(LBP_GRID, cell_px, LBP_GRID, -1)
                .swapaxes(1, 2)
                .reshape(LBP_GRID**2, -1)
            )
            counts = np.apply_along_axis(np.bincount, 1, cells, minlength=10)
            parts.append(np.sqrt(counts / cells.shape[1]).ravel())
        rows.append(
            np.concatenate([part / (np.linalg.norm(part) + 1e-12) for part in parts]).astype(
                np.float32
            )
        )
    return np.stack(rows)


def ranks(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """The rank, from 1, of each query's own picture by cosine similarity; ties have their mean
    rank: float64 (N,).

    queries, gallery: float (N, F), row n of both is the same person. Raises ValueError for other
    shapes.
    """
    if queries.shape != gallery.shape or queries.ndim != 2:
        raise ValueError(
            f"queries and gallery must be (N, F) of the same people, got {queries.shape}, {gallery.shape}"
        )
    sides = (side.astype(np.float64) for side in (queries, gallery))
    rows, others = (side / (np.linalg.norm(side, axis=1, keepdims=True) + 1e-12) for side in sides)
    similarity = (rows @ others.T).round(
        9
    )  # equal pictures are ties whatever the order of the sums
    own = similarity.diagonal()[:, None]
    return 1.0 + (similarity > own).sum(axis=1) + ((similarity == own).sum(axis=1) - 1) / 2


def scores(places: np.ndarray) -> dict[str, np.ndarray]:
    """Per-image values of rank-1, rank-5 (0 or 1) and reciprocal rank."""
    return {
        "rank1": (places <= 1).astype(float),
        "rank5": (places <= 5).astype(float),
        "mrr": 1.0 / places,
    }


def without_face(pictures: Pictures) -> np.ndarray:
    """Aligned portraits, uint8 (N, H, W, 3), with the mean colour over an ellipse from brows to
    chin.
    """
    import cv2

    out = []
    for picture in pictures:
        height, width = picture.shape[:2]
        x, y, across, down = np.array(FACE) * (width, height, width, height)
        mask = np.zeros((height, width), np.uint8)
        cv2.ellipse(
            mask, (round(x), round(y)), (round(across), round(down)), 0, 0, 360, 1, cv2.FILLED
        )
        painted = picture.copy()
        painted[mask == 1] = rounded(picture[mask == 1].mean(axis=0))
        out.append(painted)
    return np.stack(out)


def _of_sets(reference: Reference, names: Sequence[str]):
    """Ranks of the true photos in the gallery of all of them."""
    gallery = features(reference.pictures)

    def score(fakes: Pictures) -> SetScores:
        values = scores(ranks(features(fakes), gallery))
        return SetScores({name: values[name] for name in names})

    return score


_SHARED = {"question": "who", "group": "sets", "best": 1.0, "of_sets": _of_sets}
register(
    Metric("rank1", None, True, 2, "", "ranks by hand", title="rank-1", **_SHARED),
    Metric("rank5", None, True, 2, "", "ranks by hand", title="rank-5", **_SHARED),
    Metric("mrr", None, True, 3, "", "ranks by hand", title="MRR", **_SHARED),
)
