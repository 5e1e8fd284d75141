"""Where a hand puts a face's points: parts moved, resized and turned, the whole bent."""

from __future__ import annotations

import numpy as np

from s2f_utils.pictures import mesh

# Parts that are moved together, and how far apart from the others: shift in pixels of 256, log of
# size, degrees.
TOGETHER: dict[str, tuple[str, ...]] = {
    "left_eye": ("left_eye", "left_iris"),
    "right_eye": ("right_eye", "right_iris"),
    "left_brow": ("left_brow",),
    "right_brow": ("right_brow",),
    "nose": ("nose",),
    "mouth": ("lips", "mouth"),
}


def places(*names: str) -> np.ndarray:
    """The places of these parts' points among the 164."""
    return np.concatenate([mesh.PARTS[name] for name in names])


EYES = places("left_eye", "right_eye", "left_iris", "right_iris")
BROWS = places("left_brow", "right_brow")
MOUTH = places("lips", "mouth")


def by_hand(points: np.ndarray, rng: np.random.Generator, degree: float) -> np.ndarray:
    """The points of a face (164, 2) as a hand puts them: (164, 2), pixels of 256.

    degree: 0, a careful drawing, some 2 px off; 1, a crude one, with parts of other sizes and in
    other places.
    """
    out = np.asarray(points, np.float64).copy()
    out = proportions(out, rng, degree)
    loose = 0.25 + degree
    for names in TOGETHER.values():
        these = places(*names)
        middle = out[these].mean(axis=0)
        turn = np.radians(rng.normal(0, 4 * loose * (0.3 + 0.7 * degree)))
        size = np.exp(rng.normal(0, 0.10 * loose, 2))
        rotate = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        out[these] = (
            (out[these] - middle) * size @ rotate.T + middle + rng.normal(0, 1.2 + 2.2 * degree, 2)
        )
    oval = mesh.PARTS["oval"]
    if rng.random() < degree:
        out[oval] = rounder(out[oval], rng.uniform(0.3, 1.0), rng)
    return out + bent(out, rng, rng.uniform(0.5, 2.5) * (0.5 + degree))


def proportions(points: np.ndarray, rng: np.random.Generator, degree: float) -> np.ndarray:
    """Larger eyes, a smaller nose, a wider mouth, eyes higher or lower, a longer face: as children
    draw.
    """
    out = points.copy()
    middle = out.mean(axis=0)
    out = (out - middle) * np.exp(rng.normal(0, 0.02 + 0.06 * degree, 2)) + middle
    eyes = np.exp(rng.normal(0.12 * degree, 0.04 + 0.16 * degree))
    for side in ("left", "right"):
        these = places(f"{side}_eye", f"{side}_iris")
        out[these] = (out[these] - out[these].mean(axis=0)) * [
            eyes,
            eyes * np.exp(rng.normal(0, 0.12 * degree)),
        ] + (out[these].mean(axis=0))
    out[np.concatenate([EYES, BROWS]), 1] += rng.normal(0, 1 + 4 * degree)
    out[BROWS, 1] += rng.normal(0, 0.8 + 1.5 * degree)
    apart = rng.normal(0, 0.5 + 2 * degree)
    for side, sign in (("left", -1), ("right", 1)):
        out[places(f"{side}_eye", f"{side}_iris", f"{side}_brow"), 0] += sign * apart
    nose = mesh.PARTS["nose"]
    out[nose] = (out[nose] - out[nose].mean(axis=0)) * np.exp(
        rng.normal(0, 0.04 + 0.12 * degree, 2)
    ) + (out[nose].mean(axis=0) + [0, rng.normal(0, 1 + 2 * degree)])
    out[MOUTH] = (out[MOUTH] - out[MOUTH].mean(axis=0)) * np.exp(
        rng.normal(0, 0.04 + 0.14 * degree, 2)
    ) + (out[MOUTH].mean(axis=0) + [0, rng.normal(0, 1 + 2.5 * degree)])
    return out


def rounder(oval: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """An outline (N, 2) drawn towards an oval: an ellipse, an egg or a rounded box around the same
    middle.
    """
    low, high = oval.min(axis=0), oval.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2
    angle = np.linspace(-np.pi / 2, 1.5 * np.pi, len(oval), endpoint=False)
    power = rng.uniform(0.75, 1.1)
    across, down = np.cos(angle), np.sin(angle)
    shape = np.stack(
        [np.sign(across) * np.abs(across) ** power, np.sign(down) * np.abs(down) ** power], axis=1
    )
    shape[:, 0] *= 1 - rng.uniform(0, 0.25) * np.maximum(0, shape[:, 1])  # narrower below
    return oval * (1 - share) + (middle + shape * half) * share


def bent(points: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    """How far a smooth, random bending moves points (N, 2): (N, 2), about `amount` pixels."""
    wave = rng.normal(size=(4, 2)) * 0.02
    phase = rng.uniform(0, 2 * np.pi, 4)
    push = rng.normal(size=(4, 2))
    return amount * 0.7 * np.sin(points @ wave.T + phase) @ push
