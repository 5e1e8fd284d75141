"""Pictures and manifest on disk: in parallel, resumable, and complete or absent.

A set is written in this order: `settings.partial.json` (what the folder is going to be), the
pictures, each complete or absent, `settings.json`, and `manifest.csv` last. A folder with a
manifest is therefore complete; a folder with settings.partial.json alone can be gone on with, by
the same settings.
"""

from __future__ import annotations

import csv
import errno
import json
import os
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import s2f_utils
from data_prep import files
from data_prep.errors import DataPrepError, printable
from data_prep.make.parallel import Workers, check_workers, run_jobs
from data_prep.messages import say, warn_some
from s2f_utils import runtime
from s2f_utils.data import COLUMNS, SPLITS
from s2f_utils.pictures import images

FOLDERS = {"sketch": "sketches", "photo": "photos", "mask": "masks", "points": "points"}
MANIFEST, SETTINGS, PARTIAL = "manifest.csv", "settings.json", "settings.partial.json"
LOOKED_AT = (
    "pillow",
    "numpy",
    "opencv-python-headless",
    "scikit-image",
)  # whose versions are kept
CHANGED = {
    "source_digest": "the pictures of the source have changed since, or what is known of them",
    "drawing_digest": "the code that draws the faces has changed since",
}


@dataclass(frozen=True)
class SetPlan:
    """A data set that is yet to be written.

    `rows` are the manifest's, all columns but the paths filled in, further ones for attributes;
    `tasks` holds for each row what `make` needs to return its `parts`: {"sketch": uint8 array,
    "photo": …, "mask": …}, as "content" the box (left, top, width, height) of what is not padding,
    if they are padded, and as "notes" words that are kept in the photo's file. With several
    sketches of a photo, the parts "sketch-pencil", "sketch-xdog", …, a row becomes one row for each
    of them, with the points of "points-pencil" …. The part "points" is float (N, 2), places in
    pixels, and becomes a .npy file; its paths stand in the columns "points" and "photo_points".
    `of_sketch` has further columns of each sketch's rows. `make` and the tasks travel to other
    processes. `settings` decide what the pictures look like; `notes` goes into settings.json beside
    them; `review` looks at the rows when all is written, and returns those to keep and further
    notes. `noun` is what a row is called.
    """

    rows: list[dict[str, str]]
    tasks: list[Any]
    make: Callable[[Any], Mapping[str, np.ndarray]]
    parts: tuple[str, ...]
    settings: dict[str, Any]
    notes: dict[str, Any] = field(default_factory=dict)
    review: (
        Callable[
            [Path, Sequence[Mapping[str, str]]], tuple[list[Mapping[str, str]], dict[str, Any]]
        ]
        | None
    ) = None
    noun: str = "pair"
    of_sketch: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Pairs in all and by split."""
        return count_rows([full for row in self.rows for full in self.manifest_rows(row)])

    def paths(self, row: Mapping[str, str]) -> dict[str, str]:
        """The row's picture files relative to the manifest, with forward slashes."""
        return {part: f"{folder_of(part)}/{row['id']}{suffix_of(part)}" for part in self.parts}

    def manifest_rows(self, row: Mapping[str, str]) -> list[dict[str, str]]:
        """The row as the manifest has it: with its files, once for each of its sketches."""
        paths = self.paths(row)
        rest = {part: paths[part] for part in ("photo", "mask") if part in paths}
        if "points" in paths:
            rest["photo_points"] = paths["points"]
        rows = []
        for part in (part for part in self.parts if part.startswith("sketch")):
            style = part.removeprefix("sketch")
            own = {"id": row["id"] + style, "sketch": paths[part], **self.of_sketch.get(part, {})}
            if f"points{style}" in paths:
                own["points"] = paths[f"points{style}"]
            rows.append({"mask": "", **row, **rest, **own})
        return rows


def folder_of(part: str) -> str:
    """The folder of a part: "sketch" → sketches, "sketch-xdog" → sketches-xdog."""
    kind, _, style = part.partition("-")
    return FOLDERS[kind] + (f"-{style}" if style else "")


def suffix_of(part: str) -> str:
    """How the files of a part end."""
    return ".npy" if part.partition("-")[0] == "points" else ".png"


def count_rows(rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """{"pairs": …, "train": …, "val": …, "test": …}."""
    by_split = Counter(row["split"] for row in rows)
    return {"pairs": len(rows), **{split: by_split[split] for split in SPLITS}}


def read_state(out: Path, plan: SetPlan) -> str:
    """What `out` holds: "new" (nothing), "partial" or "complete" (a set with the plan's settings).

    Raises DataPrepError when it is a file, holds other things, or a set with other settings.
    """
    if not out.exists():
        return "new"
    if not out.is_dir():
        raise DataPrepError(
            f"{printable(out)}: expected a folder to write to, got a file: choose another name"
        )
    complete = (out / MANIFEST).is_file()
    known = next((out / name for name in (SETTINGS, PARTIAL) if (out / name).is_file()), None)
    if known is None:
        inside = sorted(p.name for p in out.iterdir() if p.name not in (".DS_Store", "Thumbs.db"))
        if inside:
            raise DataPrepError(
                f"{printable(out)}: not empty (there is {printable(inside[0])}) and not made by data_prep: choose a new"
                " folder"
            )
        return "new"
    old = settings_in(known)
    other = [key for key in plan.settings if old.get(key) != plan.settings[key]]
    if other:
        shown = "; ".join(
            CHANGED.get(key) or f"{key}: {old.get(key)} there, {plan.settings[key]} now"
            for key in other
        )
        raise DataPrepError(
            f"{printable(out)}: holds a set made in another way ({shown}): choose another folder, or delete this one"
        )
    return "complete" if complete else "partial"


def settings_in(
    path: Path, advice: str = "choose another folder, or delete this one"
) -> dict[str, Any]:
    """What a folder's file of settings says. Raises DataPrepError for a damaged one."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise DataPrepError(f"{printable(path)}: damaged: {advice}") from None


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

    A picture that cannot be read is reported and its pair left out. Raises DataPrepError when no
    pair is left; OSError when the disk is full or may not be written: then there is no manifest,
    and the same call goes on later.
    """
    check_workers(workers)
    state = read_state(out, plan)
    if dry_run:
        _say_plan(out, plan, state)
        return out / MANIFEST
    present = (
        {part: _present(out / folder_of(part)) for part in plan.parts} if state != "new" else {}
    )
    todo = [
        n
        for n, row in enumerate(plan.rows)
        if not all(f"{row['id']}{suffix_of(part)}" in present.get(part, ()) for part in plan.parts)
    ]
    if state == "complete" and (manifest := still_complete(out, plan, progress)):
        return manifest
    _prepare(out, plan)
    jobs = [
        (plan.tasks[n], {p: out / path for p, path in plan.paths(plan.rows[n]).items()})
        for n in todo
    ]
    how = {"workers": workers, "progress": progress, "done": len(plan.rows) - len(todo)}
    reasons = run_jobs(partial(make_pictures, plan.make), jobs, **how)
    broken = {todo[n]: reason for n, reason in reasons.items() if reason}
    rows = [row for n, row in enumerate(plan.rows) if n not in broken]
    left_out = [
        {"id": plan.rows[n]["id"], "reason": reason} for n, reason in sorted(broken.items())
    ]
    if not rows:
        _sweep(out)
        raise DataPrepError(
            f"no usable {plan.noun} among {len(broken)}: the first of them: {left_out[0]['reason']}"
        )
    return _finish(out, plan, rows, left_out, progress)


def _say_plan(out: Path, plan: SetPlan, state: str) -> None:
    held = {"new": "is new", "partial": "holds a part of it", "complete": "holds all of it"}[state]
    each = len(plan.paths(plan.rows[0]))
    pictures = "" if each == 1 else f", {each} pictures each"
    say(
        f"dry run: {describe_counts(plan.counts(), plan.noun)}{pictures}, to {printable(out)}, which {held}"
    )
    for key, value in plan.settings.items():
        if value not in ("", None):
            say(f"    {key}: {value}")


def make_pictures(
    make: Callable[[Any], Mapping[str, np.ndarray]], task: Any, paths: Mapping[str, Path]
) -> str:
    """Make one row's pictures and save them; returns "" or, when a source picture is unusable, the
    reason.
    """
    try:
        made = make(task)
    except images.ImageError as error:
        return printable(error)
    except (
        Exception
    ) as error:  # whatever is strange about one picture must not end a run of ten thousand
        if files.is_passing(error):
            raise
        return printable(
            f"{getattr(task, 'photo', task)}: could not be prepared ({type(error).__name__}: {error})"
        )
    for part, path in paths.items():
        try:
            _save(path, part, made)
        except (
            FileNotFoundError
        ):  # a second run of the same command took the half-written file for a killed one's
            _save(path, part, made)
    return ""


def _save(path: Path, part: str, made: Mapping[str, Any]) -> None:
    if suffix_of(part) == ".npy":
        with runtime.atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.save(file, np.asarray(made[part], np.float32))
        return
    box = {"content": ",".join(map(str, made["content"]))} if made.get("content") else {}
    images.save(
        path,
        made[part],
        notes=box | made.get("notes", {}) if part == "photo" or "photo" not in made else box,
    )


def _present(folder: Path) -> frozenset[str]:
    return frozenset(os.listdir(folder)) if folder.is_dir() else frozenset()


def _prepare(out: Path, plan: SetPlan) -> None:
    """Make the folders and say in PARTIAL what they are for."""
    first = next(parent for parent in (out, *out.parents) if parent.exists())
    if not os.access(first, os.W_OK):
        raise PermissionError(errno.EACCES, "no permission to write", str(first))
    for folder in (out, *(out / folder_of(part) for part in plan.parts)):
        folder.mkdir(parents=True, exist_ok=True)
    _drop_leftovers(out, plan)
    runtime.write_json(out / PARTIAL, plan.settings)


def _drop_leftovers(out: Path, plan: SetPlan) -> None:
    """Delete what a killed process left half written: an earlier run's, or a lost worker's while
    others went on.
    """
    for folder in (out, *(out / folder_of(part) for part in plan.parts)):
        for leftover in folder.glob(".*.part"):
            leftover.unlink(missing_ok=True)


def still_complete(out: Path, plan: SetPlan, progress: bool) -> Path | None:
    """The manifest if all the pictures that it names are there, nothing is to be left out that was
    not, or the other way round, and no picture could not be made; else it is taken away, so that
    nobody trusts it.
    """
    manifest = out / MANIFEST
    before = settings_in(out / SETTINGS) if (out / SETTINGS).is_file() else {}
    with open(manifest, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if before.get("drop_leaks", False) != plan.notes.get("drop_leaks", False):
        why = "the pictures are there: writing the manifest anew"
    elif gone := sum(
        not (out / row[column]).is_file() for row in rows for column in FOLDERS if row.get(column)
    ):
        why = f"{gone} pictures of {printable(out)} have been deleted: making them again"
    elif again := len(before.get("left_out", ())):
        why = f"trying once more what was left out: {runtime.counted(again, plan.noun)}"
    else:
        say(
            f"already complete: {describe_counts(count_rows(rows), plan.noun)} in {printable(out)}",
            progress,
        )
        return manifest
    say(why, progress)
    manifest.unlink()
    return None


def _finish(
    out: Path, plan: SetPlan, rows: list[dict], left_out: list[dict], progress: bool
) -> Path:
    _drop_leftovers(out, plan)
    rows, reviewed = plan.review(out, rows) if plan.review else (rows, {})
    ordered = sorted(rows, key=lambda row: (SPLITS.index(row["split"]), row["id"]))
    full = [entry for row in ordered for entry in plan.manifest_rows(row)]
    counts = {**count_rows(full), "left_out": len(left_out)}
    versions = {"s2f_utils": s2f_utils.__version__, "python": platform.python_version()}
    installed = {name: next(iter(metadata.distributions(name=name)), None) for name in LOOKED_AT}
    versions |= {name: one.version for name, one in installed.items() if one}
    notes = {"counts": counts, "left_out": left_out, **plan.notes, **reviewed, "versions": versions}
    runtime.write_json(out / SETTINGS, {**plan.settings, **notes})
    manifest = out / MANIFEST
    with (
        runtime.atomic_path(manifest) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        further = dict.fromkeys(name for row in full for name in row if name not in COLUMNS)
        writer = csv.DictWriter(file, [*COLUMNS, *further], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(full)
    (out / PARTIAL).unlink(missing_ok=True)
    warn_some(
        [entry["reason"] for entry in left_out],
        "left out: ",
        f", listed in {printable(out / SETTINGS)}",
    )
    say(f"{describe_counts(counts, plan.noun)} written to {printable(out)}", progress)
    return manifest


def _sweep(out: Path) -> None:
    """Take away an output folder in which nothing came to be; folders that hold something stay."""
    (out / PARTIAL).unlink(missing_ok=True)
    made = [folder for name in FOLDERS.values() for folder in out.glob(f"{name}*")]
    for folder in (*made, out):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def describe_counts(counts: Mapping[str, int], noun: str = "pair") -> str:
    """ "188 pairs (train 88, test 100)", with the number left out where there is one."""
    splits = ", ".join(f"{split} {counts[split]}" for split in SPLITS if counts.get(split))
    left = f", {counts['left_out']} left out" if counts.get("left_out") else ""
    return f"{counts['pairs']} {noun if counts['pairs'] == 1 else noun + 's'} ({splits}{left})"
