"""What is wrong with a data set, and how to mend it: `python -m data_prep doctor`."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_prep.check import faults as judge
from data_prep.check import mend, page
from data_prep.check.examine import Subject, examine
from data_prep.check.findings import KINDS, UNMENDED, Diagnosis, Finding
from data_prep.errors import DataPrepError, printable
from data_prep.layouts import find_layout
from data_prep.layouts.gather import ids_of, why_alone
from data_prep.layouts.layout import POINTS, LayoutOptions
from data_prep.layouts.tree import Picture, scan
from data_prep.make.parallel import Workers, check_workers, run_jobs
from data_prep.make.write import MANIFEST
from data_prep.messages import NUM_SHOWN, say
from s2f_utils import runtime, weights
from s2f_utils.data import COLUMNS, SPLITS
from s2f_utils.pictures import faces

EXIT_FOUND = 1  # training must not start
MAX_HINTS = 100


def diagnose(
    src: str | os.PathLike,
    *,
    layout: str | None = None,
    sketches: str | None = None,
    photos: str | None = None,
    sketch_side: str = "left",
    workers: Workers = None,
    progress: bool = True,
) -> Diagnosis:
    """Look for faults in a data set: a folder with a manifest.csv, or a source as `make_pairs`
    takes it.

    layout, sketches, photos, sketch_side: as in `make_pairs`, for a source. Nothing is written.
    Raises DataPrepError when there is nothing to look at.
    """
    check_workers(workers)
    path = Path(src)
    findings: list[Finding] = []
    is_set, terms = path.is_dir() and (path / MANIFEST).is_file() or path.name == MANIFEST, []
    if is_set:
        subjects = _from_manifest(path if path.name == MANIFEST else path / MANIFEST, findings)
    else:
        subjects, terms = _from_source(
            path, layout, LayoutOptions(sketches, photos, sketch_side), findings
        )
    not_tested = [f"faces: {weights.problem('yunet')}"] if faces.detector_problem() else []
    done = run_jobs(
        examine, [(subject,) for subject in subjects], workers=workers, progress=progress
    )
    facts = [done[n] for n in range(len(subjects))]
    diagnosis = Diagnosis(path, subjects, facts, findings, not_tested, terms)
    judge.judge_all(diagnosis)
    if is_set:
        judge.judge_for_training(diagnosis)
    order = list(KINDS)
    diagnosis.findings.sort(key=lambda f: (not KINDS[f.kind].stops, order.index(f.kind), f.id))
    return diagnosis


def _from_manifest(path: Path, findings: list[Finding]) -> list[Subject]:
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file, restval="")
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise DataPrepError(f"{printable(path)}: column {', '.join(missing)} is missing")
        rows = list(reader)
    if not rows:
        raise DataPrepError(f"{printable(path)}: lists no pairs: run data_prep pairs again")
    subjects = []
    for row in rows:
        parts = ("sketch", "photo", "mask")
        gone = [
            row[part] for part in parts if row[part] and not (path.parent / row[part]).is_file()
        ]
        if gone or not any(row[part] for part in parts):
            why = "named by the manifest" if gone else "its row names no picture"
            findings.append(Finding("missing", row["id"], tuple(gone), why, (row["id"],)))
        there = {
            part: str(path.parent / row[part]) if row[part] and row[part] not in gone else ""
            for part in parts
        }
        identity, split = (
            row["identity"] or row["id"],
            row["split"] if row["split"] in SPLITS else "",
        )
        if not split:
            findings.append(
                Finding("split", row["id"], (), f"its split is {row['split']!r}", (row["id"],))
            )
        attributes = {
            name: text or "" for name, text in row.items() if name and name not in COLUMNS + POINTS
        }
        about = {"source": row["source"], "attributes": attributes}
        subjects.append(Subject(row["id"], identity, split, **there, **about))
    return subjects


def _from_source(
    path: Path, layout: str | None, options: LayoutOptions, findings: list[Finding]
) -> tuple[list[Subject], list[str]]:
    """The subjects, and the source's terms."""
    tree = scan(path)
    collection = find_layout(tree, layout, options).collect(tree, options)
    subjects = []
    for name, pair in zip(ids_of(collection.pairs), collection.pairs, strict=True):
        sketch, mask = (
            str(picture.path) if picture else "" for picture in (pair.sketch, pair.mask)
        )
        identity = pair.identity or name
        about = (pair.half, mask, pair.source, pair.attributes)
        subjects.append(Subject(name, identity, pair.split, sketch, str(pair.photo.path), *about))
    sketches = [pair.sketch for pair in collection.pairs if pair.sketch]
    photos = [pair.photo for pair in collection.pairs]
    sketches, photos = sketches + collection.lone_sketches, photos + collection.lone_photos
    findings += _without_partner("sketch", collection.lone_sketches, sketches, photos)
    findings += _without_partner("photo", collection.lone_photos, photos, sketches)
    if not subjects and not findings:
        raise DataPrepError(f"{printable(path)}: no pictures to look at")
    return subjects, collection.terms.splitlines()


def _without_partner(
    side: str, lone: list[Picture], own: list[Picture], partners: list[Picture]
) -> Iterator[Finding]:
    """A finding for each lone picture, of many the first with the reason: each looks at all names."""
    reasons = itertools.chain(
        why_alone(side, lone[:MAX_HINTS], own, partners), itertools.repeat("no partner")
    )
    for picture, why in zip(lone, reasons, strict=False):
        yield Finding("unmatched", picture.stem, (picture.shown,), why)


def report_lines(diagnosis: Diagnosis) -> list[str]:
    """The diagnosis in words: one line a finding, at most five of a kind."""
    lines = [
        f"{runtime.counted(len(diagnosis.subjects), 'pair')} looked at in {printable(diagnosis.source)}"
    ]
    for kind, number in diagnosis.counts().items():
        known = KINDS[kind]
        lines.append(f"{'STOP' if known.stops else 'look'}: {known.title}: {number}")
        lines.append(f"    to mend: {known.mend}; with --fix: {known.fix}")
        shown = [finding for finding in diagnosis.findings if finding.kind == kind]
        lines += [
            f"    - {printable(', '.join(f.files) or f.id)}: {f.detail}" for f in shown[:NUM_SHOWN]
        ]
        if number > NUM_SHOWN:
            lines.append(f"    - and {number - NUM_SHOWN} more")
    lines += [f"not tested: {text}" for text in diagnosis.not_tested]
    verdict = (
        "no pairs: training cannot start"
        if not diagnosis.subjects
        else "nothing found: training may start"
        if not diagnosis.findings
        else "training may start"
        if diagnosis.may_train
        else "training should not start"
    )
    untested = diagnosis.may_train and diagnosis.not_tested
    return [*lines, f"{verdict}, by what was tested" if untested else verdict]


def run_doctor(
    src: str | os.PathLike,
    *,
    json_file: str | os.PathLike | None = None,
    html_file: str | os.PathLike | None = None,
    fix: str | os.PathLike | None = None,
    drop_doubtful: bool = False,
    dry_run: bool = False,
    progress: bool = True,
    **options: Any,
) -> int:
    """`diagnose`, print, and write what is asked for; returns 0, or 1 where training must not
    start.

    fix, drop_doubtful, dry_run: a new folder for the mended set, and how it is made, or only said,
    by `mend.write_mended`; it is looked at, too, and then 0 means that it may be trained with.
    """
    diagnosis = diagnose(src, progress=progress, **options)
    for line in report_lines(diagnosis):
        say(line)
    if json_file:
        runtime.write_json(json_file, diagnosis.as_json())
    if html_file:
        page.write_page(diagnosis, html_file)
        say(f"page: {Path(html_file).resolve()}")
    if fix:
        how = {"workers": options.get("workers"), "dry_run": dry_run, "progress": progress}
        mend.write_mended(diagnosis, fix, drop_doubtful=drop_doubtful, **how)
        left = [kind for kind in diagnosis.counts() if kind in UNMENDED]
        for kind in left:
            say(f"not mended: {KINDS[kind].title}: {KINDS[kind].mend}")
        if left or dry_run:
            return EXIT_FOUND if left else 0
        diagnosis = diagnose(fix, workers=options.get("workers"), progress=progress)
        for line in report_lines(diagnosis):
            say(f"mended: {line}")
    return 0 if diagnosis.may_train else EXIT_FOUND
