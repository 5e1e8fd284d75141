"""Pictures that are not square: what is said before they become so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_prep import files
from data_prep.make.prepare import SQUEEZED
from data_prep.make.recipe import MIN_SIDE_PX, Recipe
from data_prep.messages import printable, say
from s2f_utils.data import DataError
from s2f_utils.pictures import images

MAX_READ = 4000  # headers; of larger sets every so-many-th
DIFFERENT = 1.1  # times as wide, by which the shapes of a set's pictures may differ
NUM_NAMED = 3


def with_fit(recipe: Recipe, pictures: Sequence[tuple[Path, str]], progress: bool = True) -> Recipe:
    """The recipe with a `fit`: where it names none, pictures, or the parts that are cut out of
    them, are stretched, which is said where they are not square.

    pictures: files, each with the half of it that is the sketch, "" for none. Raises DataError
    where they differ in
    shape: stretched, the same face would be narrow in one and wide in the other.
    """
    if recipe.fit or recipe.align == "face":
        return replace(recipe, fit=recipe.fit or "stretch")
    sizes = _sizes(recipe, pictures)
    aspects = np.array([width / height for width, height in sizes])
    usual = sorted(sizes, key=lambda size: -len(sizes[size]))[:NUM_NAMED]
    shown = ", ".join(f"{width}x{height}" for width, height in usual)
    what, advice = "pictures", "--align face cuts the faces out, --fit pad keeps the shape"
    if recipe.align == "crop":
        what, advice = "parts cut out", "--align face cuts the faces out"
    if len(aspects) and aspects.max() / aspects.min() > DIFFERENT:
        more = ", …" if len(sizes) > NUM_NAMED else ""
        raise DataError(
            f"the {what} have different shapes ({shown}{more}), and stretched to squares their"
            f" faces would also differ: {advice} (--fit stretch: stretch them all the same)"
            + _alone(sizes, len(pictures))
        )
    if len(aspects) and np.abs(np.log(aspects)).max() > SQUEEZED:
        say(f"the {what} are not square ({shown}) and are stretched: {advice}", progress)
    return replace(recipe, fit="stretch")


def _alone(sizes: dict[tuple[int, int], list[Path]], num: int) -> str:
    """A few pictures that have a size of their own: a preview among the pairs, for example."""
    odd = [printable(paths[0].name) for paths in sizes.values() if len(paths) == 1]
    if not 0 < len(odd) <= NUM_NAMED < num:
        return ""
    return f"; alone of its size, and perhaps not of the set: {', '.join(odd)}"


def _sizes(
    recipe: Recipe, pictures: Sequence[tuple[Path, str]]
) -> dict[tuple[int, int], list[Path]]:
    """(width, height) of what is cut out of the pictures → those of this size;
    of many pictures, every so-many-th.
    """
    left, top, right, bottom = recipe.crop
    sizes: dict[tuple[int, int], list[Path]] = {}
    for path, half in pictures[:: max(1, len(pictures) // MAX_READ)]:
        try:
            size = files.size_px(path)  # which also says whether it can be read
            width, height = (files.content_box(path) or size)[-2:]
        except images.ImageError:
            continue  # it is reported when it is made
        if min(width, height) >= MIN_SIDE_PX:
            width = width // 2 if half else width
            size = max(1, round(width * (right - left))), max(1, round(height * (bottom - top)))
            sizes.setdefault(size, []).append(path)
    return sizes
