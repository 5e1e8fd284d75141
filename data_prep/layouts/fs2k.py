"""FS2K as distributed: photo1/image0001 belongs to sketch1/sketch0001; split and attributes are in
two JSON files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import files
from data_prep.layouts.layout import (
    Candidate,
    Collection,
    Layout,
    LayoutOptions,
    match_names,
    with_photos_alone,
)
from data_prep.layouts.tree import Picture, Tree
from data_prep.messages import printable
from s2f_utils.data import DataError
from s2f_utils.pictures import images

TERMS = "FS2K: for research; see its repository (DengPingFan/FS2K)"
_FOLDER = re.compile(r"^(?:photo|sketch)(\d)$")
_NAME = re.compile(r"^(?:image|sketch)(\d{4})$")
# What the annotation's numbers mean, as FS2K's README has it; `style` is the artist's, whatever the
# folder's number.
CODES: dict[str, tuple[str, ...]] = {
    "style": ("0", "1", "2"),
    "hair": ("yes", "no"),
    "hair_color": ("brown", "black", "red", "none", "golden"),
    "gender": ("male", "female"),
    "earring": ("yes", "no"),
    "smile": ("yes", "no"),
    "frontal_face": ("yes", "no"),
}
COLOURS = ("lip_color", "eye_color")  # means of an area, red, green and blue
# not a colour, but a point (x, y) of the photo's skin; its README calls it skin_patch
SKIN = "skin_color"
PATCH_PX = 2  # around that point, to each side


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether most pictures lie in photo1 … sketch3 under FS2K's names."""
    return 2 * sum(_key(picture) is not None for picture in tree.pictures) > len(tree.pictures)


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """Pairs by folder and number;
    split and attributes are those of anno_train.json and anno_test.json.

    Attributes: `CODES` in words, and the colours of skin, lips and eyes as "red green blue"; ""
    where one is not given.
    """
    pictures = [picture for picture in tree.pictures if _key(picture)]
    sketches = [picture for picture in pictures if _is_sketch(picture)]
    photos = [picture for picture in pictures if not _is_sketch(picture)]
    known = _read_annotations(tree)
    matched, lone_sketches, lone_photos = match_names(sketches, photos, [_key])
    collection = Collection([], lone_sketches, lone_photos, terms=TERMS)
    matched = with_photos_alone(matched, collection, options)
    for sketch, photo in sorted(matched, key=lambda pair: _key(pair[1])):
        folder, number = _key(photo)
        split, entry = known.get((folder, number), ("", {}))
        about = {"identity": f"fs2k-{folder}-{number}", "id": f"photo{folder}-image{number}"}
        attributes = _attributes(entry, photo.path) if entry else {}
        pair = Candidate(sketch, photo, "fs2k", split, **about, attributes=attributes)
        collection.pairs.append(pair)
    annotations = "anno_train.json and anno_test.json"
    if known:
        collection.notes.append(f"the split is the official one of {annotations}")
    else:
        collection.notes.append(f"no {annotations} here: the split is drawn, not the official one")
    return collection


def _is_sketch(picture: Picture) -> bool:
    return picture.folder[-1].casefold().startswith("sketch")


def _key(picture: Picture) -> tuple[str, str] | None:
    """(folder, number) of an FS2K picture:
    photo1/image0001 and sketch1/sketch0001 are ("1", "0001").
    """
    folder = _FOLDER.match(picture.folder[-1].casefold()) if picture.folder else None
    name = _NAME.match(picture.stem.casefold())
    return (folder[1], name[1]) if folder and name else None


def _read_annotations(tree: Tree) -> dict[tuple[str, str], tuple[str, dict[str, Any]]]:
    """(folder, number) → split and annotation, of the files that are there. Raises DataError
    where one is something else.
    """
    known: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
    for split in ("train", "test"):
        text = tree.text(f"anno_{split}.json")
        if text is None:
            continue
        try:
            entries = {entry["image_name"].casefold(): entry for entry in json.loads(text)}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(
                f"{printable(tree.root)}: anno_{split}.json is not FS2K's list of pictures:"
                " download it again"
            ) from None
        for name, entry in entries.items():
            parts = re.match(r"^(?:.*/)?photo(\d)/image(\d{4})", name)
            if parts:
                known[parts[1], parts[2]] = split, entry
    return known


def _attributes(entry: Mapping[str, Any], photo: Path) -> dict[str, str]:
    words = {}
    for name, meanings in CODES.items():
        value = entry.get(name)
        is_known = isinstance(value, int) and 0 <= value < len(meanings)
        words[name] = meanings[value] if is_known else ""
    words[SKIN] = _skin(entry.get(SKIN, entry.get("skin_patch")), photo)
    for name in COLOURS:
        words[name] = _rgb(entry.get(name))
    return words


def _are_numbers(values: Any, num: int) -> bool:
    if not isinstance(values, list) or len(values) != num:
        return False
    return all(isinstance(v, int | float) and np.isfinite(v) for v in values)


def _rgb(values: Any) -> str:
    """ "157 83 79"; "" for anything but three numbers."""
    return " ".join(f"{v:.0f}" for v in values) if _are_numbers(values, 3) else ""


def _skin(point: Any, photo: Path) -> str:
    """The photo's median colour around a point;
    "" where it lies outside, or the photo cannot be read.
    """
    if not _are_numbers(point, 2):
        return ""
    try:
        picture = files.load_rgb(photo)
    except images.ImageError:
        return ""  # it is reported when it is prepared or checked
    x, y = (round(v) for v in point)
    if not (0 <= y < picture.shape[0] and 0 <= x < picture.shape[1]):
        return ""
    rows = slice(max(0, y - PATCH_PX), y + PATCH_PX + 1)
    columns = slice(max(0, x - PATCH_PX), x + PATCH_PX + 1)
    return _rgb(np.median(picture[rows, columns].reshape(-1, 3), axis=0).tolist())


LAYOUT = Layout(
    "fs2k",
    "FS2K as distributed, with its official split and attributes",
    "photo/photo1/    image0001.jpg ...   (photo1 to photo3)\n"
    "sketch/sketch1/  sketch0001.jpg ...\n"
    "anno_train.json, anno_test.json",
    recognise,
    collect,
)
