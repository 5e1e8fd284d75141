"""A mended copy of a data set in a new folder; the source stays as it is."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep import files
from data_prep.doctor.findings import CHANGES, KINDS, Diagnosis
from data_prep.errors import DataPrepError, printable
from data_prep.make.recipe import halves, load
from data_prep.make.split import split_by_identity
from data_prep.make.write import SETTINGS, SetPlan, dry_run_report, write_set
from data_prep.messages import say, warn
from data_prep.sources import names
from s2f_utils.pictures import faces, images


@dataclass(frozen=True)
class MendTask:
    """What another process needs to write one mended pair: files ("" for no mask), half as in `Candidate`, the changes,
    and by how many degrees, counterclockwise, the photo is to be turned.
    """

    sketch: str
    photo: str
    half: str
    mask: str
    changes: tuple[str, ...]
    turned: int = 0


def mend_pair(task: MendTask) -> dict[str, object]:
    """{"sketch", "photo", "mask"}, uint8 of their own sizes, inverted, swapped or turned. Raises ImageError."""
    photo = load(task.photo)
    if task.half:
        sketch, photo = halves(photo, task.half)
    else:
        sketch = load(task.sketch)
    made: dict[str, object] = {"mask": files.as_map(task.mask).labels} if task.mask else {}
    if "swapped" in task.changes:
        sketch, photo = photo, sketch
    if "inverted" in task.changes:
        sketch = 255 - sketch
    if "turned" in task.changes:
        quarter = task.turned // 90
        sketch, photo = _upright_sketch(sketch, quarter), np.ascontiguousarray(np.rot90(photo, quarter))
        made = {part: np.ascontiguousarray(np.rot90(mask, quarter)) for part, mask in made.items()}
    elif Path(task.photo).suffix.lower() == ".png" and Path(task.photo).is_file() and not task.half:
        content = images.read_content_box(task.photo)  # where a padded picture lies: scores are taken inside of it
        made |= {"content": content} if content else {}
    return made | {"sketch": sketch, "photo": photo}


def _upright_sketch(sketch: np.ndarray, quarter: int) -> np.ndarray:
    """The sketch of a photo that lies on its side: turned alike, unless the detector is surer of it as it is."""
    turned = np.ascontiguousarray(np.rot90(sketch, quarter))
    as_is, after = (max((f.score for f in faces.detect(s, min_score=0.3)), default=0.0) for s in (sketch, turned))
    return sketch if as_is > after + 0.02 else turned


def write_mended(
    diagnosis: Diagnosis,
    out: str | os.PathLike,
    *,
    drop_doubtful: bool = False,
    workers: int | None = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Write what is left of the set, mended, into the new folder `out`, with a manifest; returns the manifest's path.

    Pairs with which training must not start are changed or left out, and of duplicates one; with `drop_doubtful`, pairs
    with any finding that is not mended are left out, too. Pictures keep their sizes; `python -m data_prep pairs OUT …`
    makes squares of them. Splits are kept, and drawn where there were none. Raises DataPrepError when nothing is left,
    or when `out` lies in the source.
    """
    out = Path(out)
    root = diagnosis.source if diagnosis.source.is_dir() else diagnosis.source.parent
    inside = out.resolve() == root.resolve() or root.resolve() in out.resolve().parents
    if inside and not files.is_archive(diagnosis.source):
        raise DataPrepError(f"{printable(out)}: lies in the source: choose a folder outside of it")
    dropped = {
        name for finding in diagnosis.findings if drop_doubtful or KINDS[finding.kind].drops for name in finding.drop
    }
    changes: dict[str, list[str]] = {}
    for finding in diagnosis.findings:
        if finding.kind in CHANGES:
            changes.setdefault(finding.id, []).append(finding.kind)
    kept = [
        (subject, facts)
        for subject, facts in zip(diagnosis.subjects, diagnosis.facts, strict=True)
        if subject.id not in dropped and subject.photo and (subject.sketch or subject.half)
    ]
    if not kept:
        raise DataPrepError("no pair is left after mending: nothing was written")
    ids = names.unique_ids([subject.id for subject, _ in kept], [()] * len(kept))
    rows = [
        {"id": name, "identity": s.identity, "split": s.split, "source": s.source or printable(root.name)}
        for name, (s, _) in zip(ids, kept, strict=True)
    ]
    without = [subject.id for subject, _ in kept if not subject.mask]
    has_masks = not without
    if 0 < len(without) < len(kept):
        warn(f"maps are left out: {len(without)} of {len(kept)} pairs have none, such as {printable(without[0])}")
    tasks = [
        MendTask(
            s.sketch, s.photo, s.half, s.mask if has_masks else "", tuple(changes.get(s.id, ())), facts["photo"].turned
        )
        for s, facts in kept
    ]
    for row, split in zip(rows, split_by_identity(rows), strict=True):
        row["split"] = split
    parts = ("sketch", "photo", *(("mask",) if has_masks else ()))
    digest = hashlib.sha256("\n".join(map(repr, tasks)).encode()).hexdigest()
    settings = {"layout": "mended", "source": printable(root.name), "source_digest": digest, **_measures(diagnosis)}
    notes = {"mended": diagnosis.counts(), "dropped": sorted(dropped)}
    plan = SetPlan(rows, tasks, mend_pair, parts, settings, notes)
    say(f"mending: {len(rows)} of {len(diagnosis.subjects)} pairs are kept, {len(changes)} of them changed", progress)
    if dry_run:
        return dry_run_report(out, plan)
    return write_set(out, plan, workers=workers, progress=progress)


def _measures(diagnosis: Diagnosis) -> dict[str, object]:
    """The set's size and fit, as its settings say; unknown for a raw source."""
    path = diagnosis.source if diagnosis.source.is_dir() else diagnosis.source.parent
    known = path / SETTINGS
    before = json.loads(known.read_text(encoding="utf-8")) if known.is_file() else {}
    return {"size_px": before.get("size_px"), "fit": before.get("fit", "")}
