"""What the people of a pool show, and a choice of them whose traits are as even as can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from s2f_studio.faces.looks import LOOKS, SPANS
from s2f_utils.pictures.attributes import FINDER_OUTPUTS

# Upper ends of the individual typology angle, in degrees (Chardon, Cretois, Hourseau 1991).
SKINS = {"dark": -30.0, "brown": 10.0, "tan": 28.0, "intermediate": 41.0, "light": 55.0}
LIGHTEST = "very light"
LEAST_YELLOW = 12.0  # b* of skin in CIELAB; less of it is coloured light, which upsets the angle
LEAST_FLAG = {"glasses": 0.5, "hat": 0.5, "beard": 0.3}  # of the finder; the reader misses many
# The share of people whom each value is to have; of a pair of traits, all are to be equal.
SHARES: dict[str, dict[str, float]] = {
    "skin": dict.fromkeys([*SKINS, LIGHTEST], 1 / 6),
    "age": {"young": 0.34, "middle": 0.33, "old": 0.33},
    "presents": {"man": 0.5, "woman": 0.5},
    "glasses": {"0": 0.75, "1": 0.25},
    "hat": {"none": 0.85, "brim": 0.03, "cap": 0.04, "beanie": 0.04, "scarf": 0.04},
    "beard": {"none": 0.8, "moustache": 0.04, "goatee": 0.04, "full": 0.12},
    "hair_length": {"bald": 0.05, "receding": 0.1, "short": 0.3, "medium": 0.25, "long": 0.3},
    "hair_texture": {"straight": 0.4, "wavy": 0.3, "curly": 0.3},
    "hair_colour": {"black": 0.25, "brown": 0.25, "blond": 0.2, "grey": 0.2, "red": 0.1},
    "fringe": {"0": 0.8, "1": 0.2},
    "mouth": {"closed": 0.45, "parted": 0.1, "teeth": 0.45},
}
WEIGHTS = {"skin": 4.0, "age": 2.0}  # of a trait's shares; 1 for the others and for pairs
PAIRS = (("skin", "presents"), ("skin", "age"), ("age", "presents"))


def labels_of(
    pool: Mapping[str, np.ndarray], number: int, seen: Mapping[str, str]
) -> dict[str, str]:
    """What a person of the pool shows, as it was read, by the names of `SHARES`.

    seen: what people saw where the readers were wrong; "" where they were not.
    """
    probs = pool["probs"][number]
    flags = dict(zip(FINDER_OUTPUTS, pool["flags"][number], strict=True))

    def likeliest(look: str, first: int = 0) -> str:
        return LOOKS[look][first + int(probs[SPANS[look]][first:].argmax())]

    def is_worn(look: str) -> bool:
        return flags[look] > LEAST_FLAG[look] or probs[SPANS[look]][0] < 0.5

    skin, hair = np.split(pool["tones"][number], 2)
    labels = {
        "skin": skin_of(skin),
        "age": likeliest("age", 1),
        "presents": likeliest("presents"),
        "glasses": str(int(is_worn("glasses"))),
        "hat": likeliest("hat", 1) if is_worn("hat") else "none",
        "beard": likeliest("beard", 1) if is_worn("beard") else "none",
        "hair_length": likeliest("length"),
        "hair_texture": likeliest("texture"),
        "hair_colour": hair_colour_of(hair),
        "fringe": str(int(likeliest("fringe") == "yes")),
        "mouth": likeliest("lips"),
    }
    labels |= {name: value for name, value in seen.items() if value and name in labels}
    if labels["presents"] == "woman":  # shadows
        labels["beard"] = "none"
    return labels


def skin_of(tone: np.ndarray) -> str:
    """The class of a tone of skin in CIELAB, (3,)."""
    angle = np.degrees(np.arctan2(tone[0] - 50, max(tone[2], LEAST_YELLOW)))
    return next((name for name, end in SKINS.items() if angle <= end), LIGHTEST)


def hair_colour_of(tone: np.ndarray) -> str:
    """The name of a tone of hair in CIELAB, (3,); "" for what is not seen or dyed."""
    lightness, red, yellow = tone
    if not np.isfinite(tone).all():
        return ""
    if yellow < -6 or (red > 25 and yellow < red / 2):
        return ""
    if lightness < 17 or (lightness < 24 and np.hypot(red, yellow) < 9):
        return "black"
    if np.hypot(red, yellow) < 9:
        return "grey" if lightness > 42 else "brown"
    if red > 16 and lightness > 24:
        return "red"
    return "blond" if lightness > 45 else "brown"


def chosen(labels: Sequence[Mapping[str, str]], num: int) -> list[int]:
    """`num` people whose traits are as even as can be, in the order in which they are chosen: the
    next is always the one whose values are furthest from their shares.
    """
    columns, goals, weights = [], [], []
    for trait, shares in SHARES.items():
        for value, share in shares.items():
            columns.append([one[trait] == value for one in labels])
            goals.append(share * num)
            weights.append(WEIGHTS.get(trait, 1.0))
    for first, second in PAIRS:
        for value in SHARES[first]:
            for other in SHARES[second]:
                columns.append([one[first] == value and one[second] == other for one in labels])
                goals.append(num / (len(SHARES[first]) * len(SHARES[second])))
                weights.append(1.0)
    shown = np.array(columns, np.float64).T  # (N, V)
    goals, weights, counts = np.array(goals), np.array(weights), np.zeros(len(goals))
    left = np.ones(len(shown), bool)
    order: list[int] = []
    while len(order) < num:
        worth = np.where(left, shown @ (weights * (1 - counts / goals)), -np.inf)
        number = int(worth.argmax())
        if not left[number]:
            raise SystemExit(f"only {len(order)} people of {num} can be used: paint a larger pool")
        order.append(number)
        left[number] = False
        counts += shown[number]
    return order


def print_counts(labels: Sequence[Mapping[str, str]]) -> None:
    """How many people have which value, and which values of `PAIRS`."""
    for traits in (*((trait,) for trait in SHARES), *PAIRS):
        counts = Counter(" ".join(one[trait] or "?" for trait in traits) for one in labels)
        listed = ", ".join(f"{name} {counts[name]}" for name in sorted(counts))
        print(f"{' and '.join(traits)}: {listed}")
