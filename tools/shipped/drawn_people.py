"""Drawings by hand, photos and label maps of generated people, in memory, for trainings.

Training people are those that come with `data_prep` and, where there are any, those that
`tools.shipped.generated.pairs` painted; test people come with `data_prep` alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import data_prep
from s2f_utils.data import read_manifest
from s2f_utils.pictures import images, masks
from s2f_utils.pictures.mesh import FACE_PX
from s2f_utils.runtime import atomic_path

SEEDS = (0, 1)  # of the drawings of a training person; a test person has the first


@dataclass(frozen=True)
class DrawnPeople:
    """N people. photos: uint8 (N, S, S, 3). maps: uint8 (N, S, S). codes: float32 (N, 512).
    drawings: uint8 (N, M, S, S), dark on white. ids: of each person.
    """

    photos: np.ndarray
    maps: np.ndarray
    codes: np.ndarray
    drawings: np.ndarray
    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def embedded(split: str, size_px: int, cache: Path) -> DrawnPeople:
    """The people of a split that come with `data_prep`; drawn once, then kept in the folder
    `cache`.
    """
    path = cache / f"{split}.npz"
    if not path.is_file():
        seeds = SEEDS if split == "train" else SEEDS[:1]
        drawn = [
            data_prep.people(split=split, sketches="hand", seed=seed, progress=True)
            for seed in seeds
        ]
        first = drawn[0]
        columns = {
            "photos": first.pictures,
            "maps": first.maps,
            "codes": first.codes,
            "drawings": np.stack([people.sketches for people in drawn], axis=1),
            "ids": np.array(first.ids),
        }
        cache.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **columns)
    with np.load(path) as file:
        return reduced(DrawnPeople(**{name: file[name] for name in file.files}), size_px)


def painted(folder: Path, size_px: int) -> DrawnPeople | None:
    """The people of all complete parts of a folder; None: there are none."""
    parts = [part_of(path.parent, size_px) for path in sorted(folder.glob("*/manifest.csv"))]
    return joined(*parts) if parts else None


def reduced(people: DrawnPeople, size_px: int) -> DrawnPeople:
    """The same people in pictures of this size, a divisor of 256."""
    if size_px == FACE_PX:
        return people
    drawings = np.empty((*people.drawings.shape[:2], size_px, size_px), np.uint8)
    for place in np.ndindex(drawings.shape[:2]):
        rgb = np.repeat(people.drawings[place][..., None], 3, axis=2)
        drawings[place] = images.resize(rgb, size_px)[..., 0]
    return replace(
        people,
        photos=np.stack([images.resize(photo, size_px) for photo in people.photos]),
        maps=np.stack([masks.resize(labels, size_px) for labels in people.maps]),
        drawings=drawings,
    )


def joined(*parts: DrawnPeople) -> DrawnPeople:
    """All people of some parts."""
    names = DrawnPeople.__dataclass_fields__
    return DrawnPeople(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )


def for_training(pool: Path, size_px: int, cache: Path) -> DrawnPeople:
    """All people to learn from."""
    own, others = embedded("train", size_px, cache), painted(pool, size_px)
    return own if others is None else joined(own, others)


def part_of(folder: Path, size_px: int) -> DrawnPeople:
    """The people of one part."""
    by_person: dict[str, list] = {}
    for row in read_manifest(folder / "manifest.csv").pairs:
        by_person.setdefault(row.identity, []).append(row)
    photos, maps, drawings = [], [], []
    for rows in by_person.values():
        photos.append(images.load_rgb(rows[0].photo))
        maps.append(images.load_labels(rows[0].mask))
        drawings.append([images.load_rgb(row.sketch)[..., 0] for row in rows])
    people = DrawnPeople(
        np.stack(photos),
        np.stack(maps),
        np.load(folder / "codes.npy"),
        np.array(drawings),
        np.array(list(by_person)),
    )
    return reduced(people, size_px)
