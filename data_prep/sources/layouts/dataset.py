"""A data set that data_prep made, as a source: to be aligned, resized or merged anew."""

from __future__ import annotations

from pathlib import Path

from data_prep import files
from data_prep.errors import DataPrepError, printable
from data_prep.sources.layout import POINTS, Candidate, Collection, Layout, LayoutOptions
from data_prep.sources.tree import Picture, Tree
from s2f_utils.data import COLUMNS, DataError, read_manifest

HEAD_BYTES = 10_000  # of the manifest, in which its first line ends


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether data_prep made this folder, or the one folder in it: it has a manifest with the documented columns."""
    if len(tree.manifests) != 1:
        return False
    head = files.read_bytes(tree.manifests[0])[:HEAD_BYTES].decode("utf-8-sig", errors="replace").splitlines()
    return bool(head) and set(COLUMNS) <= set(head[0].strip().split(","))


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """The pairs as the manifest has them, with split and identity; those without a photo are left aside."""
    if not tree.root.is_dir():
        raise DataPrepError(
            f"{printable(tree.given)}: holds a data set with a manifest.csv: unpack it, give the folder"
        )
    try:
        manifest = read_manifest(tree.manifests[0])
    except DataError as error:
        raise DataPrepError(str(error)) from None

    def picture(path: Path | None, side: str) -> Picture | None:
        return path and Picture(path, path.parent.relative_to(manifest.path.parent).parts, side)

    collection = Collection()
    once: set[Path] = set()
    for row in manifest.pairs:
        if not row.photo or (options.made and row.photo in once):
            continue  # of a photo with several sketches, one is enough to make others from
        once.add(row.photo)
        sketch, photo, mask = (picture(getattr(row, side), side) for side in ("sketch", "photo", "mask"))
        name = photo.stem if options.made else row.id
        attributes = {name: text for name, text in row.attributes.items() if name not in POINTS}
        about = {"mask": mask, "id": name, "attributes": attributes}
        collection.pairs.append(Candidate(sketch, photo, row.source, row.split, row.identity, **about))
    return collection


LAYOUT = Layout(
    "dataset",
    "a data set that data_prep made, to be aligned, resized or merged anew; its split is kept",
    "manifest.csv\nphotos/, sketches/, masks/",
    recognise,
    collect,
)
