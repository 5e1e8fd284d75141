"""Curves as arrays of points (N, 2): splines, mirror images, strokes of a width;
and two shapes of numbers.
"""

from __future__ import annotations

from functools import cache

import numpy as np


def spline(points, per: int = 6, closed: bool = False) -> np.ndarray:
    """Catmull-Rom curve through points (N, 2), `per` samples a segment."""
    pts = np.asarray(points, np.float64)
    ext = np.concatenate([pts[-1:], pts, pts[:2]] if closed else [pts[:1], pts, pts[-1:]])
    weights, last = _spline_weights(per), len(ext) - 3
    curve = sum(weights[k] * ext[k : last + k, None] for k in range(4)).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, pts[-1:]])


@cache
def _spline_weights(per: int) -> np.ndarray:
    t = np.arange(per)[:, None] / per
    return 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]
    )


def mirrored(half) -> np.ndarray:
    """Points of the left half, up to the middle, followed by their mirror images."""
    half = np.asarray(half, np.float64)
    return np.concatenate([half, half[-2::-1] * (-1, 1)])


def resample(curve: np.ndarray, num: int) -> np.ndarray:
    """The same curve with `num` points at even distances."""
    step = curve[1:] - curve[:-1]
    at = np.zeros(len(curve))
    np.cumsum(np.sqrt(step[:, 0] ** 2 + step[:, 1] ** 2), out=at[1:])
    t = ramp(num) * at[-1]
    out = np.empty((num, 2))
    out[:, 0], out[:, 1] = np.interp(t, at, curve[:, 0]), np.interp(t, at, curve[:, 1])
    return out


@cache
def ramp(num: int) -> np.ndarray:
    """0 to 1 in `num` even steps."""
    return np.linspace(0, 1, num)


def strips(curves: np.ndarray, width) -> np.ndarray:
    """Outlines (..., 2M, 2) of strokes along curves (..., M, 2) with full widths (..., M)."""
    d = np.empty_like(curves)
    d[..., 1:-1, :] = curves[..., 2:, :] - curves[..., :-2, :]
    d[..., 0, :], d[..., -1, :] = (
        curves[..., 1, :] - curves[..., 0, :],
        curves[..., -1, :] - curves[..., -2, :],
    )
    half = 0.5 * width / np.sqrt(d[..., 0] ** 2 + d[..., 1] ** 2 + 1e-18)
    out = np.empty((*curves.shape[:-2], 2 * curves.shape[-2], 2))
    m = curves.shape[-2]
    off_x, off_y = d[..., 1] * half, d[..., 0] * half
    out[..., :m, 0], out[..., :m, 1] = curves[..., 0] - off_x, curves[..., 1] + off_y
    out[..., m:, 0], out[..., m:, 1] = (
        (curves[..., 0] + off_x)[..., ::-1],
        (curves[..., 1] - off_y)[..., ::-1],
    )
    return out


@cache
def taper(num: int, start: float = 0.25, end: float = 0.15) -> np.ndarray:
    """Width profile of a stroke: thin at its ends, 1 in the middle."""
    t = ramp(num)
    return np.minimum(1, np.minimum(start + 5 * t, end + 3 * (1 - t)))


def ellipse(
    x: float, y: float, rx: float, ry: float, num: int = 20, close: bool = False
) -> np.ndarray:
    """Points on an ellipse; with `close` the first one comes again at the end."""
    a = np.arange(num + close) * (2 * np.pi / num)
    return np.stack([x + rx * np.cos(a), y + ry * np.sin(a)], 1)


def mix(a, b, t):
    """a for t = 0, b for t = 1."""
    return a + (b - a) * t


def bell(a: np.ndarray) -> np.ndarray:
    """exp(-a)."""
    return np.exp(-a)
