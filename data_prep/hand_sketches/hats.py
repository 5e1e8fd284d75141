"""Hats that portraits put on: a woolly hat, a cap, a hat with a brim, a scarf; in the photo, and as
lines to be drawn.

Photos of people in hats are rare, and a drawing of one is not. What is put on is plain cloth in the
head's own light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_prep.hand_sketches.features import pick
from data_prep.hand_sketches.hand import SIZE_PX, Hand, curve, moved
from data_prep.portrait import Portrait
from s2f_utils.pictures import mesh
from s2f_utils.pictures.images import rounded
from s2f_utils.pictures.mesh import filled

KINDS = ("beanie", "cap", "brim", "scarf")
TOP = 20  # places of a crown's outline from one lower end over the top to the other
SHADOW_PX, SHADOW = 9.0, 0.45  # how soft, how dark it is under the hat


@dataclass(frozen=True)
class Piece:
    """A piece of cloth: its outline (N, 2) in pixels, its light beside the hat's own, and lines on
    it.

    The outline of a crown begins at its left lower end; `corner` is the place of the right one.
    """

    outline: np.ndarray
    light: float = 1.0
    lines: tuple[np.ndarray, ...] = ()
    corner: int = -1


@dataclass(frozen=True)
class Head:
    """Where a hat sits: `at` takes places beside the head, in widths of the face, to pixels."""

    middle: np.ndarray  # of the forehead's upper rim
    across: np.ndarray  # half of the face's width, to the right of the picture
    down: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray) -> Head:
        """The head of a face's points (164, 2)."""
        oval = points[mesh.PARTS["oval"]]
        eyes = [points[mesh.PARTS[f"{side}_eye"]].mean(axis=0) for side in ("left", "right")]
        along = (eyes[1] - eyes[0]) / np.hypot(*(eyes[1] - eyes[0]))
        below = np.array([-along[1], along[0]])
        wide = (oval - oval.mean(axis=0)) @ along
        top = ((oval - eyes[0]) @ below).min()
        middle = oval.mean(axis=0) + along * (wide.max() + wide.min()) / 2
        middle = middle + below * (top - (middle - eyes[0]) @ below)
        half = (wide.max() - wide.min()) / 2
        return cls(middle, along * half, below * half)

    def at(self, x: np.ndarray | float, y: np.ndarray | float) -> np.ndarray:
        """Places (N, 2): x from -1 to 1 is the face's width, y is 0 at the forehead's rim, positive
        below.
        """
        x, y = np.broadcast_arrays(np.atleast_1d(x).astype(float), y)
        return self.middle + x[:, None] * self.across + y[:, None] * self.down


def draw(hand: Hand, lines: Sequence[np.ndarray], where: np.ndarray, degree: float) -> None:
    """Draw a hat's lines, (N, 2) in pixels; where: (S, S, 2), where the hand puts each pixel."""
    rng = hand.rng
    put = [moved(line, where) for line in lines]
    way = pick(rng, degree, {"lines": (2, 4), "area": (1, 0.7), "hatched": (1.5, 0.7)})
    if way == "area":
        hand.area(put[0], dark=rng.uniform(0.1, 0.9))
    elif way == "hatched":
        _hatch(hand, put[0])
    few = rng.random() < 0.6 * degree
    for n, line in enumerate(put):
        if len(line) > 1 and (len(line) > 12 or not few):
            hand.stroke(line, dark=rng.uniform(0.6, 1.0), sure=n == 0)


def _hatch(hand: Hand, outline: np.ndarray) -> None:
    """Fill a polygon with parallel strokes."""
    rng = hand.rng
    turn, gap, dark = rng.uniform(0, np.pi), rng.uniform(2.5, 8.0), rng.uniform(0.3, 0.9)
    inside = filled(outline, SIZE_PX) > 0
    rows, columns = np.nonzero(inside)
    across = np.array([np.cos(turn), np.sin(turn)])
    u, v = (
        np.stack([columns, rows], axis=1) @ across,
        np.stack([columns, rows], axis=1) @ [-across[1], across[0]],
    )
    for level in np.arange(v.min(initial=0), v.max(initial=0), gap):
        row = np.sort(u[np.abs(v - level) < 0.8])
        breaks = np.flatnonzero(np.diff(row) > 5)
        for first, last in (
            zip(row[[0, *(breaks + 1)]], row[[*breaks, -1]], strict=True) if len(row) else ()
        ):
            ends = np.array([[first], [last]]) * across + level * np.array([-across[1], across[0]])
            hand.stroke(ends, dark=dark, thick=0.7)


def put_on(portrait: Portrait, rng: np.random.Generator) -> Portrait:
    """The portrait in a hat; `Portrait.lines["hat"]` has its outlines, and `labels["hat"]` its
    kind.
    """
    worn = KINDS[:-1] if portrait.labels.get("presents") != "woman" else KINDS
    kind = str(rng.choice(worn))
    head = Head.of(portrait.points)
    pieces = {"beanie": _beanie, "cap": _cap, "brim": _brim, "scarf": _scarf}[kind](head, rng)
    size = len(portrait.photo)
    person, hair = portrait.person, portrait.hair
    gone = _beside(head, pieces[0], size)
    if kind == "scarf":
        gone |= hair > 0.5
    person, hair = np.where(gone, 0, person), np.where(gone, 0, hair)
    photo, hat = _painted(portrait.photo, head, pieces, rng)
    hair = np.where(hat > 0.1, 0, hair)
    lines = tuple(
        line
        for piece in pieces
        for line in (np.concatenate([piece.outline, piece.outline[:1]]), *piece.lines)
    )
    return replace(
        portrait,
        photo=photo,
        person=np.maximum(person, hat).astype(np.float32),
        hair=hair.astype(np.float32),
        labels=portrait.labels | {"hat": kind},
        lines=portrait.lines | {"hat": lines},
    )


def _beside(head: Head, crown: Piece, size_px: int) -> np.ndarray:
    """What lies above a crown and beside it, where no hair can be: bool (size_px, size_px)."""
    import cv2

    ends = crown.outline[[crown.corner, 0]]
    low = ((ends.mean(axis=0) - head.middle) @ head.down) / (head.down @ head.down)
    around = np.concatenate([head.at([-3, -3, 3, 3], np.array([low + 1, -4, -4, low + 1])), ends])
    under = cv2.convexHull(crown.outline.astype(np.float32))[:, 0]
    return (filled(around, size_px) > 0) & (filled(under, size_px) == 0)


def _dome(
    head: Head, wide: float, high: float, low: float, bow: float, power: float = 0.8
) -> np.ndarray:
    """A crown's outline from its left lower end over the top to the right, then back along its
    rim.
    """
    turn = np.linspace(np.pi, 0, TOP + 1)
    x, y = np.cos(turn), np.sin(turn)
    over = head.at(
        wide * np.sign(x) * np.abs(x) ** power, low - (high + low) * y**power
    )  # a box more than a circle
    back = np.linspace(1, -1, 11)[1:-1]
    rim = head.at(wide * back, low - bow * (1 - back**2))
    return np.concatenate([over, rim])


def _beanie(head: Head, rng: np.random.Generator) -> list[Piece]:
    wide, high, low = rng.uniform(1.04, 1.18), rng.uniform(0.6, 0.95), rng.uniform(0.12, 0.42)
    bow, cuff = rng.uniform(0.05, 0.22), rng.uniform(0.22, 0.42)
    dome = _dome(head, wide, high, low, bow, rng.uniform(0.6, 0.95))
    x = np.linspace(-1, 1, 13)
    upper, lower = (
        head.at(wide * x, low - cuff - bow * (1 - x**2)),
        head.at(wide * x, low - bow * (1 - x**2)),
    )
    ribs = [
        np.concatenate(
            [
                head.at(wide * s, low - bow * (1 - s**2)),
                head.at(wide * s, low - cuff - bow * (1 - s**2)),
            ]
        )
        for s in np.linspace(-0.9, 0.9, int(rng.integers(5, 14)))
    ]
    pieces = [Piece(dome, corner=TOP)]
    if rng.random() < 0.7:
        band = np.concatenate([upper, lower[::-1]])
        pieces.append(
            Piece(band, rng.uniform(0.8, 1.25), tuple(ribs) if rng.random() < 0.5 else ())
        )
    if rng.random() < 0.3:
        turn = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        ball = rng.uniform(0.16, 0.3)
        pieces.append(
            Piece(
                head.at(ball * np.cos(turn), -high - 0.5 * ball + ball * np.sin(turn)),
                rng.uniform(0.7, 1.4),
            )
        )
    return pieces


def _cap(head: Head, rng: np.random.Generator) -> list[Piece]:
    wide, high, low = rng.uniform(1.02, 1.14), rng.uniform(0.6, 0.9), rng.uniform(0.08, 0.3)
    bow = rng.uniform(0.0, 0.14)
    dome = _dome(head, wide, high, low, bow, rng.uniform(0.7, 0.95))
    middle = head.at(0.0, np.array([-high, low - bow]))
    seams = [
        curve(
            head.at(
                np.array([0, s * 0.55 * wide, s * 0.62 * wide]),
                np.array([-high, -0.45 * high, low]),
            )
        )
        for s in (-1, 1)
    ]
    pieces = [Piece(dome, corner=TOP, lines=(middle, *seams) if rng.random() < 0.6 else ())]
    aside, half, drop = rng.uniform(-0.25, 0.25), rng.uniform(0.72, 0.95), rng.uniform(0.1, 0.3)
    x = np.linspace(-1, 1, 13)
    upper = head.at(aside + half * x, low - bow * (1 - x**2) - 0.1 * (1 - x**2))
    lower = head.at(aside + 1.06 * half * x, low + drop * np.sqrt(1 - x**2) - 0.3 * bow)
    pieces.append(Piece(np.concatenate([upper, lower[::-1]]), rng.uniform(0.6, 1.1)))
    return pieces


def _brim(head: Head, rng: np.random.Generator) -> list[Piece]:
    low, high, wide = rng.uniform(0.0, 0.25), rng.uniform(0.65, 1.0), rng.uniform(0.96, 1.1)
    top = wide * rng.uniform(0.62, 0.95)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    half, thick, curl = rng.uniform(1.35, 2.0), rng.uniform(0.1, 0.26), rng.uniform(-0.25, 0.2)
    x, y = half * np.cos(turn), low + thick * np.sin(turn)
    brim = head.at(x, y - curl * (np.cos(turn) ** 2 - 0.3))
    dent = rng.uniform(0, 0.14)
    sides = np.array(
        [-wide, -0.97 * wide, -top, -0.6 * top, 0.0, 0.6 * top, top, 0.97 * wide, wide]
    )
    heights = np.array([low, low - 0.4 * high, -0.92 * high, -high, dent - high])
    crown = curve(head.at(sides, np.concatenate([heights, heights[-2::-1]])))
    pieces = [Piece(crown), Piece(brim, rng.uniform(0.75, 1.1))]
    if rng.random() < 0.7:
        band = rng.uniform(0.12, 0.24)
        ends = [
            (-wide, low - 0.02),
            (wide, low - 0.02),
            (0.98 * wide, low - band),
            (-0.98 * wide, low - band),
        ]
        pieces.insert(1, Piece(head.at(*np.array(ends).T), rng.uniform(0.3, 0.7)))
    return pieces


def _scarf(head: Head, rng: np.random.Generator) -> list[Piece]:
    high, wide, long = rng.uniform(0.4, 0.6), rng.uniform(1.25, 1.45), rng.uniform(2.9, 3.6)
    rim = rng.uniform(-0.1, 0.12)  # how deep into the forehead
    turn = np.linspace(np.pi, 0, 17)
    over = head.at(wide * np.cos(turn), 0.7 - (high + 0.7) * np.sin(turn))
    right = head.at(np.array([wide, 1.2 * wide]), np.array([1.9, long]))
    inner = np.linspace(0, 2 * np.pi, 30)
    hole = head.at(
        0.97 * np.sin(inner), rim + 1.25 - 1.25 * np.cos(inner)
    )  # from the top, clockwise, round the face
    chin = head.at(0.0, long)
    left = head.at(np.array([-1.2 * wide, -wide]), np.array([long, 1.9]))
    fold = curve(head.at(np.array([0.9, 0.4, -0.5]), np.array([2.1, 2.75, long])))
    outline = np.concatenate([over, right, chin, hole[15:], hole[:16], chin, left])
    return [Piece(outline, lines=(hole, fold), corner=len(over) - 1)]


def _painted(
    photo: np.ndarray, head: Head, pieces: list[Piece], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The pieces over a photo, and where they are: uint8 (S, S, 3) and float32 (S, S) in [0, 1]."""
    import cv2

    size = len(photo)
    rows, columns = np.mgrid[:size, :size]
    away = np.stack([columns, rows], axis=-1) - head.middle
    x, y = (away @ axis / (axis @ axis) for axis in (head.across, head.down))
    round_off = (
        1 - rng.uniform(0.2, 0.45) * np.clip(np.abs(x - rng.uniform(-0.4, 0.4)) / 1.3, 0, 1.3) ** 2
    )
    light = round_off * (1 - rng.uniform(0, 0.25) * np.clip(y + 0.2, 0, 1)) * rng.uniform(0.85, 1.1)
    cloth = _colour(rng)
    rough = cv2.GaussianBlur(
        rng.normal(size=(size, size)).astype(np.float32), (0, 0), rng.uniform(0.6, 2.0)
    )
    light = light + rng.uniform(0.1, 0.35) * 0.1 * rough / rough.std()
    masks = [
        cv2.GaussianBlur(filled(piece.outline, size).astype(np.float32), (0, 0), 0.8)
        for piece in pieces
    ]
    hat = np.max(masks, axis=0)
    shadow = cv2.GaussianBlur(np.roll(hat, round(0.6 * SHADOW_PX), axis=0), (0, 0), SHADOW_PX)
    out = photo * (1 - SHADOW * shadow * rng.uniform(0.4, 1.0))[..., None]
    for piece, mask in zip(pieces, masks, strict=True):
        shown = np.clip(cloth * (light * piece.light)[..., None], 0, 255)
        for line in (np.concatenate([piece.outline, piece.outline[:1]]), *piece.lines):
            seam = np.zeros((size, size), np.uint8)
            cv2.polylines(seam, [np.rint(8 * line).astype(np.int32)], False, 255, 1, cv2.LINE_AA, 3)
            shown = shown * (1 - 0.35 * cv2.GaussianBlur(seam, (0, 0), 1.0) / 255.0)[..., None]
        out = out * (1 - mask[..., None]) + shown * mask[..., None]
    return rounded(out), hat


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Of cloth: dark and grey more often than bright."""
    import cv2

    hue, much, value = (
        rng.uniform(0, 180),
        255 * rng.beta(1.2, 2.2),
        255 * rng.uniform(0.12, 0.95) ** 1.2,
    )
    return cv2.cvtColor(np.uint8([[[hue, much, value]]]), cv2.COLOR_HSV2RGB)[0, 0].astype(
        np.float32
    )
