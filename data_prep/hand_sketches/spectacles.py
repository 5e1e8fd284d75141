"""Glasses that portraits put on, in the photo and as lines to be drawn.

Of people who wear glasses it is not known where their frames are, so what is drawn of them is
another pair; a network that learns from that leaves the frames out. Of a pair that was put on, also
over their own, every line is known.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data_prep.hand_sketches.features import ROUND
from data_prep.hand_sketches.hand import Hand, curve, moved
from data_prep.portrait import Portrait
from s2f_utils.pictures import mesh
from s2f_utils.pictures.images import rounded
from s2f_utils.pictures.mesh import filled

POWERS = (1.0, 1.0, 0.75, 0.55, 0.4)  # of the rims: round to square
DARK_SHARE = 0.2  # of the pairs, with dark lenses
FINE = 4  # frames are painted at so many times the size


def put_on(portrait: Portrait, rng: np.random.Generator) -> Portrait:
    """The portrait in glasses: `Portrait.lines["glasses"]` as of `pair`."""
    lines = pair(portrait.points, rng, any_size=True)
    lenses = "dark" if rng.random() < DARK_SHARE else "clear"
    photo = _painted(portrait.photo, lines, lenses == "dark", rng)
    labels = portrait.labels | {"glasses": "1", "lenses": lenses}
    return replace(portrait, photo=photo, lines=portrait.lines | {"glasses": lines}, labels=labels)


def pair(
    points: np.ndarray, rng: np.random.Generator, *, any_size: bool = False
) -> tuple[np.ndarray, ...]:
    """A pair of glasses at random for a face's points (164, 2): two rims, the bridge and two
    temples, (N, 2) each.

    any_size: also very small and very large ones, for drawings to learn from.
    """
    points = points.astype(np.float64)
    eyes = [points[mesh.PARTS[f"{side}_eye"]].mean(axis=0) for side in ("left", "right")]
    apart = float(np.hypot(*(eyes[1] - eyes[0])))
    along = (eyes[1] - eyes[0]) / apart
    below = np.array([-along[1], along[0]])
    nose_x = (
        (points[mesh.PARTS["nose"][0]] - eyes[0]) @ along / apart
    )  # .5 in a head that looks straight ahead
    rim, low = _rim(rng, any_size), apart * rng.uniform(0.0, 0.08)
    rims, inner, outer = [], [], []
    for eye, sign, share in ((eyes[0], -1, nose_x), (eyes[1], 1, 1 - nose_x)):
        wide = np.clip(2 * share, 0.55, 1.2)  # narrower on the side that is turned away
        shape = eye + (rim[:, :1] * wide * -sign * along + rim[:, 1:] * below) * apart + low * below
        rims.append(shape)
        reach = (shape - eye) @ along * sign
        inner.append(eye - sign * along * -reach.min() + (low - 0.06 * apart) * below)
        outer.append(eye + sign * along * reach.max() + (low - 0.08 * apart) * below)
    bridge = curve(
        np.array([inner[0], sum(inner) / 2 - below * apart * rng.uniform(0.0, 0.08), inner[1]])
    )
    oval = points[mesh.PARTS["oval"]]
    temples = [
        np.stack([end, rim_end]) for end, rim_end in zip(outer, (oval[29], oval[7]), strict=True)
    ]
    return (*(np.concatenate([one, one[:1]]) for one in rims), bridge, *temples)


def _rim(rng: np.random.Generator, any_size: bool) -> np.ndarray:
    """The rim of a lens around its eye, in eye distances, x outwards from the nose's side: (24,
    2).
    """
    (least, most), (flat, tall) = (
        ((0.3, 0.5), (0.55, 1.05)) if any_size else ((0.33, 0.44), (0.6, 1.0))
    )
    half = rng.uniform(least, most) * np.array([1, rng.uniform(flat, tall)])
    half[0] = min(half[0], 0.47)  # rims do not meet
    power = float(rng.choice(POWERS))
    rim = np.sign(ROUND) * np.abs(ROUND) ** power * half
    rim[:, 0] *= 1 - rng.uniform(0, 0.2) * np.maximum(0, rim[:, 1] / half[1])  # narrower below
    rim[:, 1] += rng.uniform(0, 0.2) * half[1]
    return rim


def draw(hand: Hand, lines: tuple[np.ndarray, ...], where: np.ndarray, *, dark: bool) -> None:
    """Draw a pair that was put on; where: (S, S, 2), where the hand puts each pixel."""
    rng, thick = hand.rng, hand.rng.uniform(0.8, 2.2)
    put = [moved(line, where) for line in lines]
    for rim in put[:2]:
        hand.stroke(rim, thick=thick, sure=True)
    if rng.random() < (0.85 if dark else 0.05):
        for rim in put[:2]:
            hand.area(rim, dark=rng.uniform(0.4, 1.0) if dark else rng.uniform(0.1, 0.3))
    hand.stroke(put[2], thick=thick, sure=True)
    for temple in put[3:]:
        if rng.random() < 0.7:
            hand.stroke(temple, thick=thick)


def _painted(
    photo: np.ndarray, lines: tuple[np.ndarray, ...], dark: bool, rng: np.random.Generator
) -> np.ndarray:
    """The frames over a photo, with their shadow, and light on the lenses: uint8 (S, S, 3)."""
    import cv2

    size, thick = len(photo), float(np.exp(rng.uniform(*np.log((0.9, 6.0)))))
    board = np.zeros((FINE * size, FINE * size), np.uint8)
    for n, line in enumerate(lines):
        points = np.rint(((line + 0.5) * FINE - 0.5) * 8).astype(np.int32)
        width = max(1, round(FINE * thick * (1.0 if n < 3 else 0.8)))
        cv2.polylines(board, [points], False, 255, width, cv2.LINE_AA, 3)
    frame = cv2.resize(board, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    lens = np.max([filled(rim, size) for rim in lines[:2]], axis=0).astype(np.float32)
    shadow = cv2.GaussianBlur(np.roll(frame, 3, axis=0), (0, 0), 2.5) * rng.uniform(0.1, 0.4)
    out = photo * (1 - shadow)[..., None]
    if dark:
        out = out * (1 - lens * rng.uniform(0.35, 0.95))[..., None]
    else:
        rows, columns = np.mgrid[:size, :size] / size
        glare = (
            np.clip(np.sin(9 * (columns + rows) + rng.uniform(0, 6.3)), 0, 1) ** 4
            * lens
            * rng.uniform(0, 0.12)
        )
        out = out * (1 - glare[..., None]) + 255 * glare[..., None]
    return rounded(out * (1 - frame[..., None]) + _colour(rng) * frame[..., None])


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Of a frame: black or dark most often, brown, metal, seldom bright."""
    kinds = (
        (25, 25, 28),
        (45, 38, 36),
        (75, 45, 28),
        (120, 118, 116),
        (150, 120, 70),
        rng.uniform(20, 200, 3),
    )
    return np.clip(
        np.array(kinds[rng.choice(6, p=[0.36, 0.2, 0.16, 0.12, 0.08, 0.08])]) + rng.normal(0, 8),
        0,
        255,
    )
