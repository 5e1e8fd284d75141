"""The five projects' own data sets, by name and folder: `DATA = "cufs:FOLDER"`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from data_prep import Recipe, make_pairs
from data_prep.fetch.download import SETS
from data_prep.layouts import LAYOUTS
from data_prep.messages import indented, printable, say
from s2f_utils.data import DataError

# CelebAMask-HQ's photos, and the sketches made of them, are aligned already.
ALIGN = {
    "cufs": "face",
    "feret": "face",
    "fs2k": "face",
    "person-face-sketches": "none",
    "celebamask-hq": "none",
}


def is_named(data: str) -> bool:
    """Whether `data` begins with the name of one of these sets, with or without a folder."""
    return data.partition(":")[0] in ALIGN


def make_named(data: str, out: Path, size_px: int, style: str | None, *, progress: bool) -> Path:
    """Make squares and a manifest of a set that lies on this machine; the manifest's path.

    data: "NAME:FOLDER", FOLDER also an archive, as of `data_prep.make_pairs`. out: the folder in
    which a folder of this name is made. style: sketches are made from the photos in this style, of
    `sketches.STYLES`; None: only where the set has no sketches, as by a pencil.

    Photos with faces that are not aligned yet are aligned by their faces. Raises DataError, which
    says where the set comes from, if no folder is named or it is not there.
    """
    name, _, folder = data.partition(":")
    source = Path(folder).expanduser()
    if not folder:
        raise DataError(f"DATA is {name!r} without a folder: {_where_from(name)}")
    if not source.exists():
        raise DataError(f"DATA is {printable(data)}, which is not there: {_where_from(name)}")
    say(f"data: {SETS[name].what}; terms: {SETS[name].terms}")
    recipe = Recipe(size_px=size_px, align=ALIGN[name], layout=name, drop_leaks=True)
    if style is not None:
        recipe = replace(recipe, styles=(style,))
    return make_pairs(source, out / name, recipe, progress=progress)


def _where_from(name: str) -> str:
    entry = SETS[name]
    return (
        f'write DATA = "{name}:FOLDER" with the folder, or the archive, that holds the set (in'
        " Colab: uploaded, or on your Drive after it was mounted)\n"
        f"{entry.what}\n"
        f"from: {entry.page}\n"
        f"terms: {entry.terms}\n"
        f"in the folder:\n{indented(LAYOUTS[name].expected)}"
    )
