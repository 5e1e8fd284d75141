"""Sketches and photos that do not belong together, as a data set for methods that learn without pairs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from data_prep.errors import DataPrepError, printable
from data_prep.make.recipe import Recipe, load
from data_prep.make.split import split_by_identity
from data_prep.make.write import SetPlan, describe_counts, dry_run_report, write_set
from data_prep.messages import say, warn
from data_prep.sources import names
from data_prep.sources.tree import Picture, Tree, scan
from s2f_utils.pictures import cleanup, faces, images

SIDES = ("sketch", "photo")


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
        side = _side_of(row)
        return {side: super().paths(row)[side]}

    def manifest_rows(self, row: Mapping[str, str]) -> list[dict[str, str]]:
        """The row as the manifest has it."""
        return [{"sketch": "", "photo": "", "mask": "", **row, **self.paths(row)}]


def _side_of(row: Mapping[str, str]) -> str:
    return row["id"].partition("-")[0]


def make_one(task: OneTask) -> dict[str, object]:
    """One picture, {"sketch" or "photo": uint8 (size_px, size_px, 3)}, by the recipe's size, fit, alignment and
    clean-up. Raises ImageError when it is unusable.
    """
    recipe, picture = task.recipe, load(task.photo)
    drawn, notes = task.side == "sketch", {}
    if drawn and recipe.clean:
        picture = np.repeat(cleanup.clean(picture).image[..., None], 3, axis=2)
    if recipe.align == "face":
        try:
            face = faces.find_face(picture, drawing=drawn, fallback=recipe.fallback, detector=recipe.detector)
        except faces.FaceError as error:
            raise images.ImageError(f"{task.photo}: {error}") from None
        matrix = faces.alignment(face.landmarks, recipe.size_px, method=recipe.method, zoom=recipe.zoom)
        picture = faces.warp(picture, matrix, recipe.size_px, border="paper" if drawn else "reflect")
        notes["face"] = face.method
    else:
        box = images.content_box(picture.shape[:2], recipe.size_px) if recipe.fit == "pad" else None
        picture = images.resize(picture, recipe.size_px, recipe.fit, fill=(0, 0, 0))
        return {task.side: picture, "content": box}
    return {task.side: picture, "notes": notes}


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
    workers: int | None = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Make a data set of the pictures in two folders (or zip archives), which are of different faces.

    size_px: height and width of the pictures. recipe: its size (instead of size_px), fit ("stretch" or "pad"), align
    ("none" or "face"), and clean (of the sketches) count. val_share: of each side, for the sheets of samples (None: a
    tenth); test_share: kept apart altogether (None: none); train, val and test folders in the sources are kept as the
    split. Returns the manifest's path: a row has a sketch or a photo. What an interrupted call left is gone on with.

    Raises DataPrepError for an empty side or impossible options, and OSError when the disk is full or may not be
    written.
    """
    recipe, out = recipe or Recipe(size_px=size_px), Path(out)
    recipe.check()
    if recipe.align == "crop" or recipe.styles or recipe.each or recipe.background != "keep":
        raise DataPrepError("pictures without a partner are resized, aligned by their face, or cleaned up: no more")
    trees = {"sketch": scan(sketches), "photo": scan(photos)}
    for tree in trees.values():
        if out.resolve() == tree.root or tree.root in out.resolve().parents:
            raise DataPrepError(f"{printable(out)}: lies in a source folder: choose a folder outside of it")
    roots = [tree.root for tree in trees.values()]
    if roots[0] == roots[1] or any(one in other.parents for one, other in (roots, roots[::-1])):
        raise DataPrepError(
            f"{printable(sketches)} and {printable(photos)}: are one folder, or one lies in the other, so that pictures"
            " would be on both sides: give two folders apart"
        )
    if recipe.align == "face" and recipe.detector != "none" and (problem := faces.detector_problem()):
        raise DataPrepError(f"the face detector is missing: {problem}. Without it: --fallback cascade --detector none")
    rows, tasks, digests = [], [], {}
    for side, tree in trees.items():
        found, own = tree.pictures, {p.split for p in tree.pictures}
        shares = {"test": test_share, "val": 0.1 if val_share is None and "val" not in own else val_share}
        if "" in own and test_share is None:
            shares["test"] = 0.0
        ids = names.unique_ids([p.stem for p in found], [p.folder for p in found])
        mine = [
            {
                "id": f"{side}-{name}",
                "identity": f"{side}-{name}",
                "split": p.split,
                "source": printable(tree.root.name),
            }
            for name, p in zip(ids, found, strict=True)
        ]
        for row, split in zip(mine, split_by_identity(mine, shares, seed), strict=True):
            row["split"] = split
        rows += mine
        tasks += [OneTask(str(p.path), side, recipe) for p in found]
        digests[side] = _digest(found)
    settings = {
        "layout": "unpaired",
        "source": "+".join(printable(tree.root.name) for tree in trees.values()),
        "source_digest": "+".join(digests.values()),
        **{key: list(v) if isinstance(v, tuple) else v for key, v in asdict(recipe).items()},
        "test_share": test_share,
        "val_share": val_share,
        "seed": seed,
    }
    plan = UnpairedPlan(rows, tasks, make_one, SIDES, settings, noun="picture")
    _report(trees, plan, progress or dry_run)
    if dry_run:
        return dry_run_report(out, plan)
    return write_set(out, plan, workers=workers, progress=progress)


def _digest(found: list[Picture]) -> str:
    import hashlib

    from data_prep import files

    text = "".join(f"{p.shown}\0{files.size_of(p.path)}\0{p.split}\n" for p in found)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _report(trees: Mapping[str, Tree], plan: SetPlan, wanted: bool) -> None:
    numbers = ", ".join(f"{len(tree.pictures)} {side}{'es' * (side == 'sketch')}{'s' * (side == 'photo')}"
                        for side, tree in trees.items())  # fmt: skip
    say(f"{numbers}, taken for different people's; {describe_counts(plan.counts(), plan.noun)}", wanted)
    for side, tree in trees.items():
        if len(tree.pictures) < 20:
            warn(f"{len(tree.pictures)} pictures on the {side} side: a network learns them by heart; give more")
