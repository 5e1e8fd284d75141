"""What a network is, known without it: what it does, which way it goes, what a question may ask beside the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TRANSLATES, ADDS_DETAIL, DRAWS = "translates", "adds detail", "draws"
RESTORES, JUDGES, MEASURES, RENDERS = "restores", "judges", "measures", "renders"
# The ways that models go, as people say them: what is read, and what is made of it.
DIRECTIONS = ("sketch-to-photo", "photo-to-sketch")
FROM_NOISE = "noise-to-photo"
FROM_DAMAGED = "damaged-to-photo"
COARSE, MIDDLE = 3, 7  # of a face's styles: the first of the middle level, and of the fine one
TO_FACES = ("sketch-to-photo", "map-to-photo", "both-to-photo", "photo-to-photo")  # of pSp
READS = {"both": "sketch and map", "noise": "", "damaged": "photo"}  # where a direction says it in another word


class UnknownNetworkError(ValueError):
    """A state dict that fits no network of the project, or a network that does not do what was asked; the message says
    what differs.
    """


def read_by(direction: str) -> str:
    """What a model reads that goes this way: "sketch", "photo", "map", "sketch and map", or "" for chance alone."""
    first = direction.partition("-to-")[0]
    return READS.get(first, first)


def made_by(direction: str) -> str:
    """What it makes: "photo" or "sketch"; "" where no direction is known."""
    return direction.partition("-to-")[2]


@dataclass(frozen=True)
class ModelCard:
    """What a network is, known from its class and arguments before a weight is read.

    does: it "translates" a picture, "adds detail" to another network's answer or "renders" it, "draws" faces from
    chance, "restores" aligned faces, or "judges" or "measures" pictures.
    direction: the way that its arguments fix, "" where they do not. either_way: its published files go one way or the
    other, and do not say which. knows: what a question may ask beside the picture: "seed", "detail", "colours",
    "styles". size_px: of its pictures, where its arguments fix that; else 0.
    """

    does: str = TRANSLATES
    direction: str = ""
    either_way: bool = False
    knows: frozenset[str] = frozenset()
    size_px: int = 0

    def as_json(self, direction: str = "") -> dict[str, Any]:
        """For a saved file's header. direction: the way that it was trained to go."""
        way = direction or self.direction
        return {"does": self.does, "reads": read_by(way), "makes": made_by(way), "knows": sorted(self.knows)}
