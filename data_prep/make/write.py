"""Pictures and manifest on disk: in parallel, resumable, and complete or absent.

A set is written in this order: `settings.partial.json` (what the folder is going to be), the
pictures, each complete or absent, `settings.json`, and `manifest.csv` last. A folder with a
manifest is therefore complete; a folder with settings.partial.json alone can be gone on with, by
the same settings.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import s2f_utils
from data_prep import files
from data_prep.make.parallel import Workers, check_workers, run_jobs
from data_prep.messages import describe_counts, printable, say, warn_some
from s2f_utils import runtime
from s2f_utils.data import COLUMNS, SPLITS, DataError
from s2f_utils.pictures import images

MANIFEST, SETTINGS, PARTIAL = "manifest.csv", "settings.json", "settings.partial.json"
ADVICE = "choose another folder, or delete this one"
CHANGED = {
    "source_digest": "the pictures of the source have changed since, or what is known of them",
    "drawing_digest": "the code that draws the faces has changed since",
}
FOLDERS = {"sketch": "sketches", "photo": "photos", "mask": "masks", "points": "points"}
# packages whose versions decide what pictures look like, for settings.json
PACKAGES = ("pillow", "numpy", "opencv-python-headless", "scikit-image")


class Part(NamedTuple):
    """One of the files of a pair. kind: a key of `FOLDERS`. style: of a sketch that is one of
    several of the same photo, and of its points; "" else.
    """

    kind: str
    style: str = ""

    @property
    def folder(self) -> str:
        return f"{FOLDERS[self.kind]}-{self.style}" if self.style else FOLDERS[self.kind]

    @property
    def suffix(self) -> str:
        return ".npy" if self.kind == "points" else ".png"


PHOTO, SKETCH, MASK, POINTS = Part("photo"), Part("sketch"), Part("mask"), Part("points")


@dataclass
class Prepared:
    """What is written of one item.

    files: of each part a picture, uint8 (H, W) or (H, W, 3), or points, float (N, 2) in pixels.
    content: (left, top, width, height) of what is not padding; None: nothing is padded. notes:
    texts that are kept in the photo's file, or in the sketch's where there is no photo.
    """

    files: dict[Part, np.ndarray]
    content: tuple[int, int, int, int] | None = None
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """One photo with its sketches, or one picture alone, of a set that is yet to be written.

    row: the manifest's columns but the paths; further ones are attributes. task: what `make` of the
    plan needs. of_sketch: further columns of each sketch's row, by its style.
    """

    row: dict[str, str]
    task: Any
    parts: tuple[Part, ...]
    of_sketch: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def path(self, part: Part) -> str:
        """The part's file relative to the manifest, with forward slashes."""
        return f"{part.folder}/{self.row['id']}{part.suffix}"

    def manifest_rows(self) -> list[dict[str, str]]:
        """The rows as the manifest has them: with files, and one for each sketch."""
        shared = {"sketch": "", "photo": "", "mask": "", **self.row}
        for part in (PHOTO, MASK):
            if part in self.parts:
                shared[part.kind] = self.path(part)
        if POINTS in self.parts:
            shared["photo_points"] = self.path(POINTS)
        sketches = [part for part in self.parts if part.kind == "sketch"]
        if not sketches:
            return [shared]
        return [shared | self._sketch_columns(sketch) for sketch in sketches]

    def _sketch_columns(self, sketch: Part) -> dict[str, str]:
        columns = {"sketch": self.path(sketch), **self.of_sketch.get(sketch.style, {})}
        if sketch.style:
            columns["id"] = f"{self.row['id']}-{sketch.style}"
        points = Part("points", sketch.style)
        if sketch.style and points in self.parts:
            columns["points"] = self.path(points)
        return columns


Review = Callable[[Path, Sequence[Item]], tuple[list[Item], dict[str, Any]]]


@dataclass(frozen=True)
class SetPlan:
    """A data set that is yet to be written.

    make: makes what is `Prepared` of an item's task; both travel to other processes. settings:
    decide what the pictures look like; a set is gone on with only by the same ones. notes: go into
    settings.json beside them. review: looks at the items when all is written, and returns those to
    keep and further notes. noun: what a row is called.
    """

    items: list[Item]
    make: Callable[[Any], Prepared]
    settings: dict[str, Any]
    notes: dict[str, Any] = field(default_factory=dict)
    review: Review | None = None
    noun: str = "pair"

    def counts(self) -> dict[str, int]:
        """Pairs in all and by split."""
        return count_rows(manifest_rows(self.items))

    def folders(self) -> list[str]:
        return sorted({part.folder for item in self.items for part in item.parts})


def manifest_rows(items: Sequence[Item]) -> list[dict[str, str]]:
    """The manifest's rows in its order."""
    ordered = sorted(items, key=lambda item: (SPLITS.index(item.row["split"]), item.row["id"]))
    return [row for item in ordered for row in item.manifest_rows()]


def count_rows(rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """{"pairs": …, "train": …, "val": …, "test": …}."""
    counts = {split: sum(row["split"] == split for row in rows) for split in SPLITS}
    return {"pairs": len(rows), **counts}


def write_set(
    out: Path,
    plan: SetPlan,
    *,
    workers: Workers = None,
    progress: bool = True,
    dry_run: bool = False,
) -> Path:
    """Write the set, or what is missing of it, and return the manifest's path. dry_run: say what
    would be written.

    A picture that cannot be read is reported and its pair left out. Raises DataError when no
    pair is left; OSError when the disk is full or may not be written: then there is no manifest,
    and the same call goes on later.
    """
    check_workers(workers)
    state = read_state(out, plan.settings)
    if dry_run:
        _say_plan(out, plan, state)
        return out / MANIFEST
    if state == "complete" and is_still_complete(out, plan, progress):
        return out / MANIFEST
    missing = [item for item in plan.items if not _is_written(out, item)]
    _prepare_folder(out, plan)
    jobs = [(item.task, {part: out / item.path(part) for part in item.parts}) for item in missing]
    num_done = len(plan.items) - len(missing)
    call = partial(make_and_save, plan.make)
    reasons = run_jobs(call, jobs, workers=workers, progress=progress, done=num_done)
    left_out = {missing[n].row["id"]: reasons[n] for n in sorted(reasons) if reasons[n]}
    items = [item for item in plan.items if item.row["id"] not in left_out]
    if not items:
        _remove_empty(out, plan)
        first = next(iter(left_out.values()))
        raise DataError(f"no usable {plan.noun} among {len(left_out)}: the first of them: {first}")
    return _finish(out, plan, items, left_out, progress)


def _say_plan(out: Path, plan: SetPlan, state: str) -> None:
    words = {"new": "is new", "partial": "holds a part of it", "complete": "holds all of it"}
    counts = describe_counts(plan.counts(), plan.noun)
    say(f"dry run: {counts}, to {printable(out)}, which {words[state]}")
    for key, value in plan.settings.items():
        if value not in ("", None):
            say(f"    {key}: {value}")


def _is_written(out: Path, item: Item) -> bool:
    return all((out / item.path(part)).is_file() for part in item.parts)


def make_and_save(make: Callable[[Any], Prepared], task: Any, paths: Mapping[Part, Path]) -> str:
    """Make one item and save it; returns "" or, when a source picture is unusable, the reason."""
    try:
        made = make(task)
    except images.ImageError as error:
        return printable(error)
    except Exception as error:  # one strange picture must not end a run of ten thousand
        if files.is_passing(error):
            raise
        source = getattr(task, "photo", task)
        return printable(f"{source}: could not be prepared ({type(error).__name__}: {error})")
    for part, path in paths.items():
        try:
            _save(path, part, made)
        except FileNotFoundError:  # a second run swept the half-written file away: once more
            _save(path, part, made)
    return ""


def _save(path: Path, part: Part, made: Prepared) -> None:
    if part.kind == "points":
        with runtime.atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.save(file, np.asarray(made.files[part], np.float32))
        return
    notes = {}
    if made.content:
        notes["content"] = ",".join(map(str, made.content))
    if part == PHOTO or PHOTO not in made.files:
        notes |= made.notes
    images.save(path, made.files[part], notes=notes)


def _prepare_folder(out: Path, plan: SetPlan) -> None:
    """Make the folders and say in PARTIAL what they are for."""
    first = next(parent for parent in (out, *out.parents) if parent.exists())
    if not os.access(first, os.W_OK):
        raise PermissionError(errno.EACCES, "no permission to write", str(first))
    for folder in (out, *(out / name for name in plan.folders())):
        folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(out, plan)
    runtime.write_json(out / PARTIAL, plan.settings)


def _remove_leftovers(out: Path, plan: SetPlan) -> None:
    """Delete what a killed process left half written: an earlier run's, or a lost worker's while
    others went on.
    """
    for folder in (out, *(out / name for name in plan.folders())):
        for leftover in folder.glob(".*.part"):
            leftover.unlink(missing_ok=True)


def _remove_empty(out: Path, plan: SetPlan) -> None:
    """Remove an output folder in which nothing was written; folders that hold something stay."""
    (out / PARTIAL).unlink(missing_ok=True)
    for folder in (*(out / name for name in plan.folders()), out):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def is_still_complete(out: Path, plan: SetPlan, progress: bool) -> bool:
    """Whether all pictures that the manifest names are there, the same leaks were left out, and no
    picture failed. A manifest that names pictures that are gone is deleted; any other stays until
    the new one replaces it.
    """
    before = settings_in(out / SETTINGS) if (out / SETTINGS).is_file() else {}
    with open(out / MANIFEST, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    paths = [row[column] for row in rows for column in FOLDERS if row.get(column)]
    num_gone = sum(not (out / path).is_file() for path in paths)
    num_left_out = len(before.get("left_out", ()))
    if before.get("drop_leaks", False) != plan.notes.get("drop_leaks", False):
        reason = "the pictures are there: writing the manifest anew"
    elif num_gone:
        reason = f"{num_gone} pictures of {printable(out)} have been deleted: making them again"
    elif num_left_out:
        tried = runtime.counted(num_left_out, plan.noun)
        reason = f"trying once more what was left out: {tried}"
    else:
        counts = describe_counts(count_rows(rows), plan.noun)
        say(f"already complete: {counts} in {printable(out)}", progress)
        return True
    say(reason, progress)
    if num_gone:
        (out / MANIFEST).unlink()
    return False


def _finish(
    out: Path, plan: SetPlan, items: list[Item], left_out: Mapping[str, str], progress: bool
) -> Path:
    _remove_leftovers(out, plan)
    reviewed: dict[str, Any] = {}
    if plan.review:
        items, reviewed = plan.review(out, items)
    rows = manifest_rows(items)
    counts = {**count_rows(rows), "left_out": len(left_out)}
    notes = {
        "counts": counts,
        "left_out": [{"id": name, "reason": reason} for name, reason in left_out.items()],
        **plan.notes,
        **reviewed,
        "versions": _versions(),
    }
    runtime.write_json(out / SETTINGS, {**plan.settings, **notes})
    write_manifest(out / MANIFEST, rows)
    (out / PARTIAL).unlink(missing_ok=True)
    listed = f", listed in {printable(out / SETTINGS)}"
    warn_some(list(left_out.values()), "left out: ", listed)
    say(f"{describe_counts(counts, plan.noun)} written to {printable(out)}", progress)
    return out / MANIFEST


def _versions() -> dict[str, str]:
    versions = {"s2f_utils": s2f_utils.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        for distribution in metadata.distributions(name=name):
            versions[name] = distribution.version
    return versions


def write_manifest(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write rows with the manifest's columns, then those of attributes, complete or not at all."""
    further = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    with (
        runtime.atomic_path(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, [*COLUMNS, *further], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_state(out: Path, settings: Mapping[str, Any]) -> str:
    """What `out` holds: "new" (nothing), "partial" or "complete" (a set with these settings).

    Raises DataError when it is a file, holds other things, or a set with other settings.
    """
    if not out.exists():
        return "new"
    if not out.is_dir():
        raise DataError(
            f"{printable(out)}: expected a folder to write to, got a file: choose another name"
        )
    path = out / SETTINGS if (out / SETTINGS).is_file() else out / PARTIAL
    if not path.is_file():
        inside = sorted(p.name for p in out.iterdir() if p.name not in (".DS_Store", "Thumbs.db"))
        if inside:
            raise DataError(
                f"{printable(out)}: not empty (there is {printable(inside[0])}) and not made by"
                " data_prep: choose a new folder"
            )
        return "new"
    _check_same(out, settings_in(path), settings)
    return "complete" if (out / MANIFEST).is_file() else "partial"


def _check_same(out: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    differences = []
    for key, value in now.items():
        if before.get(key) != value:
            plain = f"{key}: {before.get(key)} there, {value} now"
            differences.append(CHANGED.get(key, plain))
    if differences:
        raise DataError(
            f"{printable(out)}: holds a set made in another way ({'; '.join(differences)}):"
            f" {ADVICE}"
        )


def settings_in(path: Path, advice: str = ADVICE) -> dict[str, Any]:
    """The settings in a folder's file. Raises DataError for a damaged one."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise DataError(f"{printable(path)}: damaged: {advice}") from None


def digest_of_code(module: ModuleType) -> str:
    """A fingerprint of a module's folder, the code that draws: another version does not continue a
    set.
    """
    digest = hashlib.sha256()
    for source in sorted(Path(module.__file__).parent.rglob("*.py")):
        digest.update(source.read_text(encoding="utf-8").encode())
    return digest.hexdigest()
