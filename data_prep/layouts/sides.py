"""Which of a source's pictures are sketches and which photos:
by the names of folders, or by the user's choice.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from data_prep.layouts import names
from data_prep.layouts.layout import Collection, LayoutOptions
from data_prep.layouts.tree import Picture, Tree, relocated, scan
from s2f_utils.data import DataError

MIN_PEOPLE_FOLDERS = 5  # fewer subfolders than this are taken for batches, not for people


def named_folder(tree: Tree, option: str) -> Path:
    """The folder that a user named with --sketches or --photos: inside the source, or anywhere."""
    inside = tree.root / option
    return inside if inside.is_dir() else Path(option)


def _pictures_of(tree: Tree, side: str, flag: str, folder: str | None) -> list[Picture]:
    if folder is None:
        return tree.on_side(side)
    base = named_folder(tree, folder)
    try:
        pictures = scan(base).pictures
    except DataError as error:
        raise DataError(f"{flag}: {str(error).splitlines()[0]}") from None
    return [relocated(picture, side, base) for picture in pictures]


def named_sides(tree: Tree, options: LayoutOptions) -> tuple[list[Picture], list[Picture]]:
    """The sketches and the photos: those of a folder that the user named, else those whose folders'
    names say it.
    """
    sketches = _pictures_of(tree, "sketch", "--sketches", options.sketches)
    photos = _pictures_of(tree, "photo", "--photos", options.photos)
    return sketches, photos


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return _composed(name).casefold().strip()


def _key(normalise: Callable[[str], Hashable]) -> Callable[[Picture], tuple]:
    def key(picture: Picture) -> tuple:
        folders = tuple(normalise(name) for name in picture.sub)
        return picture.group, picture.split, folders, normalise(picture.stem)

    return key


# for `names.match`, from strict to loose
BY_NAME = [_key(_composed), _key(_folded), _key(names.without_side), _key(names.without_zeros)]
loosest_key = BY_NAME[-1]


def masks_of(tree: Tree, photos: Sequence[Picture]) -> dict[Picture, Picture]:
    """The label map of each photo, from folders that are called masks; {} where there are none."""
    matched, _, _ = names.match(tree.on_side("mask"), photos, BY_NAME)
    return {photo: mask for mask, photo in matched}


def with_photos_alone(
    pairs: Sequence[tuple[Picture, Picture]], collection: Collection, options: LayoutOptions
) -> list[tuple[Picture | None, Picture]]:
    """The pairs, and, where sketches are going to be made, the photos without one:
    they lack nothing then.
    """
    if not options.make_sketches:
        return list(pairs)
    lone = collection.lone_photos
    collection.lone_photos, collection.lone_sketches = [], []
    return [*pairs, *((None, photo) for photo in lone)]


def people_of(photos: Sequence[Picture], collection: Collection) -> dict[Picture, str]:
    """The person of each photo by its subfolder, where there are five of them or more; {} where
    there are not. Folders in such a folder, of sessions, are the same person's.

    What was decided, and how to decide otherwise, is noted in `collection`.
    """
    folders = {photo: photo.sub for photo in photos if photo.sub}
    # down to the first folder in which not all lie
    depth = len(os.path.commonprefix(list(folders.values()))) + 1
    tops = {photo: sub[:depth] for photo, sub in folders.items()}
    if len(set(tops.values())) >= MIN_PEOPLE_FOLDERS:
        folders = tops
    num = len(set(folders.values()))
    if num < 2:
        return {}
    if num < MIN_PEOPLE_FOLDERS or len(folders) < 0.9 * len(photos):
        batches = f"the {num} subfolders are taken for batches, not for people (else: --identity)"
        collection.notes.append(batches)
        return {}
    collection.notes.append(
        f"each of the {num} subfolders is taken for one person (else: --identity)"
    )
    beside = len(photos) - len(folders)
    if beside:
        collection.notes.append(f"{beside} photos beside them are each taken for somebody else")
    return {photo: _composed("/".join(folder)) for photo, folder in folders.items()}
