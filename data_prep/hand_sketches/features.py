"""Eyes, brows, nose, mouth, ears, outline, neck, glasses and lines of age, each in the ways that
people draw them.
"""

from __future__ import annotations

import numpy as np

from data_prep.hand_sketches.hand import Hand, curve
from s2f_utils.pictures import mesh

PARTS = mesh.PARTS
TURN = np.linspace(0, 2 * np.pi, 24, endpoint=False)
ROUND = np.stack([np.cos(TURN), np.sin(TURN)], axis=1)


def pick(rng: np.random.Generator, degree: float, ways: dict[str, tuple[float, float]]) -> str:
    """One of these ways; each has its weight in a careful drawing and in a crude one."""
    weights = np.array(
        [careful * (1 - degree) + crude * degree for careful, crude in ways.values()]
    )
    return str(rng.choice(list(ways), p=weights / weights.sum()))


def choose(rng: np.random.Generator, degree: float) -> dict[str, str]:
    """How this drawing draws each part: part → way. Both eyes and both brows are drawn alike."""
    return {
        "eye": pick(
            rng,
            degree,
            {
                "full": (5, 1),
                "lids": (3, 1.5),
                "almond": (1.5, 2),
                "round": (0.3, 2),
                "dot": (0, 2),
                "stroke": (0.1, 0.6),
                "upper": (1, 1),
            },
        ),
        "iris": pick(
            rng, degree, {"dark": (3, 2), "ring": (2, 1.5), "light": (1.5, 0.5), "dot": (0.5, 2)}
        ),
        "brow": pick(
            rng,
            degree,
            {
                "hairs": (4, 1),
                "shape": (2, 1),
                "arc": (1, 4),
                "outline": (0.7, 0.5),
                "none": (0.1, 1.2),
            },
        ),
        "nose": pick(
            rng,
            degree,
            {
                "base": (4, 1),
                "side": (2, 2),
                "full": (2, 1),
                "dots": (0.3, 2),
                "hook": (0.5, 2),
                "wedge": (0.1, 1),
                "cup": (0.5, 1.5),
                "none": (0, 0.5),
            },
        ),
        "mouth": pick(
            rng,
            degree,
            {
                "lips": (4, 1.5),
                "line": (1, 3),
                "filled": (1.5, 1),
                "outline": (1, 1.5),
                "short": (0.7, 1),
            },
        ),
        "outline": pick(rng, degree, {"jaw": (4, 1.5), "whole": (1, 4), "pieces": (3, 0.7)}),
        "ears": pick(rng, degree, {"drawn": (3, 2), "none": (1.5, 3)}),
        "neck": pick(rng, degree, {"both": (3, 1.5), "shoulders": (3, 0.7), "none": (0.5, 2)}),
    }


def eye(hand: Hand, points: np.ndarray, side: str, way: str, iris_way: str) -> None:
    """One eye; side: "left" or "right"."""
    rng = hand.rng
    lids, iris = points[PARTS[f"{side}_eye"]], points[PARTS[f"{side}_iris"]]
    lower, upper = (
        lids[:9],
        np.concatenate([lids[8:], lids[:1]]),
    )  # outer to inner corner; inner back to outer
    middle, width = lids.mean(axis=0), float(np.hypot(*(lids[0] - lids[8])))
    radius = float(np.hypot(*(iris[1:] - iris[0]).T).mean())
    if way == "dot":
        hand.dot(middle, width * rng.uniform(0.08, 0.28))
        return
    if way == "stroke":
        bow = np.array([lids[0], middle + [0, rng.choice([-1, 1]) * 0.15 * width], lids[8]])
        hand.stroke(curve(bow), thick=1.2, sure=True)
        return
    if way == "round":
        size = width * rng.uniform(0.3, 0.55) * np.array([1, rng.uniform(0.7, 1.1)])
        hand.stroke(middle + ROUND * size, closed=True, sure=True)
        hand.dot(middle + rng.normal(0, 0.05 * width, 2), width * rng.uniform(0.06, 0.2))
        return
    if way == "almond":
        hand.stroke(np.concatenate([lids, lids[:1]]), closed=True, sure=True)
    else:
        hand.stroke(upper, thick=rng.uniform(1.0, 1.9), sure=True)
        if way != "upper":
            hand.stroke(lower, dark=rng.uniform(0.4, 0.9), thick=0.7)
    _iris(hand, iris[0], max(radius, 0.16 * width), iris_way)
    if way in ("full", "lids") and rng.random() < 0.6:
        hand.stroke(
            upper[1:-1] - [0, width * rng.uniform(0.1, 0.2)], dark=rng.uniform(0.3, 0.8), thick=0.7
        )  # crease
    if rng.random() < (0.35 if way in ("full", "almond") else 0.1):
        _lashes(hand, upper, middle, width)
    if way == "full" and rng.random() < 0.35:
        hand.stroke(
            lower[1:-1] + [0, width * rng.uniform(0.15, 0.3)], dark=rng.uniform(0.2, 0.5), thick=0.7
        )


def _iris(hand: Hand, at: np.ndarray, radius: float, way: str) -> None:
    rng = hand.rng
    if way == "dot":
        hand.dot(at, radius * rng.uniform(0.45, 0.9))
        return
    if way != "light":
        hand.stroke(at + ROUND * radius * 0.95, closed=True, thick=0.8, dark=0.9)
    if way == "dark":
        hand.dot(at, radius * 0.9, dark=rng.uniform(0.4, 0.8))
    elif rng.random() < 0.4:
        for spoke in ROUND[:: int(rng.integers(2, 4))]:
            hand.stroke(at + spoke * radius * np.array([[0.4], [0.95]]), dark=0.5, thick=0.5)
    hand.dot(at, radius * rng.uniform(0.3, 0.5))


def _lashes(hand: Hand, upper: np.ndarray, middle: np.ndarray, width: float) -> None:
    rng = hand.rng
    for root in upper[1 : -1 : int(rng.integers(1, 3))]:
        out = root - middle - [0, 0.3 * width]
        out = out / max(1e-6, np.hypot(*out)) * width * rng.uniform(0.1, 0.22)
        hand.stroke(np.stack([root, root + out]), thick=0.6, dark=0.9)


def brow(hand: Hand, points: np.ndarray, side: str, way: str) -> None:
    """One brow: its lower and upper edge are five points each, from the outer end to the inner and
    back.
    """
    rng = hand.rng
    shape = points[PARTS[f"{side}_brow"]]
    lower, upper = shape[:5], shape[:4:-1]
    line = (lower + upper) / 2
    if way == "arc":
        hand.stroke(curve(line), thick=rng.uniform(0.8, 3.0), sure=True)
    elif way == "outline":
        hand.stroke(curve(shape, closed=True), closed=True)
    elif way == "shape":
        hand.area(curve(shape, closed=True), dark=rng.uniform(0.4, 0.9))
    elif way == "hairs":
        dark = rng.uniform(0.5, 1.0)
        for _ in range(int(rng.integers(14, 40))):
            at = rng.random() * 3.999
            low, share = int(at), at % 1
            root = lower[low] * (1 - share) + lower[low + 1] * share
            tip = upper[low] * (1 - share) + upper[low + 1] * share
            away = (upper[0] - upper[4]) * rng.uniform(0.02, 0.12)
            hand.stroke(np.stack([root + rng.normal(0, 0.7, 2), tip + away]), dark=dark, thick=0.8)


def nose(hand: Hand, points: np.ndarray, way: str) -> None:
    """The nose; of a turned head the side away from the viewer is drawn."""
    rng = hand.rng
    nose_points = points[PARTS["nose"]]
    bridge, tip, below = nose_points[:4], nose_points[5], nose_points[7]
    left_wing, right_wing = nose_points[[12, 14, 16, 8]], nose_points[[13, 15, 17, 11]]
    width = float(np.hypot(*(left_wing[0] - right_wing[0])))
    to_left = bool(tip[0] < (left_wing[0, 0] + right_wing[0, 0]) / 2 + rng.normal(0, 0.1 * width))
    wing = left_wing if to_left else right_wing
    sign = -1 if to_left else 1
    base = np.array(
        [left_wing[0], left_wing[3] + [0, 1], below, right_wing[3] + [0, 1], right_wing[0]]
    )
    side = np.concatenate(
        [bridge[:3] + [[sign * 0.12 * width, 0]], tip[None] + [sign * 0.22 * width, 0], wing[:2]]
    )
    nostrils = [nose_points[[8, 9]].mean(axis=0), nose_points[[10, 11]].mean(axis=0)]
    if way == "dots":
        for at in nostrils:
            hand.dot(at, width * rng.uniform(0.04, 0.1))
        return
    if way in ("cup", "wedge", "hook"):
        ends = {
            "cup": [left_wing[1], below + [0, 2], right_wing[1]],
            "wedge": [bridge[1], wing[1], below],
            "hook": [
                bridge[0] + [sign * 0.1 * width, 0],
                (bridge[3] + wing[0]) / 2,
                wing[1],
                below,
            ],
        }
        line = np.array(ends[way])
        if way == "wedge" and rng.random() >= 0.5:
            line[2] = 2 * tip - wing[1]
        hand.stroke(line if way == "wedge" else curve(line), sure=True)
        return
    if way in ("side", "full"):
        hand.stroke(curve(side[int(rng.integers(0, 3)) :]), dark=rng.uniform(0.4, 1.0), thick=0.9)
    if way == "full":
        other = np.concatenate(
            [bridge[:3] - [[sign * 0.12 * width, 0]], tip[None] - [sign * 0.2 * width, 0]]
        )
        hand.stroke(curve(other), dark=rng.uniform(0.2, 0.7), thick=0.7)
    if way in ("base", "full") or (way == "side" and rng.random() < 0.6):
        hand.stroke(curve(base[1:4]), dark=rng.uniform(0.5, 1.0))
        for wing_points in (left_wing, right_wing):
            hand.stroke(curve(wing_points[:3]), dark=rng.uniform(0.4, 1.0), thick=0.9)
        for at in nostrils:
            flat = at + ROUND * width * np.array([0.1, 0.045])
            hand.area(flat, dark=rng.uniform(0.5, 1.0))


def mouth(hand: Hand, points: np.ndarray, way: str) -> None:
    """The mouth, open where its inner outline is; teeth are drawn or left out."""
    rng = hand.rng
    outer, inner = points[PARTS["lips"]], points[PARTS["mouth"]]
    low_lip, top_lip = outer[:11], np.concatenate([outer[10:], outer[:1]])
    low_inner, top_inner = inner[:11], np.concatenate([inner[10:], inner[:1]])
    is_open = float((low_inner[5] - top_inner[5])[1]) > 0.12 * np.hypot(*(outer[0] - outer[10]))
    between = np.concatenate([outer[:1], (low_inner + top_inner[::-1])[1:-1] / 2, outer[10:11]])
    if way in ("line", "short"):
        _closed_line(hand, way, is_open, inner, between, low_lip)
        return
    if way == "outline":
        hand.stroke(curve(outer, closed=True), closed=True, sure=True)
        if rng.random() < (0.35 if is_open else 0.85):
            hand.stroke(curve(between[::2]), sure=True)
        return
    if way == "filled":
        dark = rng.uniform(0.15, 0.6)
        hand.area(np.concatenate([low_lip, low_inner[::-1]]), dark=dark)
        hand.area(
            np.concatenate([top_lip, top_inner[::-1]]), dark=min(1.0, dark * rng.uniform(1.0, 1.4))
        )
    else:
        hand.stroke(curve(low_lip[1:-1]), dark=rng.uniform(0.3, 0.9))
        hand.stroke(curve(top_lip), dark=rng.uniform(0.5, 1.0))
    if is_open:
        _open_mouth(hand, inner, top_inner, low_inner)
    else:
        hand.stroke(curve(between[::2]), thick=rng.uniform(1, 1.6), sure=True)


def _open_mouth(
    hand: Hand, inner: np.ndarray, top_inner: np.ndarray, low_inner: np.ndarray
) -> None:
    """The inner outline, with teeth, or dark, or empty."""
    rng = hand.rng
    hand.stroke(top_inner, dark=0.9)
    hand.stroke(low_inner, dark=rng.uniform(0.5, 1.0))
    if rng.random() < 0.4:  # teeth
        for share in np.linspace(0.15, 0.85, int(rng.integers(4, 9))):
            at = share * 10
            n = int(at)
            top = top_inner[10 - n] * (1 - at % 1) + top_inner[9 - n] * (at % 1)
            low = low_inner[n] * (1 - at % 1) + low_inner[n + 1] * (at % 1)
            hand.stroke(np.stack([top, low]), dark=rng.uniform(0.2, 0.7), thick=0.5)
    elif rng.random() < 0.3:
        hand.area(inner, dark=rng.uniform(0.4, 1.0))


def _closed_line(
    hand: Hand, way: str, is_open: bool, inner: np.ndarray, between: np.ndarray, low_lip: np.ndarray
) -> None:
    """A mouth of one line, which is a closed mouth, most often."""
    rng = hand.rng
    if is_open and rng.random() < 0.75:
        hand.stroke(curve(inner, closed=True), closed=True, sure=True)
    else:
        hand.stroke(curve(between[::2]), thick=rng.uniform(0.9, 1.6), sure=True)
    if way == "short" or rng.random() < 0.3:
        hand.stroke(low_lip[3:8] + [0, rng.uniform(-1, 2)], dark=rng.uniform(0.3, 0.9))


def outline(hand: Hand, points: np.ndarray, way: str) -> None:
    """The face's outline: the jaw, all of it, or pieces."""
    rng = hand.rng
    oval = points[PARTS["oval"]]
    if way == "whole":
        start = int(rng.integers(0, 36))
        hand.stroke(
            curve(np.roll(oval, -start, axis=0)[::2], closed=True),
            closed=True,
            thick=1.1,
            sure=True,
        )
        return
    jaw = oval[int(rng.integers(6, 10)) : int(rng.integers(28, 32))]
    if way == "jaw":
        hand.stroke(curve(jaw[::2]), thick=1.1, sure=True)
        return
    cut = int(rng.integers(7, len(jaw) - 7))
    for piece in (jaw[: cut - 1], jaw[cut + 1 :]):
        hand.stroke(curve(piece[::2]), dark=rng.uniform(0.5, 1.0))


def ears(hand: Hand, points: np.ndarray) -> None:
    """An ear on each side, as far as the turned head shows it; nothing is known of the photo's
    own.
    """
    rng = hand.rng
    oval, nose_x = points[PARTS["oval"]], points[PARTS["nose"][5], 0]
    width = float(oval[:, 0].max() - oval[:, 0].min())
    for top, low, sign in ((oval[7], oval[11], 1), (oval[29], oval[25], -1)):
        room = abs(float((top + low)[0] / 2 - nose_x)) / width
        if room < 0.38:  # turned away
            continue
        out = sign * width * rng.uniform(0.06, 0.12)
        shape = np.array(
            [top, top + [out, -2], (top + low) / 2 + [1.1 * out, 0], low + [0.5 * out, 0], low]
        )
        hand.stroke(curve(shape))
        if rng.random() < 0.5:
            hand.stroke(curve(shape[:4] * 0.6 + shape[:4].mean(axis=0) * 0.4), dark=0.6, thick=0.7)


def neck(hand: Hand, points: np.ndarray, way: str) -> None:
    """Two lines below the jaw; with shoulders and collar where the way says so."""
    rng = hand.rng
    oval = points[PARTS["oval"]]
    width, chin = float(oval[:, 0].max() - oval[:, 0].min()), oval[18]
    half = width * rng.uniform(0.26, 0.42)
    start = chin[1] - width * rng.uniform(0.05, 0.25)
    end = chin[1] + width * rng.uniform(0.2, 0.45)
    for sign in (-1, 1):
        x = chin[0] + sign * half
        line = [
            [x, start],
            [x - sign * 0.04 * width, (start + end) / 2],
            [x + sign * 0.05 * width, end],
        ]
        if way == "shoulders":
            line += [
                [x + sign * 0.35 * width, end + 0.12 * width],
                [x + sign * 0.8 * width, end + 0.35 * width],
            ]
        hand.stroke(curve(np.array(line)))
    if way == "shoulders" and rng.random() < 0.6:
        low = chin + [0, width * rng.uniform(0.5, 0.8)]
        for sign in (-1, 1):
            hand.stroke(np.array([[chin[0] + sign * half, end - 0.05 * width], low]))
            if rng.random() < 0.4:
                hand.stroke(
                    np.array(
                        [
                            [chin[0] + sign * half * 1.2, end],
                            low + [sign * 0.3 * width, 0.1 * width],
                        ]
                    )
                )


def glasses(hand: Hand, points: np.ndarray) -> None:
    """A pair of glasses: round, oval, square or half frames, with a bridge and temples."""
    rng = hand.rng
    eyes = [points[PARTS[f"{side}_eye"]].mean(axis=0) for side in ("left", "right")]
    apart = float(np.hypot(*(eyes[1] - eyes[0])))
    half = apart * rng.uniform(0.33, 0.45) * np.array([1, rng.uniform(0.6, 1.0)])
    power, thick = rng.choice([1.0, 1.0, 0.6, 0.35]), rng.uniform(0.8, 2.2)
    shape = np.sign(ROUND) * np.abs(ROUND) ** power * half
    shape[:, 1] += rng.uniform(0, 0.25) * half[1]
    below_only = rng.random() < 0.1
    for at in eyes:
        rim = at + shape
        if below_only:
            hand.stroke(rim[:13], thick=thick, sure=True)
        else:
            hand.stroke(np.concatenate([rim, rim[:1]]), thick=thick, closed=True, sure=True)
        if rng.random() < 0.1:
            hand.area(rim, dark=rng.uniform(0.15, 0.8))  # dark lenses
    inner = [eyes[0] + [half[0], 0], eyes[1] - [half[0], 0]]
    hand.stroke(
        curve(np.array([inner[0], sum(inner) / 2 - [0, rng.uniform(0, 0.12) * apart], inner[1]])),
        thick=thick,
    )
    oval = points[PARTS["oval"]]
    for at, end, sign in ((eyes[0], oval[29], -1), (eyes[1], oval[7], 1)):
        if rng.random() < 0.75:
            hand.stroke(np.stack([at + [sign * half[0], -0.1 * half[1]], end]), thick=thick)


def under_nose(hand: Hand, points: np.ndarray) -> None:
    """The hollow between nose and lips, or the nose's shadow: lines that are no moustache."""
    rng = hand.rng
    nose_points, lips = points[PARTS["nose"]], points[PARTS["lips"]]
    below, top = nose_points[7], lips[15]
    height, width = max(1.0, float(top[1] - below[1])), float(np.hypot(*(lips[10] - lips[0])))
    dark = rng.uniform(0.3, 0.9)
    if rng.random() < 0.5:
        for sign in (-1, 1):
            x = sign * width * rng.uniform(0.04, 0.1)
            ends = np.array([below + [x, 0.25 * height], top + [1.3 * x, -0.1 * height]])
            hand.stroke(ends, dark=dark, thick=0.7)
        return
    half, level = width * rng.uniform(0.12, 0.4), below + [0, height * rng.uniform(0.15, 0.6)]
    for _ in range(int(rng.integers(1, 4))):
        bow = np.array([level - [half, -0.1 * height], level, level + [half, 0.1 * height]])
        hand.stroke(
            curve(bow + rng.normal(0, 0.06 * height, (3, 2))),
            dark=dark,
            thick=rng.uniform(0.6, 1.3),
        )


def lines_of_age(hand: Hand, points: np.ndarray) -> None:
    """Folds from the nose to the mouth, lines on the brow and beside the eyes."""
    rng = hand.rng
    nose_points, lips, oval = points[PARTS["nose"]], points[PARTS["lips"]], points[PARTS["oval"]]
    dark = rng.uniform(0.3, 0.8)
    for wing, corner, sign in ((nose_points[12], lips[0], -1), (nose_points[13], lips[10], 1)):
        end = corner + [sign * 5, 4]
        hand.stroke(
            curve(np.array([wing + [sign * 2, -2], (wing + end) / 2 + [sign * 3, 0], end])),
            dark=dark,
        )
    brows = points[PARTS["left_brow"]][:, 1].min()
    for n in range(int(rng.integers(0, 4))):
        height = oval[0, 1] + (brows - oval[0, 1]) * (0.35 + 0.18 * n)
        x = np.linspace(oval[33, 0], oval[3, 0], 5)
        hand.stroke(
            curve(np.stack([x, height + rng.normal(0, 1.2, 5)], axis=1)), dark=dark, thick=0.7
        )
    for side, sign in (("left", -1), ("right", 1)):
        corner = points[PARTS[f"{side}_eye"][0]]
        for turn in rng.uniform(-0.5, 0.6, int(rng.integers(0, 4))):
            tip = corner + sign * np.array([np.cos(turn), sign * np.sin(turn)]) * rng.uniform(5, 12)
            hand.stroke(np.stack([corner + [sign * 3, 0], tip]), dark=dark, thick=0.6)
