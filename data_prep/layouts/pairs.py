"""A folder of sketches and a folder of photos, matched by name."""

from __future__ import annotations

from data_prep.layouts.layout import (
    BY_NAME,
    Candidate,
    Collection,
    Layout,
    LayoutOptions,
    masks_of,
    match_names,
    named_sides,
    people_of,
    with_photos_alone,
)
from data_prep.layouts.tree import Tree
from data_prep.messages import printable
from s2f_utils.data import DataError


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether there are folders of both sides, or the user named them."""
    named = bool(options.sketches or options.photos)
    return named or bool(tree.on_side("sketch") and tree.on_side("photo"))


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """Pair the pictures of a sketch and a photo folder by stem: exactly, else whatever the case,
    else without "_sketch" and "_photo" in the names, else without zeros before numbers. Subfolders
    and splits must agree.
    """
    if bool(options.sketches) != bool(options.photos):
        raise DataError("--sketches and --photos belong together: give both, or neither")
    sketches, photos = named_sides(tree, options)
    matched, lone_sketches, lone_photos = match_names(sketches, photos, BY_NAME)
    collection = Collection([], lone_sketches, lone_photos)
    matched = with_photos_alone(matched, collection, options)
    photos = [photo for _, photo in matched]
    masks, people = masks_of(tree, photos), people_of(photos, collection)
    for sketch, photo in sorted(matched, key=lambda pair: pair[1].shown):
        pair = Candidate(
            sketch,
            photo,
            tree.root.stem,
            photo.split,
            printable(people.get(photo, "")),
            mask=masks.get(photo),
            qualifiers=tuple(filter(None, (photo.split, *photo.group, *photo.sub))),
        )
        collection.pairs.append(pair)
    return collection


LAYOUT = Layout(
    "pairs",
    "a folder of sketches and a folder of photos, matched by name",
    "sketches/  anna.png ...   (or drawings, train/sketches, ...)\n"
    "photos/    anna.jpg ...   (or portraits, train/photos, ...)",
    recognise,
    collect,
    order=2,
    takes_folders=True,
    local_names=True,
)
