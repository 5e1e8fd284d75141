"""The people whom crude drawings are made of: portraits, their landmarks and labels, laid out as models expect faces.

Labels (portrait_labels.csv) were given by looking at each portrait: numbers and words, no picture.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import common  # noqa: F401  (puts the clone first)
import numpy as np

import data_prep
from s2f_utils.pictures import faces, images

SIZE_PX = 256
LABELS = Path(data_prep.__file__).parent / "sources" / "portrait_labels.csv"
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
# Of the face mesh's 478 points, in the order of the five landmarks; the nose's tip as the detector sees it lies between
# the mesh's points 1 and 4.
PUPILS, NOSE, CORNERS = (468, 473), (1, 4), (61, 291)
NOSE_SHARES = (0.3, 0.7)


@dataclass(frozen=True)
class Person:
    """photo: uint8 (256, 256, 3), aligned. mesh: float64 (478, 2), its landmarks. labels: as portrait_labels.csv."""

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
    """The people of a split, the first `num` of them. data: the folder of portraits/ and portraits_landmarks.npz."""
    with np.load(data / "portraits_landmarks.npz") as found:
        meshes = dict(zip(found["names"].tolist(), found["points"].astype(np.float64), strict=True))
    for labels in labels_of(split)[:num]:
        file = f"{labels['name']}.jpg"
        matrix = faces.alignment(five_of(meshes[file]), SIZE_PX)
        photo = faces.warp(images.load_rgb(data / "portraits" / file), matrix, SIZE_PX)
        yield Person(labels["name"], photo, faces.transform(meshes[file], matrix), labels)
