"""What every network says of itself: what it does, which way it goes, what a question may ask beside the picture."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

TRANSLATES, ADDS_DETAIL, DRAWS = "translates", "adds detail", "draws"
RESTORES, JUDGES, MEASURES, RENDERS = "restores", "judges", "measures", "renders"
# The ways that models go, as people say them: what is read, and what is made of it.
DIRECTIONS = ("sketch-to-photo", "photo-to-sketch")
FROM_NOISE = "noise-to-photo"
FROM_DAMAGED = "damaged-to-photo"
TO_FACES = ("sketch-to-photo", "map-to-photo", "both-to-photo", "photo-to-photo")  # of pSp
READS = {"both": "sketch and map", "noise": "", "damaged": "photo"}  # where a direction says it in another word


def read_by(direction: str) -> str:
    """What a model reads that goes this way: "sketch", "photo", "map", "sketch and map", or "" for chance alone."""
    first = direction.partition("-to-")[0]
    return READS.get(first, first)


def made_by(direction: str) -> str:
    """What it makes: "photo" or "sketch"; "" where no direction is known."""
    return direction.partition("-to-")[2]


@dataclass(frozen=True)
class About:
    """What a network is, known from its class and arguments before a weight is read.

    does: it "translates" a picture, "adds detail" to another network's answer or "renders" it, "draws" faces from
    chance, "restores" aligned faces, "judges" or "measures" pictures. direction: the way that its arguments fix, ""
    where they do not.
    either_way: its published files go one way or the other, and do not say which. knows: what a question may ask beside
    the picture: "seed", "detail", "colours", "styles". size_px: of its pictures, where its arguments fix that; else 0.
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


class Network(nn.Module):
    """The base of all networks. `name` is its key in `models.NETWORKS`, `args` its constructor's arguments, as plain
    values; `models.build` says both.
    """

    ABOUT: ClassVar[About] = About()
    name = ""
    args: dict[str, Any]
    multiple_px = 1  # what height and width have to be multiples of
    usual_px = 0  # the size that its published files were trained at; 0: multiple_px

    @classmethod
    def build(cls, **given: Any) -> Self:
        """A new network that knows its arguments, those left out too, and those of the networks that it is made of."""
        net = cls(**given)
        bound = inspect.signature(cls).bind(**given)
        bound.apply_defaults()
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in bound.arguments.items()}
        net.args = plain | {name: part.args for name, part in net.named_children() if isinstance(part, Network)}
        return net

    @staticmethod
    def args_from(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
        """The arguments of the network whose state dict has these shapes, None where that is none of this class; for
        published files, which do not say it. Ours have a header.
        """
        return None

    @classmethod
    def describe(cls, args: Mapping[str, Any]) -> About:
        """What a network of this class with these arguments is."""
        return cls.ABOUT

    @property
    def about(self) -> About:
        """What this network is, as trained."""
        return self.describe(self.args)
