"""The trivial answers that a model has to beat: the sketch itself, the mean face, the nearest face, ridge regression.

Shapes: T training pairs, N test pairs, pictures uint8 (…, H, W, 3) with H = W a multiple of 64 (or below 64).
"""

from __future__ import annotations

import numpy as np

TRIVIAL_ROWS = {
    "sketch": "the sketch itself",
    "mean": "mean of the training photos",
    "nearest": "photo of the nearest training sketch",
    "ridge": "ridge regression of photos on sketches",
}


def sketch_features(sketches: np.ndarray) -> np.ndarray:
    """Grey block means of sketches, float64 (N, 64·64): mean of R, G and B, then of blocks (4×4 pixels at 256 px)."""
    num, height, width, _ = sketches.shape
    grey = sketches.astype(np.float64).mean(axis=3)
    block_h, block_w = max(1, height // 64), max(1, width // 64)
    if height % block_h or width % block_w:
        raise ValueError(f"pictures of {width}x{height} do not divide into 64x64 blocks: resize to a power of two")
    blocks = grey.reshape(num, height // block_h, block_h, width // block_w, block_w).mean(axis=(2, 4))
    return blocks.reshape(num, -1)


def ridge(features: np.ndarray, targets: np.ndarray, new_features: np.ndarray) -> np.ndarray:
    """Ridge regression in its dual form: features (T, F), targets (T, P), new (N, F) → predictions float64 (N, P).

    Both sides are centred; the penalty is λ = 3·trace(Gram)/T.
    """
    mean_x, mean_y = features.mean(axis=0), targets.mean(axis=0)
    x, y = features - mean_x, targets - mean_y
    gram = x @ x.T
    penalty = 3.0 * np.trace(gram) / len(x)
    weights = np.linalg.solve(gram + penalty * np.eye(len(x)), y)
    return (new_features - mean_x) @ x.T @ weights + mean_y


def trivial_predictions(
    train_inputs: np.ndarray, train_targets: np.ndarray, test_inputs: np.ndarray
) -> dict[str, np.ndarray]:
    """The trivial rows as pictures, by the keys of TRIVIAL_ROWS, each uint8 (N, H, W, 3)."""
    mean = np.rint(train_targets.astype(np.float64).mean(axis=0)).astype(np.uint8)
    train_features, test_features = sketch_features(train_inputs), sketch_features(test_inputs)
    nearest = [int(np.argmin(((train_features - f) ** 2).sum(axis=1))) for f in test_features]
    flat = train_targets.reshape(len(train_targets), -1).astype(np.float64)
    regressed = np.clip(np.rint(ridge(train_features, flat, test_features)), 0, 255).astype(np.uint8)
    return {
        "sketch": test_inputs,
        "mean": np.repeat(mean[None], len(test_inputs), axis=0),
        "nearest": train_targets[nearest],
        "ridge": regressed.reshape(test_inputs.shape),
    }
