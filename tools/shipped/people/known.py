"""People whose code and shape are known, and drawings of them, for fitting what drawings say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2f_studio.attributes import TRAITS
from s2f_studio.drawings import mesh, shape_prior
from s2f_studio.faces.people import drawn_shape, linear_in
from tools.shipped.people import running
from tools.shipped.people.appearance import Appearance, is_whole

ALIGNED_PX = 256
# Weaker than for the components: rare people with large weights make matrices of a few people.
BALANCED = {"skin": 0.75, "presents": 0.4}
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
    weight: np.ndarray
    photo: np.ndarray
    split: np.ndarray

    def some(self, chosen: np.ndarray) -> Known:
        """Those chosen, bool (M,)."""
        return Known(**{name: column[chosen] for name, column in vars(self).items()})


@dataclass
class Everybody:
    """All whole portraits, their mirror images, and training people in painted hats: codes (N, A),
    shapes (N, S), in the standard deviations of `shape_prior`; photos uint8 (N, 128, 128, 3);
    labels (N,), dictionaries; levels, {name: (N,)} from -1 to 1, NaN where unknown; training: bool
    (N,); painted: bool (N,); wearers: the numbers of those who were painted, without their hats.
    """

    codes: np.ndarray
    shapes: np.ndarray
    photos: np.ndarray
    labels: np.ndarray
    levels: dict[str, np.ndarray]
    training: np.ndarray
    painted: np.ndarray
    wearers: np.ndarray


def codes_of(appearance: Appearance, photos: np.ndarray) -> np.ndarray:
    """Codes of pictures, uint8 (N, 128, 128, 3): float64 (N, A)."""
    found = [
        appearance.code(running.pixels(photos[first : first + 256].copy())).double().numpy()
        for first in range(0, len(photos), 256)
    ]
    return np.concatenate(found)


def mirrored_points(points: np.ndarray) -> np.ndarray:
    """Points (N, 164, 2) in aligned pictures, as a mirror shows them."""
    return (points * [-1, 1] + [ALIGNED_PX - 1, 0])[:, mesh.mirror()]


def shapes_of(points: np.ndarray) -> np.ndarray:
    """Shapes of points found in photos, (N, 164, 2): (N, S)."""
    return np.stack([shape_prior.coordinates(one, TRUE_OFF_PX) for one in points])


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
    """All of them; and the columns of `prepare` for those that are neither mirrored nor painted."""
    kept = running.read_people(folder)
    kept = {name: column[is_whole(kept)] for name, column in kept.items()}
    place = {name: number for number, name in enumerate(kept["name"])}
    with np.load(folder / "hats.npz") as file:
        hats, wearers = file["photo"], np.array([place[name] for name in file["name"]])
    num = len(kept["name"])
    who = np.concatenate([np.arange(num), np.arange(num), wearers])
    photos = np.concatenate([kept["photo"], kept["photo"][:, :, ::-1], hats])
    shapes = [shapes_of(points) for points in (kept["points"], mirrored_points(kept["points"]))]
    painted = np.arange(len(who)) >= 2 * num
    levels = [levels_of(labels) for labels in kept["labels"]]
    columns = {name: np.array([one[name] for one in levels])[who] for name in levels[0]}
    columns["hat"][painted] = 1.0
    for name in ("hair_length", "curls"):
        columns[name][painted] = np.nan
    found = Everybody(
        codes_of(appearance, photos),
        np.concatenate([*shapes, shapes[0][wearers]]),
        photos,
        kept["labels"][who],
        columns,
        kept["split"][who] == "train",
        painted,
        wearers,
    )
    return found, kept


def read(folder: Path, file: Path, num: int) -> tuple[Known, Everybody]:
    """Drawings whose people are known in `num` components and their shape; and all people."""
    appearance = Appearance.load(file)
    people, kept = everybody(folder, appearance)
    place = {name: number for number, name in enumerate(kept["name"])}
    parts = _drawings(folder / "drawings.npz", place, appearance, people, kept, num)
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
        faces, points = drawn["expected"].transpose(0, 2, 3, 1), drawn["points"]
        if side:
            faces, points = faces[:, :, ::-1], mirrored_points(points)
        shapes = np.stack([drawn_shape(one) for one in points])
        average = codes_of(appearance, faces)
        there = who + side * half
        true = np.concatenate([people.codes[there, :num], people.shapes[there]], axis=1)
        found.append(
            {
                "values": linear_in(average, shapes, drawn["crude"], worn),
                "crude": drawn["crude"],
                "true": true,
                "person": kept["person"][who].astype(np.int64),
                "weight": running.balanced(kept["labels"][who], BALANCED).numpy(),
                "photo": there,
                "split": kept["split"][who],
            }
        )
    return found
