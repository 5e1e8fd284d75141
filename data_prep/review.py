"""A look at a set that was just written: how the faces were found, and whether a person is in two splits after all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.duplicates import find_twins
from data_prep.write import FOLDERS, NUM_SHOWN, say, warn
from s2f_utils import images


def review(
    out: Path, rows: Sequence[Mapping[str, str]], *, drop_leaks: bool = False, progress: bool = True
) -> tuple[list[Mapping[str, str]], dict[str, Any]]:
    """Read the notes in the written photos, warn of guessed faces and of photos that are in two splits.

    Returns the rows to keep (with `drop_leaks`, training rows whose photo is also in another split are dropped) and
    what is to be kept in settings.json.
    """
    photos = [out / FOLDERS["photo"] / f"{row['id']}.png" for row in rows]
    notes = [images.read_notes(photo) for photo in photos]
    kept: dict[str, Any] = {}
    methods = [note["face"].split() for note in notes if "face" in note]
    if methods:
        counts = Counter(method for method, *_ in methods)
        turned = sum("turned" in words for words in methods)
        kept["faces"] = dict(counts.most_common())
        say(f"faces: {', '.join(f'{n} by {name}' for name, n in counts.most_common())}", progress)
        if turned:
            kept["turned"] = turned
            say(f"{turned} faces lay on their side or stood on their head, and were turned upright", progress)
        guessed = [row["id"] for row, note in zip(rows, notes, strict=True) if note.get("face", "").endswith(" 0.000")]
        if guessed:
            kept["guessed_faces"] = guessed
            warn(f"{len(guessed)} faces were not found by the detector but guessed: look at {_listed(guessed)}")
    twins = find_twins(
        [note.get("phash", "") for note in notes], lambda n: images.load_rgb(photos[n]), [row["split"] for row in rows]
    )
    if not twins:
        return list(rows), kept
    shown = [
        f"{rows[t.first]['split']}/{rows[t.first]['id']} = {rows[t.second]['split']}/{rows[t.second]['id']}"
        for t in twins
    ]
    kept["in_two_splits"] = shown
    in_training = {place for t in twins for place in (t.first, t.second) if rows[place]["split"] == "train"}
    if drop_leaks:
        kept["dropped_leaks"] = sorted(rows[place]["id"] for place in in_training)
        say(f"{len(in_training)} training photos that are in another split, too, left out", progress)
        return [row for place, row in enumerate(rows) if place not in in_training], kept
    warn(f"{len(twins)} photos are in two splits ({_listed(shown)}): scores would be too good; --drop-leaks mends it")
    return list(rows), kept


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NUM_SHOWN]) + (f" and {len(names) - NUM_SHOWN} more" if len(names) > NUM_SHOWN else "")
