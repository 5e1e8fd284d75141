"""What a layout hands back: the pairs it found, and what it could not pair."""

from __future__ import annotations

from dataclasses import dataclass, field

from data_prep.tree import Picture

SIDES = ("left", "right")


@dataclass(frozen=True)
class Candidate:
    """One pair as found: where its pictures are and what the source says about it.

    `half` is "" where sketch and photo are files of their own, else the half of the one file that is the sketch.
    `split` and `identity` are "" where the source does not give them; then the identity becomes the id.
    `qualifiers` tell apart ids whose photos have the same name.
    """

    sketch: Picture
    photo: Picture
    source: str
    split: str = ""
    identity: str = ""
    half: str = ""
    qualifiers: tuple[str, ...] = ()


@dataclass
class Collection:
    """What a layout found: pairs, the pictures of both sides that have no partner, and remarks for the user."""

    pairs: list[Candidate]
    lone_sketches: list[Picture] = field(default_factory=list)
    lone_photos: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class LayoutOptions:
    """What a user may say about a source: the folders of sketches and photos, and the sketch's half of AB images."""

    sketches: str | None = None
    photos: str | None = None
    sketch_side: str = "left"
