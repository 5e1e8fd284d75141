"""Which run is taken up again: the newest of its name that fits, or the one that is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s2f_utils import runtime
from s2f_utils.models import checkpoints
from s2f_utils.training.init import begins_alike
from s2f_utils.training.settings import MAY_DIFFER, TrainConfig
from s2f_utils.training.state import VERSION


def is_same(state: Mapping[str, Any], config: TrainConfig, ids: Sequence[str]) -> bool:
    """Whether a saved state is of these settings, those apart that may change on the way, and of these pairs."""
    theirs, mine = (
        {k: v for k, v in settings.items() if k not in MAY_DIFFER}
        for settings in (state["config"], dataclasses.asdict(config))
    )
    return theirs == mine and state["data_ids"] == list(ids)


def find_resume(
    resume: str | Path,
    runs: str | Path,
    name: str,
    config: TrainConfig,
    total: int,
    ids: list[str],
    begins: Mapping[str, str | None],
) -> tuple[Path | None, Mapping[str, Any]]:
    """The folder of the run to go on with and its saved state; None and nothing where a new one is to begin.

    resume: as of `training.run.open_run`. total, ids, begins: how many images the training is to see, its pairs, and
    what it begins with. Raises FileNotFoundError or CheckpointError for a folder that cannot be taken up.
    """
    if resume == "never":
        return None, {}
    if resume == "auto":
        folder = runtime.last_run_folder(runs, name)
        if folder is None:
            return None, {}
        state = read_resume(folder)
        same = is_same(state, config, ids) and state.get("version") == VERSION
        end = state["total_images"] if config.time_budget_s else total
        fits = same and state["images_seen"] < end and begins_alike(folder, begins)
        return (folder, state) if fits else (None, {})
    folder = Path(resume)
    if not checkpoints.states_of(folder / "resume.pt"):
        raise FileNotFoundError(f"{folder}: no resume.pt in this folder: give the folder of a run")
    if begins and not begins_alike(folder, begins):
        raise checkpoints.CheckpointError(
            f"{folder}: did not begin with {begins['init']} as it is now: leave --init out to go on with what it began"
            " with, or start a new run with --resume never"
        )
    return folder, read_resume(folder)


def read_resume(folder: Path) -> Mapping[str, Any]:
    """The newest saved state of a run that can be read; CheckpointError where the file is no such thing."""
    state = checkpoints.newest_of(folder / "resume.pt")
    needed = {"config", "data_ids", "images_seen", "nets", "optimizers", "rng"}
    if not isinstance(state, Mapping) or not needed <= set(state):
        raise checkpoints.CheckpointError(
            f"{folder / 'resume.pt'}: is not the resume file of a run: start a new run with --resume never"
        )
    return state
