"""Likely faces: people's shapes as a mean and principal components, and moving a drawn face towards
them.

An active shape model (Cootes et al. 1995) of 164 points. Points are as in `mesh`, in pixels of a
square picture. The components were fitted on portraits' landmarks, by a script that was not kept;
they hold no person's shape.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from s2f_utils.pictures.faces.geometry import inverse, similarity, transform

SHAPES = Path(__file__).with_name("shapes.npz")
MAX_STD = 2.0  # of a likely face's distance from the mean along each component
USUAL_OFF_PX = 1.0  # of 256: the default error of points


@functools.cache
def shapes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean shape (164, 2) in pixels of 256, the components (K, 328), of length 1, and the
    standard deviations (K,) of people along them: float64.
    """
    with np.load(SHAPES) as found:
        return tuple(found[name].astype(np.float64) for name in ("mean", "components", "spread"))


def coordinates(points: np.ndarray, off: np.ndarray | float | None = None) -> np.ndarray:
    """A face's coordinates along the components, in their standard deviations: (K,), from
    -`MAX_STD` to `MAX_STD`.

    off: the expected error of each point, (164,) or one number, in the points' pixels; None:
    `USUAL_OFF_PX`. Less certain points weigh less, and the mean more (the maximum a posteriori
    under normal distributions).
    """
    mean, components, deviations = shapes()
    laid = similarity(points, mean)
    scale = float(np.sqrt(np.linalg.det(laid[:, :2])))
    off_px = (
        np.full(len(mean), USUAL_OFF_PX)
        if off is None
        else np.broadcast_to(scale * np.asarray(off), len(mean))
    )
    sure = np.repeat(1 / np.maximum(off_px, USUAL_OFF_PX) ** 2, 2)
    basis = components * deviations[:, None]  # (K, 328), in standard deviations
    system = (basis * sure) @ basis.T + np.eye(len(basis))
    away = (transform(points, laid) - mean).ravel()
    return np.clip(np.linalg.solve(system, (basis * sure) @ away), -MAX_STD, MAX_STD)


def regularize(
    points: np.ndarray,
    amount: float = 1.0,
    off: np.ndarray | float | None = None,
    values: np.ndarray | None = None,
) -> np.ndarray:
    """Move a face's points (164, 2) towards a likely face: float64 (164, 2), in the same position,
    size and rotation.

    amount: from 0, unchanged, to 1, the likely face. off: as in `coordinates`. values: the likely
    face's coordinates, (K,); None: those of the points. Raises ValueError for another amount.
    """
    if not 0 <= amount <= 1:
        raise ValueError(f"likely must be from 0 to 1, got {amount:g}")
    points = np.asarray(points, np.float64)
    if not amount:
        return points.copy()
    mean, components, deviations = shapes()
    values = coordinates(points, off) if values is None else values
    shape = mean + ((values * deviations) @ components).reshape(-1, 2)
    wanted = transform(shape, inverse(similarity(points, mean)))
    return points + amount * (wanted - points)
