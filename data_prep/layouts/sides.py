"""Which of a source's pictures are sketches and which photos: by the names of folders, or as a user
says.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path, PurePosixPath

from data_prep.errors import DataPrepError
from data_prep.layouts import names
from data_prep.layouts.layout import Collection, LayoutOptions
from data_prep.layouts.tree import Picture, Tree, relocated, scan


def named_folder(tree: Tree, option: str) -> Path:
    """The folder that a user named with --sketches or --photos: inside the source, or anywhere."""
    inside = tree.root / option
    return inside if inside.is_dir() else Path(option)


def _named(tree: Tree, option: str, side: str) -> list[Picture]:
    parts = PurePosixPath(option.replace("\\", "/")).parts
    if not tree.root.is_dir():  # an archive
        packed = [p for p in tree.pictures if p.folder[: len(parts)] == parts]
        if packed:
            return [relocated(picture, side, tree.given.joinpath(*parts)) for picture in packed]
    base = named_folder(tree, option)
    try:
        pictures = scan(base).pictures
    except DataPrepError as error:
        raise DataPrepError(
            f"--{'sketches' if side == 'sketch' else 'photos'}: {error.message}"
        ) from None
    return [relocated(picture, side, base) for picture in pictures]


def named_sides(tree: Tree, options: LayoutOptions) -> tuple[list[Picture], list[Picture]]:
    """The sketches and the photos: those of a folder that the user named, else those whose folders'
    names say it.
    """
    sketches = (
        _named(tree, options.sketches, "sketch") if options.sketches else tree.on_side("sketch")
    )
    photos = _named(tree, options.photos, "photo") if options.photos else tree.on_side("photo")
    return sketches, photos


def sides_by_file_name(tree: Tree) -> tuple[list[Picture], list[Picture]]:
    """The sketches and the photos by file names, where folders do not say it: "anna_sketch.png",
    and the others.
    """
    said = [(names.side_of_file(p.stem), p) for p in tree.pictures if not p.side]
    sketches = [relocated(p, "sketch", tree.given) for side, p in said if side == "sketch"]
    return sketches, [
        relocated(p, "photo", tree.given) for side, p in said if side in ("photo", "")
    ]


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _key(
    normalise: Callable[[str], Hashable], folders: Callable[[str], str] | None = None
) -> Callable[[Picture], tuple]:
    return lambda p: (p.group, p.split, tuple(map(folders or normalise, p.sub)), normalise(p.stem))


def _folded(name: str) -> str:
    return _composed(name).casefold().strip()


# for `names.match`, from strict to loose
BY_NAME = [_key(_composed), _key(_folded), _key(names.without_side), _key(names.without_zeros)]
loosest_key = BY_NAME[-1]
BY_NUMBERS = _key(names.numbers, folders=_composed)


def masks_of(tree: Tree, photos: Sequence[Picture]) -> dict[Picture, Picture]:
    """The label map of each photo, from folders that are called masks; {} where there are none."""
    matched, _, _ = names.match(tree.on_side("mask"), photos, BY_NAME)
    return {photo: mask for mask, photo in matched}


def with_made(
    pairs: Sequence[tuple[Picture, Picture]], collection: Collection, options: LayoutOptions
) -> list[tuple[Picture | None, Picture]]:
    """The pairs, and, where sketches are going to be made, the photos without one: they lack
    nothing then.
    """
    if not options.made:
        return list(pairs)
    lone = collection.lone_photos
    collection.lone_photos, collection.lone_sketches = [], []
    return [*pairs, *((None, photo) for photo in lone)]


MIN_PEOPLE_FOLDERS = 5  # fewer subfolders than this are taken for batches, not for people


def people_of(photos: Sequence[Picture], collection: Collection) -> dict[Picture, str]:
    """The person of each photo by its subfolder, where there are five of them or more; {} where
    there are not. Folders in such a folder, of sessions, are the same person's.

    What was decided, and how to decide otherwise, is noted in `collection`.
    """
    whole = {photo: photo.sub for photo in photos if photo.sub}
    depth = (
        len(os.path.commonprefix(list(whole.values()))) + 1
    )  # down to the first folder in which not all lie
    first = {photo: sub[:depth] for photo, sub in whole.items()}
    mine = first if len(set(first.values())) >= MIN_PEOPLE_FOLDERS else whole
    num, inside = len(set(mine.values())), len(mine)
    if num < 2:
        return {}
    if num < MIN_PEOPLE_FOLDERS or inside < 0.9 * len(photos):
        collection.notes.append(
            f"the {num} subfolders are taken for batches, not for people (else: --identity)"
        )
        return {}
    collection.notes.append(
        f"each of the {num} subfolders is taken for one person (else: --identity)"
    )
    if inside < len(photos):
        collection.notes.append(
            f"{len(photos) - inside} photos beside them are each taken for somebody else"
        )
    return {photo: _composed("/".join(folder)) for photo, folder in mine.items()}
