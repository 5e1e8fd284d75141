"""CelebAMask-HQ: photos by number, CelebA's split by the mapping file,
label maps joined from a face's parts.
"""

from __future__ import annotations

from data_prep import files
from data_prep.layouts.layout import Candidate, Collection, Layout, LayoutOptions
from data_prep.layouts.tree import PARTS_FOLDER, Picture, Tree

TERMS = "CelebAMask-HQ: for non-commercial research and education; the photos belong to others"
# Where CelebA's official partition begins with validation and with testing, by CelebA's own
# numbers.
VAL, TEST = 162_771, 182_638
_FOLDER = "CelebA-HQ-img"
_MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether there is a folder CelebA-HQ-img."""
    return any(_in_folder(tree, picture) for picture in tree.pictures)


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """The photos by number, with the split of the mapping file and the map of the photo's parts."""
    collection = Collection(terms=TERMS)
    photos = [p for p in tree.pictures if p.stem.isdigit() and _in_folder(tree, p)]
    split_of = _read_splits(tree)
    for photo in sorted(photos, key=lambda picture: int(picture.stem)):
        number = int(photo.stem)
        mask = None
        if number in tree.parts:
            folder, inside = tree.parts[number]
            mask = Picture(folder / f"{number:05d}{files.ALL_PARTS}", inside, "mask")
        identity = f"celeba-hq-{number}"
        split = split_of.get(number, "")
        pair = Candidate(None, photo, "celebamask-hq", split, identity, mask=mask)
        collection.pairs.append(pair)
    lacking = sum(pair.mask is None for pair in collection.pairs)
    if tree.parts and lacking:
        collection.notes.append(
            f"{lacking} photos have no parts in {PARTS_FOLDER}: no maps are written"
        )
    if split_of:
        collection.notes.append(f"the split is CelebA's, by {_MAPPING}")
    else:
        collection.notes.append(
            f"no {_MAPPING} here: the split is drawn, not CelebA's, and may divide people"
        )
    return collection


def _in_folder(tree: Tree, picture: Picture) -> bool:
    return _FOLDER in (tree.root.name, *picture.folder)


def _read_splits(tree: Tree) -> dict[int, str]:
    """Photo's number → the split of the CelebA photo that it was made from;
    {} without the mapping file.
    """
    split_of = {}
    for line in (tree.text(_MAPPING) or "").splitlines()[1:]:
        # The second column counts from 0; the file's name has CelebA's own number, from 1.
        number, _, original = (*line.split(), "", "", "")[:3]
        original = original.removesuffix(".jpg")
        if number.isdigit() and original.isdigit():
            split_of[int(number)] = _split_at(int(original))
    return split_of


def _split_at(original: int) -> str:
    if original < VAL:
        return "train"
    return "val" if original < TEST else "test"


LAYOUT = Layout(
    "celebamask-hq",
    "CelebAMask-HQ's photos, with CelebA's split; sketches are made",
    "CelebA-HQ-img/  0.jpg ... 29999.jpg\nCelebA-HQ-to-CelebA-mapping.txt",
    recognise,
    collect,
)
