"""Which of a source's pictures are sketches and which photos: by the names of folders, or as a user says."""

from __future__ import annotations

from pathlib import Path

from data_prep.errors import DataPrepError
from data_prep.found import LayoutOptions
from data_prep.tree import Picture, Tree, relocated, scan


def named_folder(tree: Tree, option: str) -> Path:
    """The folder that a user named with --sketches or --photos: inside the source, or anywhere."""
    inside = tree.root / option
    return inside if inside.is_dir() else Path(option)


def _named(tree: Tree, option: str, side: str) -> list[Picture]:
    base = named_folder(tree, option)
    try:
        found = scan(base).pictures
    except DataPrepError as error:
        raise DataPrepError(f"--{'sketches' if side == 'sketch' else 'photos'}: {error.message}") from None
    return [relocated(picture, side, base) for picture in found]


def named_sides(tree: Tree, options: LayoutOptions) -> tuple[list[Picture], list[Picture]]:
    """The sketches and the photos: those of a folder that the user named, else those whose folders' names say it."""
    sketches = _named(tree, options.sketches, "sketch") if options.sketches else tree.on_side("sketch")
    photos = _named(tree, options.photos, "photo") if options.photos else tree.on_side("photo")
    return sketches, photos
