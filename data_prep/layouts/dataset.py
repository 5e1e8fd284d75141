"""A data set that data_prep made, as a source: to be aligned, resized or merged anew."""

from __future__ import annotations

import csv
from pathlib import Path

from data_prep import files
from data_prep.errors import DataPrepError, printable
from data_prep.layouts.layout import POINTS, Candidate, Collection, Layout, LayoutOptions
from data_prep.layouts.tree import Picture, Tree
from s2f_utils.data import COLUMNS, DataError, read_manifest, terms_of

HEAD_BYTES = 10_000  # of the manifest, in which its first line ends
OF_SETTINGS = ('"layout"', '"size_px"')  # what settings.json has in every set


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether data_prep made this folder, or the one folder in it: it has a manifest with the
    documented columns.
    """
    return _manifest_of(tree) is not None


def _manifest_of(tree: Tree) -> Path | None:
    """The manifest of the one data set that is here; None where there is none.

    Raises DataPrepError for several, and for a set that is not complete, or whose manifest was
    changed: as a folder of pictures alone it would lose its split and its people.
    """
    heads = {
        path: files.read_bytes(path)[:HEAD_BYTES].decode("utf-8-sig", errors="replace")
        for path in tree.made
    }
    first = {
        path: head.partition("\n")[0].strip()
        for path, head in heads.items()
        if path.name == "manifest.csv"
    }
    ours = {path for path, head in first.items() if all(name in head for name in COLUMNS)}
    ours |= {
        path for path in set(heads) - set(first) if all(key in heads[path] for key in OF_SETTINGS)
    }
    if len({path.parent for path in ours}) > 1:
        raise DataPrepError(
            f"{printable(tree.given)}: holds several data sets: give each of them as a source"
        )
    usable = [
        path for path in ours & set(first) if set(COLUMNS) <= set(next(csv.reader([first[path]])))
    ]
    if ours and not usable:
        raise DataPrepError(
            f"{printable(min(ours).parent)}: a data set without a manifest.csv that can be read: run the command that"
            " makes it once more, or save the file as CSV with commas, in UTF-8 (--layout takes the pictures alone)"
        )
    return usable[0] if usable else None


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """The pairs as the manifest has them, with split and identity; those without a photo are left
    aside.
    """
    if not tree.root.is_dir():
        raise DataPrepError(
            f"{printable(tree.given)}: holds a data set (manifest.csv): unpack it, give the folder"
        )
    try:
        manifest = read_manifest(_manifest_of(tree) or tree.root)  # without one, it says so
    except DataError as error:
        raise DataPrepError(str(error)) from None

    def picture(path: Path | None, side: str) -> Picture | None:
        root = manifest.path.parent
        inside = path and path.is_relative_to(
            root
        )  # a manifest may name pictures that are elsewhere
        return path and Picture(path, path.parent.relative_to(root).parts if inside else (), side)

    collection = Collection(terms="\n".join(terms_of(manifest.settings)))
    once: set[Path] = set()
    for row in manifest.pairs:
        if not row.photo or (options.made and row.photo in once):
            continue  # of a photo with several sketches, one is enough to make others from
        once.add(row.photo)
        sketch, photo, mask = (
            picture(getattr(row, side), side) for side in ("sketch", "photo", "mask")
        )
        name = photo.stem if options.made else row.id
        attributes = {name: text for name, text in row.attributes.items() if name not in POINTS}
        about = {"mask": mask, "id": name, "attributes": attributes}
        collection.pairs.append(
            Candidate(sketch, photo, row.source, row.split, row.identity, **about)
        )
    return collection


LAYOUT = Layout(
    "dataset",
    "a data set that data_prep made, to be aligned, resized or merged anew; its split is kept",
    "manifest.csv\nphotos/, sketches/, masks/",
    recognise,
    collect,
)
