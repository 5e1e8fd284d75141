"""What a model says of itself, its `ModelCard`: in its class, in its file's header, and as
README.md on the hub.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TRANSLATES, ADDS_DETAIL, DRAWS = "translates", "adds detail", "draws"
RESTORES, SCORES, MEASURES, RENDERS = "restores", "scores", "measures", "renders"
# The ways that models go, as people say them: what is read, and what is made of it.
DIRECTIONS = ("sketch-to-photo", "photo-to-sketch")
FROM_NOISE = "noise-to-photo"
FROM_DAMAGED = "damaged-to-photo"
COARSE, MIDDLE = 3, 7  # of a face's styles: the first of the middle level, and of the fine one
# The ways of pSp, with its encoder's channels: grey, a plane for each class, both, or red, green
# and blue.
TO_FACES = {"sketch-to-photo": 1, "map-to-photo": 19, "both-to-photo": 20, "photo-to-photo": 3}
READS = {
    "both": "sketch and map",
    "noise": "",
    "damaged": "photo",
}  # where a direction says it in another word
TRAINING = (
    "method",
    "settings",
    "seed",
    "code",
    "trained",
    "data",
    "terms",
    "pictures",
    "parents",
)  # fields
SAME_PICTURES = (
    "those of the model itself"  # a parent's, where they are those of the model that began with it
)
FOLDERS = re.compile(
    r"^.*?[\\/](?=(?:\d{4}-[^\\/]*[\\/])?[^\\/]*[\\/]*$)"
)  # all but a run's, which has a number


class UnknownNetworkError(ValueError):
    """A state dict that fits no network of the project, or a network that does something else than
    is needed.
    """


def read_by(direction: str) -> str:
    """What a model reads that goes this way: "sketch", "photo", "map", "sketch and map", or "" for
    chance alone.
    """
    first = direction.partition("-to-")[0]
    return READS.get(first, first)


def made_by(direction: str) -> str:
    """What it makes: "photo" or "sketch"; "" where no direction is known."""
    return direction.partition("-to-")[2]


@dataclass(frozen=True)
class ModelCard:
    """What a model is. Its class and arguments fix the first five fields, before a weight is read;
    its file has all.

    does: it "translates" a picture, "adds detail" to another network's answer or "renders" it,
    "draws" faces from chance, "restores" aligned faces, or "scores" or "measures" pictures.
    direction: the way that its arguments fix, "" where they do not. either_way: its published files
    go one way or the other, and do not say which. knows: what a question may ask beside the
    picture: "seed", "detail", "styles". size_px: of its pictures, where its arguments fix that;
    else 0.

    network, args: its key in `models.NETWORKS`, and its arguments. settings, seed: of the training.
    code: the library's
    version. trained: the date when it began, as ISO 8601. data: the data set's name. terms: what
    the owners of the training pictures allow; None where nobody wrote it down.
    pictures: {"sketches" or "photos": {"num", "sha256"}}, how many it learned from and their hashes
    (`metrics.leaks`).
    parents: the models that it began with or learned from, each with "name", "sha256", and "data",
    "terms", "pictures" and "parents" as their cards say.
    """

    does: str = TRANSLATES
    direction: str = ""
    either_way: bool = False
    knows: frozenset[str] = frozenset()
    size_px: int = 0
    network: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)
    method: str = ""
    images_seen: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    code: str = ""
    trained: str = ""
    data: str = ""
    terms: Sequence[str] | None = None
    pictures: Mapping[str, Any] = field(default_factory=dict)
    parents: Sequence[Mapping[str, Any]] = ()

    def training(self) -> dict[str, Any]:
        """What it was trained on and how, for a file's header and a run's folder; {} where nothing
        is known.
        """
        return (
            {name: getattr(self, name) for name in TRAINING} if self.data or self.pictures else {}
        )

    def with_header(self, meta: Mapping[str, Any], training: Mapping[str, Any]) -> ModelCard:
        """The card with what a file's header says of the network and its training; unknown keys are
        ignored.
        """
        known = {name: training[name] for name in TRAINING if name in training}
        own = ("network", "args", "method", "direction", "size_px", "images_seen", "trained")
        known |= {name: meta[name] for name in own if meta.get(name)}
        return dataclasses.replace(self, **known)

    def public(self) -> ModelCard:
        """The card as it is passed on: without hashes of pictures, and without folders in settings
        and names.
        """
        return dataclasses.replace(
            self,
            settings={
                k: _without_folders(v) if isinstance(v, str) else v
                for k, v in self.settings.items()
            },
            pictures={side: {"num": known["num"]} for side, known in self.pictures.items()},
            parents=[{"name": _without_folders(parent["name"])} for parent in self.parents],
        )

    @property
    def shown_terms(self) -> str:
        """What the owners of the training pictures allow, in words."""
        return (
            "not recorded"
            if self.terms is None
            else "; ".join(self.terms) or "the data set names none"
        )


def _without_folders(paths: str) -> str:
    """Paths, with commas, without their folders; names of models on the hub stay."""
    return ",".join(
        path if path.startswith("hf:") else FOLDERS.sub("", path) for path in paths.split(",")
    )
