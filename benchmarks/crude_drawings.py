"""Drawings to test models with, at five degrees of abstraction, of people whom no training has
seen.

Nothing here is used by a training, and nothing of a training's drawings is used here: what is
measured is not what was learned. Every drawing knows where it meant the landmarks to be, and what
it shows. The people are portraits with their landmarks and labels (portrait_labels.csv, given by
looking at each portrait), laid out as models expect faces.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import common  # noqa: F401  (puts the clone first)
import numpy as np
from crude_pen import Pen, add_beard, add_glasses, add_hair, add_hat, head_window
from faces_inside import mask_of
from PIL import Image, ImageFilter
from skimage import measure

import data_prep
from s2f_utils.pictures import faces, images

SIZE_PX = 256
LABELS = Path(data_prep.__file__).parent / "sources" / "portrait_labels.csv"
OVAL = (
    10,
    338,
    297,
    332,
    284,
    251,
    389,
    356,
    454,
    323,
    361,
    288,
    397,
    365,
    379,
    378,
    400,
    377,
    152,
    148,
    176,
    149,
    150,
    136,
    172,
    58,
    132,
    93,
    234,
    127,
    162,
    21,
    54,
    103,
    67,
    109,
)
# Of the face mesh's 478 points, in the order of the five landmarks; the nose's tip as the detector
# sees it lies between the mesh's points 1 and 4.
PUPILS, NOSE, CORNERS = (468, 473), (1, 4), (61, 291)
NOSE_SHARES = (0.3, 0.7)
DEGREES = ("soft pencil", "careful lines", "few lines", "symbols", "oval and dots")
MOVED = (0.0, 0.02, 0.05, 0.09, 0.13)  # standard deviation of each part's place, in eye distances
ADDED = {
    "glasses": 0.12,
    "beard": 0.1,
    "hat": 0.12,
}  # how often a cruder drawing has what its person has not

UPPER = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
)
LOWER = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (362, 382, 381, 380, 374, 373, 390, 249, 263))
BROW_TOP = ((70, 63, 105, 66, 107), (336, 296, 334, 293, 300))
BROW_UNDER = ((46, 53, 52, 65, 55), (285, 295, 282, 283, 276))
BRIDGE, NOSE_UNDER = (168, 6, 197, 195, 5, 4), (129, 98, 97, 2, 326, 327, 358)
LIP_TOP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIP_UNDER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
MOUTH_TOP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
MOUTH_UNDER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
IRISES = (range(468, 473), range(473, 478))
PARTS = {
    "left eye": (*UPPER[0], *LOWER[0], *BROW_TOP[0], *BROW_UNDER[0], *IRISES[0]),
    "right eye": (*UPPER[1], *LOWER[1], *BROW_TOP[1], *BROW_UNDER[1], *IRISES[1]),
    "nose": (*BRIDGE, *NOSE_UNDER, *NOSE),
    "mouth": (*LIP_TOP, *LIP_UNDER, *MOUTH_TOP, *MOUTH_UNDER),
    "outline": OVAL,
}


@dataclass(frozen=True)
class Person:
    """photo: uint8 (256, 256, 3), aligned. mesh: float64 (478, 2), its landmarks. labels: as
    portrait_labels.csv.
    """

    name: str
    photo: np.ndarray
    mesh: np.ndarray
    labels: dict[str, str]


def five_of(mesh: np.ndarray) -> np.ndarray:
    """The five landmarks of a mesh: float64 (5, 2)."""
    nose = sum(share * mesh[n] for share, n in zip(NOSE_SHARES, NOSE, strict=True))
    return np.array([*mesh[list(PUPILS)], nose, *mesh[list(CORNERS)]])


def labels_of(split: str = "") -> list[dict[str, str]]:
    """The rows of the labels, of one split or of all."""
    with open(LABELS, newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if split in ("", row["split"])]


def people(data: Path, split: str, num: int | None = None) -> Iterator[Person]:
    """The people of a split, the first `num` of them. data: the folder of portraits/ and
    portraits_landmarks.npz.
    """
    with np.load(data / "portraits_landmarks.npz") as found:
        meshes = dict(zip(found["names"].tolist(), found["points"].astype(np.float64), strict=True))
    for labels in labels_of(split)[:num]:
        file = f"{labels['name']}.jpg"
        matrix = faces.alignment(five_of(meshes[file]), SIZE_PX)
        photo = faces.warp(images.load_rgb(data / "portraits" / file), matrix, SIZE_PX)
        yield Person(labels["name"], photo, faces.transform(meshes[file], matrix), labels)


@dataclass(frozen=True)
class Drawing:
    """A drawing and what it meant.

    picture: uint8 (256, 256, 3). five: float64 (5, 2), the landmarks that were meant, NaN for one
    that was not drawn.
    dense: float64 (478, 2), the mesh that was meant, NaN where nothing was drawn. outline: float64
    (36, 2), the face's.
    shows: {"glasses", "beard", "hat": bool, "hair_length": a word}.
    """

    person: str
    degree: str
    picture: np.ndarray
    five: np.ndarray
    dense: np.ndarray
    outline: np.ndarray
    shows: dict[str, bool | str]


def moved(mesh: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """The mesh with each part at a place and of a size of its own; sigma: in eye distances."""
    mesh, eyes = mesh.copy(), float(np.hypot(*(mesh[PUPILS[1]] - mesh[PUPILS[0]])))
    for part in PARTS.values():
        chosen = list(dict.fromkeys(part))
        middle = mesh[chosen].mean(axis=0)
        size = np.exp(rng.normal(0, min(1.5 * sigma, 0.12)))
        mesh[chosen] = middle + size * (mesh[chosen] - middle) + rng.normal(0, sigma * eyes, 2)
    return mesh


def draw(person: Person, degree: str, seed: int = 0) -> Drawing:
    """A drawing of a person, the same for the same seed. Raises ValueError for another degree."""
    if degree not in DEGREES:
        raise ValueError(f"degree must be one of {', '.join(DEGREES)}, got {degree!r}")
    number = DEGREES.index(degree)
    rng = np.random.default_rng([zlib.crc32(person.name.encode()), number, seed])
    mesh = moved(person.mesh, MOVED[number], rng)
    shows: dict[str, bool | str] = {
        "glasses": person.labels["glasses"] == "1",
        "beard": person.labels["beard"] not in ("none", "stubble"),
        "hat": person.labels["hat"] != "none",
        "hair_length": person.labels["hair_length"],
    }
    if number >= 2:
        shows |= {name: bool(shows[name] or rng.random() < share) for name, share in ADDED.items()}
    pen = Pen(
        SIZE_PX,
        rng,
        width=rng.uniform(1.2, 2.4),
        grey=int(rng.integers(20, 70)),
        tremble=0.3 + 0.5 * number,
    )
    drawn = _DRAW[number](pen, mesh, person, shows)
    dense = np.full_like(mesh, np.nan)
    meant = sorted({n for name in drawn for n in PARTS.get(name, ())})
    dense[meant] = mesh[meant]
    five = five_of(mesh)
    if "no nose" in drawn:
        five[2] = np.nan
    picture = _pencil(pen, person) if number == 0 else pen.picture()
    return Drawing(person.name, degree, picture, five, dense, mesh[list(OVAL)], shows)


def _carefully(pen: Pen, mesh: np.ndarray, person: Person, shows: dict) -> tuple[str, ...]:
    """Every part along its landmarks."""
    add_hair_lines(pen, person, mesh)
    pen.line(mesh[list(OVAL[4:33])], width=1.1)  # from temple to temple by the chin
    for side in (0, 1):
        pen.line(mesh[list(UPPER[side])], width=1.5)
        pen.line(mesh[list(LOWER[side])], width=0.7)
        ring = mesh[list(IRISES[side])]
        radius = float(np.hypot(*(ring[1:] - ring[0]).T).mean())
        pen.dot(ring[0], radius, filled=False, width=0.8)
        pen.dot(ring[0], 0.45 * radius)
        top, under = mesh[list(BROW_TOP[side])], mesh[list(BROW_UNDER[side])]
        for share in np.linspace(0.05, 0.95, 14):
            place = share * (len(top) - 1)
            a, b = (
                np.array([np.interp(place, range(len(r)), r[:, k]) for k in (0, 1)])
                for r in (under, top)
            )
            pen.line([a, 0.2 * a + 0.8 * b + [1.5, 0]], width=0.7)
    pen.line(mesh[list(NOSE_UNDER)], width=1.0)
    pen.line(mesh[list(BRIDGE[:3])] + [4, 0], width=0.5, grey=140)
    pen.line(mesh[list(LIP_TOP)], width=0.8)
    pen.line(mesh[list(LIP_UNDER)], width=0.8)
    pen.line(mesh[list(MOUTH_TOP)], width=1.2)
    if person.labels["mouth"] == "teeth":
        pen.line(mesh[list(MOUTH_UNDER)], width=0.8)
    _neck(pen, mesh)
    if shows["glasses"]:
        add_glasses(pen, mesh, "frames")
    return tuple(PARTS)


def _with_few_lines(pen: Pen, mesh: np.ndarray, person: Person, shows: dict) -> tuple[str, ...]:
    """The jaw, one stroke a brow and an upper lid, the nose's foot, the mouth's line."""
    add_hair(pen, mesh[list(OVAL)], person.labels, "strokes")
    pen.line(mesh[list(OVAL[6:31])][::3], width=1.0)
    for side in (0, 1):
        pen.line(mesh[list(UPPER[side])][::2], width=1.3)
        pen.dot(mesh[IRISES[side][0]], 2.6)
        pen.line(mesh[list(BROW_TOP[side])][::2], width=1.6)
    foot = mesh[list(NOSE_UNDER)]
    pen.line(
        foot[1:-1:2] if pen.rng.random() < 0.5 else [mesh[6] + [3, 0], mesh[4] + [5, 0], foot[3]],
        width=1.0,
    )
    pen.line(mesh[list(MOUTH_TOP)][::2], width=1.3)
    pen.line(mesh[list(LIP_UNDER)][3:8:2], width=0.8)
    _neck(pen, mesh)
    _worn(pen, mesh, shows)
    return tuple(PARTS)


def _in_symbols(pen: Pen, mesh: np.ndarray, person: Person, shows: dict) -> tuple[str, ...]:
    """Almonds or circles, a hook or a wedge, a bow with a bow under it."""
    rng, oval = pen.rng, mesh[list(OVAL)]
    pen.line(oval[::4], closed=True, width=1.1)
    kind = rng.integers(3)
    for side in (0, 1):
        middle, lids = mesh[PUPILS[side]], mesh[list(UPPER[side])]
        half = abs(lids[-1, 0] - lids[0, 0]) / 2 * rng.uniform(0.9, 1.15)
        if kind == 0:  # an almond
            pen.line([middle - [half, 0], middle - [0, 0.55 * half], middle + [half, 0]], width=1.2)
            pen.line([middle - [half, 0], middle + [0, 0.5 * half], middle + [half, 0]], width=1.0)
            pen.dot(middle, 0.35 * half)
        elif kind == 1:  # a ring with a pupil
            pen.dot(middle, 0.7 * half, filled=False)
            pen.dot(middle, 0.3 * half)
        else:  # an oval lying down, with lashes
            pen.dot(middle, half, filled=False, squash=0.55)
            pen.dot(middle, 0.4 * half)
            for lean in (-0.6, 0.0, 0.6):
                pen.line(
                    [
                        middle + [lean * half, -0.5 * half],
                        middle + [1.3 * lean * half, -0.9 * half],
                    ],
                    width=0.7,
                )
        brow = mesh[list(BROW_TOP[side])].mean(axis=0)
        pen.line([brow - [1.1 * half, -2], brow - [0, 3], brow + [1.1 * half, 2]], width=1.7)
    tip, corners = five_of(mesh)[2], mesh[list(CORNERS)]
    wide = 0.16 * (corners[1, 0] - corners[0, 0]) + 4
    shape = rng.integers(3)
    if shape == 0:  # a hook
        pen.line([tip - [1, 26], tip + [wide, -2], tip + [0, 4], tip - [wide, 0]])
    elif shape == 1:  # a bow with nostrils
        pen.line([tip - [wide, 0], tip + [0, 5], tip + [wide, 0]])
        pen.dot(tip + [-0.5 * wide, 1], 1.3)
        pen.dot(tip + [0.5 * wide, 1], 1.3)
    else:  # a wedge
        for lean in (-1, 1):
            pen.line([tip - [0, 24], tip + [lean * wide, 3]], width=0.8)
    _mouth_bow(
        pen,
        corners,
        rng.uniform(0.12, 0.3) if person.labels["mouth"] == "teeth" else rng.uniform(-0.05, 0.12),
    )
    add_hair(pen, oval, person.labels, "symbols")
    _worn(pen, mesh, shows)
    return ("outline",)


def _as_oval_and_dots(pen: Pen, mesh: np.ndarray, person: Person, shows: dict) -> tuple[str, ...]:
    """An oval, two dots, a stroke for the mouth, a tick for a nose or none."""
    rng, oval = pen.rng, mesh[list(OVAL)]
    middle, half = (
        (oval.max(axis=0) + oval.min(axis=0)) / 2,
        (oval.max(axis=0) - oval.min(axis=0)) / 2,
    )
    turn = np.linspace(0, 2 * np.pi, 9)[:-1] + rng.uniform(0, 1)
    pen.line(middle + half * np.stack([np.cos(turn), np.sin(turn)], axis=1), closed=True)
    size = rng.uniform(2.2, 5.0)
    for pupil in PUPILS:
        pen.dot(mesh[pupil], size)
    tip, noseless = five_of(mesh)[2], rng.random() < 0.4
    if not noseless:
        pen.line([tip - [1, 14], tip + [4, 0], tip - [3, 0]])
    _mouth_bow(pen, mesh[list(CORNERS)], rng.uniform(-0.05, 0.3), closed=False)
    add_hair(pen, oval, person.labels, "scribble")
    _worn(pen, mesh, shows)
    return ("no nose",) if noseless else ()


def _mouth_bow(pen: Pen, corners: np.ndarray, depth: float, closed: bool = True) -> None:
    wide = corners[1, 0] - corners[0, 0]
    low = corners.mean(axis=0) + [0, depth * wide]
    pen.line([corners[0], low, corners[1]], width=1.3)
    if closed and pen.rng.random() < 0.6:
        pen.line([corners[0], low + [0, 0.22 * wide], corners[1]], width=0.9)


def _neck(pen: Pen, mesh: np.ndarray) -> None:
    for index, way in ((OVAL[13], 1), (OVAL[23], -1)):
        top = mesh[index]
        pen.line([top, top + [-3 * way, 18], top + [2 * way, 36], top + [60 * way, 58]], width=0.9)


def _worn(pen: Pen, mesh: np.ndarray, shows: dict) -> None:
    if shows["beard"]:
        add_beard(pen, mesh[list(OVAL)], mesh[list(CORNERS)])
    if shows["glasses"]:
        add_glasses(pen, mesh, ("rings", "frames")[int(pen.rng.integers(2))])
    if shows["hat"]:
        add_hat(pen, mesh[list(OVAL)])


def add_hair_lines(pen: Pen, person: Person, mesh: np.ndarray) -> None:
    """Lines of equal light of the photo's hair, outside of the face and near the head."""
    grey = Image.fromarray(person.photo).convert("L").filter(ImageFilter.GaussianBlur(2))
    tone, window = np.asarray(grey, float), head_window(mesh[list(OVAL)], SIZE_PX)
    values = tone[window > 0.5]
    for level in np.quantile(values, (0.2, 0.4, 0.6, 0.8)):
        for contour in measure.find_contours(tone, level):
            line = contour[::4, ::-1]
            inside = window[line[:, 1].astype(int), line[:, 0].astype(int)] > 0.5
            for run in np.split(line, np.flatnonzero(np.diff(inside.astype(int))) + 1):
                if len(run) > 4 and window[int(run[1, 1]), int(run[1, 0])] > 0.5:
                    pen.line(run, width=0.6, grey=90)


def _softly(pen: Pen, mesh: np.ndarray, person: Person, shows: dict) -> tuple[str, ...]:
    """Lines by the landmarks, under the shading of `_pencil`."""
    pen.grey, pen.width = 95, 1.0
    return _carefully(pen, mesh, person, shows | {"glasses": False})


def _pencil(pen: Pen, person: Person) -> np.ndarray:
    """Short parallel strokes, the more the darker the photo is there; the wall stays paper."""
    rng, size = pen.rng, SIZE_PX
    soft = Image.fromarray(person.photo).convert("L").filter(ImageFilter.GaussianBlur(1.2))
    tone = np.asarray(soft, float)
    oval = person.mesh[list(OVAL)]
    window = np.maximum(head_window(oval, size), mask_of(oval, (size, size)).astype(float))
    low, high = np.quantile(tone[window > 0.5], (0.02, rng.uniform(0.6, 0.8)))
    dark = np.clip((high - tone) / max(high - low, 1), 0, 1) ** rng.uniform(0.8, 1.3) * window
    angle = rng.uniform(0.5, 1.2) * (1 if rng.random() < 0.7 else -1)
    along = np.array([np.cos(angle), -np.sin(angle)])
    for x, y in rng.uniform(0, size, (24000, 2)):
        if rng.random() < dark[int(y), int(x)]:
            half = along * rng.uniform(0.8, 3)
            pen.line(
                [(x, y) - half, (x, y) + half], width=0.6, grey=int(150 - 70 * dark[int(y), int(x)])
            )
    paper = pen.picture(0.5).astype(float)
    return images.rounded(np.clip(paper + rng.normal(0, 2.5, (size, size, 1)) - 3, 0, 255))


_DRAW: tuple[Callable[[Pen, np.ndarray, Person, dict], tuple[str, ...]], ...] = (
    _softly,
    _carefully,
    _with_few_lines,
    _in_symbols,
    _as_oval_and_dots,
)
