"""Which run is taken up again: the newest of its name that fits, or the one that is asked for. To fit it has to have
begun with the same models.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s2f_utils import runtime
from s2f_utils.inference import find_generator
from s2f_utils.models import checkpoints
from s2f_utils.training.config import Resolved
from s2f_utils.training.settings import MAY_DIFFER, TrainConfig
from s2f_utils.weights.download import sha256_of

VERSION = 2  # of the resume file
BEGINS = ("init", "init_sha256")


def why_not(state: Mapping[str, Any], method: str, config: TrainConfig, ids: Sequence[str]) -> str:
    """Why a run by this method, of these settings and pairs, cannot go on from a saved state; "" where it can."""
    new = {f.name: f.default for f in dataclasses.fields(config)}  # what a run was without a setting that came later
    mine, theirs = dataclasses.asdict(config), new | state["config"]
    other = sorted(key for key in mine if key not in MAY_DIFFER and mine[key] != theirs[key])
    if state["method"] != method or other:
        what = ", ".join(f"{key}: {theirs[key]} there, {mine[key]} here" for key in other) or "another method"
        return f"was made with other settings ({what}): use the same"
    if state.get("version") != VERSION:
        return "was written by another version of this project: use that one"
    return "" if state["data_ids"] == list(ids) else "was trained on other pairs: use the same data"


def find_resume(
    resume: str | Path,
    runs: Path,
    name: str,
    resolved: Resolved,
    total: int,
    ids: list[str],
    begins: Mapping[str, str | None],
) -> tuple[Path | None, Mapping[str, Any]]:
    """The folder of the run to go on with and its saved state; None and nothing where a new one is to begin.

    resume: as of `training.run.open_run`. name: of the run. total, ids, begins: how many images the training is to see,
    its pairs, and what it begins with. Raises FileNotFoundError, or CheckpointError for a folder that does not fit.
    """
    config = resolved.config
    if resume in ("auto", "never"):
        folder = runtime.last_run_folder(runs, name) if resume == "auto" else None
        state = read_resume(folder) if folder else {}
        end = state.get("total_images", 0) if config.time_budget_s else total
        if not folder or why_not(state, resolved.method, config, ids) or state["images_seen"] >= end:
            return None, {}
        return (folder, state) if begins_alike(folder, begins) else (None, {})
    folder = Path(resume)
    if not (folder / "resume.pt").is_file():
        raise FileNotFoundError(f"{folder}: no resume.pt in this folder: give the folder of a run")
    if begins and not begins_alike(folder, begins):
        raise checkpoints.CheckpointError(
            f"{folder}: did not begin with {begins['init']} as it is now: leave --init out to go on with what it began"
            " with, or start a new run with --resume never"
        )
    return folder, read_resume(folder)


def read_resume(folder: Path) -> Mapping[str, Any]:
    """The saved state of a run; CheckpointError where the file is no such thing."""
    state = checkpoints.load_torch_file(folder / "resume.pt")
    needed = {"method", "config", "data_ids", "images_seen", "nets", "optimizers", "rng"}
    if not isinstance(state, Mapping) or not needed <= set(state):
        raise checkpoints.CheckpointError(
            f"{folder / 'resume.pt'}: is not the resume file of a run: start a new run with --resume never"
        )
    return state


def facts_of(init: str | Path | None) -> dict[str, str | None]:
    """What a run begins with, for its config.json: the model's name and its file's checksum."""
    return {"init": str(init), "init_sha256": sha256_of(find_generator(init))} if init else dict.fromkeys(BEGINS)


def begins_alike(folder: Path, facts: Mapping[str, str | None]) -> bool:
    """Whether a run began with the same model as it is now."""
    theirs = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return theirs.get("init_sha256") == facts["init_sha256"]
