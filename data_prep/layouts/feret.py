"""FERET: photos by person, date and pose; of them the frontal ones, fa and fb.

Colour FERET has `dvd1/data/images/00001/00001_930831_fa.ppm.bz2`, grey FERET
`00001fa010_930831.tif`; five digits are the person, six the date, two letters the pose. Sketches
(CUFSF's, say) are drawn after one photo of a person and carry its name or just the person's number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from data_prep.layouts.layout import (
    Candidate,
    Collection,
    Layout,
    LayoutOptions,
    named_sides,
    without_side,
)
from data_prep.layouts.tree import Picture, Tree

FRONTAL = ("fa", "fb")
_COLOUR = re.compile(r"^(?P<person>\d{5})_(?P<date>\d{6})_(?P<pose>[a-z]{2})(?:_[a-z])?$")
_GREY = re.compile(
    r"^(?P<person>\d{5})(?P<pose>[a-z]{2})\d{3}[a-z]?_(?P<date>\d{6}[a-z]?)(?:[-_]\w+)?$"
)
_PERSON = re.compile(r"^(?P<person>\d{5})(?!\d)")
_SMALLER = ("smaller", "thumbnails")  # colour FERET's scaled copies of `images`
TERMS = "FERET: for face recognition research, by agreement with NIST; not to be redistributed"


@dataclass(frozen=True)
class Shot:
    """What a FERET file name says: person, date and pose."""

    person: str
    date: str
    pose: str


def read_name(stem: str) -> Shot | None:
    """The person, date and pose of a FERET photo's name, None for another name."""
    stem = stem.casefold()
    parts = _COLOUR.match(stem) or _GREY.match(stem)
    return Shot(parts["person"], parts["date"], parts["pose"]) if parts else None


def recognise(tree: Tree, options: LayoutOptions) -> bool:
    """Whether most of the photos have FERET's names;
    of the two sides, the user may have named the sketches' folder.
    """
    if options.photos and not options.sketches:
        return False
    photos = _photos_of(tree)
    num_named = sum(read_name(picture.stem) is not None for picture in photos)
    return 2 * num_named > len(photos)


def _photos_of(tree: Tree) -> list[Picture]:
    return [picture for picture in tree.pictures if picture.side != "sketch"]


def collect(tree: Tree, options: LayoutOptions) -> Collection:
    """The frontal photos, each with the sketch of its name, else with its person's one sketch;
    without sketches, all.

    Every person is one identity; FERET has no official split.
    """
    sketches, photos = named_sides(tree, options)
    photos = photos or _photos_of(tree)
    collection = Collection(terms=TERMS)
    frontal = _frontal(photos, collection)
    use_sketches = bool(sketches) and not options.make_sketches
    partner = _partners(sketches, frontal, collection) if use_sketches else {}
    for shot, photo in frontal:
        sketch = partner.get(photo.stem.casefold())
        if sketch or not use_sketches:
            about = {"identity": f"feret-{shot.person}", "qualifiers": photo.folder}
            collection.pairs.append(Candidate(sketch, photo, "feret", **about))
    num_left = len(frontal) - len(collection.pairs)
    if num_left:
        collection.notes.append(f"{num_left} frontal photos have no sketch and are left aside")
    return collection


def _frontal(photos: list[Picture], collection: Collection) -> list[tuple[Shot, Picture]]:
    """The frontal photos, each once, in its largest copy, in the order of people and dates."""
    once: dict[str, tuple[Shot, Picture]] = {}
    others: set[str] = set()
    for photo in sorted(photos, key=_is_smaller):  # large pictures first
        shot = read_name(photo.stem)
        if shot is None or shot.pose not in FRONTAL:
            others.add(photo.stem)
        else:
            once.setdefault(photo.stem.casefold(), (shot, photo))
    if others:
        poses = " and ".join(FRONTAL)
        collection.notes.append(f"{len(others)} photos of other poses than {poses} left aside")
    return sorted(once.values(), key=_place)


def _is_smaller(photo: Picture) -> bool:
    return any(part in _SMALLER for part in photo.folder)


def _place(taken: tuple[Shot, Picture]) -> tuple[str, str, str, str]:
    shot, photo = taken
    return shot.person, shot.date, shot.pose, str(photo.path)


def _partners(
    sketches: list[Picture], photos: list[tuple[Shot, Picture]], collection: Collection
) -> dict[str, Picture]:
    """Photo stem → its sketch: by the whole name, else the person's first frontal photo for the
    person's one sketch.
    """
    by_stem = {photo.stem.casefold(): photo for _, photo in photos}
    first: dict[str, Picture] = {}
    for shot, photo in photos:
        first.setdefault(shot.person, photo)
    partner: dict[str, Picture] = {}
    for sketch in sketches:
        stem = without_side(sketch.stem)
        person = _PERSON.match(stem)
        photo = by_stem.get(stem) or (first.get(person["person"]) if person else None)
        if photo is None or photo.stem.casefold() in partner:
            collection.lone_sketches.append(sketch)
        else:
            partner[photo.stem.casefold()] = sketch
    return partner


LAYOUT = Layout(
    "feret",
    "FERET as distributed: the frontal photos (fa, fb) by person; sketches beside them, or made",
    "dvd1/data/images/00001/  00001_930831_fa.ppm.bz2 ...   (or grey: 00001fa010_930831.tif)\n"
    "sketches/                00001_930831_fa.jpg, or 00001.jpg ...   (or sketches are made)",
    recognise,
    collect,
    takes_folders=True,
)
