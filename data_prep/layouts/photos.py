"""Photos alone, in any folders: sketches are made from them."""

from __future__ import annotations

from data_prep.layouts.layout import (
    Candidate,
    Collection,
    Layout,
    LayoutOptions,
    masks_of,
    people_of,
)
from data_prep.layouts.tree import Tree, relocated
from data_prep.messages import printable


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether sketches are to be made, there are pictures,
    and no folder says that it holds sketches.
    """
    has_pictures = any(picture.side != "mask" for picture in tree.pictures)
    return options.make_sketches and has_pictures and not tree.on_side("sketch")


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """Every picture is a photo;
    train, val and test folders are kept as the split, others may be people.
    """
    collection = Collection()
    photos = tree.on_side("photo")
    if not photos:  # all folders but the splits' are below the photos' own
        photos = [relocated(p, "photo", tree.root) for p in tree.pictures if not p.side]
    masks, people = masks_of(tree, photos), people_of(photos, collection)
    for photo in photos:
        pair = Candidate(
            None,
            photo,
            tree.root.stem,
            photo.split,
            printable(people.get(photo, "")),
            mask=masks.get(photo),
            qualifiers=photo.folder,
        )
        collection.pairs.append(pair)
    return collection


LAYOUT = Layout(
    "photos",
    "photos alone, in any folders; sketches are made from them (recognised where --style is given)",
    "1.jpg ...   (train, val and test folders are kept as the split)",
    recognise,
    collect,
    order=4,
    local_names=True,
)
