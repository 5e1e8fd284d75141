"""Making a training run ready, or taking one up again: `open_run`. `training.loop.train` runs it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import s2f_utils
from s2f_utils import runtime, weights
from s2f_utils.data import DataError, Manifest, terms_of
from s2f_utils.inference import find_generator
from s2f_utils.metrics import leaks
from s2f_utils.models import checkpoints
from s2f_utils.models.card import DIRECTIONS, SAME_PICTURES, ModelCard
from s2f_utils.runtime import ConfigError, distributed
from s2f_utils.training.config import Resolved, find_method
from s2f_utils.training.data import pass_length, remarks_on_sides, training_data
from s2f_utils.training.live import LiveValues, Range
from s2f_utils.training.method import Method
from s2f_utils.training.resume import begins_alike, facts_of, find_resume, read_resume, why_not
from s2f_utils.training.settings import TrainConfig
from s2f_utils.training.state import TrainingRun, check_space
from s2f_utils.training.trackers import TRACKERS
from s2f_utils.training.tracking import RunLog

CARD = "learned_from.json"  # in a run's folder


def check_beginning(resolved: Resolved, init: str | Path | None) -> None:
    """Raise what `open_run` would raise for the model that a new run begins with; nothing is written."""
    _check_init(resolved.method, init)
    precision = runtime.pick_precision(runtime.pick_device("cpu"), "float32")
    find_method(resolved.method)(resolved.config, precision).begin_with(init)


def _check_init(method: str, init: str | Path | None) -> None:
    needed = find_method(method).needs_init
    if init is None and needed:
        raise ConfigError(
            f"{method} begins with a trained model of '{needed}': give it with --init (a run, file or name)"
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
    """A run that is ready for `train`: networks, data on the device, a numbered folder under `runs`.

    `resume`: "auto" takes up the newest run of this name if it is unfinished, was saved by this version of the project,
    and has the same settings, pairs and model to begin with, else starts a new one; "never" starts a new one; a folder
    takes up that run, and raises CheckpointError if it does not fit. `init`: a model, as `inference.find_generator`
    knows it, whose generator (and nothing else) to start from. Raises DataError, ConfigError or CheckpointError before
    anything is written.
    """
    config, kind, is_first = resolved.config, find_method(resolved.method), distributed.is_rank_zero()
    rows = manifest.split("train")
    if not rows:
        raise DataError(f"{manifest.path}: no training pairs: split must be 'train' for some rows")
    distributed.on_rank_zero(lambda: _check_shares(config))
    precision = _precision(kind, config, runtime.pick_device(device))
    ids = [row.id for row in rows]
    total = _length(config, pass_length(config, kind.data, rows))

    # The run to go on with. Rank zero alone reads and writes files; the others take up its state at the end.
    folder, state, begins = None, {}, {}
    if is_first:
        begins = facts_of(init) if resume in ("auto", "never") or init else {}
        folder, state = find_resume(resume, Path(runs), name or resolved.method, resolved, total, ids, begins)
    folder = distributed.broadcast(folder)
    is_new = folder is None
    if is_new:
        _check_init(resolved.method, init)

    # Networks and data.
    model, ema = _networks(kind, config, precision, init, is_new)
    where = torch.device("cpu") if kind.from_cpu else precision.device
    data, samples = training_data(config, kind.data, manifest, rows, where, progress and is_first, kind.own_data)

    # The folder: a new one when the pictures have been read, and nothing speaks against the run.
    if is_first:
        remarks = remarks_on_sides(data) if is_new and config.direction in DIRECTIONS else []
        states = 2 if is_new else 1  # one is written while the one before it is still there
        check_space(folder or Path(runs), model, copies=4 * states + 2)  # weights, Adam's moments, average; generators
        known = {} if is_new else read_card(folder)
        pictures = known.get("pictures") or leaks.hash_pictures(data, progress)
        folder = folder or runtime.new_run_folder(runs, name or resolved.method)
    folder = distributed.broadcast(folder)
    live = LiveValues(*_live(model, config, total), controls=folder / "controls.json" if is_first else None)
    run = TrainingRun(
        resolved.method, config, folder, model, ids, data, samples, live, RunLog(folder), precision, total, total,
        ema, data_settings=dict(manifest.settings),
        trackers=[TRACKERS[config.tracker]()] if config.tracker in TRACKERS and is_first else [],
    )  # fmt: skip

    # What a new run says of itself, or the state of an interrupted one.
    if is_first:
        if is_new:
            _write_facts(run, resolved, manifest, begins)
        else:
            _go_on(run, state)
        _write_card(run, manifest, pictures)
        run.live.write_controls()
        for remark in remarks:
            run.log.problem(f"warning: {remark}; 'python -m data_prep doctor' names them")
    run.follow()
    return run


def _check_shares(config: TrainConfig) -> None:
    """Raise ConfigError where processes cannot share a batch."""
    if config.batch_size % distributed.world_size():
        raise ConfigError(
            f"batch_size must be a multiple of {distributed.world_size()}, got {config.batch_size}: so many processes"
            " share a batch"
        )


def _precision(kind: type[Method], config: TrainConfig, device: torch.device) -> runtime.Precision:
    """The number format, and the memory format that is faster for this method's networks."""
    memory_format = config.memory_format
    if memory_format == "auto" and device.type in ("cpu", "cuda"):
        memory_format = kind.memory_format(config, device)
    return runtime.pick_precision(device, config.precision, memory_format)


def _networks(
    kind: type[Method], config: TrainConfig, precision: runtime.Precision, init: str | Path | None, is_new: bool
) -> tuple[Method, dict[str, checkpoints.EMA]]:
    """The method's networks as the seed, and for a new run `init`, gives them, and the averages of its generators."""
    runtime.seed_everything(config.seed)
    model = kind(config, precision)
    if is_new:
        model.begin_with(init)
    ema = {}
    for direction, net in model.generators.items() if config.ema_half_life_images else ():
        ema[direction] = checkpoints.EMA(net, config.ema_half_life_images)
        precision.prepare(ema[direction].net)
    return model, ema


def _live(model: Method, config: TrainConfig, total: int) -> tuple[dict[str, float], dict[str, Range]]:
    values = model.live_values()
    ranges = {  # a setting outside of the slider's range moves its end
        name: dataclasses.replace(r, low=min(r.low, values[name]), high=max(r.high, values[name]))
        for name, r in model.ranges.items()
    }
    values["augment"], ranges["augment"] = 1.0, Range(0.0, 2.0)
    batch = float(config.batch_size)
    values["batch_size"], ranges["batch_size"] = batch, Range(1.0, max(16.0, 2 * batch))
    every = float(config.sample_every_images or max(config.batch_size, total // 20))
    values["sample_every"], ranges["sample_every"] = every, Range(1.0, max(1e9, every), log=True)
    return values, ranges


def _write_facts(run: TrainingRun, resolved: Resolved, manifest: Manifest, begins: Mapping[str, Any]) -> None:
    """Write the new run's `config.json`: what it was asked for, what it found, and the machine."""
    facts = {"method": run.method, "config": dataclasses.asdict(run.config), "origin": resolved.origin}
    facts |= {"data": str(manifest.path.resolve()), "data_settings": manifest.settings}
    facts |= {"total_images": run.total_images, **begins}
    facts |= {"precision": run.precision.name, "device": run.precision.device.type, "ranks": distributed.world_size()}
    runtime.write_json(run.folder / "config.json", {**facts, "machine": runtime.machine_facts()})


def read_card(folder: Path) -> dict[str, Any]:
    """The card in a run's folder, as `ModelCard.training`; {} where there is none."""
    try:
        return json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _write_card(run: TrainingRun, manifest: Manifest, pictures: dict[str, Any]) -> None:
    """Write what the run is trained on, with which settings and after which models, into its folder and its files."""
    config, known = run.config, read_card(run.folder)
    parents = known.get("parents", ()) if known else _parents(run, pictures)
    terms = {*terms_of(manifest.settings), *known.get("terms", ())}
    run.card = ModelCard(
        method=run.method, settings=dataclasses.asdict(config), seed=config.seed, code=s2f_utils.__version__,
        trained=known.get("trained") or time.strftime("%Y-%m-%d"), data=manifest.path.resolve().parent.name,
        pictures=pictures, parents=parents,
        terms=sorted(terms.union(*(parent.get("terms") or () for parent in parents))),
    )  # fmt: skip
    runtime.write_json(run.folder / CARD, run.card.training())


def _parents(run: TrainingRun, pictures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of the models that a run began with, and of those whose answers it learns from: name, SHA-256, and what their
    cards say of their training. pictures: the run's own, which are not repeated.
    """
    config = run.config
    init = json.loads((run.folder / "config.json").read_text(encoding="utf-8")).get("init") or ""
    experts = (config.expected_by or weights.EXPECT) if hasattr(config, "expected_by") else ""
    found = []
    for name in filter(None, map(str.strip, (init, *experts.split(",")))):
        parent: dict[str, Any] = {"name": "/".join(Path(name).parts[-2:])}
        found.append(parent)
        try:
            path = find_generator(name)
        except (FileNotFoundError, ImportError, ValueError):  # of a run from before there were cards, which is taken up
            continue
        card = checkpoints.card_of(path).training() if path.suffix == ".safetensors" else {}
        parent |= {"sha256": weights.sha256_of(path)}
        parent |= {key: card[key] for key in ("data", "terms", "pictures", "parents") if key in card}
        if parent.get("pictures") == pictures:
            parent["pictures"] = SAME_PICTURES
        if name in weights.WEIGHTS:
            parent["terms"] = [f"{name}: {weights.WEIGHTS[name].licence}"]
    return found


def _go_on(run: TrainingRun, state: Mapping[str, Any]) -> None:
    """Take up an interrupted run's state, and delete what a kill left half written."""
    run.load_state_dict(state)
    run.log.event("resume", images=run.images_seen)
    for path in run.folder.rglob(".*.part"):
        path.unlink(missing_ok=True)


def finished(
    resolved: Resolved,
    manifest: Manifest,
    runs: str | Path = "runs",
    *,
    name: str | None = None,
    init: str | Path | None = None,
) -> Path | None:
    """The newest run of this name, if it is trained to its end with these settings, pairs and model to begin with;
    else None. Arguments as of `open_run`.
    """
    config, kind = resolved.config, find_method(resolved.method)
    folder = runtime.last_run_folder(runs, name or resolved.method)
    if folder is None:
        return None
    state, rows = read_resume(folder), manifest.split("train")
    end = state["total_images"] if config.time_budget_s else _length(config, pass_length(config, kind.data, rows))
    done = state["images_seen"] >= end == state["total_images"]
    fits = done and not why_not(state, resolved.method, config, [row.id for row in rows])
    return folder if fits and begins_alike(folder, facts_of(init)) else None


def _length(config: TrainConfig, num_pairs: int) -> int:
    """How many images a training is to see, where no time budget ends it."""
    total = config.total_images or round(config.epochs * config.copies * num_pairs)
    return min(total, max(1, round(config.max_epochs * num_pairs))) if config.max_epochs else total
