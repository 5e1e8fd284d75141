"""A hand with a pen: strokes that wobble, taper, stop and are drawn again, on paper of 256 px."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

SIZE_PX = 256
FINE = 2  # strokes are drawn at twice the size
SUBPIXEL = 3  # bits


@dataclass(frozen=True)
class Pen:
    """What a line looks like.

    width: of an ordinary stroke, pixels. dark: its ink, 0 to 1. pressure: how much width and ink
    change along it, 0 to
    1. taper: how thin its ends become, 0 to 1. wobble: how far it strays, pixels. gap: the chance
    that a long stroke is broken; again: that it is drawn a second time; miss: that it is left out.
    grain: how much of the paper's grain is seen in it, 0 to 1.
    """

    width: float = 1.4
    dark: float = 0.9
    pressure: float = 0.3
    taper: float = 0.5
    wobble: float = 0.6
    gap: float = 0.1
    again: float = 0.1
    miss: float = 0.0
    grain: float = 0.0


def random_pen(rng: np.random.Generator, degree: float) -> Pen:
    """A pencil, ball pen, ink pen, brush or mouse; degree: 0 for a careful drawing to 1 for a crude
    one.
    """
    kind = rng.choice(5, p=[0.4, 0.15, 0.2, 0.1, 0.15])
    careless = 0.3 + degree
    width, dark, pressure, taper, grain = (
        (rng.uniform(0.7, 2.2), rng.uniform(0.35, 0.95), 0.5, 0.6, rng.uniform(0.2, 0.8)),
        (rng.uniform(0.6, 1.2), rng.uniform(0.6, 1.0), 0.25, 0.2, rng.uniform(0, 0.2)),
        (rng.uniform(0.8, 2.4), 1.0, 0.4, 0.6, 0.0),
        (rng.uniform(1.8, 4.0), rng.uniform(0.8, 1.0), 0.7, 0.9, rng.uniform(0, 0.3)),
        (rng.uniform(1.0, 3.0), 1.0, 0.0, 0.0, 0.0),
    )[kind]
    return Pen(
        width,
        dark,
        pressure * rng.uniform(0.4, 1.2),
        taper,
        rng.uniform(0.2, 1.4) * careless,
        rng.uniform(0, 0.35),
        rng.uniform(0, 0.6) ** 2,
        rng.uniform(0, 0.12) * degree,
        grain,
    )


class Hand:
    """Collects strokes and areas, and puts them on paper, the darkest last."""

    def __init__(self, pen: Pen, rng: np.random.Generator) -> None:
        self.pen, self.rng = pen, rng
        self._marks: list[
            tuple[float, int, np.ndarray]
        ] = []  # ink, thickness (0: an area), points in fixed point

    def stroke(
        self,
        points: np.ndarray,
        *,
        dark: float = 1.0,
        thick: float = 1.0,
        closed: bool = False,
        sure: bool = False,
    ) -> None:
        """Draw along points (N, 2), pixels; dark, thick: shares of the pen's own. sure: never left
        out or broken.
        """
        pen, rng = self.pen, self.rng
        if len(points) < 2 or (not sure and rng.random() < pen.miss):
            return
        if closed:
            points = np.concatenate([points, points[: 1 + int(rng.integers(0, 3))]])
        line = even(points, 3.0)
        for _ in range(1 + (rng.random() < pen.again)):
            self._once(line, dark, thick, sure)

    def _once(self, line: np.ndarray, dark: float, thick: float, sure: bool) -> None:
        pen, rng = self.pen, self.rng
        num = len(line)
        line = line + rng.normal(0, 0.5 * pen.wobble, 2) + pen.wobble * slow_noise(rng, num)
        along = np.linspace(0, 1, num)
        press = 1 + pen.pressure * slow_noise(rng, num)[:, 0]
        ends = np.minimum(1, 4 * np.minimum(along, 1 - along))
        press *= 1 - pen.taper * (1 - ends) * rng.random()
        skip = (
            int(rng.integers(1, num - 1))
            if num > 12 and not sure and rng.random() < pen.gap
            else -1
        )
        step = 3  # points of one piece
        for first in range(0, num - 1, step):
            if first <= skip < first + step:
                continue
            piece = slice(first, min(num, first + step + 1))
            here = float(np.clip(press[piece].mean(), 0.25, 1.8))
            ink = min(1.0, pen.dark * dark * min(1.0, 0.5 + 0.5 * here))
            self._add(ink, max(1, round(FINE * pen.width * thick * here)), line[piece])

    def dot(self, at: np.ndarray, radius: float, *, dark: float = 1.0) -> None:
        """A filled round spot; radius in pixels."""
        turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        uneven = radius * (1 + 0.12 * self.rng.normal(size=12))
        self.area(at + np.stack([np.cos(turn), np.sin(turn)], axis=1) * uneven[:, None], dark=dark)

    def area(self, points: np.ndarray, *, dark: float = 1.0) -> None:
        """Fill a polygon (N, 2) with ink."""
        self._add(min(1.0, self.pen.dark * dark), 0, points)

    def _add(self, ink: float, thickness: int, points: np.ndarray) -> None:
        fixed = np.rint(((points + 0.5) * FINE - 0.5) * (1 << SUBPIXEL)).astype(np.int32)
        self._marks.append((ink, thickness, fixed))

    def ink(self) -> np.ndarray:
        """What was drawn: float32 (256, 256), 0 for paper, 1 for black."""
        import cv2

        board = np.zeros((SIZE_PX * FINE, SIZE_PX * FINE), np.uint8)
        for ink, thickness, points in sorted(self._marks, key=lambda mark: mark[0]):
            level = int(255 * ink)
            if thickness:
                cv2.polylines(board, [points], False, level, thickness, cv2.LINE_AA, SUBPIXEL)
            else:
                cv2.fillPoly(board, [points], level, cv2.LINE_AA, SUBPIXEL)
        drawn = (
            cv2.resize(board, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
            / 255
        )
        return grained(drawn, self.pen.grain, self.rng)


def grained(ink: np.ndarray, grain: float, rng: np.random.Generator) -> np.ndarray:
    """Ink (256, 256) as it lies on rough paper; grain: 0 to 1."""
    if grain <= 0:
        return ink
    top, left = rng.integers(0, SIZE_PX, 2)
    rough = _paper_grain()[top : top + SIZE_PX, left : left + SIZE_PX]
    return ink * (1 - grain * rough * (1 - 0.6 * ink))


@functools.cache
def _paper_grain() -> np.ndarray:
    import cv2

    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(
        rng.normal(size=(2 * SIZE_PX, 2 * SIZE_PX)).astype(np.float32), (0, 0), 0.8
    )
    return np.clip(0.5 + noise / (3 * noise.std()), 0, 1)


def even(points: np.ndarray, spacing: float) -> np.ndarray:
    """The same polyline with points at even distances, about `spacing` pixels: (N, 2) → (M, 2), M ≥
    2.
    """
    points = np.asarray(points, np.float64)
    steps = np.hypot(*np.diff(points, axis=0).T)
    at = np.concatenate([[0], np.cumsum(steps)])
    wanted = np.linspace(0, at[-1], max(2, round(at[-1] / spacing) + 1))
    return np.stack([np.interp(wanted, at, points[:, axis]) for axis in (0, 1)], axis=1)


def curve(points: np.ndarray, *, closed: bool = False, per: int = 5) -> np.ndarray:
    """A smooth curve through points (N, 2): Catmull-Rom, `per` points a segment."""
    from data_prep.procedural_faces.curves import spline

    return spline(points, per, closed)


def slow_noise(rng: np.random.Generator, num: int, every: int = 6) -> np.ndarray:
    """Noise that changes slowly, one knot every `every` points: (num, 2), standard deviation about
    1.
    """
    knots = rng.normal(size=(num // every + 2, 2))
    at = np.linspace(0, len(knots) - 1, num)
    low = np.minimum(at.astype(int), len(knots) - 2)
    share = (at - low)[:, None]
    share = share * share * (3 - 2 * share)
    return knots[low] * (1 - share) + knots[low + 1] * share


def moved(line: np.ndarray, where: np.ndarray) -> np.ndarray:
    """A line (N, 2) in pixels, as a hand puts it: (M, 2); where: (S, S, 2), where the hand puts
    each pixel.
    """
    line = even(line, 3.0)
    at = np.clip(np.rint(line).astype(int), 0, len(where) - 1)
    return line + where[at[:, 1], at[:, 0]] - at
