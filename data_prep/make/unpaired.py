"""Sketches and photos that do not belong together, as a data set for methods that learn without
pairs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.errors import DataPrepError, printable
from data_prep.layouts import names
from data_prep.layouts.gather import fingerprint
from data_prep.layouts.layout import Collection
from data_prep.layouts.sides import people_of
from data_prep.layouts.tree import Tree, relocated, scan
from data_prep.make.parallel import Workers
from data_prep.make.recipe import Recipe, load
from data_prep.make.report import count_faces
from data_prep.make.shapes import with_fit
from data_prep.make.split import with_splits
from data_prep.make.write import FOLDERS, SetPlan, describe_counts, write_set
from data_prep.messages import say, warn
from s2f_studio.drawings import cleanup
from s2f_utils.pictures import faces, images

SIDES = ("sketch", "photo")
FEW = 20  # pictures of a side


@dataclass(frozen=True)
class OneTask:
    """What another process needs to make one picture."""

    photo: str  # the file, of a sketch too: messages name it
    side: str
    recipe: Recipe


@dataclass(frozen=True)
class UnpairedPlan(SetPlan):
    """A set whose rows have one picture each; which side it is on, its id begins with."""

    def paths(self, row: Mapping[str, str]) -> dict[str, str]:
        """The row's one picture file."""
        side = row["id"].partition("-")[0]
        return {side: super().paths(row)[side]}

    def manifest_rows(self, row: Mapping[str, str]) -> list[dict[str, str]]:
        """The row as the manifest has it."""
        return [{"sketch": "", "photo": "", "mask": "", **row, **self.paths(row)}]


def make_one(task: OneTask) -> dict[str, object]:
    """One picture, {"sketch" or "photo": uint8 (size_px, size_px, 3)}, by the recipe's size, fit,
    alignment and clean-up. Raises ImageError when it is unusable.
    """
    recipe, picture, drawn = task.recipe, load(task.photo), task.side == "sketch"
    if drawn and recipe.clean:
        picture = np.repeat(cleanup.clean(picture).image[..., None], 3, axis=2)
    if recipe.align != "face":
        box = images.content_box(picture.shape[:2], recipe.size_px) if recipe.fit == "pad" else None
        square = images.resize(picture, recipe.size_px, recipe.fit or "stretch", fill=(0, 0, 0))
        return {task.side: square, "content": box}
    try:
        face = faces.find_face(
            picture, drawing=drawn, fallback=recipe.fallback, detector=recipe.detector
        )
    except faces.FaceError as error:
        raise images.ImageError(f"{task.photo}: {error}") from None
    matrix = faces.alignment(face.landmarks, recipe.size_px, method=recipe.method, zoom=recipe.zoom)
    picture = faces.warp(picture, matrix, recipe.size_px, border="paper" if drawn else "reflect")
    return {task.side: picture, "notes": {"face": face.method}}


def make_unpaired(
    sketches: str | os.PathLike,
    photos: str | os.PathLike,
    out: str | os.PathLike,
    size_px: int = 256,
    *,
    recipe: Recipe | None = None,
    test_share: float | None = None,
    val_share: float | None = None,
    seed: int = 0,
    workers: Workers = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Make a data set of the pictures in two folders (or zip archives), which are of different
    faces.

    size_px: height and width of the pictures. recipe: its size (instead of size_px), fit ("stretch"
    or "pad"), align ("none" or "face"), and clean (of the sketches) count. val_share: of each side,
    for the sheets of samples (None: a tenth); test_share: kept apart altogether (None: none);
    train, val and test folders in the sources are kept as the split. Returns the manifest's path: a
    row has a sketch or a photo. What an interrupted call left is gone on with.

    Raises DataPrepError for an empty side or impossible options, and OSError when the disk is full
    or may not be written.
    """
    recipe, out = recipe or Recipe(size_px=size_px), Path(out)
    _check_recipe(recipe)
    trees = {"sketch": scan(sketches), "photo": scan(photos)}
    _check_apart(trees, out)
    if (
        recipe.align == "face"
        and recipe.detector != "none"
        and (problem := faces.detector_problem())
    ):
        raise DataPrepError(
            f"the face detector is missing: {problem}. Without it: --fallback cascade --detector none"
        )
    recipe = with_fit(
        recipe,
        [(p.path, "") for tree in trees.values() for p in tree.pictures],
        progress or dry_run,
    )
    shares = {"test": test_share, "val": val_share}
    rows = [
        row
        for side, tree in trees.items()
        for row in _rows(side, tree, shares, seed, progress or dry_run)
    ]
    tasks = [
        OneTask(str(p.path), side, recipe) for side, tree in trees.items() for p in tree.pictures
    ]
    digests = [fingerprint((p, p.split) for p in tree.pictures)[:32] for tree in trees.values()]
    settings = {
        "layout": "unpaired",
        "source": "+".join(printable(tree.root.name) for tree in trees.values()),
        "source_digest": "+".join(digests),
        **recipe.as_settings(),
        "test_share": test_share,
        "val_share": val_share,
        "seed": seed,
    }
    look = partial(_review, progress=progress)
    plan = UnpairedPlan(rows, tasks, make_one, SIDES, settings, noun="picture", review=look)
    _report(trees, plan, progress or dry_run)
    return write_set(out, plan, workers=workers, progress=progress, dry_run=dry_run)


def _check_recipe(recipe: Recipe) -> None:
    recipe.check()
    if recipe.align == "crop" or recipe.styles or recipe.each or recipe.background != "keep":
        raise DataPrepError(
            "pictures without a partner are resized, aligned by their face, or cleaned up: no more"
        )


def _check_apart(trees: Mapping[str, Tree], out: Path) -> None:
    a, b = (tree.root for tree in trees.values())
    if any(out.resolve().is_relative_to(root) for root in (a, b)):
        raise DataPrepError(
            f"{printable(out)}: lies in a source folder: choose a folder outside of it"
        )
    if a.is_relative_to(b) or b.is_relative_to(a):
        shown = " and ".join(printable(tree.given) for tree in trees.values())
        raise DataPrepError(
            f"{shown}: are one folder, or one lies in the other, so that pictures would be on both sides: give two"
            " folders apart"
        )


def _rows(
    side: str, tree: Tree, given: dict[str, float | None], seed: int, wanted: bool
) -> list[dict[str, str]]:
    """The manifest's rows of one side: a split that the folders name is kept, else a tenth is for
    validation.
    """
    splits = {picture.split for picture in tree.pictures}
    shares = given | ({"val": 0.1} if given["val"] is None and "val" not in splits else {})
    if "" in splits and given["test"] is None:
        shares["test"] = 0.0
    ids = names.unique_ids([p.stem for p in tree.pictures], [p.folder for p in tree.pictures])
    source, collection = printable(tree.root.name), Collection()
    placed = [relocated(picture, side, tree.given) for picture in tree.pictures]
    people = people_of(placed, collection)
    for note in collection.notes:
        say(f"{side}: {note.partition(' (else')[0]}", wanted)
    rows = [
        {
            "id": f"{side}-{name}",
            "identity": f"{side}-{people.get(p, name)}",
            "split": p.split,
            "source": source,
        }
        for name, p in zip(ids, placed, strict=True)
    ]
    return with_splits(rows, shares, seed)


def _review(
    out: Path, rows: Sequence[Mapping[str, str]], progress: bool
) -> tuple[list[Mapping], dict[str, Any]]:
    """How faces were found, by the notes in the pictures; all rows are kept."""
    files = [out / FOLDERS[row["id"].partition("-")[0]] / f"{row['id']}.png" for row in rows]
    how = [images.read_notes(file).get("face") for file in files]
    return list(rows), count_faces([row["id"] for row in rows], how, "faces", progress)


def _report(trees: Mapping[str, Tree], plan: SetPlan, wanted: bool) -> None:
    sketches, photos = (len(tree.pictures) for tree in trees.values())
    counts = describe_counts(plan.counts(), plan.noun)
    say(f"{sketches} sketches, {photos} photos, taken for different people's; {counts}", wanted)
    for side, tree in trees.items():
        if len(tree.pictures) < FEW:
            warn(
                f"{len(tree.pictures)} pictures on the {side} side: a network learns them by heart; give more"
            )
