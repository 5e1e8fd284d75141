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
HAT_KINDS = 12  # directions in which hats vary
CORNER_PX = 14  # of the upper corners, which show the wall
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
    wall = wall_colours(people.photos[people.training])
    for colours in (skin, hair, wall):
        found += [_colour(known, channel, weight) for channel in colours.T]
    names = ("rows", "at_zero", "per_level", "within")
    columns = dict(
        zip(names, (np.array(column) for column in zip(*found, strict=True)), strict=True)
    )
    alike = np.zeros(known.shape[1])
    alike[:num] = ALIKE
    hat_mean, hat_root = hats(people, num)
    return columns | {"alike": alike, "hat_mean": hat_mean, "hat_root": hat_root}


def hats(people: Everybody, num: int) -> tuple[np.ndarray, np.ndarray]:
    """What a hat adds to a person: its mean (J,), and a root (J, `HAT_KINDS`) of how hats vary; of
    people with and without painted ones.
    """
    bare = people.codes[people.wearers, :num]
    added = people.codes[people.painted, :num] - bare
    mean = added.mean(axis=0)
    _, deviations, components = np.linalg.svd(added - mean, full_matrices=False)
    root = components[:HAT_KINDS].T * deviations[:HAT_KINDS] / np.sqrt(len(added))
    shape = np.zeros(people.shapes.shape[1])
    return np.concatenate([mean, shape]), np.pad(root, ((0, len(shape)), (0, 0)))


Readout = tuple[np.ndarray, float, float, float]


def _level(known: np.ndarray, level: np.ndarray, weight: np.ndarray) -> Readout:
    """A readout of a label: its row (J,), its mean for people of level 0, what one level adds, and
    how far people of one level vary.
    """
    row, _ = _regression(known, level, weight)
    there = ~np.isnan(level)
    read, level, weight = known[there] @ row, level[there], weight[there]
    mean = np.average(level, weights=weight)
    per_level = np.average(read * (level - mean), weights=weight)
    per_level /= np.average((level - mean) ** 2, weights=weight)
    at_zero = np.average(read - per_level * level, weights=weight)
    off = read - at_zero - per_level * level
    return row, float(at_zero), float(per_level), float(np.sqrt(np.average(off**2, weights=weight)))


def _colour(known: np.ndarray, channel: np.ndarray, weight: np.ndarray) -> Readout:
    """A readout of a colour's channel, as `_level`, at the value that leads to the colour asked,
    around which nobody varies.
    """
    row, constant = _regression(known, channel, weight)
    return row, -constant, 1.0, 0.0


def _regression(
    known: np.ndarray, wanted: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, float]:
    """Weighted ridge regression, where `wanted` is not NaN: the row (J,), and the constant."""
    there = ~np.isnan(wanted)
    known, wanted, weight = known[there], wanted[there], weight[there]
    middle, mean = np.average(known, axis=0, weights=weight), np.average(wanted, weights=weight)
    weighted = ((known - middle) * weight[:, None]).T
    square = weighted @ (known - middle) + RIDGE * np.eye(known.shape[1])
    row = np.linalg.solve(square, weighted @ (wanted - mean))
    return row, float(mean - middle @ row)


def cheek_colours(photos: np.ndarray) -> np.ndarray:
    """The median colour of each person's cheeks: (N, 3) in [-1, 1]. photos: (N, 128, 128, 3)."""
    return np.median(photos[:, cheeks()], axis=1) / 127.5 - 1


def cheek_sides(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The median colours of the left and of the right cheek: (N, 3) each in [-1, 1]."""
    left = cheeks() & (np.arange(MEAN_PX) < MEAN_PX // 2)
    sides = (np.median(photos[:, one], axis=1) for one in (left, cheeks() & ~left))
    left_colours, right_colours = (one / 127.5 - 1 for one in sides)
    return left_colours, right_colours


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


def wall_colours(photos: np.ndarray) -> np.ndarray:
    """The median colour of the upper corners: (N, 3) in [-1, 1]."""
    corners = [photos[:, :CORNER_PX, :CORNER_PX], photos[:, :CORNER_PX, -CORNER_PX:]]
    return np.median(np.concatenate(corners, axis=2), axis=(1, 2)) / 127.5 - 1
