"""The layouts in which pairs are distributed, one file each; a new one is a file and its name
below.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_prep import files
from data_prep.errors import DataPrepError, printable
from data_prep.layouts import (
    ab,
    celebamask_hq,
    cufs,
    dataset,
    feret,
    fs2k,
    names,
    pairs,
    person_face_sketches,
    photos,
)
from data_prep.layouts.layout import Layout, LayoutOptions
from data_prep.layouts.tree import Tree
from data_prep.messages import indented
from s2f_utils.pictures import images

NUM_LOOKED_AT = 3  # pictures of a folder, to see whether they are sketches or photos
LAYOUTS: dict[str, Layout] = {}


def register(layout: Layout) -> None:
    """Add a layout; those that were added before it, and are as general as it, are asked first.

    Raises DataPrepError when there is one of its name.
    """
    if layout.name in LAYOUTS:
        raise DataPrepError(f"there is a layout {layout.name!r} already: choose another name")
    LAYOUTS[layout.name] = layout


for _module in (dataset, cufs, feret, fs2k, celebamask_hq, person_face_sketches, pairs, ab, photos):
    register(_module.LAYOUT)


def expected_trees() -> str:
    """The drawings of all layouts, to be shown beside a tree that fits none of them."""
    lines = []
    for layout in LAYOUTS.values():
        lines.append(f"{layout.name}: {layout.description}")
        lines += [f"    {line}" for line in layout.expected.splitlines()]
    return "\n".join(lines)


def find_layout(tree: Tree, name: str | None, options: LayoutOptions) -> Layout:
    """The layout of that name, else the first one that recognises the tree.

    Raises DataPrepError for an unknown name, or with the tree as it is and the trees expected where
    none fits.
    """
    if name is not None:
        if name not in LAYOUTS:
            raise DataPrepError(
                f"there is no layout {name!r}: the layouts are {', '.join(LAYOUTS)}"
            )
        return LAYOUTS[name]
    named = bool(options.sketches or options.photos)
    for layout in sorted(LAYOUTS.values(), key=lambda layout: layout.general):
        if (layout.takes_named or not named) and layout.recognise(tree, options):
            return layout
    if (twins := _twin_folders(tree)) and not named:
        sketches, photos = twins
        raise DataPrepError(
            f"{printable(tree.root.name)}: which folder has the sketches? If it is this one, say --sketches {sketches}"
            f" --photos {photos}, else the other way round",
            f"found:\n{indented(tree.describe())}",
        )
    raise DataPrepError(
        f"{printable(tree.root.name)}: no known layout fits this folder: put its pictures into folders called"
        " sketches and photos, or name its folders with --sketches and --photos, or its layout with --layout",
        f"found:\n{indented(tree.describe())}\nexpected one of:\n{indented(expected_trees())}",
    )


def _twin_folders(tree: Tree) -> tuple[str, str] | None:
    """Two folders with pictures of the same names, where there are no others; the likelier one for
    sketches first.
    """
    stems: dict[tuple[str, ...], set[str]] = {}
    for picture in tree.pictures:
        stems.setdefault(picture.folder, set()).add(names.without_zeros(picture.stem))
    if len(stems) != 2 or () in stems:
        return None
    (a, of_a), (b, of_b) = stems.items()
    if 2 * len(of_a & of_b) < len(of_a):
        return None
    first, second = sorted(
        (a, b), key=lambda folder: _colour([p.path for p in tree.pictures if p.folder == folder])
    )
    return shlex.quote(printable("/".join(first))), shlex.quote(printable("/".join(second)))


def _colour(paths: Sequence[Path]) -> float:
    """How colourful the first few of these pictures are: the mean distance of their channels, in
    [0, 255].
    """
    seen = []
    for path in paths[:NUM_LOOKED_AT]:
        with contextlib.suppress(
            images.ImageError
        ):  # what is wrong with it is said when its turn comes
            seen.append(float(np.ptp(files.load_rgb(path).astype(np.int16), axis=2).mean()))
    return sum(seen) / max(1, len(seen))
