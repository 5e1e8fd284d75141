"""A mended copy of a data set in a new folder; the source stays as it is."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep import files
from data_prep.check.examine import Subject
from data_prep.check.findings import CHANGES, KINDS, Diagnosis
from data_prep.layouts.layout import unique_ids
from data_prep.layouts.tree import Picture
from data_prep.make.parallel import Workers
from data_prep.make.prepare import halves
from data_prep.make.sources import fingerprint
from data_prep.make.split import with_splits
from data_prep.make.write import (
    MASK,
    PHOTO,
    SETTINGS,
    SKETCH,
    Item,
    Prepared,
    SetPlan,
    settings_in,
    write_set,
)
from data_prep.messages import printable, say, warn
from s2f_utils.data import DataError, terms_of
from s2f_utils.pictures.duplicates import SOURCE_NOTE


@dataclass(frozen=True)
class MendTask:
    """What another process needs to write one mended pair: files ("" for no mask), half as in
    `Candidate`, and the changes.
    """

    sketch: str
    photo: str
    half: str
    mask: str
    changes: tuple[str, ...]


def mend_pair(task: MendTask) -> Prepared:
    """Sketch, photo and mask of their own sizes, inverted or swapped. Raises ImageError."""
    photo = files.load_rgb(task.photo)
    if task.half:
        sketch, photo = halves(photo, task.half)
    else:
        sketch = files.load_rgb(task.sketch)
    content = None if task.half else files.content_box(task.photo)
    notes = {}
    if "swapped" in task.changes:
        sketch, photo = photo, sketch
    elif not task.half:
        known = files.notes_of(task.photo)
        notes = {SOURCE_NOTE: known[SOURCE_NOTE]} if SOURCE_NOTE in known else {}
    if "inverted" in task.changes:
        sketch = 255 - sketch
    made = {SKETCH: sketch, PHOTO: photo}
    if task.mask:
        made[MASK] = files.load_labels(task.mask)
    return Prepared(made, content, notes)


def write_mended(
    diagnosis: Diagnosis,
    out: str | os.PathLike,
    *,
    drop_doubtful: bool = False,
    workers: Workers = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Write what is left of the set, mended, into the new folder `out`, with a manifest; returns
    the manifest's path.

    Pairs with which training must not start are changed or left out, and of duplicates one; with
    `drop_doubtful`, pairs with any finding that is not mended are also left out. Pictures keep
    their sizes; `python -m data_prep pairs OUT …` makes squares of them. Splits are kept, and drawn
    where there were none. Raises DataError when nothing is left, or when `out` lies in the
    source.
    """
    out, root = Path(out), diagnosis.root
    if out.resolve().is_relative_to(root.resolve()):
        raise DataError(f"{printable(out)}: lies in the source: choose a folder outside of it")
    dropped = _dropped(diagnosis, drop_doubtful)
    kept = []
    for subject in diagnosis.subjects:
        is_pair = subject.photo and (subject.sketch or subject.half)
        if is_pair and subject.id not in dropped:
            kept.append(subject)
    if not kept:
        raise DataError("no pair is left after mending: nothing was written")
    rows = rows_of(kept, printable(root.name))
    changes, has_masks = _changes(diagnosis), _have_masks(kept)
    parts = (SKETCH, PHOTO, MASK) if has_masks else (SKETCH, PHOTO)
    items, pictures = [], []
    for row, subject in zip(rows, kept, strict=True):
        mask, todo = subject.mask if has_masks else "", tuple(changes[subject.id])
        task = MendTask(subject.sketch, subject.photo, subject.half, mask, todo)
        items.append(Item(row, task, parts))
        words = repr((sorted(row.items()), task.half, task.changes))
        for name in (task.sketch, task.photo, task.mask):
            if name:
                pictures.append((Picture(Path(name), ()), words))
    before = {}
    if (root / SETTINGS).is_file():
        before = settings_in(root / SETTINGS, "make the set again, or delete this file")
    settings = {
        "layout": "mended",
        "source": printable(root.name),
        "source_digest": fingerprint(pictures),
        "size_px": before.get("size_px"),  # unknown for a raw source
        "fit": before.get("fit", ""),
        "align": before.get("align", "none"),
    }
    terms = terms_of(before) or diagnosis.terms
    notes = {"mended": diagnosis.counts(), "dropped": sorted(dropped), "terms": terms}
    num_changed = sum(bool(item.task.changes) for item in items)
    num = len(diagnosis.subjects)
    say(f"mending: {len(rows)} of {num} pairs are kept, {num_changed} of them changed", progress)
    plan = SetPlan(items, mend_pair, settings, notes)
    return write_set(out, plan, workers=workers, progress=progress, dry_run=dry_run)


def _dropped(diagnosis: Diagnosis, drop_doubtful: bool) -> set[str]:
    dropped: set[str] = set()
    for finding in diagnosis.findings:
        if drop_doubtful or KINDS[finding.kind].drops:
            dropped.update(finding.drop)
    return dropped


def _changes(diagnosis: Diagnosis) -> dict[str, list[str]]:
    """A subject's id → what is to be changed in its pictures."""
    changes: dict[str, list[str]] = defaultdict(list)
    for finding in diagnosis.findings:
        if finding.kind in CHANGES:
            changes[finding.id].append(finding.kind)
    return changes


def rows_of(subjects: Sequence[Subject], source: str) -> list[dict[str, str]]:
    """The manifest's rows of these subjects, all with a split."""
    ids = unique_ids([subject.id for subject in subjects], [()] * len(subjects))
    rows = []
    for name, subject in zip(ids, subjects, strict=True):
        row = {"id": name, "identity": subject.identity, "split": subject.split}
        row["source"] = printable(subject.source or source)
        rows.append({**subject.attributes, **row})
    return with_splits(rows)


def _have_masks(subjects: Sequence[Subject]) -> bool:
    """Whether all have a label map; where only some have one, that is warned of."""
    without = [subject.id for subject in subjects if not subject.mask]
    if 0 < len(without) < len(subjects):
        warn(
            f"maps are left out: {len(without)} of {len(subjects)} pairs have none, such as"
            f" {printable(without[0])}"
        )
    return not without
