"""What a layout is: how it is recognised, its options, and the pairs that it finds; and what
layouts share: which pictures are sketches and which photos, which names belong together, whose they
are.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from data_prep.layouts.tree import SIDE_WORDS, Picture, Tree, relocated, scan
from s2f_utils.data import DataError

HALVES = ("left", "right")
# columns that name files of a set, which no set that is made of it has
POINTS = ("points", "photo_points")
MIN_PEOPLE_FOLDERS = 5  # fewer subfolders than this are taken for batches, not for people
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}
)
MAX_ID_BYTES = 120
T = TypeVar("T")


@dataclass(frozen=True)
class LayoutOptions:
    """What a user may say about a source.

    sketches, photos: their folders, in the source or anywhere. sketch_side: the sketch's half of AB
    images. make_sketches: sketches are going to be made from the photos, so that the source's do
    not count.
    """

    sketches: str | None = None
    photos: str | None = None
    sketch_side: str = "left"
    make_sketches: bool = False

    def __post_init__(self) -> None:
        if self.sketch_side not in HALVES:
            raise DataError(f"--sketch-side must be left or right, got {self.sketch_side!r}")


@dataclass(frozen=True)
class Candidate:
    """One pair as it lies in a source: where its pictures are and what the source says about it.

    `sketch` is None where the source has only the photo: then a sketch is made from it. `half` is
    "" where sketch and photo are files of their own, else the half of the one file that is the
    sketch. `mask` is the photo's label map. `split` and `identity` are "" where the source does not
    give them; then the identity becomes the id. `qualifiers` tell apart ids whose photos have the
    same name; `id` is that of the source, "" for the photo's stem. `attributes` are further columns
    of the manifest, by their names.
    """

    sketch: Picture | None
    photo: Picture
    source: str
    split: str = ""
    identity: str = ""
    half: str = ""
    mask: Picture | None = None
    qualifiers: tuple[str, ...] = ()
    id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Collection:
    """What a layout finds:
    pairs, the pictures of both sides that have no partner, and remarks for the user.

    `terms` says what the source's owners allow, where the layout knows it; of several owners, a
    line for each.
    """

    pairs: list[Candidate] = field(default_factory=list)
    lone_sketches: list[Picture] = field(default_factory=list)
    lone_photos: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    terms: str = ""


@dataclass(frozen=True)
class Layout:
    """One way in which pairs are distributed.

    expected: a small drawing of its folders. recognise: whether a tree is laid out so. collect: its
    pairs. order: layouts of a lower number are asked first. takes_folders: it can use folders that
    the user names. local_names: a person's name means somebody in this source alone, so that two
    sources have different people.
    """

    name: str
    description: str
    expected: str
    recognise: Callable[[Tree, LayoutOptions], bool]
    collect: Callable[[Tree, LayoutOptions], Collection]
    order: int = 1
    takes_folders: bool = False
    local_names: bool = False


def without_side(stem: str) -> str:
    """A stem without a leading or trailing word for its side: "anna_sketch" and "photo-anna" →
    "anna", "photo" → "".
    """
    known = sorted(frozenset().union(*SIDE_WORDS.values()), key=len, reverse=True)
    side = "|".join(known)
    stem = unicodedata.normalize("NFC", stem).casefold().strip()
    bare = re.sub(rf"^({side})(?=[\W_\d]|$)[\W_]*|(?<=[\W_\d])({side})\W*$", "", stem)
    return bare.strip(" -_.()[]")


def without_zeros(stem: str) -> str:
    """`without_side`, and without zeros before its numbers: "007_sketch" and "7" → "7"."""
    return re.sub(r"\d+", lambda digits: digits[0].lstrip("0") or "0", without_side(stem))


def safe_id(stem: str) -> str:
    """A stem as a file name that every system accepts; one that is safe already stays as it is."""
    name = unicodedata.normalize("NFC", stem.encode("utf-8", "replace").decode("utf-8"))
    name = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", name).strip().rstrip(".")
    if not name or name.split(".")[0].casefold() in _RESERVED:
        name = f"_{name}"
    if len(name.encode()) > MAX_ID_BYTES:
        short = name.encode()[: MAX_ID_BYTES - 9].decode("utf-8", "ignore")
        name = f"{short}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name


def unique_ids(stems: Sequence[str], qualifiers: Sequence[Sequence[str]]) -> list[str]:
    """An id for each stem:
    the stem, with its qualifiers (split, folders) before it only where stems repeat.

    Names that differ by letter case alone count as the same, because they are the same file on
    macOS and Windows; what is still the same then gets "-2", "-3", … in the given order.
    """
    ids = [safe_id(stem) for stem in stems]
    counts = Counter(name.casefold() for name in ids)
    for place, name in enumerate(ids):
        if counts[name.casefold()] > 1:
            ids[place] = safe_id("-".join([*qualifiers[place], stems[place]]))
    counts = Counter(name.casefold() for name in ids)
    taken = {name for name, count in counts.items() if count == 1}
    for place, name in enumerate(ids):
        if counts[name.casefold()] == 1:
            continue
        number = 1
        while ids[place].casefold() in taken:
            number += 1
            ids[place] = f"{name}-{number}"
        taken.add(ids[place].casefold())
    return ids


def match_names(
    sketches: Sequence[T], photos: Sequence[T], keys: Sequence[Callable[[T], object]]
) -> tuple[list[tuple[T, T]], list[T], list[T]]:
    """Pair sketches and photos whose keys are equal, strictly one to one.

    `keys` go from strict to loose; each is tried on what the ones before left over. A key that
    several sketches or several photos share pairs nothing, because any choice would be a guess.
    Returns the pairs, the sketches and the photos that are left over.
    """
    pairs: list[tuple[T, T]] = []
    for key in keys:
        by_key: dict[object, tuple[list[T], list[T]]] = {}
        for side, members in enumerate((sketches, photos)):
            for member in members:
                value = key(member)
                if value is not None:
                    by_key.setdefault(value, ([], []))[side].append(member)
        matched = [(s[0], p[0]) for s, p in by_key.values() if len(s) == len(p) == 1]
        pairs += matched
        done = {id(member) for pair in matched for member in pair}
        sketches = [member for member in sketches if id(member) not in done]
        photos = [member for member in photos if id(member) not in done]
    return pairs, list(sketches), list(photos)


def nearest(name: str, candidates: Sequence[str]) -> str:
    """The candidate most like `name`; "" when none is like it."""
    return next(iter(difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)), "")


def named_folder(tree: Tree, option: str) -> Path:
    """The folder that a user named with --sketches or --photos: inside the source, or anywhere."""
    inside = tree.root / option
    return inside if inside.is_dir() else Path(option)


def _pictures_of(tree: Tree, side: str, flag: str, folder: str | None) -> list[Picture]:
    if folder is None:
        return tree.on_side(side)
    base = named_folder(tree, folder)
    try:
        pictures = scan(base).pictures
    except DataError as error:
        raise DataError(f"{flag}: {str(error).splitlines()[0]}") from None
    return [relocated(picture, side, base) for picture in pictures]


def named_sides(tree: Tree, options: LayoutOptions) -> tuple[list[Picture], list[Picture]]:
    """The sketches and the photos: those of a folder that the user named, else those whose folders'
    names say it.
    """
    sketches = _pictures_of(tree, "sketch", "--sketches", options.sketches)
    photos = _pictures_of(tree, "photo", "--photos", options.photos)
    return sketches, photos


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return _composed(name).casefold().strip()


def _key(normalise: Callable[[str], Hashable]) -> Callable[[Picture], tuple]:
    def key(picture: Picture) -> tuple:
        folders = tuple(normalise(name) for name in picture.sub)
        return picture.group, picture.split, folders, normalise(picture.stem)

    return key


# for `match_names`, from strict to loose
BY_NAME = [_key(_composed), _key(_folded), _key(without_side), _key(without_zeros)]
loosest_key = BY_NAME[-1]


def masks_of(tree: Tree, photos: Sequence[Picture]) -> dict[Picture, Picture]:
    """The label map of each photo, from folders that are called masks; {} where there are none."""
    matched, _, _ = match_names(tree.on_side("mask"), photos, BY_NAME)
    return {photo: mask for mask, photo in matched}


def with_photos_alone(
    pairs: Sequence[tuple[Picture, Picture]], collection: Collection, options: LayoutOptions
) -> list[tuple[Picture | None, Picture]]:
    """The pairs, and, where sketches are going to be made, the photos without one:
    they lack nothing then.
    """
    if not options.make_sketches:
        return list(pairs)
    lone = collection.lone_photos
    collection.lone_photos, collection.lone_sketches = [], []
    return [*pairs, *((None, photo) for photo in lone)]


def people_of(photos: Sequence[Picture], collection: Collection) -> dict[Picture, str]:
    """The person of each photo by its subfolder, where there are five of them or more; {} where
    there are not. Folders in such a folder, of sessions, are the same person's.

    What was decided, and how to decide otherwise, is noted in `collection`.
    """
    folders = {photo: photo.sub for photo in photos if photo.sub}
    # down to the first folder in which not all lie
    depth = len(os.path.commonprefix(list(folders.values()))) + 1
    tops = {photo: sub[:depth] for photo, sub in folders.items()}
    if len(set(tops.values())) >= MIN_PEOPLE_FOLDERS:
        folders = tops
    num = len(set(folders.values()))
    if num < 2:
        return {}
    if num < MIN_PEOPLE_FOLDERS or len(folders) < 0.9 * len(photos):
        batches = f"the {num} subfolders are taken for batches, not for people (else: --identity)"
        collection.notes.append(batches)
        return {}
    collection.notes.append(
        f"each of the {num} subfolders is taken for one person (else: --identity)"
    )
    beside = len(photos) - len(folders)
    if beside:
        collection.notes.append(f"{beside} photos beside them are each taken for somebody else")
    return {photo: _composed("/".join(folder)) for photo, folder in folders.items()}
