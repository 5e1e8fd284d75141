"""What a run begins with: the settings that another run's model, or a shipped one, asks for, and its checksums."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s2f_utils.inference import find_generator, generator_file
from s2f_utils.models import checkpoints
from s2f_utils.models.directions import DIRECTIONS
from s2f_utils.training.config import find_method
from s2f_utils.training.settings import TrainConfig
from s2f_utils.weights.download import sha256_of


def settings_of(init: str | Path, method: str) -> dict[str, Any]:
    """The settings that a run of this method needs to begin with this model: its size and its network's arguments.

    init: as in `inference.find_generator`. Raises what loading the model raises, and CheckpointError where the method
    trains other networks.
    """
    kind = find_method(method)
    net, meta = checkpoints.load_network(find_generator(init))
    if net.name not in kind.begins_with:
        raise checkpoints.CheckpointError(f"{init}: is a {net.name}, which {method} does not train: choose another")
    return kind.settings_from(net, meta)


def facts_of(config: TrainConfig, init: str | Path | None) -> dict[str, str | None]:
    """What a run begins with, for its config.json: the model's name and the checksums of the files."""
    given = {"init": init, "detail_init": getattr(config, "detail_init", "")}
    sums = {f"{key}_sha256": sha256_of(find_generator(path)) if path else None for key, path in given.items()}
    if init is not None:  # a run that learned both directions has a second generator
        others = [Path(init) / generator_file(way) for way in DIRECTIONS]
        sums |= {f"{other.stem}_sha256": sha256_of(other) for other in others if other.is_file()}
    return {"init": str(init) if init else None, **sums}


def begins_alike(folder: Path, facts: Mapping[str, str | None]) -> bool:
    """Whether a run began with the same models as they are now (by name where it knows no checksums)."""
    theirs = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    keys = [key for key in facts if key.endswith("sha256")]
    if not set(keys) <= set(theirs):
        return theirs.get("init") == facts["init"]
    return all(theirs[key] == facts[key] for key in keys)
