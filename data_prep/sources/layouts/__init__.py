"""The layouts in which pairs are distributed, one file each; a new one is a file and its name below."""

from __future__ import annotations

from data_prep.errors import DataPrepError, printable
from data_prep.messages import indented
from data_prep.sources.layout import Layout, LayoutOptions
from data_prep.sources.layouts import (
    ab,
    celebamask_hq,
    cufs,
    dataset,
    feret,
    fs2k,
    pairs,
    person_face_sketches,
    photos,
)
from data_prep.sources.tree import Tree

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

    Raises DataPrepError for an unknown name, or with the tree as it is and the trees expected where none fits.
    """
    if name is not None:
        if name not in LAYOUTS:
            raise DataPrepError(f"there is no layout {name!r}: the layouts are {', '.join(LAYOUTS)}")
        return LAYOUTS[name]
    named = bool(options.sketches or options.photos)
    for layout in sorted(LAYOUTS.values(), key=lambda layout: layout.general):
        if (layout.takes_named or not named) and layout.recognise(tree, options):
            return layout
    raise DataPrepError(
        f"{printable(tree.root.name)}: no known layout fits this folder: name one with --layout, or name its folders"
        " with --sketches and --photos",
        f"found:\n{indented(tree.describe())}\nexpected one of:\n{indented(expected_trees())}",
    )
