"""The sets that benchmarks/faces.py measures models on: drawings, what is known of them, and
training photos.

Made once and kept in a folder outside of the project, for they hold pictures that may not be handed
on.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import crude_drawings
import numpy as np
from crude_drawings import SIZE_PX, labels_of, people
from PIL import Image
from tqdm import tqdm

from data_prep.sources.layouts.fs2k import CODES
from s2f_utils import runtime
from s2f_utils.metrics.baselines import ridge, sketch_features
from s2f_utils.pictures import duplicates, faces, images

SETS = (
    "lay",
    "fs2k-mouths",
    "crude",
    "fs2k-zero-shot",
    "fs2k-trained",
    "cuhk",
)  # the first two: faces_people.py
MAX_RIDGE = 1000  # training pairs, as in `metrics.evaluation`


@dataclass
class FaceSet:
    """N drawings and what is known of them, and the training people's T photos; pictures are uint8
    (…, 256, 256, 3).

    truths: the true photos of the same people. kinds: each drawing's degree or style. five: float64
    (N, 5, 2), where landmarks are meant to be, NaN where that is not said; None: as in the true
    photo. outlines: (N, 36, 2), or None.
    train_drawings: of the T photos; None where there are none. shows: what each drawing shows.
    train_labels: of the T photos, as portrait_labels.csv has them; [] where there are none.
    attributes: what is known of the people, by name, a word for each drawing.
    """

    name: str
    people: list[str]
    kinds: list[str]
    drawings: np.ndarray
    truths: np.ndarray
    train_photos: np.ndarray
    train_drawings: np.ndarray | None = None
    five: np.ndarray | None = None
    outlines: np.ndarray | None = None
    shows: list[dict] = field(default_factory=list)
    train_labels: list[dict[str, str]] = field(default_factory=list)
    attributes: dict[str, list[str]] = field(default_factory=dict)
    trivial_league: str = ""

    def trivial(self) -> dict[str, np.ndarray]:
        """The answers that need no model: {name: (N, 256, 256, 3)}."""
        mean = images.rounded(np.mean(self.train_photos, axis=0, dtype=np.float64))
        rows = {
            "the drawing itself": self.drawings,
            "mean photo": np.broadcast_to(mean, self.drawings.shape),
        }
        if self.train_drawings is None:
            return rows | {"true photo": self.truths}
        known, asked = sketch_features(self.train_drawings), sketch_features(self.drawings)
        nearest = [int(np.argmin(((known - one) ** 2).sum(axis=1))) for one in asked]
        some = min(MAX_RIDGE, len(known))
        shares = ridge(
            known[:some], np.eye(some), asked
        )  # ridge is linear in what it is to predict
        flat = self.train_photos[:some].reshape(some, -1)
        made = np.empty((len(asked), flat.shape[1]), np.uint8)
        for start in range(0, flat.shape[1], 8192):
            part = slice(start, start + 8192)
            made[:, part] = images.rounded(shares @ flat[:, part].astype(np.float64))
        rows |= {"nearest": self.train_photos[nearest], "ridge": made.reshape(self.drawings.shape)}
        return rows | {"true photo": self.truths}


def load(name: str, data: Path, work: Path, num: int | None = None) -> FaceSet:
    """One of the other `SETS`; num: its first so many people. Raises SystemExit where its data are
    not there.
    """
    if not (data / {"crude": "portraits", "cuhk": "cufs"}.get(name, "fs2k")).is_dir():
        raise SystemExit(f"{data}: the data of {name} are not there")
    made = {"crude": _crude, "cuhk": _cuhk}.get(name, _fs2k)(data, work, num)
    return replace(made, name=name)


def kept(path: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """What a file holds; made and written where it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = make()
        with runtime.atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **made)
    with np.load(path) as found:
        return {key: found[key] for key in found.files}


def _crude(data: Path, work: Path, num: int | None) -> FaceSet:
    train = kept(
        work / "portraits-train.npz",
        lambda: {"photos": np.stack([p.photo for p in people(data, "train")])},
    )
    found = list(people(data, "test", num))
    made = []
    for person in tqdm(found, desc="drawing", unit="person"):
        made += [(person, crude_drawings.draw(person, degree)) for degree in crude_drawings.DEGREES]
    return FaceSet(
        "crude",
        [person.name for person, _ in made],
        [one.degree for _, one in made],
        np.stack([one.picture for _, one in made]),
        np.stack([person.photo for person, _ in made]),
        train["photos"],
        five=np.stack([one.five for _, one in made]),
        outlines=np.stack([one.outline for _, one in made]),
        shows=[one.shows for _, one in made],
        train_labels=labels_of("train"),
        trivial_league="portraits",
    )


def fs2k_rows(data: Path, split: str) -> list[tuple[str, Path, Path, str]]:
    """(id, photo, sketch, style) of an official split; the style is the annotation's, counted from
    1.
    """
    rows = json.loads((data / "fs2k" / f"anno_{split}.json").read_text(encoding="utf-8"))
    found = []
    for row in rows:
        folder, _, name = row["image_name"].partition("/")
        photo = data / "fs2k" / "photo" / folder / name
        sketch = (
            data
            / "fs2k"
            / "sketch"
            / folder.replace("photo", "sketch")
            / name.replace("image", "sketch")
        )
        paths = [next(p.parent.glob(f"{p.name}.*"), None) for p in (photo, sketch)]
        if None in paths:
            raise SystemExit(f"{photo}: the photo or its sketch is not there")
        found.append((row["image_name"].replace("/", "-"), *paths, f"style {row['style'] + 1}"))
    return found


def _fs2k(data: Path, work: Path, num: int | None) -> FaceSet:
    parts = {}
    for split in ("train", "test"):
        rows = fs2k_rows(data, split)
        if num is not None:  # of all styles; in its order, the annotation has one after the other
            rows = rows[:: max(1, len(rows) // num)][:num] if split == "test" else rows
        size = "" if num is None or split == "train" else f"-{num}"
        parts[split] = kept(work / f"fs2k-{split}{size}.npz", lambda rows=rows: _aligned(rows))
    train, test = parts["train"], parts["test"]
    leaks = kept(work / "fs2k-leaks.npz", lambda: _leaks(data))["ids"]
    clean = ~np.isin(train["ids"], leaks)
    return FaceSet(
        "fs2k-zero-shot",
        test["ids"].tolist(),
        test["styles"].tolist(),
        test["sketches"],
        test["photos"],
        train["photos"][clean],
        train["sketches"][clean],
        trivial_league="FS2K-only",
        attributes=fs2k_attributes(data, test["ids"].tolist()),
    )


def fs2k_attributes(data: Path, ids: Sequence[str]) -> dict[str, list[str]]:
    """What the annotation of the test pairs says in words: of each attribute, a word for every id."""
    rows = json.loads((data / "fs2k" / "anno_test.json").read_text(encoding="utf-8"))
    known = {row["image_name"].replace("/", "-"): row for row in rows}
    return {
        name.replace("_", " "): [words[known[one][name]] for one in ids]
        for name, words in CODES.items()
        if name != "style"
    }


def fs2k_train(data: Path, work: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The official training pairs without leaks: ids, sketches and photos, uint8 (N, 256, 256, 3)."""
    train = kept(work / "fs2k-train.npz", lambda: _aligned(fs2k_rows(data, "train")))
    clean = ~np.isin(train["ids"], kept(work / "fs2k-leaks.npz", lambda: _leaks(data))["ids"])
    return train["ids"][clean].tolist(), train["sketches"][clean], train["photos"][clean]


def _leaks(data: Path) -> dict[str, np.ndarray]:
    """The training pairs whose photo, as it was handed out, is that of a test pair, too."""
    thumbs, names = {}, {}
    for split in ("train", "test"):
        rows = fs2k_rows(data, split)
        names[split] = np.array([row[0] for row in rows])
        thumbs[split] = thumbnails([images.load_rgb(row[1]) for row in rows])
    alike = (thumbs["train"] @ thumbs["test"].T).max(axis=1)
    return {"ids": names["train"][alike >= duplicates.SURE_CORRELATION]}


def thumbnails(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """float64 (N, 2304); their products are what `duplicates.correlation` says of two pictures."""
    flat = np.stack([duplicates.thumbnail(picture).ravel() for picture in pictures]).astype(
        np.float64
    )
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)


def _aligned(rows: list[tuple[str, Path, Path, str]]) -> dict[str, np.ndarray]:
    """Photos and sketches cut alike, by the photo's face; by the middle where none is found, as
    data_prep can.
    """
    made: dict[str, list] = {"ids": [], "styles": [], "photos": [], "sketches": [], "methods": []}
    for name, photo_path, sketch_path, style in tqdm(rows, desc="aligning", unit="pair"):
        photo, sketch = images.load_rgb(photo_path), images.load_rgb(sketch_path)
        if sketch.shape != photo.shape:
            sketch = np.asarray(
                Image.fromarray(sketch).resize(photo.shape[1::-1], Image.Resampling.BICUBIC)
            )
        face = faces.find_face(photo, fallback="centre")
        matrix = faces.alignment(face.landmarks, SIZE_PX)
        values = (
            name,
            style,
            faces.warp(photo, matrix, SIZE_PX),
            faces.warp(sketch, matrix, SIZE_PX),
            face.method,
        )
        for key, value in zip(made, values, strict=True):
            made[key].append(value)
    return {
        key: np.stack(values) if key in ("photos", "sketches") else np.array(values)
        for key, values in made.items()
    }


def _cuhk(data: Path, work: Path, num: int | None) -> FaceSet:
    with open(data / "cufs" / "expected_pairs.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sides: dict[str, dict[str, list]] = {
        split: {"sketch": [], "photo": [], "id": []} for split in ("train", "test")
    }
    for row in rows:
        folder = {"train": "training", "test": "testing"}[row["split"]]
        for side, name in (("sketch", "sketches"), ("photo", "photos")):
            path = data / "cufs" / f"CUHK_{folder}_cropped_{name}" / row[side]
            sides[row["split"]][side].append(images.resize(images.load_rgb(path), SIZE_PX))
        sides[row["split"]]["id"].append(Path(row["photo"]).stem)
    train, test = sides["train"], sides["test"]
    return FaceSet(
        "cuhk",
        test["id"][:num],
        ["sketch"] * len(test["id"][:num]),
        np.stack(test["sketch"][:num]),
        np.stack(test["photo"][:num]),
        np.stack(train["photo"]),
        np.stack(train["sketch"]),
        trivial_league="88-only",
    )
