"""What a layout is: how it is recognised, its options, and the pairs that it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from data_prep.layouts.tree import Picture, Tree
from s2f_utils.data import DataError

HALVES = ("left", "right")
# columns that name files of a set, which no set that is made of it has
POINTS = ("points", "photo_points")


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
