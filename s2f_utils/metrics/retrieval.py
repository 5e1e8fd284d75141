"""Retrieval: the rank of the true photo in a gallery sorted by similarity to the output. `CAVEAT`
belongs beside every such number, as do the rows of the raw sketch and of the hair alone.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from s2f_utils.metrics.registry import Pictures, PictureSet, Reference, metric
from s2f_utils.pictures.images import luminance, rounded

CAVEAT = (
    "Retrieval: where artists looked at the photo while they drew, as those of CUFS did, these"
    " ranks say nothing about sketches from memory, and nothing about recognising people: the raw"
    " sketch, and even the hair alone, find the photo too."
)
FEATURE_PX = 128
HOG_CELLS = (8, 16, 32)
LBP_RADII = (1, 2, 4)
LBP_POINTS = 8
LBP_CODES = LBP_POINTS + 2  # of uniform patterns
LBP_GRID = 8
# Centre x, y and half axes of the face in an aligned portrait, as shares of the side.
FACE = (0.5, 0.58, 0.27, 0.34)


def features(pictures: Pictures) -> np.ndarray:
    """HOG in cells of 8, 16 and 32 px (Dalal and Triggs 2005) and uniform LBP of radius 1, 2 and 4
    px in an 8x8 grid (Ahonen, Hadid and Pietikäinen 2006) at 128 px: uint8 (N, H, W, 3) → float32
    (N, F), every kind of length 1.
    """
    return np.stack([_features_of(picture) for picture in pictures])


def _features_of(picture: np.ndarray) -> np.ndarray:
    from skimage.feature import hog

    small = Image.fromarray(luminance(picture)).resize((FEATURE_PX,) * 2, Image.Resampling.BOX)
    grey = np.asarray(small)
    parts = []
    for cell_px in HOG_CELLS:
        cells = (cell_px, cell_px)
        parts.append(hog(grey, orientations=8, pixels_per_cell=cells, cells_per_block=(2, 2)))
    parts += [_lbp_histograms(grey, radius) for radius in LBP_RADII]
    unit = [part / (np.linalg.norm(part) + 1e-12) for part in parts]
    return np.concatenate(unit).astype(np.float32)


def _lbp_histograms(grey: np.ndarray, radius: int) -> np.ndarray:
    """Square roots of the shares of each code in each cell of the grid: float64 (640,)."""
    from skimage.feature import local_binary_pattern

    codes = local_binary_pattern(grey, LBP_POINTS, radius, method="uniform").astype(np.int64)
    cell_px = FEATURE_PX // LBP_GRID
    blocks = codes.reshape(LBP_GRID, cell_px, LBP_GRID, cell_px).swapaxes(1, 2)
    cells = blocks.reshape(LBP_GRID**2, cell_px**2)
    counts = np.apply_along_axis(np.bincount, 1, cells, minlength=LBP_CODES)
    return np.sqrt(counts / cells.shape[1]).ravel()


def ranks(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """The rank, from 1, of each query's own picture by cosine similarity; ties have their mean
    rank: float64 (N,).

    queries, gallery: float (N, F), row n of both is the same person. Raises ValueError for other
    shapes.
    """
    if queries.shape != gallery.shape or queries.ndim != 2:
        raise ValueError(
            "queries and gallery must be (N, F) of the same people,"
            f" got {queries.shape}, {gallery.shape}"
        )
    similarity = _unit(queries) @ _unit(gallery).T
    similarity = similarity.round(9)  # equal pictures are ties whatever the order of the sums
    to_itself = similarity.diagonal()[:, None]
    num_nearer = (similarity > to_itself).sum(axis=1)
    num_ties = (similarity == to_itself).sum(axis=1) - 1
    return 1.0 + num_nearer + num_ties / 2


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float64)
    return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-12)


def scores(places: np.ndarray) -> dict[str, np.ndarray]:
    """Rank-1, rank-5 (0 or 1) and reciprocal rank of each image, from its rank (N,)."""
    return {
        "rank1": (places <= 1).astype(float),
        "rank5": (places <= 5).astype(float),
        "mrr": 1.0 / places,
    }


def without_face(pictures: Pictures) -> np.ndarray:
    """Aligned portraits, uint8 (N, H, W, 3),
    with the mean colour over an ellipse from brows to chin.
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


def _scores(outputs: PictureSet, reference: Reference) -> dict[str, np.ndarray]:
    return scores(ranks(outputs.features(features), reference.features(features)))


@metric(of="sets", title="rank-1", question="who", group="sets", higher_is_better=True, digits=2)
def rank1(outputs: PictureSet, reference: Reference) -> np.ndarray:
    """Whether each output's own photo is the most similar one: 0 or 1, float64 (N,)."""
    return _scores(outputs, reference)["rank1"]


@metric(of="sets", title="rank-5", question="who", group="sets", higher_is_better=True, digits=2)
def rank5(outputs: PictureSet, reference: Reference) -> np.ndarray:
    """Whether each output's own photo is among the five most similar ones: float64 (N,)."""
    return _scores(outputs, reference)["rank5"]


@metric(of="sets", title="MRR", question="who", group="sets", higher_is_better=True, digits=3)
def mrr(outputs: PictureSet, reference: Reference) -> np.ndarray:
    """The reciprocal rank of each output's own photo: float64 (N,)."""
    return _scores(outputs, reference)["mrr"]
