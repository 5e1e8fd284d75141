"""CUFS, the CUHK face sketch database, as distributed: CUHK's students with their official split,
AR, XM2VTS.

Names differ between the sides: sketch `F2-005-01-sz1.jpg` belongs to photo `f-005-01.jpg`. Wang and
Tang 2009 give 88 of the 188 students for training and 100 for testing; AR and XM2VTS have no
official split.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from data_prep.layouts.layout import (
    Candidate,
    Collection,
    Layout,
    LayoutOptions,
    match_names,
    with_photos_alone,
)
from data_prep.layouts.tree import Picture, Tree, group_tokens
from s2f_utils.data import CUFS_TERMS

_NAME = re.compile(r"^[fmw]\d?-\d{3}-\d{1,2}$")
_SUFFIX = re.compile(r"[-_ ]?sz\d+$")
# The students' numbers by series: (first, last of the training part, last). The split follows the
# numbers, so that it can be restored where somebody has thrown both parts into one folder.
_STUDENTS = {"f": (5, 38, 43), "f1": (1, 0, 15), "m": (8, 62, 101), "m1": (1, 0, 41)}


def cufs_key(stem: str) -> str:
    """What the names of a CUFS sketch and its photo share: "F2-005-01-sz1" and "f-005-01" →
    "f-005-01".
    """
    key = unicodedata.normalize("NFC", stem).casefold().strip()
    return re.sub(r"^([fm])2-", r"\1-", _SUFFIX.sub("", key))


def cufs_identity(stem: str, database: str) -> str:
    """The person in a CUFS picture: the name without the number of the shot, "f-005-01" → "f-005".

    AR's and XM2VTS's people get the database's name before theirs, because AR counts from m-001,
    too.
    """
    key = cufs_key(stem)
    if database == "ar":
        parts = re.match(r"^([fmw])\d?-0*(\d+)", key)
        return f"ar-{parts[1]}-{int(parts[2]):03d}" if parts else f"ar-{key}"
    if database == "xm2vts":
        number = re.match(r"^0*(\d+)", key)
        return f"xm2vts-{int(number[1]):03d}" if number else f"xm2vts-{key}"
    return key.rpartition("-")[0] if _NAME.match(key) else key


def _database(picture: Picture, root: str) -> str:
    for tokens in (picture.group, group_tokens(root)):
        if "ar" in tokens:
            return "ar"
        if {"xm", "vts"} <= set(tokens):
            return "xm2vts"
        if "cuhk" in tokens:
            break
    return "cuhk"


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether there are folders of sketches and photos,
    with CUFS's folder names or with its file names.
    """
    sketches, photos = tree.on_side("sketch"), tree.on_side("photo")
    if not sketches or not photos:
        return False
    tokens = {token for picture in sketches + photos for token in picture.group}
    if tokens & {"cuhk", "cufs"} or {"xm", "vts"} <= tokens:
        return True
    num_named = sum(bool(_NAME.match(cufs_key(picture.stem))) for picture in sketches)
    return 2 * num_named > len(sketches)


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """Pair sketches and photos of the same database, split and crop by name, else by person;
    each person once.
    """
    root = tree.root.name

    def place(picture: Picture) -> tuple:
        return picture.group, picture.split, picture.sub

    def name(picture: Picture) -> tuple:
        return *place(picture), cufs_key(picture.stem)

    def person(picture: Picture) -> tuple:
        return *place(picture), cufs_identity(picture.stem, _database(picture, root))

    sketches, photos = tree.on_side("sketch"), tree.on_side("photo")
    matched, lone_sketches, lone_photos = match_names(sketches, photos, [name, person])
    collection = Collection([], lone_sketches, lone_photos, terms=CUFS_TERMS)
    matched = with_photos_alone(matched, collection, options)
    once: dict[tuple[str, str], tuple[Picture | None, Picture]] = {}
    for sketch, photo in sorted(matched, key=_rank):
        once.setdefault((_database(photo, root), cufs_key(photo.stem)), (sketch, photo))
    num_copies = len(matched) - len(once)
    if num_copies:
        collection.notes.append(
            f"{num_copies} further copies of these pairs (originals beside crops) left aside"
        )
    for (database, _), (sketch, photo) in once.items():
        identity = cufs_identity(photo.stem, database)
        about = {"identity": identity, "qualifiers": (database, *photo.sub)}
        pair = Candidate(sketch, photo, f"cufs/{database}", photo.split, **about)
        collection.pairs.append(pair)
    _restore_official_split(collection)
    return collection


def _rank(pair: tuple[Picture | None, Picture]) -> tuple:
    """Cropped pictures before the originals that lie beside them,
    folders with a split before those without.
    """
    photo = pair[1]
    return "cropped" not in photo.group, not photo.split, str(photo.path)


def _official_split(identity: str) -> str:
    """The official split of a CUHK student, "" for somebody else."""
    series, _, number = identity.partition("-")
    if series not in _STUDENTS or not number.isdigit():
        return ""
    first, last_train, last = _STUDENTS[series]
    if not first <= int(number) <= last:
        return ""
    return "train" if int(number) <= last_train else "test"


def _restore_official_split(collection: Collection) -> None:
    free = {
        place: pair
        for place, pair in enumerate(collection.pairs)
        if not pair.split and pair.source == "cufs/cuhk"
    }
    splits = [_official_split(pair.identity) for pair in free.values()]
    if not free or "" in splits:
        return
    for (place, pair), split in zip(free.items(), splits, strict=True):
        collection.pairs[place] = replace(pair, split=split)
    collection.notes.append(
        "the folders name no split: the official 88/100 is taken from the students' numbers"
    )


LAYOUT = Layout(
    "cufs",
    "CUFS as distributed: names differ in case and suffix, the official 88/100 split is kept",
    "CUHK_training_cropped_photos/    f-005-01.jpg ...\n"
    "CUHK_training_cropped_sketches/  F2-005-01-sz1.jpg ...\n"
    "CUHK_testing_cropped_photos/     m-063-01.jpg ...\n"
    "CUHK_testing_cropped_sketches/   m-063-01-sz1.jpg ...",
    recognise,
    collect,
)
