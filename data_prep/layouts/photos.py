"""Photos alone, in any folders: sketches are made from them."""

from __future__ import annotations

from data_prep.errors import printable
from data_prep.layouts.layout import Candidate, Collection, Layout, LayoutOptions
from data_prep.layouts.sides import masks_of, people_of
from data_prep.layouts.tree import Tree, relocated


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether sketches are to be made, there are pictures, and no folder of them says that it holds
    sketches.

    Without the wish for sketches, two folders of pairs with names of their own would be taken for
    photos.
    """
    return (
        options.made
        and any(picture.side != "mask" for picture in tree.pictures)
        and not tree.on_side("sketch")
    )


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """Every picture is a photo; train, val and test folders are kept as the split, others may be
    people.
    """
    collection = Collection()
    photos = tree.on_side("photo")
    if not photos:  # no folder says so: all folders but the splits' are below the photos' own
        photos = [relocated(p, "photo", tree.given) for p in tree.pictures if not p.side]
    masks, people = masks_of(tree, photos), people_of(photos, collection)
    for photo in photos:
        person, mask = printable(people.get(photo, "")), masks.get(photo)
        pair = Candidate(
            None, photo, tree.root.stem, photo.split, person, mask=mask, qualifiers=photo.folder
        )
        collection.pairs.append(pair)
    return collection


LAYOUT = Layout(
    "photos",
    "photos alone, in any folders; sketches are made from them (recognised where --style is given)",
    "1.jpg ...   (train, val and test folders are kept as the split)",
    recognise,
    collect,
    general=True,
)
