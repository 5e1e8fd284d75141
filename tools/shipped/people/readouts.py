"""Readouts of a person's coordinates: what can be held or asked for, and how alike people are."""

from __future__ import annotations

import functools

import numpy as np

from s2f_studio.drawings import mesh
from s2f_studio.drawings.mesh import MEAN_PX
from s2f_studio.faces.people import LEVELS
from s2f_studio.faces.regions import cheeks_and_above
from tools.shipped.people import running
from tools.shipped.people.appearance import POWERS
from tools.shipped.people.known import Everybody

RIDGE = 30.0
HAIR_ROWS = (0.04, 0.18)  # above the forehead, in heights of the face
BALD = -0.5  # hair length below which the band above the forehead shows no hair
ALIKE = 0.3  # how much a code's squared difference counts in a choice; by people left out


def fit(people: Everybody, num: int) -> dict[str, np.ndarray]:
    """All readouts of `num` codes and the shape, as the studio's file has them."""
    known = np.concatenate([people.codes[:, :num], people.shapes], axis=1)[people.training]
    labels = people.labels[people.training]
    weight = running.balanced(labels, POWERS).numpy()
    found = [_level(known, people.levels[name][people.training], weight) for name in LEVELS]
    hair = hair_colours(people.photos[people.training])
    bald = ~(people.levels["hair_length"][people.training] > BALD)
    hair[bald | (people.levels["hat"][people.training] > 0)] = np.nan
    skin = cheek_colours(people.photos[people.training])
    for colours in (skin, hair):
        found += [_level(known, colour, weight) for colour in colours.T]
    names = ("rows", "at_zero", "per_level", "within")
    columns = dict(
        zip(names, (np.array(column) for column in zip(*found, strict=True)), strict=True)
    )
    alike = np.zeros(known.shape[1])
    alike[:num] = ALIKE
    return columns | {"alike": alike}


def _level(
    known: np.ndarray, level: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, float, float, float]:
    """A readout: its row (J,), its mean at level 0, what one level adds, and how far it varies."""
    there = ~np.isnan(level)
    known, level, weight = known[there], level[there], weight[there] / weight[there].mean()
    middle, mean = np.average(known, axis=0, weights=weight), np.average(level, weights=weight)
    centred = known - middle
    square = (centred * weight[:, None]).T @ centred + RIDGE * np.eye(known.shape[1])
    row = np.linalg.solve(square, (centred * weight[:, None]).T @ (level - mean))
    read = known @ row
    per_level = np.average((read - read.mean()) * (level - mean), weights=weight)
    per_level /= np.average((level - mean) ** 2, weights=weight)
    at_zero = np.average(read - per_level * level, weights=weight)
    off = read - at_zero - per_level * level
    return row, float(at_zero), float(per_level), float(np.sqrt(np.average(off**2, weights=weight)))


def cheek_colours(photos: np.ndarray) -> np.ndarray:
    """The median colour of each person's cheeks: (N, 3) in [-1, 1]. photos: (N, 128, 128, 3)."""
    return np.median(photos[:, cheeks()], axis=1) / 127.5 - 1


@functools.cache
def cheeks() -> np.ndarray:
    """Where the mean shape's cheeks are: bool (128, 128)."""
    return cheeks_and_above(MEAN_PX)[0]


def hair_colours(photos: np.ndarray) -> np.ndarray:
    """The median colour of a band above the forehead: (N, 3) in [-1, 1]."""
    oval = mesh.mean_shape(MEAN_PX)[mesh.PARTS["oval"]]
    top, high, middle = oval[:, 1].min(), np.ptp(oval[:, 1]), oval[:, 0].mean()
    rows = slice(max(0, round(top - HAIR_ROWS[1] * high)), max(2, round(top - HAIR_ROWS[0] * high)))
    columns = slice(round(middle - 0.2 * high), round(middle + 0.2 * high))
    return np.median(photos[:, rows, columns], axis=(1, 2)) / 127.5 - 1
