"""A folder of sketches and a folder of photos, matched by name."""

from __future__ import annotations

from data_prep.errors import DataPrepError, printable
from data_prep.sources import names
from data_prep.sources.layout import Candidate, Collection, Layout, LayoutOptions
from data_prep.sources.sides import BY_NAME, masks_of, named_sides, people_of, with_made
from data_prep.sources.tree import Tree


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether there are folders of both sides, or the user named them."""
    named = bool(options.sketches or options.photos)
    return named or (bool(tree.on_side("sketch")) and bool(tree.on_side("photo")))


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """Pair the pictures of a sketch and a photo folder by stem: exactly, else whatever the case, else without
    "_sketch" and "_photo" in the names. Subfolders and splits must agree.
    """
    if bool(options.sketches) != bool(options.photos):
        raise DataPrepError("--sketches and --photos belong together: give both, or neither")
    matched, lone_sketches, lone_photos = names.match(*named_sides(tree, options), BY_NAME)
    collection = Collection([], lone_sketches, lone_photos)
    matched = with_made(matched, collection, options)
    photos = [photo for _, photo in matched]
    masks, people = masks_of(tree, photos), people_of(photos, collection)
    for sketch, photo in sorted(matched, key=lambda pair: pair[1].shown):
        person, mask = printable(people.get(photo, "")), masks.get(photo)
        qualifiers = tuple(filter(None, (photo.split, *photo.group, *photo.sub)))
        pair = Candidate(sketch, photo, tree.root.stem, photo.split, person, mask=mask, qualifiers=qualifiers)
        collection.pairs.append(pair)
    return collection


LAYOUT = Layout(
    "pairs",
    "a folder of sketches and a folder of photos, matched by name",
    "sketches/  anna.png ...   (or sketch, drawings, edges, A, trainA, train/A, ...)\n"
    "photos/    anna.jpg ...   (or photo, images, faces, B, trainB, train/B, ...)",
    recognise,
    collect,
    general=True,
    takes_named=True,
)
