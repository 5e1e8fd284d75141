"""A look at a set that was just written: how the faces were found, and whether a photo is in two
splits after all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.make.write import PHOTO, Item
from data_prep.messages import NUM_SHOWN, say, warn
from s2f_utils.pictures import images
from s2f_utils.pictures.duplicates import Duplicate, find_duplicates, hashes_of

GUESS = "centre"


def review(
    out: Path, items: Sequence[Item], *, drop_leaks: bool = False, progress: bool = True
) -> tuple[list[Item], dict[str, Any]]:
    """Read the notes in the written photos, warn of guessed faces, squeezed sketches, and photos
    that are in two splits.

    Returns the items to keep (with `drop_leaks`, all training items of a person whose photo is also
    in another split are dropped) and what is to be kept in settings.json.
    """
    notes = [images.read_notes(out / item.path(PHOTO)) for item in items]
    ids = [item.row["id"] for item in items]
    kept: dict[str, Any] = {}
    for key, what in (("face", "faces"), ("sketch_face", "faces_in_sketches")):
        kept |= count_faces(ids, [note.get(key) for note in notes], what, progress)
    num_turned = sum("turned" in note for note in notes)
    if num_turned:
        kept["turned"] = num_turned
        say(f"{num_turned} faces lay on their side or stood on their head: turned", progress)
    squeezed = [name for name, note in zip(ids, notes, strict=True) if "squeezed" in note]
    if squeezed:
        kept["squeezed"] = len(squeezed)
        warn(
            f"{len(squeezed)} sketches have another shape than their photo and were stretched onto"
            f" it ({_listed(squeezed)}): --align face --each aligns each by its own face"
        )
    splits = [item.row["split"] for item in items]
    copies = find_duplicates([hashes_of(note) for note in notes], splits, progress=progress)
    alike = [_shown(items, copy) for copy in copies if not copy.sure]
    if alike:
        kept["alike_in_two_splits"] = alike
        warn(
            f"{len(alike)} photos are much alike in two splits: look whether they are the same"
            f" ({_listed(alike)})"
        )
    sure = [copy for copy in copies if copy.sure]
    if not sure:
        return list(items), kept
    kept["in_two_splits"] = [_shown(items, copy) for copy in sure]
    if drop_leaks:
        return _without_leaks(items, sure, kept, progress), kept
    warn(
        f"{len(sure)} photos are in two splits ({_listed(kept['in_two_splits'])}): scores would be"
        " too good; --drop-leaks mends it"
    )
    return list(items), kept


def count_faces(
    ids: Sequence[str], methods: Sequence[str | None], what: str, progress: bool
) -> dict[str, Any]:
    """Count how the faces were found, and list those that were guessed, for settings.json."""
    counts = Counter(filter(None, methods))
    if not counts:
        return {}
    words, kept = what.replace("_", " "), {what: dict(counts.most_common())}
    say(f"{words}: {', '.join(f'{n} by {name}' for name, n in counts.most_common())}", progress)
    guessed = [name for name, method in zip(ids, methods, strict=True) if method == GUESS]
    if guessed:
        kept[f"guessed_{what}"] = guessed
        warn(f"{len(guessed)} {words} were not detected but guessed: look at {_listed(guessed)}")
    return kept


def _shown(items: Sequence[Item], copy: Duplicate) -> str:
    rows = [items[n].row for n in (copy.first, copy.second)]
    return " = ".join(f"{row['split']}/{row['id']}" for row in rows)


def _without_leaks(
    items: Sequence[Item], copies: Sequence[Duplicate], kept: dict[str, Any], progress: bool
) -> list[Item]:
    """The items without the training items of people whose photo is also in another split."""
    places = [n for copy in copies for n in (copy.first, copy.second)]
    rows = [items[n].row for n in places]
    leaking = {row["identity"] for row in rows if row["split"] == "train"}
    left, dropped = [], []
    for item in items:
        is_leak = item.row["split"] == "train" and item.row["identity"] in leaking
        (dropped if is_leak else left).append(item)
    kept["dropped_leaks"] = sorted(item.row["id"] for item in dropped)
    say(f"{len(dropped)} training pairs of people who are also in another split left out", progress)
    elsewhere = [text for text in kept["in_two_splits"] if "train/" not in text]
    if elsewhere:
        warn(f"{len(elsewhere)} photos are in validation and in testing ({_listed(elsewhere)})")
    return left


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NUM_SHOWN])
    return f"{shown} and {len(names) - NUM_SHOWN} more" if len(names) > NUM_SHOWN else shown
