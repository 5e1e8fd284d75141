"""How far a set of outputs is from a set of photos, by colours and gradients alone: no network has to be fetched.

A Fréchet distance over 16 principal components of the photos' statistics. It rewards texture and misses broken features
(melted eyes with the right grain score well), so that it never stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from s2f_utils.metrics.distribution import frechet_distance
from s2f_utils.metrics.registry import Pictures

LOOKED_AT_PX = 128
GRID = 8  # cells each way
SCALES_PX = (128, 64, 32)  # at which gradients are taken
DIRECTIONS = 8
NUM_COMPONENTS = 16
TOTAL = 100.0  # the spread of each kind of statistics over the photos


def statistics(picture: np.ndarray) -> list[np.ndarray]:
    """Colour and gradient statistics of a picture, uint8 (H, W, 3) → five kinds of them, float64 each.

    The picture at 128 px in 8 x 8 cells: the mean of L*, a*, b* (192), their standard deviation (192), and at 128, 64
    and 32 px the mean magnitude of gradients of L* in eight directions, each as its square root (512 a scale).
    """
    from skimage.color import rgb2lab

    small = Image.fromarray(picture).resize((LOOKED_AT_PX, LOOKED_AT_PX), Image.Resampling.BOX)
    lab = rgb2lab(np.asarray(small))
    cells = _cells(lab)
    kinds = [cells.mean(axis=(1, 3)).ravel(), cells.std(axis=(1, 3)).ravel()]
    for side in SCALES_PX:
        step = LOOKED_AT_PX // side
        light = lab[..., 0].reshape(side, step, side, step).mean(axis=(1, 3))
        kinds.append(np.sqrt(_gradients(light)).ravel())
    return kinds


def _cells(values: np.ndarray) -> np.ndarray:
    """(S, S, C) → (GRID, S / GRID, GRID, S / GRID, C)."""
    side = values.shape[0] // GRID
    return values.reshape(GRID, side, GRID, side, -1)


def _gradients(light: np.ndarray) -> np.ndarray:
    """L*, (S, S) → the mean magnitude by cell and direction, (GRID, GRID, DIRECTIONS); a line's two sides are one."""
    down, across = np.gradient(light)
    angles = np.arctan2(down, across) % np.pi
    places = (angles * DIRECTIONS / np.pi).astype(int) % DIRECTIONS
    parts = np.hypot(across, down)[..., None] * (places[..., None] == np.arange(DIRECTIONS))
    return _cells(parts).mean(axis=(1, 3))


class Looks:
    """The 16 principal components of the statistics of N photos: uint8 (H, W, 3) each, N ≥ 3.

    Every kind of statistics has the same spread over the photos, 100 in all, so that the distance is in their units.
    known: float64 (N, K), the photos in these components; K is 16, or N − 1 for fewer photos.
    """

    def __init__(self, photos: Pictures) -> None:
        if len(photos) < 3:
            raise ValueError(f"three photos or more are needed to say how photos vary, got {len(photos)}")
        found = [statistics(photo) for photo in photos]
        kinds = [np.stack(kind) for kind in zip(*found, strict=True)]
        spreads = [kind.var(axis=0).sum() for kind in kinds]
        self.scales = [np.sqrt(TOTAL / spread) if spread > 1e-12 else 0.0 for spread in spreads]
        rows = np.stack([self._scaled(one) for one in found])
        self.mean = rows.mean(axis=0)
        self.components = np.linalg.svd(rows - self.mean, full_matrices=False)[2][: min(NUM_COMPONENTS, len(rows) - 1)]
        self.known = (rows - self.mean) @ self.components.T

    def _scaled(self, kinds: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([scale * kind for scale, kind in zip(self.scales, kinds, strict=True)])

    def distance(self, pictures: Pictures) -> float:
        """The Fréchet distance of two pictures or more, uint8 (H, W, 3) each, from the photos."""
        rows = np.stack([self._scaled(statistics(picture)) for picture in pictures])
        return frechet_distance((rows - self.mean) @ self.components.T, self.known)
