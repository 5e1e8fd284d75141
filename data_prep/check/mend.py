"""A mended copy of a data set in a new folder; the source stays as it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep import files
from data_prep.check.examine import Subject
from data_prep.check.findings import CHANGES, KINDS, Diagnosis
from data_prep.errors import DataPrepError, printable
from data_prep.layouts import names
from data_prep.layouts.gather import fingerprint
from data_prep.layouts.tree import Picture
from data_prep.make.parallel import Workers
from data_prep.make.recipe import halves
from data_prep.make.split import with_splits
from data_prep.make.write import SETTINGS, SetPlan, settings_in, write_set
from data_prep.messages import say, warn
from s2f_utils.data import terms_of
from s2f_utils.pictures import faces
from s2f_utils.pictures.duplicates import SOURCE_NOTE


@dataclass(frozen=True)
class MendTask:
    """What another process needs to write one mended pair: files ("" for no mask), half as in
    `Candidate`, the changes, and by how many degrees, counterclockwise, the photo is to be turned.
    """

    sketch: str
    photo: str
    half: str
    mask: str
    changes: tuple[str, ...]
    turned: int = 0


def mend_pair(task: MendTask) -> dict[str, object]:
    """{"sketch", "photo", "mask"}, uint8 of their own sizes, inverted, swapped or turned. Raises
    ImageError.
    """
    photo = files.load_rgb(task.photo)
    if task.half:
        sketch, photo = halves(photo, task.half)
    else:
        sketch = files.load_rgb(task.sketch)
    made: dict[str, object] = {"mask": files.load_labels(task.mask)} if task.mask else {}
    if "swapped" in task.changes:
        sketch, photo = photo, sketch
    if "inverted" in task.changes:
        sketch = 255 - sketch
    if "turned" in task.changes:
        quarter = task.turned // 90
        sketch, photo = (
            _upright_sketch(sketch, quarter),
            np.ascontiguousarray(np.rot90(photo, quarter)),
        )
        made = {part: np.ascontiguousarray(np.rot90(mask, quarter)) for part, mask in made.items()}
    elif not task.half and (
        content := files.content_box(task.photo)
    ):  # scores are taken inside of it
        made["content"] = content
    if (
        "swapped" not in task.changes
        and not task.half
        and (known := files.notes_of(task.photo).get(SOURCE_NOTE))
    ):
        made["notes"] = {SOURCE_NOTE: known}
    return made | {"sketch": sketch, "photo": photo}


def _upright_sketch(sketch: np.ndarray, quarter: int) -> np.ndarray:
    """The sketch of a photo that lies on its side: turned alike, unless the detector is surer of it
    as it is.
    """
    turned = np.ascontiguousarray(np.rot90(sketch, quarter))
    as_is, after = (
        max((f.score for f in faces.detect(s, min_score=0.3)), default=0.0)
        for s in (sketch, turned)
    )
    return sketch if as_is > after + 0.02 else turned


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
    `drop_doubtful`, pairs with any finding that is not mended are left out, too. Pictures keep
    their sizes; `python -m data_prep pairs OUT …` makes squares of them. Splits are kept, and drawn
    where there were none. Raises DataPrepError when nothing is left, or when `out` lies in the
    source.
    """
    out, root = Path(out), _folder(diagnosis)
    if out.resolve().is_relative_to(root.resolve()) and not files.is_archive(diagnosis.source):
        raise DataPrepError(f"{printable(out)}: lies in the source: choose a folder outside of it")
    dropped = {
        name for f in diagnosis.findings if drop_doubtful or KINDS[f.kind].drops for name in f.drop
    }
    kept = [
        (subject, facts)
        for subject, facts in zip(diagnosis.subjects, diagnosis.facts, strict=True)
        if subject.id not in dropped and subject.photo and (subject.sketch or subject.half)
    ]
    if not kept:
        raise DataPrepError("no pair is left after mending: nothing was written")
    rows = _rows([subject for subject, _ in kept], printable(root.name))
    changes = _changes(diagnosis)
    masks = _have_masks([subject for subject, _ in kept])
    tasks = [
        MendTask(
            s.sketch,
            s.photo,
            s.half,
            s.mask if masks else "",
            changes.get(s.id, ()),
            facts["photo"].turned,
        )
        for s, facts in kept
    ]
    words = [
        repr((sorted(row.items()), t.half, t.changes, t.turned))
        for row, t in zip(rows, tasks, strict=True)
    ]
    files_of = [
        [Picture(Path(name), ()) for name in (t.sketch, t.photo, t.mask) if name] for t in tasks
    ]
    digest = fingerprint(
        (one, said) for said, mine in zip(words, files_of, strict=True) for one in mine
    )
    known = root / SETTINGS
    before = (
        settings_in(known, "make the set again, or delete this file") if known.is_file() else {}
    )
    settings = {"layout": "mended", "source": printable(root.name), "source_digest": digest}
    settings |= {
        "size_px": before.get("size_px"),
        "fit": before.get("fit", ""),
    }  # unknown for a raw source
    terms = terms_of(before) or diagnosis.terms
    notes = {"mended": diagnosis.counts(), "dropped": sorted(dropped), "terms": terms}
    plan = SetPlan(
        rows, tasks, mend_pair, ("sketch", "photo", *(("mask",) if masks else ())), settings, notes
    )
    say(
        f"mending: {len(rows)} of {len(diagnosis.subjects)} pairs are kept, {len(changes)} of them changed",
        progress,
    )
    return write_set(out, plan, workers=workers, progress=progress, dry_run=dry_run)


def _folder(diagnosis: Diagnosis) -> Path:
    """The source's folder; the one in which it lies, where it is an archive or a manifest."""
    return diagnosis.source if diagnosis.source.is_dir() else diagnosis.source.parent


def _changes(diagnosis: Diagnosis) -> dict[str, tuple[str, ...]]:
    """A subject's id → what is to be changed in its pictures."""
    changes: dict[str, tuple[str, ...]] = {}
    for finding in diagnosis.findings:
        if finding.kind in CHANGES:
            changes[finding.id] = (*changes.get(finding.id, ()), finding.kind)
    return changes


def _rows(subjects: Sequence[Subject], source: str) -> list[dict[str, str]]:
    ids = names.unique_ids([subject.id for subject in subjects], [()] * len(subjects))
    rows = [
        {
            **s.attributes,
            "id": name,
            "identity": s.identity,
            "split": s.split,
            "source": printable(s.source or source),
        }
        for name, s in zip(ids, subjects, strict=True)
    ]
    return with_splits(rows)


def _have_masks(subjects: Sequence[Subject]) -> bool:
    """Whether all have a label map; where only some have one, that is warned of."""
    without = [subject.id for subject in subjects if not subject.mask]
    if 0 < len(without) < len(subjects):
        warn(
            f"maps are left out: {len(without)} of {len(subjects)} pairs have none, such as {printable(without[0])}"
        )
    return not without
