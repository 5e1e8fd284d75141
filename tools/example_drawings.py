"""Ten drawings of faces, stroke by stroke: the examples of notebook 02, and what no training has seen.

`python tools/example_drawings.py` writes s2f_studio/drawings/examples/*.png. Each is a list of strokes put down by a
person with coordinates (x, y) in units of half the distance between the eyes, (0, 0) between the eyes; they have
nothing in common with `synthetic`, which training knows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

OUT = Path(__file__).resolve().parents[1] / "s2f_utils" / "pictures" / "examples"
UNIT, WIDTH, HEIGHT, EYES_AT = 62, 560, 680, (280, 310)


class Pencil:
    """A pencil on paper: smooth strokes with pressure, drawn at three times the size."""

    def __init__(self, seed: int, weight: float = 1.0) -> None:
        self.rng = np.random.default_rng(seed)
        self.page = Image.new("L", (3 * WIDTH, 3 * HEIGHT), 255)
        self.pen = ImageDraw.Draw(self.page)
        self.weight = weight

    def stroke(self, points, width: float = 2.2, dark: float = 0.8, again: int = 1) -> None:
        """A smooth line through the points; `again` draws it several times, never quite the same."""
        given = np.asarray(points, float)
        for _ in range(again):
            moved = given + self.rng.normal(0, 0.012, given.shape)
            line = smooth(moved) * UNIT + EYES_AT
            line += np.cumsum(self.rng.normal(0, 0.12, line.shape), axis=0) * 0.3
            num = len(line)
            pressure = np.clip(np.sin(np.linspace(0.25, 2.9, num)), 0.25, 1) * self.rng.uniform(0.85, 1.1)
            for a, b, press in zip(line, line[1:], pressure, strict=False):
                grey = int(255 * (1 - dark * (0.55 + 0.45 * press)))
                thick = max(1, round(3 * width * self.weight * (0.5 + 0.5 * press)))
                self.pen.line([*(3 * a), *(3 * b)], fill=grey, width=thick)

    def both(self, points, **how) -> None:
        """The same on the right, mirrored."""
        self.stroke(points, **how)
        self.stroke([(-x, y) for x, y in points], **how)

    def hatch(self, start, end, lean, num: int, length: float, dark: float = 0.45, width: float = 1.4) -> None:
        """Parallel short strokes along the line from `start` to `end`."""
        for t in np.linspace(0, 1, num):
            x, y = np.array(start) * (1 - t) + np.array(end) * t + self.rng.normal(0, 0.03, 2)
            reach = length * self.rng.uniform(0.6, 1.2)
            self.stroke(
                [
                    (x, y),
                    (x + lean[0] * reach / 2, y + lean[1] * reach / 2),
                    (x + lean[0] * reach, y + lean[1] * reach),
                ],
                width=width,
                dark=dark,
            )

    def image(self) -> np.ndarray:
        """The drawing, uint8 (HEIGHT, WIDTH)."""
        return np.asarray(self.page.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))


def smooth(points: np.ndarray, per: int = 14) -> np.ndarray:
    """A Catmull-Rom curve through the points (N, 2)."""
    if len(points) < 3:
        return np.linspace(points[0], points[-1], per)
    p = np.concatenate([[2 * points[0] - points[1]], points, [2 * points[-1] - points[-2]]])
    t = np.linspace(0, 1, per, endpoint=False)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate([*parts, points[-1:]])


def eye(
    d: Pencil, x: float, *, wide: float = 0.42, high: float = 0.2, lid: bool = True, lashes: int = 0, look: float = 0.0
) -> None:
    """An eye around (x, 0): lids, iris, pupil, a crease above."""
    out = np.sign(x)
    upper = [
        (x - 0.9 * out * wide, 0.05),
        (x - 0.3 * out * wide, -high),
        (x + 0.4 * out * wide, -0.85 * high),
        (x + out * wide, 0.02),
    ]
    d.stroke(upper, width=3.2, dark=0.95, again=2)
    d.stroke([(x - 0.8 * out * wide, 0.08), (x, 0.75 * high), (x + 0.9 * out * wide, 0.06)], width=1.5, dark=0.6)
    turn = np.linspace(0, 2 * np.pi, 14)
    for radius, dark in ((0.17, 0.75), (0.12, 0.55), (0.07, 0.95), (0.04, 0.95)):
        d.stroke(
            np.stack([x + look + radius * np.cos(turn), -0.02 + radius * np.sin(turn)], axis=1), width=2.2, dark=dark
        )
    if lid:
        d.stroke(
            [(x - 0.8 * out * wide, -0.6 * high - 0.08), (x, -high - 0.13), (x + 0.9 * out * wide, -0.5 * high - 0.06)],
            width=1.2,
            dark=0.5,
        )
    for n in range(lashes):
        at = x + out * wide * (0.2 + 0.8 * n / max(1, lashes - 1))
        d.stroke([(at, -0.8 * high), (at + 0.1 * out, -high - 0.14)], width=1.4, dark=0.85)


def eyes(d: Pencil, **how) -> None:
    """Both eyes."""
    for x in (-1, 1):
        eye(d, x, **how)


def brows(d: Pencil, points, hairs: int = 16, dark: float = 0.8) -> None:
    """Brows of single hairs along the points, given for the right one."""
    line = smooth(np.asarray(points, float))
    for side in (-1, 1):
        for n in np.linspace(0, len(line) - 2, hairs).astype(int):
            x, y = line[n]
            d.stroke(
                [(side * x, y + 0.06), (side * (x + 0.08), y), (side * (x + 0.17), y - 0.03)], width=1.9, dark=dark
            )


def nose(d: Pencil, wide: float = 0.36, tip: float = 1.12, bridge: float = 0.0) -> None:
    """A nose: nostrils, wings, one side of the bridge."""
    d.both([(0.1, tip + 0.06), (0.2, tip), (0.26, tip + 0.06)], width=2.4, dark=0.9)
    d.both([(wide - 0.06, tip - 0.22), (wide + 0.04, tip - 0.05), (wide - 0.03, tip + 0.08)], width=1.8, dark=0.65)
    d.stroke([(-0.16, tip + 0.1), (0, tip + 0.16), (0.16, tip + 0.1)], width=1.6, dark=0.6)
    if bridge:
        d.stroke([(-0.3, -0.15), (-0.18, 0.3), (-0.2, tip - 0.3)], width=1.3, dark=bridge)


def mouth(
    d: Pencil, at: float = 1.75, wide: float = 0.62, full: float = 0.14, smile: float = 0.0, teeth: bool = False
) -> None:
    """Lips: the line between them, a cupid's bow, the lower rim."""
    d.stroke(
        [(-wide, at - smile), (-0.3, at + 0.01), (0, at + 0.04), (0.3, at + 0.01), (wide, at - smile)],
        width=2.6,
        dark=0.95,
        again=2,
    )
    d.stroke(
        [(-wide, at - smile), (-0.22, at - full), (0, at - 0.7 * full), (0.22, at - full), (wide, at - smile)],
        width=1.5,
        dark=0.6,
    )
    low = at + 1.9 * full + (0.12 if teeth else 0)
    d.stroke(
        [(-0.75 * wide, at + 0.08 - 0.6 * smile), (0, low), (0.75 * wide, at + 0.08 - 0.6 * smile)],
        width=1.7,
        dark=0.65,
    )
    if teeth:
        d.stroke([(-0.8 * wide, at + 0.02), (0, at + 0.17), (0.8 * wide, at + 0.02)], width=1.3, dark=0.5)
    d.hatch((-0.4 * wide, at - 0.5 * full), (0.4 * wide, at - 0.4 * full), (0.1, 0.9), 9, 0.1, dark=0.35)


def jaw(d: Pencil, points, **how) -> None:
    """The outline of the face, given for the right side from the temple down to the chin."""
    d.stroke([*points, *[(-x, y) for x, y in reversed(points[:-1])]], **{"width": 2.4, "dark": 0.85, "again": 2} | how)


def ears(d: Pencil, x: float = 1.95, top: float = -0.15) -> None:
    """Ears with one line inside."""
    d.both([(x, top), (x + 0.3, top - 0.12), (x + 0.32, top + 0.45), (x + 0.02, top + 0.95)], width=2, dark=0.75)
    d.both([(x + 0.1, top + 0.12), (x + 0.2, top + 0.3), (x + 0.08, top + 0.6)], width=1.2, dark=0.5)


def neck(d: Pencil, wide: float = 0.95, start: float = 2.2) -> None:
    """Neck and shoulders."""
    d.both(
        [(wide, start), (wide - 0.02, start + 0.6), (wide + 0.25, start + 1.0), (3.2, start + 1.75)],
        width=2.2,
        dark=0.75,
    )


def mass(d: Pencil, outer, inner, num: int, dark: float = 0.7, width: float = 1.8) -> None:
    """Hair as strands between two lines, each given as points."""
    a, b = smooth(np.asarray(outer, float)), smooth(np.asarray(inner, float))
    for t in np.concatenate([np.linspace(0, 1, num), d.rng.uniform(0, 1, num)]):
        lag = np.clip(t + d.rng.normal(0, 0.03), 0, 1)
        first, last = a[int(t * (len(a) - 1))], b[int(lag * (len(b) - 1))]
        last = first + (last - first) * d.rng.uniform(0.75, 1.0)
        middle = (first + last) / 2 + d.rng.normal(0, 0.06, 2)
        d.stroke([first, middle, last + d.rng.normal(0, 0.05, 2)], width=width, dark=dark * d.rng.uniform(0.7, 1.1))


OVAL = [(1.85, -0.9), (1.95, 0.0), (1.85, 0.9), (1.5, 1.8), (0.9, 2.5), (0.0, 2.85)]
SQUARE = [(1.9, -0.9), (2.0, 0.1), (1.95, 1.1), (1.7, 1.95), (1.05, 2.6), (0.0, 2.8)]
ROUND = [(2.0, -0.8), (2.15, 0.2), (2.05, 1.2), (1.6, 2.0), (0.9, 2.45), (0.0, 2.6)]
LONG = [(1.7, -1.0), (1.8, 0.0), (1.7, 1.1), (1.4, 2.1), (0.75, 2.85), (0.0, 3.1)]


def plain_man(d: Pencil) -> None:
    jaw(d, SQUARE)
    eyes(d)
    brows(d, [(0.5, -0.5), (1.0, -0.62), (1.55, -0.42)], 18)
    nose(d, bridge=0.4)
    mouth(d)
    ears(d)
    neck(d, 1.2)
    d.stroke([(-2.0, -0.3), (-1.95, -1.7), (-0.8, -2.55), (0.8, -2.55), (1.95, -1.7), (2.0, -0.3)], again=2)
    mass(
        d,
        [(-1.95, -0.5), (-1.9, -1.7), (-0.8, -2.5), (0.8, -2.5), (1.9, -1.7), (1.95, -0.5)],
        [(-1.8, -0.6), (-1.5, -1.25), (-0.5, -1.6), (0.6, -1.55), (1.5, -1.25), (1.8, -0.6)],
        70,
        0.85,
    )
    d.both([(0.5, 3.2), (0.1, 3.9), (0, 4.4)], width=2, dark=0.7)


def long_hair(d: Pencil) -> None:
    jaw(d, OVAL)
    eyes(d, high=0.24, lashes=5)
    brows(d, [(0.5, -0.52), (1.0, -0.7), (1.5, -0.5)], 13, 0.65)
    nose(d, 0.3)
    mouth(d, full=0.2, smile=0.05)
    neck(d, 0.85)
    for side in (-1, 1):
        mass(
            d,
            [(0.1 * side, -2.2), (1.2 * side, -2.1), (2.2 * side, -1.0), (2.5 * side, 0.8)],
            [(0.9 * side, -1.2), (1.75 * side, -0.3), (2.1 * side, 2.0), (2.4 * side, 4.4)],
            46,
            0.75,
        )
        d.stroke(
            [(0.05 * side, -2.25), (1.4 * side, -2.0), (2.4 * side, -0.6), (2.65 * side, 1.6), (2.7 * side, 4.2)],
            width=2.6,
            again=2,
        )


def old_man(d: Pencil) -> None:
    jaw(d, LONG)
    eyes(d, high=0.15)
    brows(d, [(0.45, -0.42), (1.0, -0.6), (1.6, -0.35)], 22, 0.5)
    nose(d, 0.42, 1.25, bridge=0.5)
    mouth(d, 1.95, 0.6, 0.08, -0.04)
    ears(d, 1.8)
    neck(d, 1.0)
    for height in (-1.1, -1.35, -1.6):
        d.stroke([(-1.1, height + 0.05), (0, height), (1.1, height + 0.06)], width=1.3, dark=0.45)
    d.both([(0.5, 1.1), (0.85, 1.5), (0.8, 1.95)], width=1.7, dark=0.6)
    d.both([(0.65, 0.28), (1.0, 0.4), (1.4, 0.25)], width=1.3, dark=0.5)
    d.both([(1.5, -0.1), (1.75, -0.2)], width=1.1, dark=0.5)
    for side in (-1, 1):
        mass(
            d,
            [(1.75 * side, -1.5), (2.1 * side, -0.9), (2.0 * side, -0.1)],
            [(1.6 * side, -1.2), (1.85 * side, -0.7), (1.8 * side, 0.0)],
            20,
            0.45,
        )
    d.stroke([(-1.75, -1.4), (-1.2, -2.3), (0, -2.65), (1.2, -2.3), (1.75, -1.4)], width=2)


def glasses_bob(d: Pencil) -> None:
    jaw(d, ROUND)
    eyes(d)
    brows(d, [(0.45, -0.6), (1.0, -0.75), (1.5, -0.6)], 12, 0.7)
    turn = np.linspace(0, 2 * np.pi, 22)
    for side in (-1, 1):
        d.stroke(np.stack([side + 0.66 * np.cos(turn), 0.05 + 0.52 * np.sin(turn)], axis=1), width=3, dark=0.9)
        d.stroke([(1.66 * side, -0.1), (2.1 * side, -0.2)], width=2.6, dark=0.9)
    d.stroke([(-0.36, -0.02), (0, -0.12), (0.36, -0.02)], width=2.6, dark=0.9)
    nose(d, 0.34)
    mouth(d, smile=0.1, wide=0.7, full=0.16)
    neck(d, 0.9)
    d.stroke([(-2.3, 1.95), (-2.62, 0.0), (-2.1, -1.85), (0, -2.75), (2.1, -1.85), (2.62, 0.0), (2.3, 1.95)], again=2)
    d.both([(2.3, 1.95), (2.0, 2.0), (2.0, 0.1)], width=2)
    mass(
        d,
        [(-2.3, 1.9), (-2.6, 0.0), (-2.1, -1.8), (0, -2.7), (2.1, -1.8), (2.6, 0.0), (2.3, 1.9)],
        [(-2.0, 1.7), (-2.0, 0.1), (-1.6, -0.95), (0, -1.0), (1.6, -0.95), (2.0, 0.1), (2.0, 1.7)],
        90,
        0.9,
        2,
    )


def beard(d: Pencil) -> None:
    jaw(d, SQUARE, dark=0.5)
    eyes(d, high=0.18)
    brows(d, [(0.45, -0.42), (1.0, -0.58), (1.6, -0.4)], 24, 0.95)
    nose(d, 0.4, bridge=0.4)
    mouth(d, 1.8, 0.55, 0.1)
    ears(d)
    neck(d, 1.25, 2.5)
    mass(
        d,
        [(-2.0, 0.6), (-1.7, 2.0), (-0.8, 2.9), (0.8, 2.9), (1.7, 2.0), (2.0, 0.6)],
        [(-1.7, 0.9), (-1.0, 1.7), (-0.4, 2.2), (0.4, 2.2), (1.0, 1.7), (1.7, 0.9)],
        95,
        0.8,
        1.6,
    )
    mass(
        d,
        [(-0.75, 1.75), (-0.3, 1.45), (0.3, 1.45), (0.75, 1.75)],
        [(-0.6, 1.85), (-0.2, 1.6), (0.2, 1.6), (0.6, 1.85)],
        26,
        0.8,
        1.6,
    )
    mass(
        d,
        [(-2.0, -0.2), (-2.1, -1.6), (-1.0, -2.6), (0.9, -2.7), (2.0, -1.7), (2.0, -0.2)],
        [(-1.85, -0.5), (-1.4, -1.3), (-0.6, -1.7), (0.9, -1.5), (1.6, -1.1), (1.85, -0.4)],
        80,
        0.8,
    )


def curly(d: Pencil) -> None:
    jaw(d, OVAL)
    eyes(d, high=0.22, lashes=4)
    brows(d, [(0.45, -0.5), (1.0, -0.66), (1.55, -0.48)], 14)
    nose(d, 0.46, 1.1)
    mouth(d, 1.75, 0.68, 0.24)
    neck(d, 0.9)
    turn = np.linspace(0, 2.2 * np.pi, 9)
    for _ in range(150):
        angle, far = d.rng.uniform(-0.25 * np.pi, 1.25 * np.pi), d.rng.uniform(2.0, 3.1)
        x, y = far * np.cos(angle), -0.35 - far * np.sin(angle) * 0.95
        if abs(x) < 1.75 and y > -1.35:
            continue
        size = d.rng.uniform(0.12, 0.26)
        d.stroke(np.stack([x + size * np.cos(turn), y + size * np.sin(turn)], axis=1), width=1.8, dark=0.75)


def child(d: Pencil) -> None:
    jaw(d, [(1.95, -0.9), (2.15, 0.2), (2.0, 1.1), (1.45, 1.85), (0.75, 2.2), (0.0, 2.3)])
    eyes(d, wide=0.46, high=0.3)
    brows(d, [(0.6, -0.65), (1.0, -0.75), (1.4, -0.66)], 9, 0.45)
    nose(d, 0.26, 0.9)
    mouth(d, 1.42, 0.48, 0.13, 0.08, teeth=True)
    ears(d, 2.1, 0.0)
    neck(d, 0.75, 2.0)
    d.stroke([(-2.2, -0.2), (-2.15, -1.8), (-0.9, -2.75), (0.9, -2.75), (2.15, -1.8), (2.2, -0.2)], width=1.8, dark=0.6)
    mass(
        d,
        [(-2.2, -0.3), (-2.1, -1.8), (-0.9, -2.7), (0.9, -2.7), (2.1, -1.8), (2.2, -0.3)],
        [(-1.9, -0.5), (-1.3, -0.9), (-0.5, -1.0), (0.5, -0.95), (1.3, -0.9), (1.9, -0.5)],
        60,
        0.5,
    )


def hat(d: Pencil) -> None:
    jaw(d, OVAL)
    eyes(d)
    brows(d, [(0.5, -0.45), (1.0, -0.58), (1.5, -0.42)], 13)
    nose(d, 0.35, bridge=0.3)
    mouth(d, smile=0.08)
    ears(d, 1.9)
    neck(d, 1.0)
    d.stroke(
        [
            (-3.0, -0.95),
            (-1.6, -1.25),
            (0, -1.35),
            (1.6, -1.25),
            (3.0, -0.95),
            (1.8, -0.8),
            (0, -0.85),
            (-1.8, -0.8),
            (-3.0, -0.95),
        ],
        width=2.6,
        again=2,
    )
    d.stroke(
        [(-1.8, -1.25), (-1.7, -2.5), (-0.9, -2.95), (0, -2.8), (0.9, -2.95), (1.7, -2.5), (1.8, -1.25)],
        width=2.6,
        again=2,
    )
    d.stroke([(-1.8, -1.55), (0, -1.7), (1.8, -1.55)], width=3, dark=0.85)
    d.hatch((-1.5, -2.4), (1.5, -2.4), (-0.2, 1), 26, 0.7)
    d.hatch((-1.7, 0.5), (-1.2, 2.0), (0.5, 0.4), 14, 0.5, 0.3)


def turned(d: Pencil) -> None:
    """The head a little to the side, the look, too."""
    d.stroke(
        [
            (1.75, -1.0),
            (1.7, 0.0),
            (1.62, 0.8),
            (1.35, 1.7),
            (0.75, 2.5),
            (0.1, 2.8),
            (-0.9, 2.55),
            (-1.75, 1.6),
            (-2.05, 0.5),
            (-2.1, -0.6),
        ],
        width=2.4,
        again=2,
    )
    eye(d, -1.0, look=0.1)
    eye(d, 0.98, wide=0.36, look=0.09)
    brows(d, [(0.45, -0.5), (0.95, -0.66), (1.45, -0.5)], 14)
    d.stroke([(0.3, -0.15), (0.32, 0.5), (0.52, 1.0), (0.42, 1.2), (0.1, 1.2)], width=2, dark=0.75)
    d.stroke([(-0.12, 0.95), (-0.2, 1.1), (-0.05, 1.18)], width=2, dark=0.8)
    d.stroke([(-0.5, 1.75), (0.1, 1.8), (0.3, 1.76), (0.75, 1.72)], width=2.6, dark=0.95, again=2)
    d.stroke([(-0.4, 1.72), (0.15, 1.6), (0.35, 1.62), (0.7, 1.7)], width=1.5, dark=0.6)
    d.stroke([(-0.3, 1.85), (0.2, 2.05), (0.6, 1.82)], width=1.7, dark=0.6)
    d.stroke([(-2.1, -0.1), (-2.4, -0.2), (-2.4, 0.4), (-2.1, 0.8)], width=2, dark=0.75)
    d.stroke([(-1.2, 2.3), (-1.25, 3.0), (-3.0, 4.0)], width=2.2)
    d.stroke([(0.7, 2.6), (0.8, 3.1), (2.9, 4.0)], width=2.2)
    mass(
        d,
        [(-2.3, 0.2), (-2.5, -1.4), (-1.0, -2.7), (0.9, -2.6), (1.9, -1.6), (1.85, -0.4)],
        [(-2.0, -0.2), (-1.5, -1.2), (-0.3, -1.7), (0.8, -1.6), (1.5, -1.2), (1.65, -0.6)],
        75,
        0.8,
    )


def few_lines(d: Pencil) -> None:
    """As little as a quick pen needs."""
    d.stroke(
        [(1.9, -0.8), (1.85, 1.0), (1.2, 2.2), (0.0, 2.75), (-1.2, 2.2), (-1.85, 1.0), (-1.9, -0.8)], width=3, dark=1
    )
    for side in (-1, 1):
        d.stroke(
            [(0.6 * side, 0.02), (1.0 * side, -0.18), (1.4 * side, 0.02), (1.0 * side, 0.12), (0.6 * side, 0.02)],
            width=3,
            dark=1,
        )
        d.stroke([(0.97 * side, -0.05), (1.03 * side, 0.0)], width=7, dark=1)
        d.stroke([(0.5 * side, -0.5), (1.0 * side, -0.62), (1.5 * side, -0.48)], width=4, dark=1)
    d.stroke([(0.1, 0.2), (0.3, 1.0), (0.0, 1.15)], width=3, dark=1)
    d.stroke([(-0.6, 1.7), (0, 1.78), (0.6, 1.7)], width=3.4, dark=1)
    d.stroke([(-0.2, 2.0), (0.2, 2.0)], width=2.4, dark=1)
    d.stroke(
        [
            (-2.0, -0.3),
            (-2.2, -1.6),
            (-0.9, -2.6),
            (1.0, -2.6),
            (2.2, -1.5),
            (2.0, -0.3),
            (1.5, -1.2),
            (0.2, -1.6),
            (-1.0, -1.2),
            (-2.0, -0.3),
        ],
        width=3,
        dark=1,
    )
    neck(d, 0.9)


DRAWINGS = {
    "plain-man": (plain_man, 1.0), "long-hair": (long_hair, 0.9), "old-man": (old_man, 0.9),
    "glasses": (glasses_bob, 1.0), "beard": (beard, 0.9), "curls": (curly, 1.0), "child": (child, 0.9),
    "hat": (hat, 1.0), "turned": (turned, 1.1), "few-lines": (few_lines, 1.0),
}  # fmt: skip


def draw(name: str) -> np.ndarray:
    """One of the drawings, uint8 (680, 560), dark on white."""
    function, weight = DRAWINGS[name]
    pencil = Pencil(list(DRAWINGS).index(name), weight)
    function(pencil)
    return pencil.image()


def main() -> None:
    """Write all of them."""
    OUT.mkdir(exist_ok=True)
    for name in DRAWINGS:
        Image.fromarray(draw(name)).resize((420, 510), Image.Resampling.LANCZOS).quantize(16).save(
            OUT / f"{name}.png", optimize=True
        )
    print(f"{OUT}: {sum(p.stat().st_size for p in OUT.glob('*.png')) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
