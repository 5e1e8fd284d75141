"""A pen for crude drawings, smooth lines of a hand that trembles, and what it draws: hair, beards,
glasses, hats.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

FINER = 3
Points = np.ndarray | Sequence[Sequence[float]]
# How far hair reaches; 0: the oval's top, 1: the chin
DOWN_TO = {"bald": None, "receding": 0.35, "short": 0.42, "medium": 0.95, "long": 1.35}
FRAME = np.array(
    [[-1, -0.6], [-0.8, -1], [0.8, -1], [1, -0.6], [0.9, 0.7], [0.6, 1], [-0.6, 1], [-0.9, 0.7]]
)
PALE = ("blond", "white", "grey", "none")


def smooth(points: Points, closed: bool = False, step: int = 6) -> np.ndarray:
    """A curve through points (N, 2): Catmull and Rom's, `step` points between two."""
    p = np.asarray(points, float)
    if len(p) < 3:
        return p
    padded = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, step, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        parts.append(
            0.5
            * (
                2 * b
                + (c - a) * t
                + (2 * a - 5 * b + 4 * c - d) * t**2
                + (3 * b - a - 3 * c + d) * t**3
            )
        )
    return np.concatenate([*parts, p[:1] if closed else p[-1:]])


class Pen:
    """Paper of `size_px`, and a pen: width in pixels of the paper, grey the least value, tremble in
    pixels.
    """

    def __init__(
        self, size_px: int, rng: np.random.Generator, *, width: float, grey: int, tremble: float
    ) -> None:
        self.rng, self.width, self.grey, self.tremble, self.size_px = (
            rng,
            width,
            grey,
            tremble,
            size_px,
        )
        self.sheet = Image.new("L", (size_px * FINER,) * 2, 255)
        self.draw = ImageDraw.Draw(self.sheet)

    def line(
        self, points: Points, *, closed: bool = False, width: float = 1.0, grey: int | None = None
    ) -> None:
        """A smooth line through points; width: a multiple of the pen's."""
        curve = smooth(points, closed)
        slow = np.cumsum(self.rng.normal(0, 1, curve.shape), axis=0)
        slow = slow - np.linspace(0, 1, len(slow))[:, None] * slow[-1:]
        curve = curve + self.tremble * slow / max(1.0, np.sqrt(len(curve)))
        wide = max(1, round(self.width * width * self.rng.uniform(0.8, 1.2) * FINER))
        shade = int(
            np.clip((self.grey if grey is None else grey) + self.rng.integers(-12, 13), 0, 250)
        )
        flat = [tuple(xy) for xy in (curve + 0.5) * FINER]
        self.draw.line(flat, fill=shade, width=wide, joint="curve")

    def dot(
        self,
        at: Points,
        radius: float,
        *,
        filled: bool = True,
        squash: float = 1.0,
        width: float = 1.0,
    ) -> None:
        """A disc or a ring."""
        turn = np.linspace(0, 2 * np.pi, 14, endpoint=False) + self.rng.uniform(0, 6)
        ring = np.asarray(at) + radius * np.stack([np.cos(turn), squash * np.sin(turn)], axis=1)
        if filled:
            self.draw.polygon(
                [tuple(xy) for xy in (smooth(ring, True) + 0.5) * FINER], fill=self.grey
            )
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


def around(oval: np.ndarray, degrees: np.ndarray | float, reach: float) -> np.ndarray:
    """Points around a face's outline: 0° at the right, 90° above; reach: 1 on its oval."""
    middle, half = (
        (oval.max(axis=0) + oval.min(axis=0)) / 2,
        (oval.max(axis=0) - oval.min(axis=0)) / 2,
    )
    turn = np.radians(degrees)
    return middle + reach * half * np.stack([np.cos(turn), -np.sin(turn)], axis=-1)


def head_window(oval: np.ndarray, size_px: int) -> np.ndarray:
    """Where hair is to be looked for: around the face and above it, not in it; float (size_px,
    size_px) in [0, 1].
    """
    high = oval[:, 1].max() - oval[:, 1].min()
    outer = around(oval, np.arange(0, 360, 10), 1.3) - [0, 0.12 * high]
    sheet = Image.new("L", (size_px, size_px), 0)
    pen = ImageDraw.Draw(sheet)
    pen.polygon([tuple(p) for p in outer], fill=255)
    pen.polygon([tuple(p) for p in oval], fill=0)
    return np.asarray(sheet.filter(ImageFilter.GaussianBlur(4)), float) / 255


def add_hair(pen: Pen, oval: np.ndarray, labels: dict[str, str], how: str) -> None:
    """Hair of the labelled length and texture; how: "strokes", "symbols" or "scribble"."""
    length, rng = labels["hair_length"], pen.rng
    if length in ("bald", "receding") and how == "strokes":
        pen.line(around(oval, np.linspace(172, 8, 9), 1.06) - [0, 0.05 * np.ptp(oval[:, 1])])
    if DOWN_TO[length] is None:
        return
    top, chin = oval[:, 1].min(), oval[:, 1].max()
    low = top + DOWN_TO[length] * (chin - top)
    reach = 1.12 + 0.1 * rng.random() + (0.1 if length in ("medium", "long") else 0)
    sides = (150.0, 30.0) if length == "receding" else (170.0, 10.0)
    crown = around(oval, np.linspace(*sides, 9), reach) - [0, 0.06 * (chin - top)]
    if length != "receding":
        outline = [[crown[0, 0], low], *crown, [crown[-1, 0], low]]
        if how == "symbols" and labels["hair_texture"] == "curly":
            for x, y in outline:
                pen.dot((x, y), 9 + 3 * rng.random(), filled=False)
        else:
            pen.line(outline, width=1.2)
        if how != "scribble":
            _fringe(pen, oval, labels)
    strands = {"strokes": 26, "symbols": 14, "scribble": 7}[how]
    strands = strands // 2 if labels["hair_colour"] in PALE else strands
    for _ in range(strands):
        _strand(pen, oval, labels, low, reach, length)


def _fringe(pen: Pen, oval: np.ndarray, labels: dict[str, str]) -> None:
    """The hair's lower edge on the forehead: a zigzag where it hangs, a bow where it is combed
    back.
    """
    left, right = around(oval, 150.0, 0.92), around(oval, 30.0, 0.92)
    if labels["fringe"] == "1":
        places = np.linspace(0, 1, 9)[:, None]
        teeth = np.where(np.arange(9) % 2, 10, -4)[:, None] * [[0, 1]]
        pen.line(left + places * (right - left) + teeth, width=0.9)
    else:
        pen.line([left, around(oval, 90.0 + pen.rng.uniform(-25, 25), 0.95), right], width=0.9)


def _strand(
    pen: Pen, oval: np.ndarray, labels: dict[str, str], low: float, reach: float, length: str
) -> None:
    rng = pen.rng
    if length == "receding" or (
        length in ("medium", "long") and rng.random() < 0.6
    ):  # at the sides, downwards
        x, y = around(
            oval, rng.choice([0.0, 180.0]) + rng.uniform(-30, 30), rng.uniform(1.03, reach)
        )
        end = [x + rng.uniform(-6, 6), max(low, y + 12)]
    else:  # from the parting outwards
        angle = rng.uniform(20, 160)
        x, y = around(oval, angle, rng.uniform(0.98, 1.05))
        end = around(oval, angle + rng.uniform(-12, 12), reach + 0.02)
    steps = np.linspace(0, 1, 6)[:, None]
    path = np.array([x, y]) + steps * (np.asarray(end) - [x, y])
    waves = {"straight": 0.4, "wavy": 2.5, "curly": 5.0}[labels["hair_texture"]]
    path[:, 0] += waves * np.sin(np.arange(6) * 1.9 + rng.uniform(0, 6))
    pen.line(path, width=0.8)


def add_beard(pen: Pen, oval: np.ndarray, corners: np.ndarray) -> None:
    """Short strokes on the jaw below the mouth, and on the upper lip."""
    mouth, chin = corners.mean(axis=0), oval[18]
    for _ in range(70):
        at = around(oval, pen.rng.uniform(200, 340), pen.rng.uniform(0.78, 1.02))
        if at[1] > mouth[1] - 6:
            pen.line([at, at + [pen.rng.normal(0, 2), pen.rng.uniform(5, 11)]], width=0.8)
    for share in np.linspace(-0.1, 1.1, 12):
        at = corners[0] + share * (corners[1] - corners[0]) - [0, 0.09 * (chin[1] - mouth[1]) + 5]
        pen.line([at, at + [4 * (share - 0.5), 5]], width=0.9)


def add_glasses(pen: Pen, mesh: np.ndarray, how: str) -> None:
    """Two rings, or two frames with round corners, a bridge, and the arms."""
    eyes = mesh[[468, 473]]
    apart = eyes[1, 0] - eyes[0, 0]
    wide, high = 0.36 * apart, 0.27 * apart
    for eye, way in zip(eyes, (-1, 1), strict=True):
        if how == "rings":
            pen.dot(eye + [0, 2], 0.33 * apart, filled=False, width=1.3)
        else:
            pen.line(eye + [0, 3] + FRAME * [wide, high], closed=True, width=1.4)
        pen.line([eye + [way * wide, 0], eye + [way * (wide + 0.2 * apart), -4]], width=1.1)
    pen.line([eyes[0] + [wide, 0], eyes.mean(axis=0) - [0, 5], eyes[1] - [wide, 0]], width=1.2)


def add_hat(pen: Pen, oval: np.ndarray) -> None:
    """A brim across the forehead, and a round or a flat crown on it; what was there is covered."""
    left, right = around(oval, 148.0, 1.18), around(oval, 32.0, 1.18)
    wide, brim = right[0] - left[0], pen.rng.uniform(0.05, 0.3)
    crown = np.array([[0.0, 0.0], [0.06, -0.3], [0.3, -0.5], [0.7, -0.5], [0.94, -0.3], [1.0, 0.0]])
    if pen.rng.random() < 0.5:
        crown = np.array(
            [[0.08, 0.0], [0.12, -0.42], [0.3, -0.46], [0.7, -0.46], [0.88, -0.42], [0.92, 0.0]]
        )
    shape = left + crown * wide + [0, 4]
    shape[:, 1] = np.maximum(shape[:, 1], 2)
    pen.erase(shape)
    pen.line(shape, width=1.4)
    edge = [left - [brim * wide, -6], (left + right) / 2 - [0, 4], right + [brim * wide, 6]]
    pen.line(edge, width=1.6)
    pen.line(np.asarray(edge) + [0, 7], width=1.2)
    for share in np.linspace(0.1, 0.9, 9):
        at = left + [share * wide, -6]
        pen.line([at, at - [4, 14]], width=0.8)
