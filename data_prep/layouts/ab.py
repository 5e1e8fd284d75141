"""Sketch and photo side by side in one picture: pix2pix's AB images."""

from __future__ import annotations

from data_prep import files
from data_prep.layouts.layout import SIDES, Candidate, Collection, Layout, LayoutOptions
from data_prep.layouts.tree import Tree

SIZES_READ = 12  # pictures whose size decides whether a folder holds AB images


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether the pictures are twice as wide as high (a dozen of them, spread evenly, are looked
    at).
    """
    from PIL import Image

    step = max(1, len(tree.pictures) // SIZES_READ)
    wide = read = 0
    for picture in tree.pictures[::step][:SIZES_READ]:
        try:
            with Image.open(files.open_picture(picture.path)) as opened:
                width, height = opened.size
        except Exception:  # whatever is wrong with it is said when its turn comes
            continue
        read += 1
        wide += abs(width - 2 * height) <= 0.02 * width
    return read > 0 and wide >= 0.75 * read


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """Every picture is a pair; train, val and test folders are kept as the split."""
    side, other = options.sketch_side, SIDES[1 - SIDES.index(options.sketch_side)]
    pairs = [
        Candidate(
            picture, picture, tree.root.name, picture.split, half=side, qualifiers=picture.folder
        )
        for picture in tree.pictures
    ]
    return Collection(
        pairs, notes=[f"the {side} half is the sketch, the {other} half the photo (--sketch-side)"]
    )


LAYOUT = Layout(
    "ab",
    "sketch and photo side by side in one picture (pix2pix's AB images)",
    "train/  1.jpg ...   (each twice as wide as high; train, val and test are kept as the split)\n"
    "test/   2.jpg ...   (or all pictures in one folder)",
    recognise,
    collect,
    general=True,
)
