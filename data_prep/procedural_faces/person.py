"""Who is drawn: every parameter of a face, by its number in an endless series.

The main ones (skin tone, age, gender, hair, mood, beard, glasses) follow Weyl sequences, which fill
their ranges evenly as the number grows; the others are drawn by chance. A parameter is drawn in its
own turn, so that the order of the functions and of their lines is part of what a face looks like.
Lengths are head units (`board`), colours sRGB 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

# sRGB anchors from very light to very dark skin, nearly even in lightness.
_SKIN = np.array(
    [
        (247, 219, 200),
        (241, 205, 180),
        (230, 186, 153),
        (209, 160, 122),
        (178, 127, 91),
        (141, 95, 67),
        (101, 66, 47),
        (70, 46, 35),
    ],
    np.float32,
)
HAIR_COLOURS = {
    "black": (34, 29, 29),
    "dark brown": (60, 41, 32),
    "brown": (98, 66, 44),
    "auburn": (122, 58, 34),
    "red": (170, 84, 40),
    "dark blond": (152, 116, 72),
    "blond": (208, 168, 106),
    "grey": (146, 144, 144),
    "white": (208, 206, 203),
}
_IRIS = {
    "dark brown": (76, 46, 28),
    "brown": (104, 64, 34),
    "hazel": (126, 100, 52),
    "green": (84, 118, 84),
    "blue": (84, 128, 168),
    "grey": (118, 132, 142),
}
_LIPSTICK = [(168, 44, 58), (186, 82, 88), (136, 36, 64), (196, 96, 96)]
_CLOTH = [
    (38, 50, 84),
    (120, 30, 38),
    (44, 82, 66),
    (196, 178, 148),
    (40, 40, 46),
    (226, 226, 228),
    (92, 116, 148),
    (168, 92, 52),
    (96, 66, 104),
    (206, 150, 156),
    (70, 72, 78),
    (58, 110, 122),
    (212, 176, 84),
]
_BACK = [
    (150, 164, 178),
    (186, 174, 158),
    (120, 136, 128),
    (168, 150, 160),
    (98, 108, 128),
    (204, 200, 194),
    (136, 118, 104),
    (110, 128, 150),
    (178, 188, 176),
    (84, 84, 92),
]


@dataclass(frozen=True)
class _Style:
    """A hair style: height above the skull, thickness at the sides, y of the tips,
    and how strands run.
    """

    top: float
    side: float
    tip: float
    # "part": from a parting; "back": from the hairline; "ring": above the ears; "curly"; "buzz";
    # "none"
    flow: str
    wave: float = 0.0
    fringe: float = 0.0  # y of the fringe's lower edge, 0 for none
    masculine: float = 0.0  # weights of the draw
    feminine: float = 0.0


_STYLES = {
    "bald": _Style(0, 0, 0, "none", masculine=0.7, feminine=0.05),
    "balding": _Style(0.03, 0.06, 0.15, "ring", masculine=0.7),
    "buzz": _Style(0.03, 0.015, 0.05, "buzz", masculine=1.1, feminine=0.2),
    "short": _Style(0.13, 0.05, 0.12, "back", masculine=1.4, feminine=0.4),
    "swept back": _Style(0.24, 0.06, 0.12, "back", masculine=1.2, feminine=0.2),
    "side part": _Style(0.17, 0.07, 0.12, "part", masculine=1.6, feminine=0.3),
    "crop": _Style(0.12, 0.06, 0.15, "part", fringe=-0.62, masculine=1.1, feminine=0.5),
    "short curls": _Style(0.26, 0.14, 0.1, "curly", masculine=1.0, feminine=0.5),
    "afro": _Style(0.46, 0.42, 0.35, "curly", masculine=0.5, feminine=0.9),
    "locs": _Style(0.14, 0.2, 1.7, "part", wave=0.035, masculine=0.35, feminine=0.7),
    "bob": _Style(0.15, 0.2, 1.2, "part", masculine=0.1, feminine=1.2),
    "bob with fringe": _Style(0.15, 0.2, 1.15, "part", fringe=-0.32, feminine=1.0),
    "long": _Style(0.14, 0.18, 2.7, "part", wave=0.02, masculine=0.25, feminine=1.3),
    "long wavy": _Style(0.18, 0.26, 2.3, "part", wave=0.07, masculine=0.15, feminine=1.4),
    "long with fringe": _Style(0.14, 0.18, 2.5, "part", wave=0.02, fringe=-0.34, feminine=0.9),
    "long curls": _Style(0.28, 0.36, 1.7, "curly", masculine=0.1, feminine=1.1),
    "bun": _Style(0.07, 0.04, 0.1, "back", masculine=0.12, feminine=1.1),
    "ponytail": _Style(0.09, 0.05, 0.12, "back", feminine=0.9),
}
# What a mood does: smile, corners of the mouth, gap between the lips, brows up, frown, squint.
_MOODS = {
    "neutral": (0, 0, 0, 0, 0, 0),
    "smile": (0.6, -0.045, 0, 0, 0, 0.1),
    "grin": (1, -0.055, 0.13, 0.01, 0, 0.18),
    "surprised": (-0.15, 0.01, 0.17, 0.08, -0.02, -0.2),
    "sad": (-0.1, 0.045, 0, 0.0, -0.05, 0.08),
    "stern": (-0.1, 0.015, 0, -0.03, 0.045, 0.15),
}


def generator(*key: int) -> np.random.Generator:
    """A generator of random numbers that belongs to this key."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def choose(index: int, seed: int, hair_colour: str | None = None) -> SimpleNamespace:
    """The parameters of face `index` of series `seed`; `attributes` among them say in plain values
    what is drawn.

    hair_colour: a name in `HAIR_COLOURS` takes the place of this face's own; all else stays. Raises
    ValueError for another name.
    """
    if hair_colour not in (None, *HAIR_COLOURS):
        names = ", ".join(HAIR_COLOURS)
        raise ValueError(f"hair_colour must be one of {names}, got {hair_colour!r}")
    rng = generator(seed, index, 0)
    start = generator(seed, 7).random(8)
    even = (start + (index % 10**9 + 1) * np.sqrt([2.0, 3, 5, 7, 11, 13, 17, 19])) % 1
    p = SimpleNamespace()
    p.tone, p.age, p.feminine = float(even[0]), float(8 + 74 * even[1] ** 1.35), bool(even[2] < 0.5)
    p.child = float(np.clip((17 - p.age) / 8, 0, 1))
    p.old = float(np.clip((p.age - 38) / 40, 0, 1))
    p.grown_man = not p.feminine and p.age > 19
    p.light_skin = max(0.0, 1 - 1.9 * p.tone)  # blond and red hair, blue and green eyes go with it
    _choose_hair(p, rng, even[3], even[4], hair_colour)
    _choose_skin(p, rng)
    _choose_pose(p, rng)
    _choose_features(p, rng)
    _choose_mood(p, rng, even[5])
    _choose_worn(p, rng, even[6], even[7])
    _choose_scene(p, rng)
    p.attributes = {
        "skin_tone": p.tone,
        "age": p.age,
        "feminine": p.feminine,
        "hair_style": p.hair,
        "hair_colour": p.hair_name,
        "eye_colour": p.iris_name,
        "expression": p.mood,
        "eyes_closed": p.eyes_closed,
        "beard": p.beard,
        "glasses": p.glasses or "none",
        "hat": p.hat or "none",
        "earrings": p.earrings,
        "necklace": p.necklace,
        "clothes": p.cloth,
        "yaw_deg": float(np.degrees(p.yaw)),
        "roll_deg": float(np.degrees(p.roll)),
        "light_from": "left" if p.light[0] < 0 else "right",
        "freckles": p.freckles,
        "makeup": p.makeup,
    }
    return p


def _pick(options, weights, t: float):
    """The option at quantile t in [0, 1) of the weighted list."""
    total = np.cumsum(weights)
    return list(options)[int(np.searchsorted(total, t * total[-1], side="right"))]


def _choose_hair(
    p: SimpleNamespace,
    rng: np.random.Generator,
    of_style: float,
    of_colour: float,
    hair_colour: str | None,
) -> None:
    weights = [st.feminine if p.feminine else st.masculine for st in _STYLES.values()]
    for k, name in enumerate(_STYLES):
        if name in ("bald", "balding"):
            weights[k] *= 0.03 + 1.6 * p.old if p.age > 25 else 0
        if name in ("afro", "locs", "short curls"):
            weights[k] *= 0.4 + 1.8 * p.tone
    p.hair = _pick(_STYLES, weights, of_style)
    p.style = _STYLES[p.hair]
    light, grey = p.light_skin, float(np.clip((p.age - 45) / 25, 0, 1))
    p.hair_name = _pick(
        HAIR_COLOURS,
        np.array(
            [
                0.5 + 2 * p.tone,
                1,
                0.9 * (1.1 - p.tone),
                0.5 * light + 0.04,
                0.5 * light,
                0.8 * light,
                1.0 * light + 0.02,
                0,
                0,
            ]
        )
        * (1 - 0.85 * grey)
        + np.array([0, 0, 0, 0, 0, 0, 0, 2.2, 2.2 * grey]) * grey,
        of_colour,
    )
    p.hair_name = hair_colour or p.hair_name
    p.hair_rgb = np.array(HAIR_COLOURS[p.hair_name]) * rng.uniform(0.9, 1.1) + rng.uniform(
        -1, 1, 3
    ) * (
        3,
        1,
        1,
    )


def _choose_skin(p: SimpleNamespace, rng: np.random.Generator) -> None:
    warm = rng.normal(0, 1)
    skin = np.array([np.interp(p.tone * 7, np.arange(8), _SKIN[:, c]) for c in range(3)])
    p.skin = (skin * (1 + 0.012 * warm * np.array([1, 0.2, -3.0]) * (0.4 + skin / 255))).clip(
        20, 252
    )
    p.blush = float(rng.uniform(0.3, 1) * (1.2 if p.feminine else 0.8))
    p.freckles = bool(p.tone < 0.4 and rng.random() < 0.2)


def _choose_pose(p: SimpleNamespace, rng: np.random.Generator) -> None:
    """Angles in radians; scale and centre as shares of the picture's side."""
    p.yaw = float(np.clip(rng.normal(0, 0.15), -0.36, 0.36))
    p.roll = float(np.clip(rng.normal(0, 0.035), -0.09, 0.09))
    p.scale = float(rng.uniform(0.232, 0.252) * (1 - 0.03 * p.child))
    p.centre = (0.5 - 0.55 * p.yaw * p.scale + rng.normal(0, 0.006), rng.uniform(0.455, 0.475))
    p.shift = 0.25 * np.sin(p.yaw)  # of the neck against the head


def _choose_features(p: SimpleNamespace, rng: np.random.Generator) -> None:
    """Jaw, eyes, nose, lips and brows at rest; make-up."""
    p.full = float(np.clip(rng.normal(0.5, 0.3) + 0.35 * p.child, 0, 1.0))
    p.jaw = float(
        np.clip(rng.normal(0.3 if p.feminine else 0.65, 0.22), 0, 1) * (1 - 0.7 * p.child)
    )
    p.chin = float(1.46 + rng.normal(0, 0.05) - 0.2 * p.child + 0.04 * (not p.feminine))
    p.eye_x = float(0.435 + rng.normal(0, 0.014))
    p.eye_w = float(0.213 * (1 + rng.normal(0, 0.04)) * (1 + 0.05 * p.feminine + 0.08 * p.child))
    p.eye_h = float(
        0.099 * (1 + rng.normal(0, 0.12)) * (1 + 0.2 * p.child + 0.06 * p.feminine - 0.16 * p.old)
    )
    p.eye_tilt = float(rng.normal(0.02, 0.018))
    p.monolid = bool(rng.random() < 0.22)
    light = p.light_skin
    p.iris_name = _pick(
        _IRIS,
        [1.2 + 5 * p.tone, 1, 0.6 * light + 0.2, 0.7 * light, 1.4 * light, 0.7 * light],
        rng.random(),
    )
    p.iris_rgb = np.array(_IRIS[p.iris_name])
    p.nose_w = float(
        np.clip(
            0.178 + rng.normal(0, 0.015) + 0.035 * p.tone - 0.01 * p.feminine - 0.02 * p.child,
            0.14,
            0.25,
        )
    )
    p.nose_y = float(0.605 + rng.normal(0, 0.025) - 0.07 * p.child + 0.02 * p.old)
    p.nose_h = float(
        (1 + rng.normal(0, 0.15)) * (1 - 0.3 * p.child) * (0.9 if p.feminine else 1.05)
    )
    p.lip = float(
        np.clip(
            rng.normal(1.0, 0.15)
            * (1 + 0.25 * (p.tone - 0.3))
            * (1.08 if p.feminine else 0.85)
            * (1 - 0.3 * p.old),
            0.5,
            1.5,
        )
    )
    p.brow_w = float(
        (0.056 if p.feminine else 0.075) * (1 + rng.normal(0, 0.2)) * (1 - 0.2 * p.child)
    )
    p.brow_y = float(-0.265 + rng.normal(0, 0.015))
    p.brow_arch = float(rng.uniform(0.02, 0.07))
    p.makeup = bool(p.feminine and p.age > 17 and rng.random() < 0.5)
    p.lipstick = np.array(_LIPSTICK[rng.integers(4)]) if p.makeup else None
    p.neck_w = (0.48 if p.feminine else 0.61) + 0.06 * (p.full - 0.5) - 0.05 * p.child
    p.drop = 0.08 if p.feminine else 0.0  # of the shoulders


def _choose_mood(p: SimpleNamespace, rng: np.random.Generator, of_mood: float) -> None:
    """The expression, and what it does to the features; where the eyes look."""
    p.mood = _pick(
        ["neutral", "smile", "grin", "surprised", "sad", "stern"],
        [3.2, 2.6, 2.2, 0.7, 0.8, 0.7],
        of_mood,
    )
    smile, corner, gap, brow, frown, squint = _MOODS[p.mood]
    amount = rng.uniform(0.75, 1.2)
    p.smile, p.corner, p.gap = smile * amount, corner * amount, gap * amount
    p.brow_y -= brow
    p.frown = frown * amount
    p.eyes_closed = bool(rng.random() < 0.025)
    p.lid_drop = 0.07 if p.eyes_closed else 0.0
    p.eye_h *= 1 - squint * amount
    p.mouth_y = p.nose_y + 0.335 + rng.normal(0, 0.015) - 0.03 * p.child - 0.01 * p.smile
    p.mouth_w = float((0.335 + rng.normal(0, 0.02)) * (1 + 0.17 * p.smile) * (1 - 0.08 * p.child))
    p.chin += 0.45 * p.gap
    p.gaze = np.clip(rng.normal(0, 0.018, 2), -0.035, 0.035)


def _choose_worn(
    p: SimpleNamespace, rng: np.random.Generator, of_beard: float, of_glasses: float
) -> None:
    """Beard, glasses, hat, jewels and clothes; a tall hair style gives way to a hat."""
    beards = ["none", "stubble", "moustache", "goatee", "short", "full"]
    p.beard = _pick(beards, [3, 1.4, 0.8, 0.9, 1.3, 0.9], of_beard) if p.grown_man else "none"
    p.glasses = _pick(
        ["", "thin round", "thin square", "thick round", "thick square"],
        [3.4 - p.old, 0.3, 0.35, 0.3, 0.35],
        of_glasses,
    )
    p.hat = _pick(
        ["", "beanie", "cap", "brim", "headscarf"],
        [8.6, 0.4, 0.35 if p.age < 70 else 0.1, 0.35, 0.45 * p.feminine],
        rng.random(),
    )
    if p.hat and p.style.top > 0.3 or p.hat == "headscarf":
        p.hair = "bun" if p.feminine else "short"
        p.style = _STYLES[p.hair]
    p.earrings = bool(p.feminine and p.age > 13 and p.hat != "headscarf" and rng.random() < 0.42)
    p.necklace = bool(p.feminine and p.hat != "headscarf" and rng.random() < 0.45)
    p.cloth = _pick(
        ["crew", "v-neck", "shirt", "suit", "turtleneck", "wide"],
        [1.2, 1, 1.2, 0.2, 0.6, 0.9] if p.feminine else [1.2, 1, 1.2, 1.2, 0.6, 0.05],
        rng.random(),
    )
    if p.child and p.cloth in ("suit", "wide") or p.necklace and p.cloth == "turtleneck":
        p.cloth = "crew"


def _choose_scene(p: SimpleNamespace, rng: np.random.Generator) -> None:
    """Colours of wall and clothes, the fall of the hair, and the key light:
    its direction and its colour.
    """
    p.back_rgb = np.array(_BACK[rng.integers(len(_BACK))])
    p.volume = float(rng.uniform(0.75, 1.35))
    p.fringe = float(rng.uniform(-0.06, 0.03))
    colours = rng.permutation(len(_CLOTH))
    p.cloth_rgb, p.hat_rgb = np.array(_CLOTH[colours[0]]), np.array(_CLOTH[colours[1]])
    p.part = (
        float(rng.choice([-1, 1]) * rng.uniform(0.25, 0.5))
        if rng.random() < 0.7 or p.style.tip < 0.5
        else 0.0
    )
    angle = float(rng.uniform(-1.0, 1.0))
    p.light = np.array([np.sin(angle), -0.55 - 0.2 * rng.random(), 0.85])
    p.light /= np.sqrt((p.light**2).sum())
    p.key = np.array([1.0, 0.97, 0.92]) + rng.uniform(-0.03, 0.03, 3)
