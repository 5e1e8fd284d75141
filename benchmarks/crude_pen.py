"""A pen on paper for crude drawings: smooth lines of a hand that trembles, at three times the size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

FINER = 3
Points = np.ndarray | Sequence[Sequence[float]]


def smooth(points: Points, closed: bool = False, step: int = 6) -> np.ndarray:
    """A curve through points (N, 2): Catmull and Rom's, `step` points between two."""
    p = np.asarray(points, float)
    if len(p) < 3:
        return p
    padded = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, step, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*parts, p[:1] if closed else p[-1:]])


class Pen:
    """Paper of `size_px`, and a pen: width in pixels of the paper, grey the least value, tremble in pixels."""

    def __init__(self, size_px: int, rng: np.random.Generator, *, width: float, grey: int, tremble: float) -> None:
        self.rng, self.width, self.grey, self.tremble, self.size_px = rng, width, grey, tremble, size_px
        self.sheet = Image.new("L", (size_px * FINER,) * 2, 255)
        self.draw = ImageDraw.Draw(self.sheet)

    def line(self, points: Points, *, closed: bool = False, width: float = 1.0, grey: int | None = None) -> None:
        """A smooth line through points; width: a multiple of the pen's."""
        curve = smooth(points, closed)
        slow = np.cumsum(self.rng.normal(0, 1, curve.shape), axis=0)
        slow = slow - np.linspace(0, 1, len(slow))[:, None] * slow[-1:]
        curve = curve + self.tremble * slow / max(1.0, np.sqrt(len(curve)))
        wide = max(1, round(self.width * width * self.rng.uniform(0.8, 1.2) * FINER))
        shade = int(np.clip((self.grey if grey is None else grey) + self.rng.integers(-12, 13), 0, 250))
        flat = [tuple(xy) for xy in (curve + 0.5) * FINER]
        self.draw.line(flat, fill=shade, width=wide, joint="curve")

    def dot(self, at: Points, radius: float, *, filled: bool = True, squash: float = 1.0, width: float = 1.0) -> None:
        """A disc or a ring."""
        turn = np.linspace(0, 2 * np.pi, 14, endpoint=False) + self.rng.uniform(0, 6)
        ring = np.asarray(at) + radius * np.stack([np.cos(turn), squash * np.sin(turn)], axis=1)
        if filled:
            self.draw.polygon([tuple(xy) for xy in (smooth(ring, True) + 0.5) * FINER], fill=self.grey)
        else:
            self.line(ring, closed=True, width=width)

    def erase(self, points: Points) -> None:
        """Paper again, within a closed line."""
        self.draw.polygon([tuple(xy) for xy in (smooth(points, True) + 0.5) * FINER], fill=255)

    def picture(self, soft: float = 0.0) -> np.ndarray:
        """What was drawn: uint8 (size_px, size_px, 3). soft: pixels of blur, of a soft pencil."""
        sheet = self.sheet.filter(ImageFilter.GaussianBlur(soft * FINER)) if soft else self.sheet
        small = sheet.resize((self.size_px,) * 2, Image.Resampling.BOX)
        return np.repeat(np.asarray(small)[..., None], 3, axis=2)
