"""The layouts in which pairs are distributed. Each is a module here with a `LAYOUT`, which is all
that has to be written for another one.
"""

from __future__ import annotations

import importlib
import pkgutil

from data_prep.layouts.layout import Layout, LayoutOptions
from data_prep.layouts.tree import Tree
from data_prep.messages import indented, printable
from s2f_utils.data import DataError

LAYOUTS: dict[str, Layout] = {}


def register(layout: Layout) -> None:
    """Add a layout. Raises DataError when there is one of its name."""
    if layout.name in LAYOUTS:
        raise DataError(f"there is a layout {layout.name!r} already: choose another name")
    LAYOUTS[layout.name] = layout


def _register_modules() -> None:
    for found in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{found.name}")
        if hasattr(module, "LAYOUT"):
            register(module.LAYOUT)


_register_modules()


def in_order() -> list[Layout]:
    """All layouts, those that are asked first before the others."""
    return sorted(LAYOUTS.values(), key=lambda layout: layout.order)


def expected_trees() -> str:
    """The drawings of all layouts, to be shown beside a tree that fits none of them."""
    lines = []
    for layout in in_order():
        lines.append(f"{layout.name}: {layout.description}")
        lines.append(indented(layout.expected))
    return "\n".join(lines)


def find_layout(tree: Tree, name: str | None, options: LayoutOptions) -> Layout:
    """The layout of that name, else the first one that recognises the tree.

    Raises DataError for an unknown name, or with the tree as it is and the trees expected where
    none fits.
    """
    if name is not None:
        if name not in LAYOUTS:
            known = ", ".join(LAYOUTS)
            raise DataError(f"there is no layout {name!r}: the layouts are {known}")
        return LAYOUTS[name]
    has_folders = bool(options.sketches or options.photos)
    for layout in in_order():
        if (layout.takes_folders or not has_folders) and layout.recognise(tree, options):
            return layout
    found, expected = indented(tree.describe()), indented(expected_trees())
    raise DataError(
        f"{printable(tree.root.name)}: no known layout fits this folder: put its pictures into"
        " folders called sketches and photos, or name its folders with --sketches and --photos, or"
        f" its layout with --layout\nfound:\n{found}\nexpected one of:\n{expected}"
    )
