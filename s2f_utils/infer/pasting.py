"""Paste changed crops of a photo back into it, without seams.

Shapes: H, W pixels of the photo, S of a square crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2f_utils.pictures import faces, images

FEATHER = 0.12  # of the crop's side: over this width a pasted face fades into the photo
BAND_ROWS = 512  # rows of a photo pasted at once: large faces would take gigabytes
SHRUNK_BELOW = 0.8  # pixels of the photo per pixel of the crop


@dataclass(frozen=True, eq=False)
class Patch:
    """A crop's change to paste. layers: the change times its weights, and the weights, float32 (S,
    S, 4). matrix: from the crop's pixels to the photo's, (2, 3). box: of the photo that it touches:
    left, above, right, below.
    """

    layers: np.ndarray
    matrix: np.ndarray
    box: tuple[int, int, int, int]

    def overlaps(self, other: Patch) -> bool:
        """Whether the boxes of two patches overlap."""
        left, above, right, below = self.box
        x, y, beside, under = other.box
        return x < right and left < beside and y < below and above < under


def feathered_mask(size_px: int) -> np.ndarray:
    """The weights for pasting a crop: float32 (S, S), 1 inside, falling to 0 at the edge."""
    at = (np.arange(size_px) + 0.5) / size_px
    edge = np.clip(np.minimum(at, 1 - at) / FEATHER, 0, 1)
    ramp = edge * edge * (3 - 2 * edge)
    return np.outer(ramp, ramp).astype(np.float32)


def paste_all(
    out: np.ndarray, changes: Sequence[np.ndarray], matrices: Sequence[np.ndarray], strength: float
) -> None:
    """Add a restorer's changes to its crops, float32 (S, S, 3), to the photo, uint8
    (H, W, 3), in place.

    Only the change is added, so that a face with more pixels than the crop keeps its finer detail.
    Overlapping crops share their pixels. matrices: from the photo's pixels to the crops'. strength:
    from 0 to 1.
    """
    patches = [
        _patch(change, matrix, out.shape[1::-1])
        for change, matrix in zip(changes, matrices, strict=True)
    ]
    for patch in patches:
        others = [other for other in patches if other is not patch and patch.overlaps(other)]
        left, above, right, below = patch.box
        for top in range(above, below, BAND_ROWS):
            region = out[top : min(top + BAND_ROWS, below), left:right]
            _paste(region, (left, top), patch, others, strength)


def _patch(change: np.ndarray, matrix: np.ndarray, photo_size: tuple[int, int]) -> Patch:
    """A change, float32 (S, S, 3), ready to be pasted into a photo of this width and height."""
    import cv2

    size_px, back = len(change), faces.inverse(matrix)
    square = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * size_px - 0.5
    corners = faces.transform(square, back)
    low = np.floor(corners.min(axis=0)).astype(int)
    high = np.ceil(corners.max(axis=0)).astype(int) + 1
    left, above = np.clip(low, 0, photo_size).tolist()
    right, below = np.clip(high, 0, photo_size).tolist()
    mask = feathered_mask(size_px)
    layers = np.dstack([change * mask[..., None], mask])
    scale = float(np.sqrt(abs(np.linalg.det(back[:, :2]))))
    if scale < SHRUNK_BELOW:  # several of the crop's pixels per pixel of the photo: average them
        small = max(8, round(size_px * scale))
        layers = cv2.resize(layers, (small, small), interpolation=cv2.INTER_AREA)
        back = faces.rescaled(back, size_px / small)
    return Patch(layers, back, (left, above, right, below))


def _paste(
    region: np.ndarray,
    corner: tuple[int, int],
    patch: Patch,
    others: Sequence[Patch],
    strength: float,
) -> None:
    """Add a patch to a part of the photo, in place. corner: of that part, left and top. others:
    patches that share its pixels.
    """
    import cv2

    offset = [[0, 0, corner[0]], [0, 0, corner[1]]]

    def warped(layers: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        size = region.shape[1::-1]
        return cv2.warpAffine(layers, matrix - offset, size, flags=cv2.INTER_CUBIC)

    pasted = warped(patch.layers, patch.matrix)
    change = pasted[..., :3]
    if others:
        covers = [warped(other.layers[..., 3], other.matrix) for other in others]
        change = change / np.maximum(pasted[..., 3] + sum(covers), 1.0)[..., None]
    region[:] = images.rounded(region + strength * change)
