"""What a layout hands back: the pairs it found, and what it could not pair."""

from __future__ import annotations

from dataclasses import dataclass, field

from data_prep.sources.tree import Picture

SIDES = ("left", "right")


@dataclass(frozen=True)
class Candidate:
    """One pair as found: where its pictures are and what the source says about it.

    `sketch` is None where the source has only the photo: then a sketch is made from it. `half` is "" where sketch and
    photo are files of their own, else the half of the one file that is the sketch. `mask` is the photo's label map.
    `split` and `identity` are "" where the source does not give them; then the identity becomes the id.
    `qualifiers` tell apart ids whose photos have the same name; `id` is that of the source, "" for the photo's stem.
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


@dataclass
class Collection:
    """What a layout found: pairs, the pictures of both sides that have no partner, and remarks for the user.

    `terms` says what the source's owners allow, where the layout knows it.
    """

    pairs: list[Candidate]
    lone_sketches: list[Picture] = field(default_factory=list)
    lone_photos: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    terms: str = ""


@dataclass(frozen=True)
class LayoutOptions:
    """What a user may say about a source: the folders of sketches and photos, the sketch's half of AB images, and
    whether sketches are going to be made from the photos, so that those of the source are not looked for.
    """

    sketches: str | None = None
    photos: str | None = None
    sketch_side: str = "left"
    made: bool = False
