"""Warps a face so that its landmarks come to lie on other points: thin-plate splines (Bookstein
1989).

A field has the source of each pixel of the result: float32 (H, W, 2), pixels (x, y). Anchors around
the face follow the face as a whole, so that hair and shoulders are moved, not torn.
"""

from __future__ import annotations

import functools

import numpy as np

from s2f_utils.pictures.faces.geometry import similarity, transform

STEP_PX = 4  # fields are computed on a grid this coarse, and interpolated
_RING = np.stack(
    [
        np.cos(np.linspace(0, 2 * np.pi, 16, endpoint=False)),
        np.sin(np.linspace(0, 2 * np.pi, 16, endpoint=False)),
    ],
    axis=1,
)


def field(to: np.ndarray, origin: np.ndarray, size_px: int, *, smooth: float = 1.0) -> np.ndarray:
    """The source of each pixel of a warped picture: content at the points `origin` moves to the
    points `to`.

    to, origin: (N, 2), pixels of a square picture of `size_px`. smooth: by how much a point may
    miss its target, in pixels, roughly.
    """
    return _spread(coarse_field(to, origin, size_px, smooth=smooth), size_px)


def coarse_field(
    to: np.ndarray, origin: np.ndarray, size_px: int, *, smooth: float = 1.0
) -> np.ndarray:
    """`field` only at the centres of blocks of STEP_PX × STEP_PX: float64 (G, G, 2).

    G = size_px / STEP_PX.
    """
    to, origin = _anchored(to, origin, size_px)
    weights = _system(to, smooth) @ np.concatenate([origin, np.zeros((3, 2))])
    side = size_px // STEP_PX
    return (_basis(_grid(size_px), to) @ weights).reshape(side, side, 2)


def fixed_field(to: np.ndarray, size_px: int, *, smooth: float = 1.0) -> np.ndarray:
    """The matrix that gives the field to the points `to` from any others: float32 (grid², N + 16).

    For many fields to one shape (`origin` differs, `to` does not): `field_by(matrix, to, origin,
    size_px)`.
    """
    anchored, _ = _anchored(to, to, size_px)
    return (_basis(_grid(size_px), anchored) @ _system(anchored, smooth)[:, :-3]).astype(np.float32)


def field_by(matrix: np.ndarray, to: np.ndarray, origin: np.ndarray, size_px: int) -> np.ndarray:
    """`field(to, origin, size_px)`, a hundred times faster, by the matrix of `fixed_field`."""
    return _spread(matrix @ _anchored(to, origin, size_px)[1].astype(np.float32), size_px)


def bend(
    image: np.ndarray, where: np.ndarray, *, border: int | tuple[int, ...] | None = None
) -> np.ndarray:
    """Sample each pixel where the field (H, W, 2) says: uint8 or float32 (H', W'[, C]) → the same,
    (H, W[, C]).

    border: the value beyond the edges; None continues the edge.
    """
    import cv2

    mode = cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT
    return cv2.remap(
        image,
        where[..., 0],
        where[..., 1],
        cv2.INTER_LINEAR,
        borderMode=mode,
        borderValue=border or 0,
    )


def through(
    points: np.ndarray, to: np.ndarray, origin: np.ndarray, size_px: int, *, smooth: float = 1.0
) -> np.ndarray:
    """Where points (M, 2) of the original picture move to: the spline in the other direction."""
    origin, to = _anchored(origin, to, size_px)
    weights = _system(origin, smooth) @ np.concatenate([to, np.zeros((3, 2))])
    return _basis(np.asarray(points, np.float64), origin) @ weights


def ring(size_px: int) -> np.ndarray:
    """The anchors' positions relative to the centre of a face: float64 (16, 2), pixels."""
    return _RING * 0.62 * size_px


def _anchored(to: np.ndarray, origin: np.ndarray, size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Both with a ring of anchors around the face, which move like the face as a whole."""
    to, origin = np.asarray(to, np.float64), np.asarray(origin, np.float64)
    around = to.mean(axis=0) + ring(size_px)
    return np.concatenate([to, around]), np.concatenate(
        [origin, transform(around, similarity(to, origin))]
    )


def _system(points: np.ndarray, smooth: float) -> np.ndarray:
    """The inverse of the spline's system, (N + 3, N + 3)."""
    num = len(points)
    whole = np.zeros((num + 3, num + 3))
    whole[:num, :num] = _kernel(points, points) + smooth * np.eye(num)
    whole[:num, num:] = np.column_stack([np.ones(num), points])
    whole[num:, :num] = whole[:num, num:].T
    return np.linalg.inv(whole)


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """r² log r between points (M, 2) and (N, 2), in units of 32 pixels."""
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=2) / 1024.0
    return 0.5 * squared * np.log(np.maximum(squared, 1e-12))


def _basis(at: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.concatenate([_kernel(at, points), np.ones((len(at), 1)), at], axis=1)


@functools.cache
def _grid(size_px: int) -> np.ndarray:
    """The coarse grid's points, (n², 2): centres of STEP_PX × STEP_PX blocks."""
    axis = (np.arange(size_px // STEP_PX) + 0.5) * STEP_PX - 0.5
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


def _spread(values: np.ndarray, size_px: int) -> np.ndarray:
    """From the coarse grid to every pixel."""
    import cv2

    side = size_px // STEP_PX
    coarse = values.reshape(side, side, 2) - _grid(size_px).reshape(side, side, 2)
    fine = cv2.resize(coarse.astype(np.float32), (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    axis = np.arange(size_px, dtype=np.float32)
    fine[..., 0] += axis[None]
    fine[..., 1] += axis[:, None]
    return fine
