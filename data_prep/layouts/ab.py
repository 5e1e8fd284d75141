"""Sketch and photo side by side in one picture: pix2pix's AB images."""

from __future__ import annotations

from data_prep import files
from data_prep.layouts.layout import HALVES, Candidate, Collection, Layout, LayoutOptions
from data_prep.layouts.tree import Tree
from s2f_utils.pictures import images

SIZES_READ = 12  # pictures whose size decides whether a folder holds AB images


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether three in four pictures are twice as wide as high; a dozen of them are read."""
    step = max(1, len(tree.pictures) // SIZES_READ)
    wide = num_read = 0
    for picture in tree.pictures[::step][:SIZES_READ]:
        try:
            width, height = files.size_px(picture.path)
        except images.ImageError:  # it is reported when it is prepared
            continue
        num_read += 1
        wide += abs(width - 2 * height) <= 0.02 * width
    return num_read > 0 and wide >= 0.75 * num_read


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """Every picture is a pair; train, val and test folders are kept as the split."""
    side, other = options.sketch_side, HALVES[1 - HALVES.index(options.sketch_side)]
    collection = Collection()
    for picture in tree.pictures:
        about = {"half": side, "qualifiers": picture.folder}
        pair = Candidate(picture, picture, tree.root.name, picture.split, **about)
        collection.pairs.append(pair)
    note = f"the {side} half is the sketch, the {other} half the photo (--sketch-side)"
    collection.notes.append(note)
    return collection


LAYOUT = Layout(
    "ab",
    "sketch and photo side by side in one picture (pix2pix's AB images)",
    "train/  1.jpg ...   (each twice as wide as high; train, val and test are kept as the split)\n"
    "test/   2.jpg ...   (or all pictures in one folder)",
    recognise,
    collect,
    order=3,
    local_names=True,
)
