"""Prepare a new training run, or resume one: `open_run`. `train.loop.train` trains it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from s2f_utils import runtime, weights
from s2f_utils.data import DataError, Manifest, Row
from s2f_utils.data.stores import unpaired_rows
from s2f_utils.infer import find_generator
from s2f_utils.methods.method import Method
from s2f_utils.methods.settings import TrainConfig
from s2f_utils.networks import checkpoints
from s2f_utils.runtime import ConfigError, distributed
from s2f_utils.train.config import Resolved, find_method
from s2f_utils.train.data import training_data
from s2f_utils.train.live import live_values
from s2f_utils.train.saving import card_of, check_space, new_card
from s2f_utils.train.state import TrainingRun, changed_settings, why_not
from s2f_utils.train.tracking import TRACKERS, RunLog


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
    generator (and nothing else) a new run starts from. Raises DataError, ConfigError or
    CheckpointError before anything is written.
    """
    config, kind = resolved.config, find_method(resolved.method)
    is_first = distributed.is_rank_zero()  # only rank zero writes files
    name, rows = name or resolved.method, _training_rows(manifest, config)
    device, total = runtime.pick_device(device), _length(resolved, rows)

    # The run to resume: all ranks find the same one, and read its state.
    begins = _beginning(init) if resume in ("auto", "never") or init else {}
    folder, state = _find_run(resume, runs, name, resolved, rows, begins)
    is_new = folder is None

    # Networks and data.
    model = _model(resolved, device, init, is_new)
    ema = _averages(model)
    where = torch.device("cpu") if kind.from_cpu else model.precision.device
    data, samples = training_data(config, kind, manifest, rows, where, progress and is_first)

    # The folder: a new one once the pictures have been read and all checks have passed.
    if is_first:
        # 4: weights, 2 moments, average; a state is written while the previous one still exists;
        # 2: generators.
        check_space(folder or Path(runs), model, copies=4 * (2 if is_new else 1) + 2)
        card = card_of(folder)
        folder = folder or runtime.new_run_folder(runs, name)
    folder = distributed.broadcast(folder)
    run = TrainingRun(
        method=resolved.method,
        config=config,
        folder=folder,
        model=model,
        rows=rows,
        data=data,
        samples=samples,
        live=live_values(model, total, folder if is_first else None),
        log=RunLog(folder),
        precision=model.precision,
        longest_images=total,
        ema=ema,
        trackers=[TRACKERS[config.tracker]()] if config.tracker in TRACKERS and is_first else [],
        fit=manifest.settings.get("fit", "stretch"),
        is_aligned=manifest.settings.get("align") == "face",
    )

    # The configuration of a new run, or the state of an interrupted one.
    if not is_new:
        run.load_state_dict(state)
    if is_first:
        if is_new:
            _write_config(run, resolved, manifest, begins)
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
    rows, config = manifest.split("train"), resolved.config
    folder, state, other = _newest(runs, name or resolved.method, resolved, rows, _beginning(init))
    if folder is None or other or not _is_done(state, resolved, rows):
        return None
    if config.time_budget_s and "time_budget_s" not in changed_settings(state, config):
        return folder
    # At the end of its images a longer or shorter time changes nothing.
    is_at_last_image = state["images_seen"] >= state["total_images"] == _length(resolved, rows)
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


def _training_rows(manifest: Manifest, config: TrainConfig) -> list[Row]:
    """The rows to train on. Raises DataError where there are none, ConfigError for a batch that the
    processes cannot share.
    """
    rows, ranks = manifest.split("train"), distributed.world_size()
    if not rows:
        raise DataError(f"{manifest.path}: no training pairs: split must be 'train' for some rows")
    if config.batch_size % ranks:
        raise ConfigError(
            f"batch_size must be a multiple of the {ranks} processes, got {config.batch_size}"
        )
    return rows


def _find_run(
    resume: str | Path,
    runs: str | Path,
    name: str,
    resolved: Resolved,
    rows: list[Row],
    begins: Mapping[str, Any],
) -> tuple[Path | None, Mapping[str, Any]]:
    """The folder and the saved state of the run to resume; None and {} to start a new one."""
    if resume == "never":
        return None, {}
    if resume == "auto":
        folder, state, other = _newest(runs, name, resolved, rows, begins)
        if folder and not other and not _is_done(state, resolved, rows):
            return folder, state
        is_unfinished = folder and state["images_seen"] < state["total_images"]
        if other and is_unfinished and distributed.is_rank_zero():
            print(f"{folder} is not resumed: it {other.partition(': use')[0]}")
        return None, {}
    folder = Path(resume)
    state = _read_state(folder)
    if begins and not _began_with(folder, begins):
        raise checkpoints.CheckpointError(
            f"{folder}: did not begin with {begins['init']} as it is now: leave --init out to "
            "resume with its"
            " initial model, or start a new run with --resume never"
        )
    return folder, state


def _newest(
    runs: str | Path, name: str, resolved: Resolved, rows: list[Row], begins: Mapping[str, Any]
) -> tuple[Path | None, Mapping[str, Any], str]:
    """The newest run of this name, its saved state, and why it cannot go on with these settings,
    pairs and initial model, "" if it can; None where there is no run.
    """
    folder = runtime.last_run_folder(runs, name)
    if folder is None:
        return None, {}, ""
    state = _read_state(folder)
    other = why_not(state, resolved.method, resolved.config, rows)
    if not other and not _began_with(folder, begins):
        other = "began with another model"
    return folder, state, other


def _is_done(state: Mapping[str, Any], resolved: Resolved, rows: list[Row]) -> bool:
    """Whether a saved run is at the end that these settings give it, in images or in time."""
    budget, spent_s = resolved.config.time_budget_s, state.get("spent_s", state["seconds"])
    return state["images_seen"] >= _length(resolved, rows) or 0 < budget <= spent_s


def _read_state(folder: Path) -> Mapping[str, Any]:
    """The saved state of a run; CheckpointError if the file is not a resume file."""
    path = folder / "resume.pt"
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder}: no saved state of a run (resume.pt) is there: name another folder, or leave"
            " --resume out"
        )
    state = checkpoints.load_torch_file(path)
    if not isinstance(state, Mapping) or not {"method", "config", "data_ids", "nets", "rng"} <= set(
        state
    ):
        raise checkpoints.CheckpointError(
            f"{path}: is not the resume file of a run: start anew with --resume never"
        )
    return state


def _beginning(init: str | Path | None) -> dict[str, str | None]:
    """A run's initial model, for its config.json: its name and its file's checksum."""
    sha256 = weights.sha256_of(find_generator(init)) if init else None
    return {"init": str(init) if init else None, "init_sha256": sha256}


def _began_with(folder: Path, begins: Mapping[str, Any]) -> bool:
    """Whether a run started from this model, with its current checksum."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config.get("init_sha256") == begins["init_sha256"]


def _length(resolved: Resolved, rows: list[Row]) -> int:
    """The number of images to train for, unless a time budget ends it."""
    config, data, num = resolved.config, find_method(resolved.method).data, len(rows)
    if data == "photos":
        num = sum(row.photo is not None for row in rows)
    elif data == "unpaired":
        num = max(map(len, unpaired_rows(rows, config.apart, config.seed)))
    total = config.total_images or max(1, round(config.epochs * config.copies * num))
    return min(total, max(1, round(config.max_epochs * num))) if config.max_epochs else total


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


def _write_config(
    run: TrainingRun, resolved: Resolved, manifest: Manifest, begins: Mapping[str, Any]
) -> None:
    """Write the new run's `config.json`: its settings, its data, and the machine."""
    facts = {
        "method": run.method,
        "config": run.config.model_dump(),
        "origin": resolved.origin,
    }
    facts |= {"data": str(manifest.path.resolve()), "data_settings": manifest.settings}
    facts |= {"total_images": run.total_images, **begins}
    facts |= {
        "precision": run.precision.name,
        "device": run.precision.device.type,
        "memory_format": run.precision.memory_format,
        "ranks": distributed.world_size(),
    }
    runtime.write_json(run.folder / "config.json", {**facts, "machine": runtime.machine_facts()})


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
