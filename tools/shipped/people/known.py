"""People whose code and shape are known, and drawings of them, for fitting what drawings say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2f_studio.attributes import TRAITS
from s2f_studio.drawings import mesh, shape_prior
from s2f_studio.faces.people import People, linear_in
from tools.shipped.people import running
from tools.shipped.people.appearance import Appearance, is_whole

ALIGNED_PX = 256
TRUE_OFF_PX = 1.0  # how far points found in a photo may be off


@dataclass
class Known:
    """Drawings of people whose true coordinates are known; mirrored ones too.

    values: (M, V), what the mean is linear in. crude: (M,). true: (M, J). person: (M,), int.
    training: bool (M,), whether the average face's network learned from the person.
    """

    values: np.ndarray
    crude: np.ndarray
    true: np.ndarray
    person: np.ndarray
    split: np.ndarray

    def some(self, chosen: np.ndarray) -> Known:
        """Those chosen, bool (M,)."""
        return Known(**{name: column[chosen] for name, column in vars(self).items()})


@dataclass
class Everybody:
    """All whole portraits and their mirror images: codes (N, A), shapes (N, S), in the standard
    deviations of `shape_prior`; photos uint8 (N, 128, 128, 3); labels (N,), dictionaries; levels,
    {name: (N,)} from -1 to 1, NaN where unknown; training: bool (N,).
    """

    codes: np.ndarray
    shapes: np.ndarray
    photos: np.ndarray
    labels: np.ndarray
    levels: dict[str, np.ndarray]
    training: np.ndarray


def codes_of(appearance: Appearance, photos: np.ndarray) -> np.ndarray:
    """Codes of pictures, uint8 (N, 128, 128, 3): float64 (N, A)."""
    found = [
        appearance.code(running.pixels(photos[first : first + 256])).double().numpy()
        for first in range(0, len(photos), 256)
    ]
    return np.concatenate(found)


def mirrored_points(points: np.ndarray) -> np.ndarray:
    """Points (N, 164, 2) in aligned pictures, as a mirror shows them."""
    return (points * [-1, 1] + [ALIGNED_PX - 1, 0])[:, mesh.mirror()]


def shapes_of(points: np.ndarray, off: Sequence | float) -> np.ndarray:
    """Likely shapes of points (N, 164, 2): (N, S)."""
    offs = np.broadcast_to(off, len(points)) if np.ndim(off) == 0 else off
    return np.stack(
        [shape_prior.coordinates(one, how) for one, how in zip(points, offs, strict=True)]
    )


def levels_of(labels: Mapping[str, str]) -> dict[str, float]:
    """A person's labels as levels from -1 to 1; NaN where unknown."""
    found = {
        "glasses": 1.0 if labels.get("glasses") == "1" else -1.0,
        "beard": 1.0 if labels.get("beard") in ("full", "goatee", "moustache") else -1.0,
        "hat": 1.0 if labels.get("hat", "none") != "none" else -1.0,
        "presents": {"man": -1.0, "woman": 1.0}.get(labels.get("presents", ""), np.nan),
    }
    for name, (label, known) in TRAITS.items():
        found[name] = known.get(labels.get(label, ""), np.nan)
    return found


def everybody(folder: Path, appearance: Appearance) -> tuple[Everybody, dict[str, np.ndarray]]:
    """All whole portraits and their mirror images; and the columns of `prepare` for them."""
    kept = running.read_people(folder)
    kept = {name: column[is_whole(kept)] for name, column in kept.items()}
    photos = np.concatenate([kept["photo"], kept["photo"][:, :, ::-1]])
    points = np.concatenate([kept["points"], mirrored_points(kept["points"])])
    levels = [levels_of(labels) for labels in kept["labels"]]
    found = Everybody(
        codes_of(appearance, photos),
        shapes_of(points, TRUE_OFF_PX),
        photos,
        np.tile(kept["labels"], 2),
        {name: np.tile([one[name] for one in levels], 2) for name in levels[0]},
        np.tile(kept["split"] == "train", 2),
    )
    return found, kept


def read(folder: Path, file: Path, num: int) -> tuple[Known, Everybody]:
    """Drawings whose people are known in `num` components and their shape; and all people."""
    appearance = Appearance.load(file)
    people, kept = everybody(folder, appearance)
    place = {name: number for number, name in enumerate(kept["name"])}
    parts = []
    for path in sorted(folder.glob("drawings*.npz")):
        if "partial" not in path.name:
            parts += _drawings(path, place, appearance, people, kept, num)
    return Known(**{k: np.concatenate([part[k] for part in parts]) for k in parts[0]}), people


def _drawings(
    path: Path,
    place: Mapping[str, int],
    appearance: Appearance,
    people: Everybody,
    kept: Mapping[str, np.ndarray],
    num: int,
) -> list[dict[str, np.ndarray]]:
    """The columns of `Known` for one file, as drawn and mirrored."""
    with np.load(path) as file:
        drawn = {name: file[name] for name in file.files}
    there = np.array([name in place for name in drawn["name"]])
    drawn = {name: column[there] for name, column in drawn.items()}
    who = np.array([place[name] for name in drawn["name"]])
    worn = np.stack([(people.levels[name][who] + 1) / 2 for name in ("glasses", "beard", "hat")], 1)
    half = len(kept["name"])
    found = []
    for side in (0, 1):
        faces, points, off = drawn["expected"].transpose(0, 2, 3, 1), drawn["points"], drawn["off"]
        if side:
            faces, points, off = faces[:, :, ::-1], mirrored_points(points), off[:, mesh.mirror()]
        shapes = shapes_of(points, off)
        average = codes_of(appearance, faces)
        true = np.concatenate(
            [people.codes[who + side * half, :num], people.shapes[who + side * half] - shapes], 1
        )
        found.append(
            {
                "values": linear_in(average, shapes, drawn["crude"], worn),
                "crude": drawn["crude"],
                "true": true,
                "person": kept["person"][who].astype(np.int64),
                "split": kept["split"][who],
            }
        )
    return found


def studio(path: Path) -> People:
    """The studio's file."""
    return People.load(path)
