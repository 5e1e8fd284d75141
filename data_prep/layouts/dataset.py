"""A data set that data_prep made, as a source: to be aligned, resized or merged anew."""

from __future__ import annotations

import csv
from pathlib import Path

from data_prep.layouts.layout import POINTS, Candidate, Collection, Layout, LayoutOptions
from data_prep.layouts.tree import Picture, Tree
from data_prep.messages import printable
from s2f_utils.data import COLUMNS, DataError, Row, read_manifest, terms_of

HEAD_BYTES = 10_000  # of the manifest, in which its first line ends
KEYS_OF_SETTINGS = ('"layout"', '"size_px"')  # what settings.json has in every set


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether data_prep made this folder, or the one folder in it:
    it has a manifest with the documented columns.
    """
    return _manifest_of(tree) is not None


def _is_of_a_set(path: Path, head: str) -> bool:
    if path.name == "manifest.csv":
        first_line = head.partition("\n")[0]
        return all(name in first_line for name in COLUMNS)
    return all(key in head for key in KEYS_OF_SETTINGS)


def _manifest_of(tree: Tree) -> Path | None:
    """The manifest of the one data set that is here; None where there is none.

    Raises DataError for several, and for a set that is not complete, or whose manifest was
    changed: as a folder of pictures alone it would lose its split and its people.
    """
    heads = {}
    for path in tree.tables:
        head = path.read_bytes()[:HEAD_BYTES].decode("utf-8-sig", errors="replace")
        if _is_of_a_set(path, head):
            heads[path] = head
    if not heads:
        return None
    if len({path.parent for path in heads}) > 1:
        raise DataError(
            f"{printable(tree.root)}: holds several data sets: give each of them as a source"
        )
    for path, head in heads.items():
        columns = next(csv.reader([head.partition("\n")[0].strip()]))
        if path.name == "manifest.csv" and set(COLUMNS) <= set(columns):
            return path
    raise DataError(
        f"{printable(next(iter(heads)).parent)}: a data set without a manifest.csv that can be"
        " read: run the command that makes it once more, or save the file as CSV with commas, in"
        " UTF-8 (--layout takes the pictures alone)"
    )


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """The pairs as the manifest has them, with split and identity;
    those without a photo are left aside.
    """
    manifest = read_manifest(_manifest_of(tree) or tree.root)  # without one, it says so
    collection = Collection(terms="\n".join(terms_of(manifest.settings)))
    seen: set[Path] = set()
    for row in manifest.pairs:
        if not row.photo or (options.make_sketches and row.photo in seen):
            continue  # of a photo with several sketches, one is enough to make others from
        seen.add(row.photo)
        name = row.photo.stem if options.make_sketches else row.id
        collection.pairs.append(_candidate(row, name, manifest.path.parent))
    return collection


def _candidate(row: Row, name: str, root: Path) -> Candidate:
    attributes = {column: text for column, text in row.attributes.items() if column not in POINTS}
    return Candidate(
        _picture(row.sketch, "sketch", root),
        _picture(row.photo, "photo", root),
        row.source,
        row.split,
        row.identity,
        mask=_picture(row.mask, "mask", root),
        id=name,
        attributes=attributes,
    )


def _picture(path: Path | None, side: str, root: Path) -> Picture | None:
    if path is None:
        return None
    # a manifest may name pictures that are elsewhere
    folder = path.parent.relative_to(root).parts if path.is_relative_to(root) else ()
    return Picture(path, folder, side)


LAYOUT = Layout(
    "dataset",
    "a data set that data_prep made, to be aligned, resized or merged anew; its split is kept",
    "manifest.csv\nphotos/, sketches/, masks/",
    recognise,
    collect,
    order=0,
)
