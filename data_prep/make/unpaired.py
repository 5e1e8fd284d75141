"""Sketches and photos that do not belong together, for methods that learn without pairs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.layouts.layout import Collection, named_sides, people_of, unique_ids
from data_prep.layouts.tree import Picture, scan
from data_prep.make.prepare import count_faces, find_or_refuse, load
from data_prep.make.recipe import Recipe, with_fit
from data_prep.make.sources import check_outside, fingerprint
from data_prep.make.split import with_splits
from data_prep.make.write import PHOTO, SKETCH, Item, Part, Prepared, SetPlan
from data_prep.messages import describe_counts, printable, say, warn
from s2f_utils.data import DataError
from s2f_utils.pictures import cleanup, faces, images

FEW = 20  # pictures of a side
VAL_SHARE = 0.1
# Fields of a recipe that pictures without a partner do not have.
OF_PAIRS = ("layout", "sketch_side", "points", "identity", "split_list", "drop_leaks")


def unpaired_plan(
    src: str | os.PathLike | Sequence[str | os.PathLike],
    out: Path,
    recipe: Recipe,
    progress: bool,
    dry_run: bool,
) -> SetPlan:
    """The plan of a set whose rows have a sketch or a photo. A tenth of each side is for
    validation, none for testing, unless the recipe or the source's folders divide them.
    """
    _check_recipe(recipe)
    if not isinstance(src, str | os.PathLike):
        if len(src) != 1:
            raise DataError("--unpaired takes one source")
        src = src[0]
    tree, options = scan(src), recipe.layout_options
    check_outside(out, tree, options)
    sketches, photos = named_sides(tree, options)
    _check_sides(sketches, photos)
    pictures = [picture.path for picture in (*sketches, *photos)]
    recipe = with_fit(recipe, [(path, "") for path in pictures], progress)
    items = []
    for part, side in ((SKETCH, sketches), (PHOTO, photos)):
        source = printable(tree.root.name)
        rows = _rows(part, side, source, recipe, progress)
        for row, picture in zip(rows, side, strict=True):
            items.append(Item(row, PictureTask(str(picture.path), part, recipe), (part,)))
    settings = {
        "layout": "unpaired",
        "source": printable(tree.root.name),
        **recipe.as_settings(),
        "test_share": recipe.test_share,
        "val_share": recipe.val_share,
        "seed": recipe.seed,
    }
    if not dry_run:  # which reads every picture
        named = ((p, f"{p.side} {p.split}") for p in (*sketches, *photos))
        settings["source_digest"] = fingerprint(named)
    look = partial(_review, progress=progress)
    plan = SetPlan(items, make_picture, settings, review=look, noun="picture")
    counts = describe_counts(plan.counts(), plan.noun)
    say(f"{len(sketches)} sketches, {len(photos)} photos of different people; {counts}", progress)
    return plan


def _check_recipe(recipe: Recipe) -> None:
    if recipe.align == "crop" or recipe.styles or recipe.each or recipe.background != "keep":
        raise DataError(
            "--unpaired: pictures without a partner are resized, aligned by their face, or cleaned"
            " up: no more"
        )
    given = [name for name in OF_PAIRS if getattr(recipe, name) != getattr(Recipe, name)]
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise DataError(f"--unpaired has no use for {options}, of pairs: leave it out")


def _check_sides(sketches: Sequence[Picture], photos: Sequence[Picture]) -> None:
    for side, pictures in (("sketches", sketches), ("photos", photos)):
        if not pictures:
            raise DataError(f"--unpaired: there is no folder of {side} here: name it with --{side}")
        if len(pictures) < FEW:
            warn(f"{len(pictures)} {side}: a network learns them by heart; give more")
    both = {picture.path for picture in sketches} & {picture.path for picture in photos}
    if both:
        raise DataError(
            "--sketches and --photos are one folder, or one lies in the other, so that pictures"
            " would be on both sides: give two folders apart"
        )


def _rows(
    part: Part,
    pictures: Sequence[Picture],
    source: str,
    recipe: Recipe,
    progress: bool,
) -> list[dict[str, str]]:
    """The manifest's rows of one side; a split that the folders name is kept."""
    splits = {picture.split for picture in pictures}
    shares = recipe.shares
    if shares["val"] is None and "val" not in splits:
        shares["val"] = VAL_SHARE
    if shares["test"] is None and "" in splits:
        shares["test"] = 0.0
    ids = unique_ids([p.stem for p in pictures], [p.folder for p in pictures])
    collection = Collection()
    people = people_of(pictures, collection)
    for note in collection.notes:
        say(f"{part.kind}: {note.partition(' (else')[0]}", progress)
    rows = []
    for name, picture in zip(ids, pictures, strict=True):
        person = people.get(picture, name)
        row = {"id": f"{part.kind}-{name}", "identity": f"{part.kind}-{person}"}
        rows.append({**row, "split": picture.split, "source": source})
    return with_splits(rows, shares, recipe.seed)


def _review(out: Path, items: Sequence[Item], progress: bool) -> tuple[list[Item], dict[str, Any]]:
    """How faces were found, by the notes in the pictures; all items are kept."""
    methods = []
    for item in items:
        notes = images.read_notes(out / item.path(item.parts[0]))
        methods.append(notes.get("face"))
    ids = [item.row["id"] for item in items]
    return list(items), count_faces(ids, methods, "faces", progress)


@dataclass(frozen=True)
class PictureTask:
    """What another process needs to make one picture of a set without pairs."""

    photo: str  # the file, also of a sketch: messages name it
    part: Part
    recipe: Recipe


def make_picture(task: PictureTask) -> Prepared:
    """One sketch or photo, (size_px, size_px, 3), by the recipe's size, fit, alignment and
    clean-up. Raises ImageError when it is unusable.
    """
    recipe, picture, is_sketch = task.recipe, load(task.photo), task.part == SKETCH
    if is_sketch and recipe.clean:
        picture = np.repeat(cleanup.clean(picture).image[..., None], 3, axis=2)
    if recipe.align == "face":
        face = find_or_refuse(recipe, picture, task.photo, drawing=is_sketch)
        border = "paper" if is_sketch else "reflect"
        picture = faces.warp(
            picture, faces.alignment(face.landmarks, recipe.size_px), recipe.size_px, border=border
        )
        return Prepared({task.part: picture}, notes={"face": face.method})
    content = None
    if recipe.fit == "pad":
        content = images.content_box(picture.shape[:2], recipe.size_px)
    square = images.resize(picture, recipe.size_px, recipe.fit or "stretch", fill=(0, 0, 0))
    return Prepared({task.part: square}, content)
