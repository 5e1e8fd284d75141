"""The shapes in which pairs are distributed: how each is recognised, and how its pairs are found.

A layout is a name, a drawing of the folders it expects, and two functions: `recognise` says from the tree whether the
layout fits, `collect` finds the pairs. To add one, write the two functions and put it into `LAYOUTS`, before those
that are more general.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace

from data_prep import files
from data_prep.errors import DataPrepError, printable
from data_prep.sources import named_sets, names
from data_prep.sources.cufs import collect_cufs, is_cufs
from data_prep.sources.feret import collect_feret, is_feret
from data_prep.sources.found import SIDES, Candidate, Collection, LayoutOptions
from data_prep.sources.sides import named_sides, people_of, with_made
from data_prep.sources.tree import Picture, Tree, relocated

SIZES_READ = 12  # pictures whose size decides whether a folder holds AB images


@dataclass(frozen=True)
class Layout:
    """One way in which pairs are distributed; `expected` is a small drawing of its folders."""

    name: str
    description: str
    expected: str
    recognise: Callable[[Tree], bool]
    collect: Callable[[Tree, LayoutOptions], Collection]


def is_pairs(tree: Tree) -> bool:
    """Whether there are folders of both sides."""
    return bool(tree.on_side("sketch")) and bool(tree.on_side("photo"))


def collect_pairs(tree: Tree, options: LayoutOptions) -> Collection:
    """Pair the pictures of a sketch and a photo folder by stem: exactly, else whatever the case, else without
    "_sketch" and "_photo" in the names. Subfolders and splits must agree.
    """
    if bool(options.sketches) != bool(options.photos):
        raise DataPrepError("--sketches and --photos belong together: give both, or neither")
    sketches, photos = named_sides(tree, options)

    pairs, lone_sketches, lone_photos = names.match(sketches, photos, _KEYS)
    found = Collection([], lone_sketches, lone_photos)
    pairs = with_made(pairs, found, options)
    masks = masks_of(tree, [photo for _, photo in pairs])
    people = people_of([photo for _, photo in pairs], found)
    for sketch, photo in sorted(pairs, key=lambda pair: pair[1].shown):
        qualifiers = tuple(filter(None, (photo.split, *photo.group, *photo.sub)))
        identity = printable(people.get(photo, ""))
        found.pairs.append(
            Candidate(
                sketch, photo, tree.root.stem, photo.split, identity, mask=masks.get(photo), qualifiers=qualifiers
            )
        )
    return found


def masks_of(tree: Tree, photos: list[Picture]) -> dict[Picture, Picture]:
    """The label map of each photo, from folders that are called masks; {} where there are none."""
    matched, _, _ = names.match(tree.on_side("mask"), photos, _KEYS)
    return {photo: mask for mask, photo in matched}


def _collect_photos(tree: Tree, options: LayoutOptions) -> Collection:
    """Every picture is a photo; train, val and test folders are kept as the split, others may be people. Sketches are
    made from them.
    """
    found = Collection([])
    photos = tree.on_side("photo")
    if not photos:  # no folder says so: all folders but the splits' are below the photos' own
        photos = [relocated(p, "photo", tree.given) for p in tree.pictures if not p.side]
    masks, people = masks_of(tree, photos), people_of(photos, found)
    for photo in photos:
        identity = printable(people.get(photo, ""))
        found.pairs.append(
            Candidate(
                None, photo, tree.root.stem, photo.split, identity, mask=masks.get(photo), qualifiers=photo.folder
            )
        )
    return found


def _key(normalise: Callable[[str], str]) -> Callable[[Picture], tuple]:
    return lambda p: (p.group, p.split, tuple(map(normalise, p.sub)), normalise(p.stem))


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().strip()


_KEYS = [_key(_composed), _key(_folded), _key(names.without_side)]  # from strict to loose


def is_ab(tree: Tree) -> bool:
    """Whether the pictures are twice as wide as high (a dozen of them, spread evenly, are looked at)."""
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
    return read > 0 and wide >= 0.9 * read


def collect_ab(tree: Tree, options: LayoutOptions) -> Collection:
    """Every picture is a pair; train, val and test folders are kept as the split."""
    found = Collection([])
    for picture in tree.pictures:
        found.pairs.append(
            Candidate(
                picture, picture, tree.root.name, picture.split, half=options.sketch_side, qualifiers=picture.folder
            )
        )
    other = SIDES[1 - SIDES.index(options.sketch_side)]
    found.notes.append(f"the {options.sketch_side} half is the sketch, the {other} half the photo (--sketch-side)")
    return found


def _collect_person_face_sketches(tree: Tree, options: LayoutOptions) -> Collection:
    found = collect_pairs(tree, options)
    found.pairs = [replace(pair, source="person-face-sketches") for pair in found.pairs]
    found.terms = named_sets.PFS_TERMS
    return found


LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            "dataset",
            "a data set that data_prep made, to be aligned, resized or merged anew; its split is kept",
            "manifest.csv\nphotos/, sketches/, masks/",
            named_sets.is_dataset,
            named_sets.collect_dataset,
        ),
        Layout(
            "cufs",
            "CUFS as distributed: names differ in case and suffix, the official 88/100 split is kept",
            "CUHK_training_cropped_photos/    f-005-01.jpg ...\n"
            "CUHK_training_cropped_sketches/  F2-005-01-sz1.jpg ...\n"
            "CUHK_testing_cropped_photos/     m-063-01.jpg ...\n"
            "CUHK_testing_cropped_sketches/   m-063-01-sz1.jpg ...",
            is_cufs,
            collect_cufs,
        ),
        Layout(
            "feret",
            "FERET as distributed: the frontal photos (fa, fb) by person; sketches beside them, or made",
            "dvd1/data/images/00001/  00001_930831_fa.ppm.bz2 ...   (or grey FERET's 00001fa010_930831.tif)\n"
            "sketches/                00001_930831_fa.jpg, or 00001.jpg ...   (not needed where sketches are made)",
            is_feret,
            collect_feret,
        ),
        Layout(
            "fs2k",
            "FS2K as distributed, with its official split",
            "photo/photo1/    image0001.jpg ...   (photo1 to photo3)\n"
            "sketch/sketch1/  sketch0001.jpg ...\n"
            "anno_train.json, anno_test.json",
            named_sets.is_fs2k,
            named_sets.collect_fs2k,
        ),
        Layout(
            "celebamask-hq",
            "CelebAMask-HQ's photos, with CelebA's split; sketches are made",
            "CelebA-HQ-img/  0.jpg ... 29999.jpg\nCelebA-HQ-to-CelebA-mapping.txt",
            named_sets.is_celeba,
            named_sets.collect_celeba,
        ),
        Layout(
            "person-face-sketches",
            "Person Face Sketches from Kaggle, with its split",
            "train/photos/, train/sketches/  1.jpg ...\nval/photos/, val/sketches/, test/photos/, test/sketches/",
            named_sets.is_person_face_sketches,
            _collect_person_face_sketches,
        ),
        Layout(
            "pairs",
            "a folder of sketches and a folder of photos, matched by name",
            "sketches/  anna.png ...   (or sketch, drawings, edges, A, trainA, train/A, ...)\n"
            "photos/    anna.jpg ...   (or photo, images, faces, B, trainB, train/B, ...)",
            is_pairs,
            collect_pairs,
        ),
        Layout(
            "ab",
            "sketch and photo side by side in one picture (pix2pix's AB images)",
            "train/  1.jpg ...   (each twice as wide as high; train, val and test are kept as the split)\n"
            "test/   2.jpg ...   (or all pictures in one folder)",
            is_ab,
            collect_ab,
        ),
        Layout(
            "photos",
            "photos alone, in any folders; sketches are made from them (recognised where --style is given)",
            "1.jpg ...   (train, val and test folders are kept as the split)",
            named_sets.is_photos,
            _collect_photos,
        ),
    )
}


def expected_trees() -> str:
    """The drawings of all layouts, to be shown beside a tree that fits none of them."""
    lines = []
    for layout in LAYOUTS.values():
        lines.append(f"{layout.name}: {layout.description}")
        lines += [f"    {line}" for line in layout.expected.splitlines()]
    return "\n".join(lines)


def find_layout(tree: Tree, name: str | None, options: LayoutOptions) -> Layout:
    """The layout of that name, else the first one that recognises the tree.

    Raises DataPrepError for an unknown name, or with the tree found and the trees expected where none fits.
    """
    if name is not None:
        if name not in LAYOUTS:
            raise DataPrepError(f"there is no layout {name!r}: the layouts are {', '.join(LAYOUTS)}")
        return LAYOUTS[name]
    if (options.sketches or options.photos) and not (options.sketches and is_feret(tree)):
        return LAYOUTS["pairs"]
    for layout in LAYOUTS.values():
        if layout.name == "photos" and not options.made:
            continue  # two folders of pairs with names of their own are not to be taken for photos
        if layout.recognise(tree):
            return layout
    raise DataPrepError(
        f"{printable(tree.root.name)}: no known layout fits this folder: name one with --layout, or name its folders"
        " with --sketches and --photos",
        f"found:\n{_indent(tree.describe())}\nexpected one of:\n{_indent(expected_trees())}",
    )


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
