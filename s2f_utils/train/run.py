"""Open a run: its folder, new or that of the run to resume. `loop.train` trains it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import BaseFileLock

from s2f_utils import runtime, weights
from s2f_utils.data import Manifest, Row
from s2f_utils.infer import find_generator
from s2f_utils.methods.method import Method
from s2f_utils.methods.settings import MAY_DIFFER, TrainConfig
from s2f_utils.networks import checkpoints
from s2f_utils.runtime import ConfigError, distributed
from s2f_utils.train import RunInUseError
from s2f_utils.train.config import Resolved, find_method
from s2f_utils.train.data import length, training_data, training_rows
from s2f_utils.train.live import live_values
from s2f_utils.train.log import RunLog
from s2f_utils.train.saving import card_of, check_space, new_card, write_config
from s2f_utils.train.state import (
    VERSION,
    TrainingRun,
    changed_settings,
    completed,
    data_bytes,
    hold,
    in_words,
)


def open_run(
    resolved: Resolved,
    manifest: Manifest,
    runs: str | Path = "runs",
    *,
    name: str | None = None,
    device: str = "auto",
    resume: str | Path = "auto",
    init: str | Path | None = None,
    progress: bool = True,
) -> TrainingRun:
    """Open a run that is ready for `train`: networks, data on the device, a numbered folder under
    `runs`.

    resolved: the method and its settings, of `resolve`. manifest: the data set. runs: the folder of
    all runs. name: what the run's folder is called behind its number; None: the method's name.
    device: as in `infer.load`. progress: whether to show bars. resume: "auto" resumes the newest
    run of this name if it is unfinished and has the same settings, pairs and initial model, else
    starts a new one; "never" starts a new one; a folder resumes that run, and raises
    CheckpointError if it does not fit. init: the model, as in `infer.find_generator`, whose
    generator (and nothing else) a new run starts from. Raises DataError, ConfigError,
    CheckpointError, or RunInUseError where another process trains that run, before anything is
    written.
    """
    config, kind = resolved.config, find_method(resolved.method)
    name = name or resolved.method
    if Path(name).name != name:
        raise ConfigError(f"a run's name is no path, got {name!r}: --runs says where its folder is")
    is_first = distributed.is_rank_zero()  # only rank zero writes files
    rows = training_rows(manifest, config)
    device = runtime.pick_device(device)

    # The run to resume: all ranks find the same one, and read its state.
    begins = _beginning(init) if init or resume in ("auto", "never") else {}
    wanted = Wanted(resolved, rows, begins)
    folder, state, lock = _find(resume, runs, name, wanted)
    is_new = folder is None

    # Networks and data.
    model = _model(resolved, device, init, is_new)
    ema = _averages(model)
    data, samples = training_data(config, kind, manifest, rows, device, progress and is_first)

    # The folder: a new one once the pictures have been read and all checks have passed.
    if is_first:
        # 4: weights, 2 moments, average; a state is written while the previous one still exists;
        # 2: generators.
        check_space(folder or Path(runs), model, copies=4 * (2 if is_new else 1) + 2)
        card = card_of(folder)
        if is_new:
            folder = runtime.new_run_folder(runs, name)
            lock = hold(folder)
    folder = distributed.broadcast(folder)
    run = TrainingRun(
        method=resolved.method,
        config=config,
        folder=folder,
        model=model,
        rows=rows,
        data=data,
        samples=samples,
        live=live_values(model, wanted.length, folder if is_first else None),
        log=RunLog(folder),
        longest_images=wanted.length,
        ema=ema,
        trackers=_trackers(config.tracker) if is_first else [],
        fit=manifest.settings.get("fit", "stretch"),
        is_aligned=manifest.settings.get("align") == "face",
        lock=lock,
    )

    # The configuration of a new run, or the state of an interrupted one.
    if not is_new:
        run.load_state_dict(state)
    if is_first:
        if is_new:
            write_config(run, resolved.origin, manifest, begins)
        else:
            run.live.read_edits_since(run.log.path.stat().st_mtime_ns)
            _report_resumed(run, state)
        run.card = new_card(run, manifest, card)
        run.live.write_controls()
    return run


def finished(
    resolved: Resolved,
    manifest: Manifest,
    runs: str | Path = "runs",
    *,
    name: str | None = None,
    init: str | Path | None = None,
) -> Path | None:
    """The newest run of this name, if it was trained to its end with these settings, pairs and
    initial model; else None. Arguments as in `open_run`.
    """
    wanted = Wanted(resolved, manifest.split("train"), _beginning(init))
    folder = runtime.last_run_folder(runs, name or resolved.method)
    state = _read_state(folder) if folder else {}
    if folder is None or wanted.why_not(folder, state) or not wanted.is_done(state):
        return None
    config = resolved.config
    if config.time_budget_s and "time_budget_s" not in changed_settings(state, config):
        return folder
    # At the end of its images a longer or shorter time changes nothing.
    is_at_last_image = state["images_seen"] >= state["total_images"] == wanted.length
    return folder if is_at_last_image else None


def settings_of_run(folder: str | Path, method: str) -> dict[str, Any]:
    """The settings that a saved run goes on with, unless others are asked for: those of its newest
    state that this method has; {} for a run of another method.

    Raises FileNotFoundError, or CheckpointError for a folder without the state of a run.
    """
    state, known = _read_state(Path(folder)), find_method(method).Config.model_fields
    if state["method"] != method:
        return {}
    return {name: value for name, value in state["config"].items() if name in known}


@dataclass(frozen=True)
class Wanted:
    """What a command asks for, to be compared with a saved run. begins: its initial model, as in
    `config.json`; {}: whichever the run began with.
    """

    resolved: Resolved
    rows: Sequence[Row]
    begins: Mapping[str, Any]

    @property
    def length(self) -> int:
        """The number of images to train for, unless a time budget ends it."""
        return length(self.resolved, self.rows)

    def is_done(self, state: Mapping[str, Any]) -> bool:
        """Whether a saved run is at the end that these settings give it, in images or in time."""
        budget = self.resolved.config.time_budget_s
        return state["images_seen"] >= self.length or 0 < budget <= state["spent_s"]

    def why_not(self, folder: Path, state: Mapping[str, Any], *, is_named: bool = False) -> str:
        """Why the run saved in this folder cannot go on with these settings, pairs and initial
        model; "" if it can. is_named: whether that run was asked for, rather than found.
        """
        config = self.resolved.config
        if state["method"] != self.resolved.method:
            return f"is a run of {state['method']}: name that method"
        may_differ = set(MAY_DIFFER)
        if is_named:
            may_differ |= {"precision", *config.live_ranges()}
        changed = changed_settings(state, config)
        gone = _fixed_since(state, config)
        if gone:
            what = in_words(gone)
            return f"has settings that are fixed now ({what}): use the version that began it"
        other = {name: changed[name] for name in sorted(changed.keys() - may_differ)}
        if other:
            return f"was made with other settings ({in_words(other)}): use the same"
        if state.get("version") != VERSION:
            return "was written by another version of this project: use that one"
        if state["data_ids"] != [row.id for row in self.rows]:
            return "was trained on other pairs: use the same data"
        if state["data_bytes"] not in (None, data_bytes(self.rows)):
            return "was trained on other pictures under the same names: use the same data"
        if self.begins and self.begins["init_sha256"] != _init_sha256(folder):
            init = self.begins["init"]
            if init is None:
                return "began with another model"
            return f"did not begin with {init} as it is now: leave --init out"
        return ""


def _fixed_since(state: Mapping[str, Any], config: TrainConfig) -> dict[str, tuple[Any, Any]]:
    """The settings that are fixed now and had another value in a saved run, when it began or when
    it was saved: name → (value there, value now).
    """
    changed = changed_settings(state, config)
    gone = {name: changed[name] for name in config.dropped if name in changed}
    for name, fixed in config.dropped.items():
        moved = state["live"].get(name, fixed)
        if moved != fixed:
            gone[name] = moved, fixed
    return gone


def _find(
    resume: str | Path, runs: str | Path, name: str, wanted: Wanted
) -> tuple[Path | None, Mapping[str, Any], BaseFileLock | None]:
    """The folder of the run to resume, its saved state and its lock; None, {} and None for a new
    run.
    """
    if resume == "never":
        return None, {}, None
    is_named = resume != "auto"
    folder = Path(resume) if is_named else runtime.last_run_folder(runs, name)
    if folder is None:
        return None, {}, None
    # Locked before the state is read: nobody changes it from then on.
    lock, in_use = _tried(_resume_file(folder).parent)
    state = _read_state(folder)
    other = wanted.why_not(folder, state, is_named=is_named)
    if other and is_named:
        raise checkpoints.CheckpointError(
            f"{folder}: {other}, or start a new run with --resume never"
        )
    if not other and (is_named or not wanted.is_done(state)):
        if in_use:
            raise in_use
        return folder, state, lock
    is_unfinished = state["images_seen"] < state["total_images"]
    if other and is_unfinished and distributed.is_rank_zero():
        print(f"{folder} is not resumed: it {other.partition(': ')[0]}")
    if lock:
        lock.release()
    return None, {}, None


def _tried(folder: Path) -> tuple[BaseFileLock | None, RunInUseError | None]:
    """The lock of a run's folder, or why it cannot be had; rank zero holds it for all."""
    if not distributed.is_rank_zero():
        return None, None
    try:
        return hold(folder), None
    except RunInUseError as error:
        return None, error


def _resume_file(folder: Path) -> Path:
    path = folder / "resume.pt"
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder}: no saved state of a run (resume.pt) is there: name another folder, or leave"
            " --resume out"
        )
    return path


def _read_state(folder: Path) -> Mapping[str, Any]:
    """The saved state of a run, `completed` if it is of this version; CheckpointError if the file
    is not a resume file.
    """
    path = _resume_file(folder)
    state = checkpoints.load_torch_file(path)
    needed = {"method", "config", "data_ids", "nets", "rng"}
    if not isinstance(state, Mapping) or not needed <= set(state):
        raise checkpoints.CheckpointError(
            f"{path}: is not the resume file of a run: start anew with --resume never"
        )
    return completed(state) if state.get("version") == VERSION else state


def _beginning(init: str | Path | None) -> dict[str, str | None]:
    """A run's initial model, for its config.json: its name and its file's checksum."""
    sha256 = weights.sha256_of(find_generator(init)) if init else None
    return {"init": str(init) if init else None, "init_sha256": sha256}


def _init_sha256(folder: Path) -> str | None:
    """The checksum of the model that the run in this folder began with."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config.get("init_sha256")


def _model(
    resolved: Resolved, device: torch.device, init: str | Path | None, is_new: bool
) -> Method:
    """The method's networks, initialised from the seed and, for a new run, from `init`."""
    kind, config = find_method(resolved.method), resolved.config
    if is_new and init is None and kind.needs_init:
        wanted = f"a trained model of '{kind.needs_init}'"
        raise ConfigError(
            f"{resolved.method} begins with {wanted}: give it with --init (a run, file or name)"
        )
    memory_format = kind.memory_format(config, device)
    precision = runtime.pick_precision(device, config.precision, memory_format)
    runtime.seed_everything(config.seed)
    model = kind(config, precision)
    if is_new:
        model.load_init(init)
    return model


def _averages(model: Method) -> dict[str, checkpoints.EMA]:
    """The averages of the model's generators, by direction; {} where none are kept."""
    half_life = model.config.ema_half_life_images
    if not half_life:
        return {}
    ema = {name: checkpoints.EMA(net, half_life) for name, net in model.generators.items()}
    for average in ema.values():
        model.precision.place(average.net)
    return ema


def _trackers(name: str) -> list[Any]:
    """The callbacks that a setting asks for."""
    if name == "none":
        return []
    from s2f_utils.train.tracking import TRACKERS

    return [TRACKERS[name]()]


def _report_resumed(run: TrainingRun, state: Mapping[str, Any]) -> None:
    """Say where a run goes on, log that with the settings that differ from its saved state's, and
    delete the half-written files of a killed process.
    """
    changed = changed_settings(state, run.config)
    run.log.event("resume", images=run.images_seen, changed=changed)
    print(
        f"{run.folder} goes on at image {run.images_seen:,} of {run.total_images:,}, where it was"
        " last saved"
    )
    for path in run.folder.rglob(".*.part"):
        path.unlink(missing_ok=True)
