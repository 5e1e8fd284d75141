"""What is wrong with a data set, and how to mend it: `python -m data_prep doctor`."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from data_prep.check import mend
from data_prep.check.examine import Subject, examine
from data_prep.check.faults import find_faults, find_refusals
from data_prep.check.findings import KINDS, UNMENDED, Diagnosis, Finding
from data_prep.layouts import find_layout
from data_prep.layouts.layout import POINTS, LayoutOptions
from data_prep.layouts.tree import placed, scan
from data_prep.make.parallel import Workers, check_workers, run_jobs
from data_prep.make.sources import ids_of, people_in, why_alone
from data_prep.make.write import MANIFEST
from data_prep.messages import NUM_SHOWN, printable, say
from s2f_utils import runtime
from s2f_utils.data import COLUMNS, SPLITS, DataError

EXIT_FOUND = 1  # training must not start
PARTS = ("sketch", "photo", "mask")


def diagnose(
    src: str | os.PathLike,
    *,
    layout: str | None = None,
    sketches: str | os.PathLike | None = None,
    photos: str | os.PathLike | None = None,
    sketch_side: str = "left",
    identity: str | None = None,
    workers: Workers = None,
    progress: bool = True,
) -> Diagnosis:
    """Look for faults in a data set:
    a folder with a manifest.csv, or a source as `make_pairs` takes it.

    layout, sketches, photos, sketch_side: as in `make_pairs`, for a source. identity: as in a
    `Recipe`. Nothing is written. Raises DataError when there is nothing to look at, or a name has
    no person.
    """
    check_workers(workers)
    path = Path(src)
    manifest = path if path.name == MANIFEST else path / MANIFEST
    is_set = manifest.is_file()
    if is_set:
        diagnosis = _from_manifest(path, manifest)
    else:
        folders = [str(folder) if folder else None for folder in (sketches, photos)]
        diagnosis = _from_source(path, layout, LayoutOptions(*folders, sketch_side))
    if identity is not None:
        _name_people(diagnosis, identity)
    jobs = [(subject,) for subject in diagnosis.subjects]
    facts = run_jobs(examine, jobs, workers=workers, progress=progress)
    diagnosis.facts = [facts[n] for n in range(len(jobs))]
    find_faults(diagnosis)
    if is_set:
        find_refusals(diagnosis)
    order = list(KINDS)
    diagnosis.findings.sort(key=lambda f: (not KINDS[f.kind].stops, order.index(f.kind), f.id))
    return diagnosis


def _from_manifest(source: Path, path: Path) -> Diagnosis:
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file, restval="")
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise DataError(f"{printable(path)}: column {', '.join(missing)} is missing")
        rows = list(reader)
    if not rows:
        raise DataError(f"{printable(path)}: lists no pairs: run data_prep pairs again")
    diagnosis = Diagnosis(source, [], [])
    for row in rows:
        _add_row(diagnosis, row, path.parent)
    return diagnosis


def _add_row(diagnosis: Diagnosis, row: Mapping[str, str], folder: Path) -> None:
    name = row["id"]
    gone = [row[part] for part in PARTS if row[part] and not (folder / row[part]).is_file()]
    if gone or not any(row[part] for part in PARTS):
        detail = "named by the manifest" if gone else "its row names no picture"
        diagnosis.findings.append(Finding("missing", name, tuple(gone), detail, (name,)))
    paths = {}
    for part in PARTS:
        is_there = row[part] and row[part] not in gone
        paths[part] = str(folder / row[part]) if is_there else ""
    split = row["split"] if row["split"] in SPLITS else ""
    if not split:
        detail = f"its split is {row['split']!r}"
        diagnosis.findings.append(Finding("split", name, (), detail, (name,)))
    attributes = {}
    for column, text in row.items():
        if column and column not in (*COLUMNS, *POINTS):
            attributes[column] = text or ""
    about = {"source": row["source"], "attributes": attributes}
    diagnosis.subjects.append(Subject(name, row["identity"] or name, split, **paths, **about))


def _from_source(path: Path, layout: str | None, options: LayoutOptions) -> Diagnosis:
    tree = scan(path)
    collection = find_layout(tree, layout, options).collect(tree, options)
    subjects = []
    for name, pair in zip(ids_of(collection.pairs), collection.pairs, strict=True):
        sketch, mask = (str(p.path) if p else "" for p in (pair.sketch, pair.mask))
        about = (pair.half, mask, pair.source, pair.attributes)
        identity, photo = pair.identity or name, str(pair.photo.path)
        subjects.append(Subject(name, identity, pair.split, sketch, photo, *about))
    diagnosis = Diagnosis(tree.root, subjects, [], terms=collection.terms.splitlines())
    for side, lone in (("sketch", collection.lone_sketches), ("photo", collection.lone_photos)):
        for picture, reason in zip(lone, why_alone(side, collection), strict=True):
            diagnosis.findings.append(Finding("unmatched", picture.stem, (picture.shown,), reason))
    if not subjects and not diagnosis.findings:
        raise DataError(f"{printable(path)}: no pictures to look at")
    return diagnosis


def _name_people(diagnosis: Diagnosis, pattern: str) -> None:
    """Replace the people of all subjects by those in their photos' names."""
    photos = []
    for subject in diagnosis.subjects:
        path = Path(subject.photo or subject.id)
        is_below = path.is_relative_to(diagnosis.root)
        folder = path.parent.relative_to(diagnosis.root).parts if is_below else ()
        photos.append(placed(path, folder))
    people = people_in(photos, pattern)
    named = zip(diagnosis.subjects, people, strict=True)
    diagnosis.subjects = [replace(subject, identity=person) for subject, person in named]


def report_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """The diagnosis in words: one line a finding, at most five of a kind."""
    num = runtime.counted(len(diagnosis.subjects), "pair")
    yield f"{num} looked at in {printable(diagnosis.source)}"
    for name, number in diagnosis.counts().items():
        kind = KINDS[name]
        yield f"{'STOP' if kind.stops else 'look'}: {kind.title}: {number}"
        yield f"    to mend: {kind.mend}; with --fix: {kind.fix}"
        shown = [finding for finding in diagnosis.findings if finding.kind == name]
        for finding in shown[:NUM_SHOWN]:
            where = ", ".join(finding.files) or finding.id
            yield f"    - {printable(where)}: {finding.detail}"
        if number > NUM_SHOWN:
            yield f"    - and {number - NUM_SHOWN} more"
    for text in diagnosis.not_tested:
        yield f"not tested: {text}"
    yield _verdict(diagnosis)


def _verdict(diagnosis: Diagnosis) -> str:
    if not diagnosis.subjects:
        return "no pairs: training cannot start"
    if not diagnosis.may_train:
        return "training should not start"
    verdict = "training may start" if diagnosis.findings else "nothing found: training may start"
    return f"{verdict}, by what was tested" if diagnosis.not_tested else verdict


def run_doctor(
    src: str | os.PathLike,
    *,
    layout: str | None = None,
    sketches: str | os.PathLike | None = None,
    photos: str | os.PathLike | None = None,
    sketch_side: str = "left",
    identity: str | None = None,
    fix: str | os.PathLike | None = None,
    drop_doubtful: bool = False,
    workers: Workers = None,
    dry_run: bool = False,
    progress: bool = True,
) -> int:
    """`diagnose`, print, and mend; returns 0, or 1 where training must not start.

    fix, drop_doubtful, dry_run: a new folder for the mended set, and how it is made, or only said,
    by `mend.write_mended`; it is then looked at, and 0 means that it may be trained with.
    """
    folders = {"sketches": sketches, "photos": photos, "sketch_side": sketch_side}
    how = {"workers": workers, "progress": progress}
    diagnosis = diagnose(src, layout=layout, **folders, identity=identity, **how)
    for line in report_lines(diagnosis):
        say(line)
    if not fix:
        return 0 if diagnosis.may_train else EXIT_FOUND
    mend.write_mended(diagnosis, fix, drop_doubtful=drop_doubtful, dry_run=dry_run, **how)
    unmended = [name for name in diagnosis.counts() if name in UNMENDED]
    for name in unmended:
        say(f"not mended: {KINDS[name].title}: {KINDS[name].mend}")
    if unmended or dry_run:
        return EXIT_FOUND if unmended else 0
    diagnosis = diagnose(fix, **how)
    for line in report_lines(diagnosis):
        say(f"mended: {line}")
    return 0 if diagnosis.may_train else EXIT_FOUND
