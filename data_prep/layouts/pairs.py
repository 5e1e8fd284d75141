"""A folder of sketches and a folder of photos, matched by name."""

from __future__ import annotations

from dataclasses import replace

from data_prep.errors import DataPrepError, printable
from data_prep.layouts import names
from data_prep.layouts.layout import Candidate, Collection, Layout, LayoutOptions
from data_prep.layouts.sides import (
    BY_NAME,
    BY_NUMBERS,
    masks_of,
    named_sides,
    people_of,
    sides_by_file_name,
    with_made,
)
from data_prep.layouts.tree import Picture, Tree


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether there are folders of both sides, or the user named them, or most sketches have a
    photo by file names.
    """
    if options.sketches or options.photos:
        return True
    sketches, photos = tree.on_side("sketch"), tree.on_side("photo")
    if sketches or photos:
        return bool(sketches and photos)
    sketches, photos = sides_by_file_name(tree)
    return bool(sketches) and 2 * len(names.match(sketches, photos, BY_NAME)[0]) >= len(sketches)


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """Pair the pictures of a sketch and a photo folder by stem: exactly, else whatever the case,
    else without "_sketch" and "_photo" in the names, else without zeros before numbers. Subfolders
    and splits must agree.
    """
    if bool(options.sketches) != bool(options.photos):
        raise DataPrepError("--sketches and --photos belong together: give both, or neither")
    sketches, photos = named_sides(tree, options)
    if not sketches and not photos:
        sketches, photos = sides_by_file_name(tree)
    matched, lone_sketches, lone_photos = names.match(sketches, photos, BY_NAME)
    notes = []
    if not matched:
        sketches, photos = _without_group(sketches), _without_group(photos)
        by_numbers = _one_wording(sketches) and _one_wording(photos)
        keys = [*BY_NAME, BY_NUMBERS] if by_numbers else BY_NAME
        matched, lone_sketches, lone_photos = names.match(sketches, photos, keys)
        notes = [
            f"matched by what their names share: {s.shown} and {p.shown}, ..."
            for s, p in matched[:1]
        ]
    collection = Collection([], lone_sketches, lone_photos, notes)
    matched = with_made(matched, collection, options)
    photos = [photo for _, photo in matched]
    masks, people = masks_of(tree, photos), people_of(photos, collection)
    for sketch, photo in sorted(matched, key=lambda pair: pair[1].shown):
        person, mask = printable(people.get(photo, "")), masks.get(photo)
        qualifiers = tuple(filter(None, (photo.split, *photo.group, *photo.sub)))
        pair = Candidate(
            sketch, photo, tree.root.stem, photo.split, person, mask=mask, qualifiers=qualifiers
        )
        collection.pairs.append(pair)
    return collection


def _without_group(pictures: list[Picture]) -> list[Picture]:
    """The pictures without the other words of their folders, where all have the same: "02. Sketches
    (png)".
    """
    if len({picture.group for picture in pictures}) > 1:
        return pictures
    return [replace(picture, group=()) for picture in pictures]


def _one_wording(pictures: list[Picture]) -> bool:
    """Whether the names differ in their numbers alone: sk01, sk02, ..."""
    return len({names.wording(picture.stem) for picture in pictures}) == 1


LAYOUT = Layout(
    "pairs",
    "a folder of sketches and a folder of photos, matched by name",
    "sketches/  anna.png ...   (or sketch, drawings, edges, A, trainA, train/A, ...)\n"
    "photos/    anna.jpg ...   (or photo, images, faces, real, B, trainB, train/B, ...)\n"
    "(or all in one folder: anna_sketch.png, anna.jpg ...)",
    recognise,
    collect,
    general=True,
    takes_named=True,
)
