"""A training run: its folder, networks, data, live values, and the state that an interrupted run takes up again.

`open_run` makes a run or takes one up; `training.loop.train` runs it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from s2f_utils import runtime
from s2f_utils.data import DataError, Manifest, Row, stores
from s2f_utils.data.stores import Data
from s2f_utils.inference import generator_file
from s2f_utils.models import checkpoints
from s2f_utils.models.directions import DIRECTIONS
from s2f_utils.runtime import ConfigError
from s2f_utils.training import interrupted
from s2f_utils.training.augment import PairedAffine
from s2f_utils.training.config import CONFIGS, Resolved, TrainConfig
from s2f_utils.training.data import pass_length, remarks_on_sides, training_data
from s2f_utils.training.init import begins_alike, facts_of
from s2f_utils.training.live import LiveValues, Range
from s2f_utils.training.method import Method
from s2f_utils.training.methods.cgan import CGAN
from s2f_utils.training.methods.cyclegan import CycleGAN
from s2f_utils.training.methods.faithful import Faithful
from s2f_utils.training.methods.pix2pix import Pix2Pix
from s2f_utils.training.methods.psp import PSP
from s2f_utils.training.methods.realistic import Realistic
from s2f_utils.training.methods.restore import Restore
from s2f_utils.training.methods.stylegan2 import StyleGAN2
from s2f_utils.training.tracking import RunLog
from s2f_utils.training.tracking_wandb import WandbTracker

METHODS: dict[str, type[Method]] = {
    "pix2pix": Pix2Pix,
    "cyclegan": CycleGAN,
    "cgan": CGAN,
    "stylegan2": StyleGAN2,
    "psp": PSP,
    "restore": Restore,
    "faithful": Faithful,
    "realistic": Realistic,
}
VERSION = 2  # of the resume file
# Settings that a resumed run may have changed: its length, how often it reports and saves, and where to.
MAY_DIFFER = {
    "total_images",
    "epochs",
    "max_epochs",
    "num_samples",
    "log_every_images",
    "sample_every_images",
    "save_every_s",
    "keep_last",
    "keep_best",
    "accumulate",
    "check_memory",
    "on_divergence",
    "tracker",
    "track_checkpoints",
}
MOST_SETBACKS = 3  # times that a training goes back to its last good state by itself


@dataclass
class TrainingRun:
    """Everything that one run works with; made by `open_run`."""

    method: str
    config: TrainConfig
    folder: Path
    model: Any
    data_ids: list[str]
    data: Data
    samples: Data
    live: LiveValues
    log: RunLog
    precision: runtime.Precision
    total_images: int
    ema: dict[str, checkpoints.EMA] = field(default_factory=dict)  # by direction; empty: no averages
    images_seen: int = 0
    saved_at: int = 0  # images seen by the newest state in the folder
    seconds: float = 0.0
    last_save: float = field(default_factory=time.monotonic)
    images_per_second: float = 0.0
    best: float = -math.inf  # score of the best sheet of samples (keep_best)
    setbacks: int = 0  # times that training went back by itself
    data_settings: dict[str, Any] = field(default_factory=dict)
    affine: PairedAffine | None = None
    scores: dict[str, float] = field(default_factory=dict)  # of the newest sheet of samples
    trackers: list[Any] = field(default_factory=list)  # callbacks that the settings ask for
    planned: list[interrupted.Planned] = field(default_factory=list)  # live changes that a resumed run makes again
    # Losses since the last row of the log, times images, and these images: by loss, as one of weight 0 may be left out.
    sums: dict[str, torch.Tensor] = field(default_factory=dict)
    nums: dict[str, int] = field(default_factory=dict)

    @property
    def to_photo(self) -> bool:
        return self.config.direction != "photo-to-sketch"

    @property
    def resume_path(self) -> Path:
        return self.folder / "resume.pt"

    @property
    def generators(self) -> dict[str, torch.nn.Module]:
        """The networks to use, by direction: the averaged generators where there are some."""
        return self.model.generators | {direction: ema.net for direction, ema in self.ema.items()}

    @property
    def generator(self) -> torch.nn.Module:
        """The network to use for the configuration's direction."""
        return self.generators[self.config.direction]

    def lr_factor(self) -> float:
        """What the live learning rates are multiplied with: 1, then linearly to 0, in steps of one pass.

        As published: 1 - max(0, epoch + 1 - constant epochs) / (decaying epochs + 1), counted from epoch 0. A training
        of fewer than ten passes falls with every image instead: a pass would be too coarse a step.
        """
        length = len(self.data) * self.config.copies
        epochs = self.total_images / length
        constant = epochs * self.config.constant_share
        if constant >= epochs:
            return 1.0
        if epochs < 10:
            return min(1.0, (epochs - self.images_seen / length) / (epochs - constant))
        return max(0.0, 1.0 - max(0.0, self.images_seen // length + 1 - constant) / (epochs - constant + 1))

    def meta(self, direction: str | None = None) -> dict[str, Any]:
        """What a saved generator says about itself."""
        return {
            "method": self.method,
            "direction": direction or self.config.direction,
            "size_px": getattr(self.model, "out_px", self.config.size_px),
            "fit": self.data_settings.get("fit", "stretch"),
            "images_seen": self.images_seen,
            **self.model.notes,
        }

    def state_dict(self) -> dict[str, Any]:
        """The whole state of training, as it goes into the resume file."""
        return {
            "version": VERSION,
            "method": self.method,
            "config": dataclasses.asdict(self.config),
            "data_ids": self.data_ids,
            "images_seen": self.images_seen,
            "total_images": self.total_images,
            "seconds": self.seconds,
            "nets": {name: net.state_dict() for name, net in self.model.nets.items()},
            "optimizers": {name: opt.state_dict() for name, opt in self.model.optimizers.items()},
            "scaler": self.model.scaler.state_dict(),
            "ema": {direction: ema.net.state_dict() for direction, ema in self.ema.items()},
            "model": self.model.state_dict(),
            "live": self.live.state_dict(),
            "rng": runtime.rng_state(),
            "best": self.best,
            "setbacks": self.setbacks,
            "sums": dict(self.sums),
            "nums": dict(self.nums),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of an interrupted run; CheckpointError when it is of another set-up."""
        mine, theirs = dataclasses.asdict(self.config), dict(state["config"])
        other = sorted(key for key in mine if key not in MAY_DIFFER and mine[key] != theirs.get(key))
        if state["method"] != self.method or other:
            what = ", ".join(f"{key}: {theirs.get(key)} there, {mine[key]} here" for key in other) or "another method"
            raise checkpoints.CheckpointError(
                f"{self.resume_path}: was made with other settings ({what}): use the same, or start a new run"
                " with --resume never"
            )
        if state.get("version") != VERSION:
            raise checkpoints.CheckpointError(
                f"{self.resume_path}: was written by another version of this project: start a new run with"
                " --resume never"
            )
        if state["data_ids"] != self.data_ids:
            raise checkpoints.CheckpointError(
                f"{self.resume_path}: was trained on other pairs: use the same data, or start a new run with"
                " --resume never"
            )
        for name, net in self.model.nets.items():
            net.load_state_dict(state["nets"][name])
        for name, opt in self.model.optimizers.items():
            opt.load_state_dict(state["optimizers"][name])
        if state["scaler"]:  # empty where training was not in float16: another GPU may go on with it
            self.model.scaler.load_state_dict(state["scaler"])
        for direction, ema in self.ema.items():
            ema.net.load_state_dict(state["ema"][direction])
        self.model.load_state_dict(state["model"])
        self.live.load_state_dict(state["live"])
        self.images_seen = self.saved_at = state["images_seen"]
        self.seconds = state["seconds"]
        self.best, self.setbacks = state.get("best", -math.inf), state.get("setbacks", 0)
        self.sums = {name: value.to(self.precision.device) for name, value in state.get("sums", {}).items()}
        self.nums = dict(state.get("nums", {}))
        runtime.set_rng_state(state["rng"])

    def go_back(self) -> dict[str, float]:
        """Take up the last good state, but with half the learning rates, which are returned; counted in `setbacks`."""
        setbacks = self.setbacks + 1
        self.load_state_dict(checkpoints.load_torch_file(self.resume_path))
        self.setbacks, self.planned = setbacks, []
        for name in self.model.optimizers:
            self.live.set(name, max(self.live.ranges[name].low, self.live[name] / 2), "setback")
        self.live.write_controls()
        return {name: self.live[name] for name in self.model.optimizers}

    def repeat_changes(self) -> set[str]:
        """Make the planned live changes that are due again; their names."""
        due = interrupted.due(self.planned, self.images_seen)
        self.planned = [change for change in self.planned if change.images > self.images_seen]
        for change in due.values():
            try:
                self.live.set(change.name, change.new, change.source)
            except ValueError as error:  # another version's range
                self.log.problem(f"a live change before the interruption is not made again: {error}")
        if due:
            self.live.write_controls()
        return set(due)

    def epoch(self) -> float:
        """How many passes over the training pairs have been made, as a fraction."""
        return round(self.images_seen / (len(self.data) * self.config.copies), 4)

    def snapshots_at(self) -> set[int]:
        """The numbers of images at which a generator is kept."""
        num = self.config.num_snapshots
        return {round(self.total_images * (n + 1) / (num + 1)) for n in range(num)}

    def save(self) -> Path:
        """Write the resume file and the generator, each complete or not at all.

        Raises FloatingPointError, and writes nothing, when weights are NaN: the last good state is worth keeping.
        Raises OSError where the folder cannot be written to, or is gone; the files that were there are as they were.
        """
        os.stat(self.folder)
        broken = [n for n, net in self.model.nets.items() if not all(torch.isfinite(p).all() for p in net.parameters())]
        if broken:
            raise FloatingPointError(f"weights of {', '.join(broken)} are NaN or infinite")
        checkpoints.save_resume(self.resume_path, self.state_dict(), self.config.keep_last - 1)
        self.saved_at = self.images_seen
        for direction, net in self.generators.items():
            name = generator_file(direction if direction != self.config.direction else None)
            checkpoints.save_generator(self.folder / name, net, self.meta(direction))
        for name, net in self.model.kept.items():
            checkpoints.save_generator(self.folder / f"{name}.safetensors", net, {"method": self.method})
        return self.resume_path

    def keep_best(self, score: float) -> None:
        """Write the generators as the best so far, with this score of their sheet."""
        for direction, net in self.generators.items():
            name = generator_file(direction if direction != self.config.direction else None)
            path = self.folder / name.replace(".safetensors", "-best.safetensors")
            checkpoints.save_generator(path, net, self.meta(direction) | {self.config.keep_best: score})
        self.best = score


def check_beginning(resolved: Resolved, init: str | Path | None) -> None:
    """Raise what `open_run` would raise for the model that a new run begins with; nothing is written."""
    method = _method_of(resolved.config)
    _check_init(method, init)
    precision = runtime.pick_precision(runtime.pick_device("cpu"), "float32")
    METHODS[method](resolved.config, precision).begin_with(init)


def _check_init(method: str, init: str | Path | None) -> None:
    if init is None and METHODS[method].needs_init:
        model = METHODS[method].needs_init
        raise ConfigError(
            f"{method} begins with a trained model of '{model}': give it with --init (a run, file or name)"
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
    config = resolved.config
    method = _method_of(config)
    torch_device = runtime.pick_device(device)
    precision = _precision(method, config, torch_device)
    train_pairs = manifest.split("train")
    if not train_pairs:
        raise DataError(f"{manifest.path}: no training pairs: split must be 'train' for some rows")
    total = _length(config, pass_length(config, METHODS[method].data, train_pairs))
    ids = [pair.id for pair in train_pairs]
    begins = facts_of(config, init) if resume in ("auto", "never") or init else {}
    folder, state = _find_resume(resume, runs, name or method, config, total, ids, begins)
    is_new = folder is None
    if is_new:
        _check_init(method, init)
    memory = _check_memory(METHODS[method], config, precision, train_pairs) if config.check_memory else ""
    if config.time_budget_s:
        total = min(total, _images_in_time(method, config, precision)) if is_new else state["total_images"]
    runtime.seed_everything(config.seed)
    model = METHODS[method](config, precision)
    if is_new:
        model.begin_with(init)
    ema = {}
    for direction, net in model.generators.items() if config.ema_half_life_images else ():
        ema[direction] = checkpoints.EMA(net, config.ema_half_life_images)
        precision.prepare(ema[direction].net)
    data, samples = training_data(config, METHODS[method].data, manifest, train_pairs, torch_device, progress)
    affine = PairedAffine(config.rotate_deg, config.shift_px, config.shear_deg, config.scale, config.elastic)

    remarks = remarks_on_sides(data) if is_new and config.direction in DIRECTIONS else []
    _check_space(folder or Path(runs), model, config, is_new)
    if is_new:
        folder = runtime.new_run_folder(runs, name or method)
    live = LiveValues(*_live(model, config, total), controls=folder / "controls.json")
    run = TrainingRun(
        method, config, folder, model, ids, data, samples, live, RunLog(folder), precision, total, ema,
        data_settings=dict(manifest.settings), affine=affine,
        trackers=[WandbTracker(config.track_checkpoints)] if config.tracker == "wandb" else [],
    )  # fmt: skip
    if is_new:
        facts = {"method": method, "config": dataclasses.asdict(config), "origin": resolved.origin}
        facts |= {"data": str(manifest.path.resolve()), "data_settings": manifest.settings, "total_images": total}
        facts |= {"memory": memory} if memory else {}
        facts |= {**begins, "precision": precision.name, "device": torch_device.type}
        with runtime.atomic_path(folder / "config.json") as temporary:
            temporary.write_text(json.dumps({**facts, "machine": runtime.machine_facts()}, indent=2), encoding="utf-8")
    else:
        run.load_state_dict(state)
        run.planned = interrupted.take_up(live, folder / "controls.json", folder, run.images_seen)
        changes = [dataclasses.asdict(change) for change in run.planned]
        run.log.event("resume", images=run.images_seen, **{"changes": changes} if changes else {})
        interrupted.remove_leftovers(folder)
    live.write_controls()
    for remark in remarks:
        run.log.problem(f"warning: {remark}; 'python -m data_prep doctor' names them")
    return run


def _precision(method: str, config: TrainConfig, device: torch.device) -> runtime.Precision:
    """The number format, and the memory format that is faster for this method's networks."""
    memory_format = config.memory_format
    if memory_format == "auto" and device.type == "cpu":
        memory_format = METHODS[method].cpu_format
    return runtime.pick_precision(device, config.precision, memory_format)


def _check_memory(kind: type[Method], config: TrainConfig, precision: runtime.Precision, rows: list[Row]) -> str:
    """What training takes of the memory and what is free, in a line; ConfigError where it is too much."""
    from s2f_utils.training import preflight

    if config.accumulate > 1 and not kind.accumulates:
        raise ConfigError(f"accumulate must be 1 with {kind.__name__}: take a smaller batch_size")
    pictures = 2 * len(rows) * config.load_size_px**2 * 3  # uint8; where they do not fit, they are read as needed
    free = stores.free_bytes(precision.device)
    kept = pictures if pictures < free / 2 else 0
    return preflight.check(preflight.measure(kind, config, precision), config, precision.device, kept, kind.accumulates)


def _images_in_time(method: str, config: TrainConfig, precision: runtime.Precision, num_steps: int = 8) -> int:
    """How many images this machine trains on in the time budget: from a few steps of a throw-away model."""
    model = METHODS[method](config, precision)
    a, b = (
        precision.images(torch.zeros(config.batch_size, channels, *(config.size_px,) * 2, device=precision.device))
        for channels in (model.given_channels, 3)
    )
    seconds = []
    for _ in range(3 + max(num_steps, model.cycle)):
        began = time.monotonic()
        float(sum(model.step(a, b, model.live_values()).values()))  # reading a value waits for the device
        seconds.append(time.monotonic() - began)
    usual = statistics.median if model.cycle == 1 else statistics.mean
    per_step = 1.1 * usual(seconds[3:])  # a tenth more for data, log, samples and saves
    return max(config.batch_size, int(config.time_budget_s / per_step) * config.batch_size)


def _check_space(folder: Path, model: Any, config: TrainConfig, is_new: bool) -> None:
    """A run that could not be saved is refused before it begins."""
    place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.is_dir())
    weights = sum(p.numel() for net in model.nets.values() for p in net.parameters())
    states = config.keep_last + 1 if is_new else 1  # one is written while those before it are still there
    need = 4 * weights * (states * (3 + 1) + 2)  # weights and Adam's two moments, average; generator, old and new
    free = shutil.disk_usage(place).free
    if free < need:
        raise DataError(
            f"{place}: {free / 1e6:.0f} MB are free, but this run needs {need / 1e6:.0f} MB to be saved: free some"
            " space or choose another folder"
        )


def _live(model: Any, config: TrainConfig, total: int) -> tuple[dict[str, float], dict[str, Range]]:
    values = model.live_values()
    ranges = {  # a setting outside of the slider's range moves its end
        name: dataclasses.replace(r, low=min(r.low, values[name]), high=max(r.high, values[name]))
        for name, r in model.live_ranges.items()
    }
    values["augment"], ranges["augment"] = 1.0, Range(0.0, 2.0)
    batch = float(config.batch_size)
    values["batch_size"], ranges["batch_size"] = batch, Range(1.0, max(16.0, 2 * batch))
    every = float(config.sample_every_images or max(config.batch_size, total // 20))
    values["sample_every"], ranges["sample_every"] = every, Range(1.0, max(1e9, every), log=True)
    return values, ranges


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
    config, method = resolved.config, _method_of(resolved.config)
    folder = runtime.last_run_folder(runs, name or method)
    if folder is None:
        return None
    state, rows = _read_resume(folder), manifest.split("train")
    ids = [pair.id for pair in rows]
    end = (
        state["total_images"]
        if config.time_budget_s
        else _length(config, pass_length(config, METHODS[method].data, rows))
    )
    same = _lasting(state["config"]) == _lasting(dataclasses.asdict(config)) and state["data_ids"] == ids
    done = state["images_seen"] >= end == state["total_images"]
    return folder if same and done and begins_alike(folder, facts_of(config, init)) else None


def _method_of(config: TrainConfig) -> str:
    return next(key for key, kind in CONFIGS.items() if type(config) is kind)


def _length(config: TrainConfig, num_pairs: int) -> int:
    """How many images a training is to see, where no time budget ends it."""
    total = config.total_images or round(config.epochs * config.copies * num_pairs)
    return min(total, max(1, round(config.max_epochs * num_pairs))) if config.max_epochs else total


def _lasting(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a resumed run must not have changed."""
    return {k: v for k, v in settings.items() if k not in MAY_DIFFER}


def _find_resume(
    resume: str | Path,
    runs: str | Path,
    name: str,
    config: TrainConfig,
    total: int,
    ids: list[str],
    begins: Mapping[str, str | None],
) -> tuple[Path | None, Mapping[str, Any]]:
    if resume == "never":
        return None, {}
    if resume == "auto":
        folder = runtime.last_run_folder(runs, name)
        if folder is None:
            return None, {}
        state = _read_resume(folder)
        same = _lasting(state["config"]) == _lasting(dataclasses.asdict(config)) and state["data_ids"] == ids
        same = same and state.get("version") == VERSION
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
    return folder, _read_resume(folder)


def _read_resume(folder: Path) -> Mapping[str, Any]:
    state = checkpoints.newest_of(folder / "resume.pt")
    needed = {"config", "data_ids", "images_seen", "nets", "optimizers", "rng"}
    if not isinstance(state, Mapping) or not needed <= set(state):
        raise checkpoints.CheckpointError(
            f"{folder / 'resume.pt'}: is not the resume file of a run: start a new run with --resume never"
        )
    return state
