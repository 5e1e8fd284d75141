"""FS2K as distributed: photo1/image0001 belongs to sketch1/sketch0001; the official split is in two JSON files."""

from __future__ import annotations

import json
import re

from data_prep.errors import DataPrepError, printable
from data_prep.sources import names
from data_prep.sources.layout import Candidate, Collection, Layout, LayoutOptions
from data_prep.sources.sides import with_made
from data_prep.sources.tree import Picture, Tree

TERMS = "FS2K: for research; see its repository (DengPingFan/FS2K)"
_FOLDER = re.compile(r"^(?:photo|sketch)(\d)$")
_NAME = re.compile(r"^(?:image|sketch)(\d{4})$")


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether most pictures lie in photo1 … sketch3 under FS2K's names."""
    return 2 * sum(_key(picture) is not None for picture in tree.pictures) > len(tree.pictures)


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """Pairs by batch and number; the split is that of anno_train.json and anno_test.json."""
    sides: dict[str, list[Picture]] = {"photo": [], "sketch": []}
    for picture in tree.pictures:
        if _key(picture):
            sides["sketch" if picture.folder[-1].casefold().startswith("sketch") else "photo"].append(picture)
    split_of = _read_splits(tree)
    matched, lone_sketches, lone_photos = names.match(sides["sketch"], sides["photo"], [_key])
    collection = Collection([], lone_sketches, lone_photos, terms=TERMS)
    for sketch, photo in sorted(with_made(matched, collection, options), key=lambda pair: _key(pair[1])):
        batch, number = _key(photo)
        split, person = split_of.get((batch, number), ""), f"fs2k-{batch}-{number}"
        pair = Candidate(sketch, photo, f"fs2k/style{batch}", split, person, qualifiers=(f"photo{batch}",))
        collection.pairs.append(pair)
    if split_of:
        collection.notes.append("the split is the official one of anno_train.json and anno_test.json")
    else:
        collection.notes.append("no anno_train.json and anno_test.json here: the split is drawn, not the official one")
    return collection


def _key(picture: Picture) -> tuple[str, str] | None:
    """(batch, number) of an FS2K picture: photo1/image0001 and sketch1/sketch0001 are ("1", "0001")."""
    folder = _FOLDER.match(picture.folder[-1].casefold()) if picture.folder else None
    name = _NAME.match(picture.stem.casefold())
    return (folder[1], name[1]) if folder and name else None


def _read_splits(tree: Tree) -> dict[tuple[str, str], str]:
    """(batch, number) → split, of the files that are there. Raises DataPrepError where one is something else."""
    split_of: dict[tuple[str, str], str] = {}
    for split in ("train", "test"):
        text = tree.text(f"anno_{split}.json")
        if text is None:
            continue
        try:
            entries = json.loads(text)
            listed = [str(entry["image_name"]).casefold() for entry in entries] if isinstance(entries, list) else []
        except (ValueError, KeyError, TypeError):
            listed = []
        if not listed:
            raise DataPrepError(
                f"{printable(tree.root)}: anno_{split}.json is not FS2K's list of pictures: download it again"
            )
        for name in listed:
            if parts := re.match(r"^(?:.*/)?photo(\d)/image(\d{4})", name):
                split_of[parts[1], parts[2]] = split
    return split_of


LAYOUT = Layout(
    "fs2k",
    "FS2K as distributed, with its official split",
    "photo/photo1/    image0001.jpg ...   (photo1 to photo3)\n"
    "sketch/sketch1/  sketch0001.jpg ...\n"
    "anno_train.json, anno_test.json",
    recognise,
    collect,
)
