"""Schematics of the methods, one SVG each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.display import SVG

FOLDER = Path(__file__).parent


def schematic(name: str) -> SVG:
    """The schematic of this name, such as "pix2pix", as a cell shows it.

    Raises ValueError for a name that is not there.
    """
    from IPython.display import SVG

    path = FOLDER / f"{name}.svg"
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in FOLDER.glob("*.svg")))
        raise ValueError(f"there is no schematic {name!r}: choose one of {names}")
    return SVG(filename=str(path))
