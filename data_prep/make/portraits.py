"""A collection of portraits with their landmarks and what is known of them."""

from __future__ import annotations

import csv
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from data_prep.files import TABLES
from data_prep.make.segment import segment
from data_prep.messages import printable
from data_prep.portrait import Portrait
from s2f_utils.data import DataError
from s2f_utils.pictures import faces, images, mesh

SIZE_PX = 256
POINTS, LABELS = TABLES / "portrait_points.npz", TABLES / "portrait_labels.csv"
MASK_PX = 256
STORED_PER_PX = 64  # points in a file are whole numbers of this part of a pixel
CACHED = 256  # aligned portraits, 200 kB each


@dataclass(frozen=True)
class PortraitFile:
    """A portrait's file, its points (164, 2) in the file's pixels, its split, and its labels.

    person: bool (S, S), where the person is, the whole file squeezed to a square; None: not known.
    """

    name: str
    path: Path
    points: np.ndarray
    split: str
    labels: Mapping[str, str] = field(default_factory=dict)
    person: np.ndarray | None = None


class PortraitSet(Sequence[Portrait]):
    """Aligned portraits, read when they are asked for; `segmented` adds person and hair."""

    def __init__(self, entries: Sequence[PortraitFile]) -> None:
        self.entries = list(entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, number: int) -> Portrait:
        entry = self.entries[number]
        photo, points = _aligned(entry.path, entry.points.tobytes())
        nothing = np.zeros((SIZE_PX, SIZE_PX), np.float32)
        return Portrait(photo, points, nothing, nothing, dict(entry.labels))

    def segmented(self, number: int) -> Portrait:
        """A portrait with the masks of its person and hair."""
        entry, portrait = self.entries[number], self[number]
        person = None if entry.person is None else _aligned_mask(entry)
        person, hair = segment(portrait.photo, portrait.points, portrait.labels, person)
        return replace(portrait, person=person, hair=hair)


def _aligned_mask(entry: PortraitFile) -> np.ndarray:
    """Where the person is in the aligned portrait: float32 (256, 256) in [0, 1]."""
    import cv2

    height, width = images.load_rgb(entry.path).shape[:2]
    mask = entry.person.astype(np.float32)
    if len(mask) < MASK_PX:  # its stairs would be seen
        mask = cv2.GaussianBlur(mask, (0, 0), 1.0)
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_CUBIC)
    matrix = faces.alignment(mesh.five_of(entry.points), SIZE_PX)
    how = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
    mask = cv2.warpAffine(mask, matrix, (SIZE_PX, SIZE_PX), **how)
    return np.clip(3 * (mask - 0.5) + 0.5, 0, 1)  # its rim is as sharp as the photo's


@functools.lru_cache(maxsize=CACHED)
def _aligned(path: Path, points: bytes) -> tuple[np.ndarray, np.ndarray]:
    in_file = np.frombuffer(points, np.float64).reshape(-1, 2)
    matrix = faces.alignment(mesh.five_of(in_file), SIZE_PX)
    aligned = faces.transform(in_file, matrix).astype(np.float32)
    return faces.warp(images.load_rgb(path), matrix, SIZE_PX), aligned


def read_portraits(folder: Path) -> list[PortraitFile]:
    """The portraits of the CivilServiceUSA collections in a folder, by name, with our landmarks,
    labels and split. Raises DataError where there is none.
    """
    paths = image_files(folder)
    points, people = read_points(POINTS)
    labels = read_labels(LABELS)
    entries = []
    for name in points:
        if name in paths and name in labels:
            known = dict(labels[name])
            split = known.pop("split")
            entry = PortraitFile(name, paths[name], points[name], split, known, people.get(name))
            entries.append(entry)
    if not entries:
        raise DataError(
            f"{printable(folder)}: none of its pictures is one of the portraits: fetch them with"
            " 'python -m data_prep download portraits'"
        )
    return entries


def image_files(folder: Path) -> dict[str, Path]:
    """The pictures below a folder by their stems; of several with one name the first."""
    paths: dict[str, Path] = {}
    if not folder.is_dir():
        raise DataError(f"{printable(folder)}: no such folder: give one with portraits")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and images.is_image_name(path):
            paths.setdefault(path.stem, path)
    return paths


def read_points(path: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Points, float (164, 2), and people's masks, bool (256, 256), by name, of an .npz file with
    "names" (N,), "points" (N, 164, 2), uint16, in 64ths of a pixel, and "people" (N, 8192), uint8,
    the masks' bits.
    """
    with np.load(path) as arrays:
        names = arrays["names"].tolist()
        points = arrays["points"].astype(np.float64) / STORED_PER_PX
        bits = arrays["people"] if "people" in arrays else np.empty((0, MASK_PX**2 // 8), np.uint8)
    people = np.unpackbits(bits, axis=1).reshape(-1, MASK_PX, MASK_PX).astype(bool)
    return dict(zip(names, points, strict=True)), dict(zip(names, people, strict=False))


def read_labels(path: Path) -> dict[str, dict[str, str]]:
    """The labels of portraits by name, of a CSV file with the columns name, split, glasses, …."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        return {row.pop("name"): row for row in csv.DictReader(file, restval="")}


def digest_of(entries: Sequence[PortraitFile]) -> str:
    """A fingerprint of portraits and of all that is known of them."""
    digest = hashlib.sha256()
    for entry in entries:
        words = f"{entry.name} {entry.split} {sorted(entry.labels.items())}"
        digest.update(words.encode() + entry.points.tobytes())
        digest.update(entry.path.read_bytes())
    return digest.hexdigest()
