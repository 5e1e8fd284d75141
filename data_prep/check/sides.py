"""Sketches and photos of a set classified by 28 `features`:
exchanged sides, and pictures on the wrong one.
"""

from __future__ import annotations

import numpy as np

FEATURES_PX = 128  # the size of pictures for `features`
COLOUR = 24  # the index of colourfulness in `features`
MIN_TO_COMPARE = 12  # pictures of a side
WRONG_SIDE = 0.35  # discriminant beyond which a picture belongs to the other side


def features(small: np.ndarray) -> np.ndarray:
    """Histogram of grey values, colourfulness and roughness of a picture, uint8
    (128, 128, 3): float32 (28,).
    """
    rgb = small.astype(np.float32)
    grey = rgb.mean(axis=2)
    histogram = np.histogram(grey, bins=24, range=(0, 256))[0] / grey.size
    across, down = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    colour = float(np.median(rgb.max(axis=2) - rgb.min(axis=2)))
    rough = [np.median(across) / 32, (across.mean() + down.mean()) / 32, np.mean(across > 24)]
    return np.array([*np.sqrt(histogram), min(1.0, colour / 40), *rough], dtype=np.float32)


def are_exchanged(drawn: np.ndarray, photographed: np.ndarray) -> bool:
    """Whether sketches are more colourful than photos, and darker, unlike toned paper: `features`
    (N, 28), (M, 28).
    """
    colours = [float(np.median(side[:, COLOUR])) for side in (drawn, photographed)]
    return colours[0] > 2 * colours[1] + 0.1 and np.median(_level(drawn)) < np.median(
        _level(photographed)
    )


def _level(side: np.ndarray) -> np.ndarray:
    """The mean grey level of each picture, from its histogram (whose roots are kept)."""
    shares = side[:, :COLOUR] ** 2
    return shares @ (np.arange(COLOUR) + 0.5) * 256 / COLOUR


def on_wrong_side(drawn: np.ndarray, photographed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which sketches look like photos, and photos like sketches, by `features` (N, 28) and (M, 28):
    bool (N,), (M,); none with fewer than `MIN_TO_COMPARE` of a side.
    """
    if min(len(drawn), len(photographed)) < MIN_TO_COMPARE:
        return np.zeros(len(drawn), bool), np.zeros(len(photographed), bool)
    wrong = _margins(drawn, photographed) < -WRONG_SIDE
    return wrong[: len(drawn)], wrong[len(drawn) :]


def _margins(drawn: np.ndarray, photographed: np.ndarray) -> np.ndarray:
    """Leave-one-out margins of a linear discriminant, sketches first:
    1 as expected, below 0 on the other side.
    """
    x = np.concatenate([drawn, photographed]).astype(np.float64)
    x = np.column_stack([x, np.ones(len(x))])
    y = np.array([-1.0] * len(drawn) + [1.0] * len(photographed))
    gram = x.T @ x + 1e-2 * np.eye(x.shape[1])
    hat = np.einsum("ij,ji->i", x, np.linalg.solve(gram, x.T))
    fitted = x @ np.linalg.solve(gram, x.T @ y)
    return (fitted - hat * y) / (1 - np.minimum(hat, 0.99)) * y
