"""A mended copy of a data set in a new folder; the source stays as it is."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_prep.errors import DataPrepError, printable
from data_prep.findings import CHANGES
from data_prep.recipe import halves, load
from data_prep.split import split_by_identity
from data_prep.write import SetPlan, say, write_set

if TYPE_CHECKING:
    from data_prep.doctor import Diagnosis


@dataclass(frozen=True)
class MendTask:
    """What another process needs to write one mended pair: files, half as in `Candidate`, and the changes."""

    sketch: str
    photo: str
    half: str
    changes: tuple[str, ...]
    turned: int = 0


def mend_pair(task: MendTask) -> dict[str, np.ndarray]:
    """{"sketch", "photo"}, uint8 (H, W, 3) of their own sizes, inverted, swapped or turned. Raises ImageError."""
    photo = load(task.photo)
    if task.half:
        sketch, photo = halves(photo, task.half)
    else:
        sketch = load(task.sketch)
    if "swapped" in task.changes:
        sketch, photo = photo, sketch
    if "inverted" in task.changes:
        sketch = 255 - sketch
    if "turned" in task.changes:
        sketch, photo = (np.ascontiguousarray(np.rot90(image, task.turned // 90)) for image in (sketch, photo))
    return {"sketch": sketch, "photo": photo}


def write_mended(
    diagnosis: Diagnosis, out: str | os.PathLike, *, workers: int | None = None, progress: bool = True
) -> Path:
    """Write what is left of the set, mended, into the new folder `out`, with a manifest; returns the manifest's path.

    Pictures keep their sizes; `python -m data_prep pairs OUT …` makes squares of them. Splits are kept, and drawn where
    there were none. Raises DataPrepError when nothing is left, or when `out` lies in the source.
    """
    out = Path(out)
    root = diagnosis.source if diagnosis.source.is_dir() else diagnosis.source.parent
    if out.resolve() == root.resolve() or root.resolve() in out.resolve().parents:
        raise DataPrepError(f"{printable(out)}: lies in the source: choose a folder outside of it")
    dropped = {name for finding in diagnosis.findings for name in finding.drop}
    changes: dict[str, list[str]] = {}
    for finding in diagnosis.findings:
        if finding.kind in CHANGES:
            changes.setdefault(finding.id, []).append(finding.kind)
    rows, tasks = [], []
    for subject, facts in zip(diagnosis.subjects, diagnosis.facts, strict=True):
        if subject.id in dropped or not subject.photo or not (subject.sketch or subject.half):
            continue
        row = {"id": subject.id, "identity": subject.identity, "split": subject.split, "source": printable(root.name)}
        rows.append(row)
        tasks.append(
            MendTask(
                subject.sketch, subject.photo, subject.half, tuple(changes.get(subject.id, ())), facts["photo"].turned
            )
        )
    if not rows:
        raise DataPrepError("no pair is left after mending: nothing was written")
    for row, split in zip(rows, split_by_identity(rows), strict=True):
        row["split"] = split
    digest = hashlib.sha256("\n".join(map(repr, tasks)).encode()).hexdigest()
    settings = {"layout": "mended", "source": printable(root.name), "source_digest": digest, "size_px": None, "fit": ""}
    mended = {name: number for name, number in diagnosis.counts().items()}
    plan = SetPlan(
        rows, tasks, mend_pair, ("sketch", "photo"), settings, {"mended": mended, "dropped": sorted(dropped)}
    )
    say(f"mending: {len(rows)} of {len(diagnosis.subjects)} pairs are kept, {len(changes)} of them changed", progress)
    return write_set(out, plan, workers=workers, progress=progress)
