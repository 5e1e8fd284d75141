"""A data set of pairs with the points of both sides, found by our own finder: what `expect` and
`render` learn from.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data_prep.errors import DataPrepError, printable
from data_prep.layouts import names
from data_prep.make.parallel import Workers
from data_prep.make.write import SetPlan, describe_counts, read_state, still_complete, write_set
from data_prep.messages import say, warn
from s2f_studio.attributes import TRAITS, WORN
from s2f_studio.drawings.understanding import Understood, understand
from s2f_utils import runtime
from s2f_utils.data import DataError, Row, read_manifest, terms_of
from s2f_utils.pictures import images, masks

SIZE_PX = 256
PERSON, HAIR = masks.CLASSES.index("skin"), masks.CLASSES.index("hair")
LEAST_CERTAIN = 0.5  # of the person's and the hair's map
# FS2K's columns: what they say, as a label of `TRAITS` and its word.
FS2K = {
    "smile": {"yes": ("mouth", "teeth"), "no": ("mouth", "closed")},
    "hair": {"no": ("hair_length", "bald")},
}
PARTS = ("photo", "mask", "points", "sketch-1", "points-1")


@dataclass(frozen=True)
class Found:
    """A pair's files, the points of both, pixels of SIZE_PX, and its mask, uint8 (SIZE_PX,
    SIZE_PX).
    """

    sketch: Path
    photo: Path
    drawn: np.ndarray
    true: np.ndarray
    mask: np.ndarray


def make_shaped(
    data: str | os.PathLike,
    out: str | os.PathLike,
    *,
    workers: Workers = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Find the faces' points in the pairs of a data set, sketches and photos, and write the set
    with them, 256 px.

    data: a set that `pairs` made, its faces aligned; splits, people and sources stay, test pairs
    are left out. The new set has masks (the person, hair) and the columns points, photo_points,
    glasses, beard, hat and fold, and where the old one says it age, mouth, hair_length,
    hair_texture (as portrait_labels.csv; FS2K's smile and hair count). Beside its manifest stand
    those of the two halves of its people, as in `make_scribbles`. Returns the manifest's path.
    Raises DataPrepError, and OSError where the disk is full or may not be written.
    """
    try:
        manifest = read_manifest(data)
    except (DataError, FileNotFoundError) as error:
        raise DataPrepError(str(error)) from None
    pairs = [row for row in manifest.pairs if row.split != "test" and row.sketch and row.photo]
    if not any(row.split == "train" for row in pairs):
        raise DataPrepError(f"{printable(manifest.path)}: has no pairs for training")
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(repr((pair.id, pair.split, pair.identity, dict(pair.attributes))).encode())
        for path in (pair.sketch, pair.photo):
            digest.update(path.read_bytes())
    settings = {
        "layout": "shaped",
        "source": str(manifest.settings.get("source", "")),
        "source_digest": digest.hexdigest(),
        "size_px": SIZE_PX,
        "fit": "stretch",
    }
    plan = SetPlan([], [], _pictures, PARTS, settings, {"terms": terms_of(manifest.settings)})
    out, made = Path(out), None
    if read_state(out, plan) == "complete" and not dry_run:
        made = still_complete(out, plan, progress)
    if not made:
        _look_at_all(pairs, plan, dry_run, progress)
        say(f"{describe_counts(plan.counts())}: with points", progress and not dry_run)
        made = write_set(out, plan, workers=workers, progress=progress, dry_run=dry_run)
    if not dry_run:
        write_folds(made)
    return made


def _look_at_all(pairs: list[Row], plan: SetPlan, dry_run: bool, progress: bool) -> None:
    """Put the pairs that can be read into the plan. Raises DataPrepError where none can."""
    folds = {name: place % 2 for place, name in enumerate(sorted({row.identity for row in pairs}))}
    ids = names.unique_ids([pair.id for pair in pairs], [(pair.split,) for pair in pairs])
    named = list(zip(ids, pairs, strict=True))
    for name, pair in tqdm(
        named, desc="finding points", unit="pair", disable=not progress or dry_run
    ):
        try:
            shown = {} if dry_run else _look(pair, plan.tasks)
        except images.ImageError as error:
            warn(f"left out: {printable(error)}")
            continue
        one = {"split": pair.split, "id": name, "identity": pair.identity, "source": pair.source}
        plan.rows.append({**one, "fold": str(folds[pair.identity]), **shown})
    if not plan.rows:
        raise DataPrepError(f"none of the {len(pairs)} pairs can be read")


def _look(pair: Row, tasks: list[Found]) -> dict[str, str]:
    """Find a pair's points, for `tasks`; returns what its photo shows, as columns."""
    drawn, true = understand(
        [images.resize(images.load_rgb(path), SIZE_PX) for path in (pair.sketch, pair.photo)]
    )
    tasks.append(Found(pair.sketch, pair.photo, drawn.points, true.points, _mask(true)))
    worn = {name: true.flags[name] > LEAST_CERTAIN for name in WORN}
    found = {
        "glasses": str(int(worn["glasses"])),
        "beard": "full" if worn["beard"] else "none",
        "hat": str(int(worn["hat"])),
    }
    return found | told_by(pair.attributes)


def told_by(attributes: Mapping[str, str]) -> dict[str, str]:
    """What columns say of a person, in the words of `TRAITS`, and of what is worn; "" where they
    say nothing of it.
    """
    told = {label: attributes.get(label, "") for label, levels in TRAITS.values()}
    for column, words in FS2K.items():
        label, word = words.get(attributes.get(column, ""), ("", ""))
        if label and not told[label]:
            told[label] = word
    return told | {name: attributes[name] for name in WORN if attributes.get(name)}


def _mask(found: Understood) -> np.ndarray:
    person, hair = (found.parts[name] > LEAST_CERTAIN for name in ("person", "hair"))
    return np.where(hair & person, np.uint8(HAIR), np.where(person, np.uint8(PERSON), np.uint8(0)))


def _pictures(found: Found) -> dict[str, np.ndarray]:
    sketch, photo = (
        images.resize(images.load_rgb(path), SIZE_PX) for path in (found.sketch, found.photo)
    )
    points = {"points": found.true.astype(np.float32), "points-1": found.drawn.astype(np.float32)}
    return {
        "photo": photo,
        "mask": found.mask,
        "sketch-1": sketch.mean(axis=2).astype(np.uint8),
        **points,
    }


def write_folds(manifest: Path) -> None:
    """The manifest without the training rows of either half of the people, beside it."""
    with open(manifest, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for fold in ("0", "1"):
        mine = [row for row in rows if row["split"] != "train" or row["fold"] == fold]
        path = manifest.with_stem(f"{manifest.stem}-fold-{fold}")
        with (
            runtime.atomic_path(path) as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(mine)
