"""Landmarks added to a data set of pairs: what `s2f finetune` learns from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data_prep.layouts.layout import unique_ids
from data_prep.make.parallel import Workers
from data_prep.make.write import (
    MANIFEST,
    MASK,
    PHOTO,
    POINTS,
    Item,
    Part,
    Prepared,
    SetPlan,
    is_still_complete,
    read_state,
    write_set,
)
from data_prep.messages import describe_counts, printable, say, warn
from s2f_utils.data import DataError, Row, read_manifest, terms_of
from s2f_utils.infer.landmarks import Landmarks, find_all_landmarks
from s2f_utils.pictures import images, masks
from s2f_utils.pictures.attributes import TRAITS, WORN

SIZE_PX = 256
PERSON, HAIR = masks.CLASSES.index("skin"), masks.CLASSES.index("hair")
LEAST_CERTAIN = 0.5  # of the person's and the hair's map
# FS2K's columns: what they say, as a label of `TRAITS` and its word.
FS2K = {
    "smile": {"yes": ("mouth", "teeth"), "no": ("mouth", "closed")},
    "hair": {"no": ("hair_length", "bald")},
}
SKETCH_1, POINTS_1 = Part("sketch", "1"), Part("points", "1")
PARTS = (PHOTO, MASK, POINTS, SKETCH_1, POINTS_1)


@dataclass(frozen=True)
class LandmarkedPair:
    """A pair's files, the points of both, (164, 2) in pixels of SIZE_PX, and its mask,
    uint8 (SIZE_PX, SIZE_PX).
    """

    sketch: Path
    photo: Path
    sketch_points: np.ndarray
    photo_points: np.ndarray
    mask: np.ndarray


def add_landmarks(
    data: str | os.PathLike,
    out: str | os.PathLike,
    *,
    workers: Workers = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Detect the landmarks of the sketches and photos of a data set, and write the set with
    them, 256 px.

    data: a set that `pairs` made, its faces aligned; splits, people and sources stay, test pairs
    are left out. The new set has masks (the person, hair) and the columns points, photo_points,
    glasses, beard and hat, and where the old one says it age, mouth, hair_length, hair_texture (as
    portrait_labels.csv; FS2K's smile and hair count). Returns the manifest's path. Raises
    DataError, and OSError where the disk is full or may not be written.
    """
    try:
        manifest = read_manifest(data)
    except FileNotFoundError as error:
        raise DataError(str(error)) from None
    pairs = [row for row in manifest.pairs if row.split != "test" and row.sketch and row.photo]
    if not any(row.split == "train" for row in pairs):
        raise DataError(f"{printable(manifest.path)}: has no pairs for training")
    settings = {
        "layout": "shaped",
        "source": str(manifest.settings.get("source", "")),
        "source_digest": _digest_of(pairs),
        "size_px": SIZE_PX,
        "fit": "stretch",
    }
    notes = {"terms": terms_of(manifest.settings)}
    out, plan = Path(out), SetPlan([], _pictures, settings, notes)
    is_complete = read_state(out, settings) == "complete" and not dry_run
    if is_complete and is_still_complete(out, plan, progress):
        return out / MANIFEST
    plan.items.extend(_items(pairs, progress, dry_run))
    say(f"{describe_counts(plan.counts())}: with landmarks", progress and not dry_run)
    return write_set(out, plan, workers=workers, progress=progress, dry_run=dry_run)


def _digest_of(pairs: list[Row]) -> str:
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(repr((pair.id, pair.split, pair.identity, dict(pair.attributes))).encode())
        for path in (pair.sketch, pair.photo):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _items(pairs: list[Row], progress: bool, dry_run: bool) -> list[Item]:
    """The pairs that can be read, with their landmarks. Raises DataError where none can."""
    ids = unique_ids([pair.id for pair in pairs], [(pair.split,) for pair in pairs])
    items = []
    bar = tqdm(pairs, desc="landmarks", unit="pair", disable=not progress or dry_run)
    for name, pair in zip(ids, bar, strict=True):
        row = {"split": pair.split, "id": name, "identity": pair.identity, "source": pair.source}
        task = None
        if not dry_run:
            try:
                task, columns = _detect(pair)
            except images.ImageError as error:
                warn(f"left out: {printable(error)}")
                continue
            row |= columns
        items.append(Item(row, task, PARTS))
    if not items:
        raise DataError(f"none of the {len(pairs)} pairs can be read")
    return items


def _load(path: Path) -> np.ndarray:
    return images.resize(images.load_rgb(path), SIZE_PX)


def _detect(pair: Row) -> tuple[LandmarkedPair, dict[str, str]]:
    """A pair's landmarks, and what its photo shows, as columns."""
    sketch, photo = find_all_landmarks([_load(pair.sketch), _load(pair.photo)])
    task = LandmarkedPair(pair.sketch, pair.photo, sketch.points, photo.points, _mask(photo))
    worn = {name: photo.flags[name] > LEAST_CERTAIN for name in WORN}
    columns = {
        "glasses": str(int(worn["glasses"])),
        "beard": "full" if worn["beard"] else "none",
        "hat": str(int(worn["hat"])),
    }
    return task, columns | labels_of(pair.attributes)


def labels_of(attributes: Mapping[str, str]) -> dict[str, str]:
    """What columns say of a person, in the words of `TRAITS`, and of what is worn; "" where they
    say nothing of it.
    """
    labels = {label: attributes.get(label, "") for label, _ in TRAITS.values()}
    for column, words in FS2K.items():
        label, word = words.get(attributes.get(column, ""), ("", ""))
        if label and not labels[label]:
            labels[label] = word
    worn = {name: attributes[name] for name in WORN if attributes.get(name)}
    return labels | worn


def _mask(photo: Landmarks) -> np.ndarray:
    person, hair = (photo.parts[name] > LEAST_CERTAIN for name in ("person", "hair"))
    mask = np.where(person, np.uint8(PERSON), np.uint8(0))
    mask[hair & person] = HAIR
    return mask


def _pictures(task: LandmarkedPair) -> Prepared:
    grey = np.rint(_load(task.sketch).mean(axis=2)).astype(np.uint8)
    made = {PHOTO: _load(task.photo), MASK: task.mask, SKETCH_1: grey}
    return Prepared(made | {POINTS: task.photo_points, POINTS_1: task.sketch_points})
