"""A look at a set that was just written: how the faces were found, and whether a person is in two
splits after all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.make.write import FOLDERS
from data_prep.messages import NUM_SHOWN, say, warn
from s2f_utils.pictures import images
from s2f_utils.pictures.duplicates import Duplicate, find_duplicates, hashes_of

GUESSED = ("cascade", "centre")


def review(
    out: Path, rows: Sequence[Mapping[str, str]], *, drop_leaks: bool = False, progress: bool = True
) -> tuple[list[Mapping[str, str]], dict[str, Any]]:
    """Read the notes in the written photos, warn of guessed faces, squeezed sketches, and photos
    that are in two splits.

    Returns the rows to keep (with `drop_leaks`, all training rows of a person whose photo is also
    in another split are dropped) and what is to be kept in settings.json.
    """
    photos = [out / FOLDERS["photo"] / f"{row['id']}.png" for row in rows]
    notes = [images.read_notes(photo) for photo in photos]
    kept: dict[str, Any] = {}
    ids = [row["id"] for row in rows]
    for key, what in (("face", "faces"), ("sketch_face", "faces_in_sketches")):
        kept |= count_faces(ids, [note.get(key) for note in notes], what, progress)
    turned = sum("turned" in note for note in notes)
    if turned:
        kept["turned"] = turned
        say(
            f"{turned} faces lay on their side or stood on their head, and were turned upright",
            progress,
        )
    squeezed = [name for name, note in zip(ids, notes, strict=True) if "squeezed" in note]
    if squeezed:
        kept["squeezed"] = len(squeezed)
        warn(
            f"{len(squeezed)} sketches have another shape than their photo and were stretched onto it"
            f" ({_listed(squeezed)}): --align face --each aligns each by its own face"
        )
    twins = find_duplicates(
        [hashes_of(note) for note in notes], [row["split"] for row in rows], progress=progress
    )
    alike = [_named(rows, twin) for twin in twins if not twin.sure]
    if alike:
        kept["alike_in_two_splits"] = alike
        warn(
            f"{len(alike)} photos are much alike in two splits: look whether they are the same ({_listed(alike)})"
        )
    sure = [twin for twin in twins if twin.sure]
    return _without_leaks(rows, sure, kept, drop_leaks, progress) if sure else list(rows), kept


def count_faces(
    ids: Sequence[str], how: Sequence[str | None], what: str, progress: bool
) -> dict[str, Any]:
    """Count how the faces were found, and list those that were guessed, for settings.json."""
    counts = Counter(filter(None, how))
    if not counts:
        return {}
    words, kept = what.replace("_", " "), {what: dict(counts.most_common())}
    say(f"{words}: {', '.join(f'{n} by {name}' for name, n in counts.most_common())}", progress)
    guessed = [name for name, way in zip(ids, how, strict=True) if way in GUESSED]
    if guessed:
        kept[f"guessed_{what}"] = guessed
        warn(f"{len(guessed)} {words} were not detected but guessed: look at {_listed(guessed)}")
    return kept


def _named(rows: Sequence[Mapping[str, str]], twin: Duplicate) -> str:
    return " = ".join(f"{rows[n]['split']}/{rows[n]['id']}" for n in (twin.first, twin.second))


def _without_leaks(
    rows: Sequence[Mapping[str, str]],
    twins: Sequence[Duplicate],
    kept: dict[str, Any],
    drop: bool,
    progress: bool,
) -> list[Mapping[str, str]]:
    """Report photos that are in two splits, and leave the training rows of these people out, if
    `drop`.
    """
    shown = [_named(rows, twin) for twin in twins]
    kept["in_two_splits"] = shown
    if not drop:
        warn(
            f"{len(twins)} photos are in two splits ({_listed(shown)}): scores would be too good; --drop-leaks mends it"
        )
        return list(rows)
    leaking = {
        rows[n]["identity"]
        for t in twins
        for n in (t.first, t.second)
        if rows[n]["split"] == "train"
    }
    gone = [row for row in rows if row["split"] == "train" and row["identity"] in leaking]
    kept["dropped_leaks"] = sorted(row["id"] for row in gone)
    say(f"{len(gone)} training pairs of people who are in another split, too, left out", progress)
    left = [text for text in shown if "train/" not in text]
    if left:
        warn(f"{len(left)} photos are in validation and in testing ({_listed(left)})")
    return [row for row in rows if not (row["split"] == "train" and row["identity"] in leaking)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NUM_SHOWN]) + (
        f" and {len(names) - NUM_SHOWN} more" if len(names) > NUM_SHOWN else ""
    )
