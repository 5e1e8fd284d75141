"""Trivial baselines that a model has to beat:
the sketch itself, the mean face, the nearest face, ridge regression.

Shapes: T training pairs, N test pairs, pictures uint8 (…, H, W, 3) with H = W a multiple of 64 (or
below 64).
"""

from __future__ import annotations

import numpy as np

from s2f_utils.metrics.registry import Pictures
from s2f_utils.metrics.structure import gradient
from s2f_utils.pictures.images import rounded

# So many values of all targets, and so many rows, are float64 at once: a thousand photos would
# take gigabytes.
COLUMNS = 4096
ROWS = 100
# The most that `filtered` does.
FILTER_AMOUNT = 3.0
FILTER_SIGMA_PX = 1.5
FILTER_GRAIN = 8.0  # standard deviation, grey levels


def trivial_labels(direction: str) -> dict[str, str]:
    """The trivial rows' keys and labels for a direction, such as "sketch-to-photo"."""
    source, _, target = direction.partition("-to-")
    several = {"sketch": "sketches", "map": "maps", "photo": "photos"}
    return {
        "sketch": f"the {source} itself",
        "mean": f"mean of the training {several[target]}",
        "nearest": f"{target} of the nearest training {source}",
        "ridge": f"ridge regression of {several[target]} on {several[source]}",
    }


TRIVIAL_ROWS = trivial_labels("sketch-to-photo")


def sketch_features(sketches: np.ndarray) -> np.ndarray:
    """Grey block means of sketches, float64 (N, 64·64): mean of R, G and B, then of blocks (4×4
    pixels at 256 px).
    """
    num, height, width, _ = sketches.shape
    block_h, block_w = max(1, height // 64), max(1, width // 64)
    if height % block_h or width % block_w:
        raise ValueError(
            f"pictures of {width}x{height} do not divide into 64x64 blocks:"
            " resize to a power of two"
        )
    blocks = sketches.reshape(num, height // block_h, block_h, width // block_w, block_w, 3)
    return blocks.mean(axis=(2, 4, 5), dtype=np.float64).reshape(num, -1)


def ridge_shares(new: np.ndarray, features: np.ndarray, penalty: float) -> np.ndarray:
    """Each training row's share in dual ridge regression (Saunders et al. 1998), where the mean row
    is zero: features (N, F) and (T, F), λ ≥ 0 → float64 (N, T).
    """
    regularised = features @ features.T + penalty * np.eye(len(features))
    return np.linalg.solve(regularised, features @ new.T).T


def ridge(features: np.ndarray, targets: np.ndarray, new_features: np.ndarray) -> np.ndarray:
    """Dual ridge regression of centred features (T, F) on targets (T, P), λ = 3·trace(Gram)/T:
    float64 (N, P); the mean target where all features are equal.
    """
    mean = features.mean(axis=0)
    x = features - mean
    penalty = 3.0 * np.square(x).sum() / len(x)
    if penalty == 0:
        penalty = 1.0
    shares = ridge_shares(new_features - mean, x, penalty)  # of centred targets
    shares += (1 - shares.sum(axis=1, keepdims=True)) / len(x)  # and of their mean: (N, T)
    parts = []
    for start in range(0, targets.shape[1], COLUMNS):
        parts.append(shares @ targets[:, start : start + COLUMNS].astype(np.float64))
    return np.concatenate(parts, axis=1)


def trivial_predictions(
    train_inputs: np.ndarray, train_targets: np.ndarray, test_inputs: np.ndarray
) -> dict[str, np.ndarray]:
    """The trivial rows as pictures, by the keys of TRIVIAL_ROWS, each uint8 (N, H, W, 3).

    train_inputs, train_targets: the training pairs, uint8 (T, H, W, 3) each. test_inputs: uint8 (N,
    H, W, 3).
    """
    sides = (train_inputs, train_targets, test_inputs)
    return {key: trivial_prediction(key, *sides) for key in TRIVIAL_ROWS}


def trivial_prediction(
    key: str, train_inputs: np.ndarray, train_targets: np.ndarray, test_inputs: np.ndarray
) -> np.ndarray:
    """The pictures of one of TRIVIAL_ROWS, uint8 (N, H, W, 3), perhaps a read-only view."""
    if key == "sketch":
        return test_inputs
    if key == "mean":
        mean = rounded(train_targets.mean(axis=0, dtype=np.float64))
        return np.broadcast_to(mean, test_inputs.shape)
    train_features = sketch_features(train_inputs)
    test_features = sketch_features(test_inputs)
    if key == "nearest":
        distances = [((train_features - row) ** 2).sum(axis=1) for row in test_features]
        return train_targets[np.argmin(distances, axis=1)]
    flat = train_targets.reshape(len(train_targets), -1)
    num_parts = -(-len(test_features) // ROWS)
    parts = np.array_split(test_features, num_parts)
    regressed = [rounded(ridge(train_features, flat, part)) for part in parts]
    return np.concatenate(regressed).reshape(test_inputs.shape)


def filtered(pictures: Pictures, like: Pictures, *, ratio: float = 0.95) -> Pictures:
    """Outputs (N, H, W, 3), or a list, through an unsharp mask and grain,
    which buy sharpness ("filtered faithful").

    Mask and grain grow together, up to an amount of 3 at σ 1.5 px and a standard deviation of 8
    grey levels, until the mean gradient is `ratio` of that of the photos `like` (M, H, W, 3);
    sharper pictures are returned as they are.
    """
    target = ratio * np.mean([gradient(photo) for photo in like])
    low, high = 0.0, 1.0
    for _ in range(8):
        middle = (low + high) / 2
        reached = np.mean([gradient(picture) for picture in _sharpened(pictures, middle)])
        if reached < target:
            low = middle
        else:
            high = middle
    return _sharpened(pictures, low)


def _sharpened(pictures: Pictures, strength: float) -> Pictures:
    import cv2

    rng = np.random.default_rng(0)
    out = []
    for picture in pictures:
        soft = cv2.GaussianBlur(picture, (0, 0), FILTER_SIGMA_PX).astype(np.float64)
        noise = rng.normal(0.0, 1.0, (*picture.shape[:2], 1))
        change = FILTER_AMOUNT * (picture - soft) + FILTER_GRAIN * noise
        out.append(rounded(picture + strength * change))
    return np.stack(out) if isinstance(pictures, np.ndarray) else out
