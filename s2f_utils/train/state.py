"""What a training run is: its folder, settings, networks, data and live values, how far it is, and
the state from which it resumes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import BaseFileLock, FileLock, Timeout

from s2f_utils import runtime
from s2f_utils.data import Row
from s2f_utils.data.stores import Data
from s2f_utils.methods.method import Method
from s2f_utils.methods.settings import TrainConfig
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import ModelInfo
from s2f_utils.train import RunInUseError, TrainingDiverged
from s2f_utils.train.live import LiveValues, usual_sample_every
from s2f_utils.train.log import MeanLosses, RunLog

VERSION = 2  # of the resume file
LOCK = ".lock"  # in a run's folder; the file stays there, a lock is what a process holds on it


@dataclass
class TrainingRun:
    """Everything that belongs to a run: `run.open_run` opens it, `loop.train` trains it, and
    `saving` writes it.

    folder: where it is written. config: its settings. model: the method, with its networks. live:
    the values that may change while it trains. images_seen, total_images: how far it is. scores: of
    the newest sheet of samples.
    """

    method: str
    config: TrainConfig
    folder: Path
    model: Method
    rows: Sequence[Row]  # of the manifest, to train on
    data: Data
    samples: Data
    live: LiveValues
    log: RunLog
    longest_images: int  # of the whole training, unless a time budget ends it
    ema: dict[str, checkpoints.EMA]  # by direction; empty: no averages
    trackers: list[Any]  # callbacks requested by the settings
    fit: str  # how non-square pictures were made square
    is_aligned: bool = False  # whether the faces of the pairs lie on `faces.TEMPLATE`
    lock: BaseFileLock | None = None  # of the folder; None: on other ranks than zero
    card: ModelInfo = field(default_factory=ModelInfo)  # written into every model file of the run

    images_seen: int = 0
    steps: int = 0
    saved_at: int = 0  # images seen by the newest state in the folder
    save_took_s: float = 0.0  # of the newest state that this process wrote
    seconds: float = 0.0  # of steps
    spent_s: float = 0.0  # of the time budget: steps, callbacks, samples and saves, without pauses
    images_per_second: float = 0.0
    row_start: tuple[float, int] = (0.0, 0)  # seconds and images at the last row of the log
    scores: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.precision = self.model.precision
        self.scaler = self.precision.scaler()
        self.losses = MeanLosses(self.precision.device)  # since the last row of the log
        self.data_bytes = data_bytes(self.rows)
        self.total_images = self.longest_images  # with a time budget, the expected number
        self.resume_path = self.folder / "resume.pt"
        self.to_photo = self.config.direction != "photo-to-sketch"
        self.last_save = time.monotonic()
        # By optimiser, as of the last step: the live values times the schedule's factor.
        self.rates = {name: self.live[name] for name in self.model.optimizers}

    def hold(self) -> None:
        """Keep other processes out of the folder; RunInUseError if one trains there."""
        self.lock = hold(self.folder)

    def release(self) -> None:
        """Let other processes train in the folder."""
        if self.lock:
            self.lock.release(force=True)

    @property
    def generators(self) -> dict[str, torch.nn.Module]:
        """The networks to use, by direction: the averaged generators where there are some."""
        return self.model.generators | {direction: ema.net for direction, ema in self.ema.items()}

    @property
    def last_saved(self) -> str:
        """The state that a resume would start from, in words."""
        if self.resume_path.is_file():
            return f"what was saved at image {self.saved_at} is still there"
        return "nothing was saved yet"

    @property
    def epoch_images(self) -> int:
        """The images of an epoch: each training picture in all its copies."""
        return len(self.data) * self.config.copies

    @property
    def share_done(self) -> float:
        """The finished share of the training, from 0 to 1: by images, or by the time budget."""
        share, budget = self.images_seen / self.longest_images, self.config.time_budget_s
        return min(1.0, max(share, self.spent_s / budget) if budget else share)

    def spend(self, seconds: float) -> None:
        """Count the time of a step and all that followed it towards the time budget."""
        self.spent_s += seconds
        self._estimate_total()

    def _estimate_total(self) -> None:
        """With a time budget: at how many images it will be spent, or was."""
        share = self.share_done
        if not self.config.time_budget_s or share == 0:
            return
        likely = round(self.images_seen / share)
        self.total_images = self.images_seen if share == 1 else max(self.images_seen + 1, likely)

    def mean_losses(self) -> dict[str, float]:
        """The mean losses since the last row, read from the device; TrainingDiverged if one is not
        finite.
        """
        means = self.losses.means()
        wrong = [name for name, value in means.items() if not math.isfinite(value)]
        if wrong:
            self.losses.clear()  # the same session may continue with another learning rate
            raise self.diverged([f"{name} became NaN or infinite" for name in wrong])
        return means

    def write_row(self) -> dict[str, Any]:
        """Write a row: the mean losses since the last row, and the last step's learning rates."""
        seconds = self.seconds - self.row_start[0]
        images = self.images_seen - self.row_start[1]
        self.images_per_second = images / seconds if seconds > 0 else 0.0
        row = {
            "images": self.images_seen,
            "epoch": round(self.images_seen / self.epoch_images, 4),
            **self.mean_losses(),
            **self.rates,
            "images_per_second": round(self.images_per_second, 3),
            "seconds": round(self.seconds, 2),
        }
        self.log.row(row)
        self.losses.clear()
        self.row_start = self.seconds, self.images_seen
        return row

    def diverged(self, wrong: list[str]) -> TrainingDiverged:
        """The exception that says what went wrong, logged, and how to go on."""
        saved = "nothing was saved yet"
        how = "start anew"
        if self.resume_path.exists():
            saved = f"the last good state is {self.resume_path}"
            how = f"go on with --resume {self.folder}, or start anew with --resume never"
        self.log.event("diverged", images=self.images_seen, what=wrong)
        rate = next(iter(self.model.optimizers))
        return TrainingDiverged(
            f"{', '.join(wrong)} before image {self.images_seen}: lower a learning rate (--set"
            f" {rate}={self.live[rate] / 2:g}), or use --set precision=float32, and {how}; {saved}"
        )

    def state_dict(self) -> dict[str, Any]:
        """The whole state of training, as written to the resume file."""
        state = {
            "version": VERSION,
            "method": self.method,
            "config": self.config.model_dump(),
            "data_ids": [row.id for row in self.rows],
            "data_bytes": self.data_bytes,
            "images_seen": self.images_seen,
            "steps": self.steps,
            "total_images": self.total_images,
            "longest_images": self.longest_images,
            "seconds": self.seconds,
            "spent_s": self.spent_s,
            "scaler": self.scaler.state_dict(),
            "model": self.model.state_dict(),
            "live": self.live.values(),
            "rng": runtime.rng_state(self.precision.device),
        }
        for key, parts in self._parts().items():
            state[key] = {name: part.state_dict() for name, part in parts.items()}
        return state | self.losses.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state; CheckpointError if it lacks a network that these settings need."""
        parts = self._parts()
        if lacking := [name for name in parts["nets"] if name not in state["nets"]]:
            changed = in_words(changed_settings(state, self.config))
            raise checkpoints.CheckpointError(
                f"{self.resume_path}: was trained without {', '.join(lacking)} ({changed}): use the"
                " same settings, or start a new run with --resume never"
            )
        for name, net in parts["nets"].items():
            net.load_state_dict(state["nets"][name])
        for direction, average in parts["ema"].items():
            average.load_state_dict(state["ema"][direction])
        for name, opt in parts["optimizers"].items():
            _load_optimizer(opt, state["optimizers"][name])
        if state["scaler"]:  # empty if training was not in float16: another GPU may resume it
            self.scaler.load_state_dict(state["scaler"])
        self.model.load_state_dict(state["model"])
        self.live.load_state_dict(self._live_of(state))
        self.images_seen = self.saved_at = state["images_seen"]
        self.steps = state["steps"]
        self.seconds = state["seconds"]
        self.spent_s = state["spent_s"]
        self._estimate_total()
        self.losses.load_state_dict(state)
        self.row_start = self.seconds, self.images_seen
        runtime.set_rng_state(state["rng"], self.precision.device)

    def _parts(self) -> dict[str, Mapping[str, Any]]:
        """The parts with a state_dict: by their key in the resume file, and there by name."""
        ema = {direction: ema.net for direction, ema in self.ema.items()}
        return {"nets": self.model.nets, "optimizers": self.model.optimizers, "ema": ema}

    def _live_of(self, state: Mapping[str, Any]) -> dict[str, float]:
        """A saved state's live values, except where this run's settings differ from that run's: the
        new settings apply. So does a new length to the spacing of the sheets of samples, unless
        that was set.
        """
        live = dict(state["live"])
        for name in changed_settings(state, self.config):
            live.pop("sample_every" if name == "sample_every_images" else name, None)
        usual = usual_sample_every(state["config"]["batch_size"], state["longest_images"])
        if not self.config.sample_every_images and live.get("sample_every") == usual:
            del live["sample_every"]
        return live


def completed(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """A resume file's state of this version, with what earlier releases did not write."""
    of_method = dict(state["model"])
    added = {
        "steps": of_method.pop("steps", 0),  # which some methods counted themselves
        "longest_images": state["total_images"],
        "spent_s": state["seconds"],
        "data_bytes": None,  # unknown
        "sums": {},
        "nums": {},
    }
    return added | state | {"model": of_method}


def data_bytes(rows: Sequence[Row]) -> list[int]:
    """The bytes of each row's files together: other pictures under the same ids differ in them."""
    return [
        sum(path.stat().st_size for path in (row.sketch, row.photo, row.mask) if path)
        for row in rows
    ]


def hold(folder: Path) -> BaseFileLock:
    """Keep other processes from training in a run's folder, until the lock is released or this
    process ends, in whichever way. Does nothing on a disk without locks.

    Raises RunInUseError if another process holds it.
    """
    lock = FileLock(folder / LOCK, timeout=0, thread_local=False, is_singleton=True)
    try:
        if folder.is_dir():
            lock.acquire()
    except Timeout:
        raise RunInUseError(
            f"{folder}: another process trains this run: stop it or wait until it ends, or start a"
            " new run with --resume never"
        ) from None
    except (OSError, NotImplementedError):
        pass
    return lock


def changed_settings(state: Mapping[str, Any], config: TrainConfig) -> dict[str, tuple[Any, Any]]:
    """The settings that differ from a saved run's: name → (value there, value here). A setting that
    was added after that run had its default there; one that was dropped has its last default here.
    """
    dropped = config.dropped
    defaults = {name: field.default for name, field in type(config).model_fields.items()}
    saved = defaults | dropped | state["config"]
    here = config.model_dump() | dropped
    return {name: (saved[name], here[name]) for name in here if saved[name] != here[name]}


def in_words(changed: Mapping[str, tuple[Any, Any]]) -> str:
    """Changed settings as "lr_g: 0.1 there, 0.2 here"."""
    return ", ".join(
        f"{name}: {there} there, {here} here" for name, (there, here) in changed.items()
    )


def _load_optimizer(opt: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Restore an optimiser that was perhaps saved on another device: fused or not as here, and its
    moments in the weights' memory format.
    """
    groups = [{**group, "fused": opt.defaults["fused"]} for group in state["param_groups"]]
    opt.load_state_dict({**state, "param_groups": groups})
    for p, held in opt.state.items():
        for key, value in held.items():
            if value.shape == p.shape:
                held[key] = torch.empty_like(p).copy_(value)
