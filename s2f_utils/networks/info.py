"""The description of a model, `ModelInfo`: in its class, in its file's header, in README.md on the
hub, and beside the network that answers.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s2f_utils import weights

# Tasks of networks.
TRANSLATES, DRAWS, RENDERS = "translates", "draws", "renders"
RESTORES, SCORES, MEASURES = "restores", "scores", "measures"
# From which domain to which.
DIRECTIONS = ("sketch-to-photo", "photo-to-sketch")
FROM_NOISE = "noise-to-photo"
FROM_DEGRADED = "damaged-to-photo"
# The directions of pSp, with its encoder's channels: grey, a plane for each class, both, or RGB.
TO_FACES = {"sketch-to-photo": 1, "map-to-photo": 19, "both-to-photo": 20, "photo-to-photo": 3}
COARSE, MIDDLE = 3, 7  # the first middle style of a face, and the first fine one
# What a model reads, where its direction has another word for it.
READS = {"both": "sketch and map", "noise": "", "damaged": "photo"}
ALIGNED = "aligned"  # the layout of pictures of faces that lie on `faces.TEMPLATE`
DESCRIPTION = "model.json"  # of a folder's graphs; for shipped ones, the model's name with .json
# The fields of a header that describe the training.
TRAINING = (
    "method",
    "settings",
    "seed",
    "code",
    "trained",
    "data",
    "trained_on",
    "terms",
)
# All folders of a path but a run's, which begins with a number.
FOLDERS = re.compile(r"^.*?[\\/](?=(?:\d{4}-[^\\/]*[\\/])?[^\\/]*[\\/]*$)")


class UnknownNetworkError(ValueError):
    """A state dict that fits no network of the project,
    or a network with another task than is needed.
    """


def generator_file(direction: str | None = None) -> str:
    """The name of a generator's file in a run folder: for the run's main direction (None), or for
    another.
    """
    return f"generator-{direction}.safetensors" if direction else "generator.safetensors"


def description_file(model: str | Path, shipped: Path = weights.GRAPHS) -> Path:
    """The file that describes a model's graphs, which are beside it: in the model's folder, or else
    the one of this name in the folder of shipped ones; it may not exist.
    """
    own = Path(model) / DESCRIPTION
    return own if own.is_file() else shipped / f"{model}.json"


def read_by(direction: str) -> str:
    """What a model of this direction reads: "sketch", "photo", "map", "sketch and map", or "" for
    random codes alone.
    """
    source = direction.partition("-to-")[0]
    return READS.get(source, source)


def made_by(direction: str) -> str:
    """What a model of this direction answers: "photo" or "sketch"; "" if it has no direction."""
    return direction.partition("-to-")[2]


@dataclass(frozen=True)
class ModelInfo:
    """The description of a model. Its class and arguments determine the first fields, before a
    weight is read; its file has the rest.

    task: it "translates" a picture, "renders" as a part of a model of several networks, "draws"
    faces at random, "restores" aligned faces, or "scores" or "measures" pictures. direction: "" if
    its arguments leave it open; either_way: published files of this network have either direction,
    and do not say which. supports: fields of a request, and "styles". size_px: of its pictures; 0:
    open.
    layout: `ALIGNED`, or "" for pictures that need no alignment. fit: how an oblong picture became
    a square in training, "stretch" or "pad", or "" for squares only. mix_from: the first style
    that pSp's training left random; 0: not recorded. name: the one that the user loads it by.
    licence: the terms of its use.

    network, args: its key in `networks.NETWORKS`, and its arguments. settings, seed: of the
    training. code: the library's version. trained: the date when training began, as ISO 8601.
    data: the data set's name. trained_on: the names of this set and of those that its initial model
    was trained on; [] where unknown. terms: what the owners of the training pictures allow; None:
    not recorded.
    """

    task: str = TRANSLATES
    direction: str = ""
    either_way: bool = False
    supports: frozenset[str] = frozenset()
    size_px: int = 0
    layout: str = ""
    fit: str = "stretch"
    mix_from: int = 0
    name: str = ""
    licence: str = ""
    network: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)
    method: str = ""
    images_seen: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    code: str = ""
    trained: str = ""
    data: str = ""
    trained_on: Sequence[str] = ()
    terms: Sequence[str] | None = None

    @property
    def reads(self) -> str:
        """As `read_by`."""
        return read_by(self.direction)

    def training(self) -> dict[str, Any]:
        """The fields of the training, for a file's header and a run's folder; {} if unknown."""
        if not self.data:
            return {}
        return {name: getattr(self, name) for name in TRAINING}

    def with_header(self, meta: Mapping[str, Any], training: Mapping[str, Any]) -> ModelInfo:
        """The description with a file's header: what it says of the network, and of the training;
        unknown keys are ignored.
        """
        known = {name: training[name] for name in TRAINING if name in training}
        known.setdefault("trained_on", sorted(_sets_of(training)))
        of_network = (
            "network",
            "args",
            "method",
            "direction",
            "size_px",
            "mix_from",
            "images_seen",
            "trained",
        )
        known |= {name: meta[name] for name in of_network if meta.get(name)}
        if "fit" in meta:
            known["fit"] = meta["fit"]
        if meta.get("aligned", "none") not in ("none", ""):
            known["layout"] = ALIGNED
        return dataclasses.replace(self, **known)

    def public(self) -> ModelInfo:
        """The description as it is published: without folders in settings and names."""
        settings = dict(self.settings)
        for name, value in settings.items():
            if isinstance(value, str):
                settings[name] = _without_folders(value)
        return dataclasses.replace(
            self,
            settings=settings,
            trained_on=[_without_folders(name) for name in self.trained_on],
        )

    @property
    def shown_terms(self) -> str:
        """What the owners of the training pictures allow, in words."""
        if self.terms is None:
            return "not recorded"
        return "; ".join(self.terms) or "the data set names none"


def _sets_of(training: Mapping[str, Any]) -> set[str]:
    """The names of the data sets in a header that has initial models as "parents"."""
    names = {training["data"]} if training.get("data") else set()
    for parent in training.get("parents", ()):
        names |= _sets_of(parent) or {parent["name"]}
    return names


def _without_folders(paths: str) -> str:
    """Paths, separated by commas, without their folders; names of models on the hub stay."""
    parts = paths.split(",")
    return ",".join(part if part.startswith("hf:") else FOLDERS.sub("", part) for part in parts)
