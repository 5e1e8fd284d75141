"""What a training run is: its folder, networks, data, live values, how far it is, its losses since
the last row of the log, and the state from which it resumes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from s2f_utils import runtime
from s2f_utils.data import Row
from s2f_utils.data.stores import Data
from s2f_utils.methods.method import Method
from s2f_utils.methods.settings import MAY_DIFFER, TrainConfig
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import ModelInfo
from s2f_utils.train import TrainingDiverged
from s2f_utils.train.live import LiveValues, usual_sample_every
from s2f_utils.train.tracking import RunLog

VERSION = 2  # of the resume file


def data_bytes(rows: Sequence[Row]) -> list[int]:
    """The bytes of each row's files together: other pictures under the same ids differ in them."""
    return [
        sum(path.stat().st_size for path in (row.sketch, row.photo, row.mask) if path)
        for row in rows
    ]


def why_not(
    state: Mapping[str, Any],
    method: str,
    config: TrainConfig,
    rows: Sequence[Row],
    *,
    is_named: bool = False,
) -> str:
    """Why a run with this method, settings and pairs cannot resume from a saved state;
    "" if it can. is_named: whether that run was asked for, rather than found.
    """
    may_differ = set(MAY_DIFFER)
    if is_named:
        may_differ |= {"precision", *config.live_ranges()}
    changed = sorted(changed_settings(state, config).items())
    other = [
        f"{name}: {there} there, {here} here"
        for name, (there, here) in changed
        if name not in may_differ
    ]
    if state["method"] != method or other:
        what = ", ".join(other) or "another method"
        return f"was made with other settings ({what}): use the same"
    if state.get("version") != VERSION:
        return "was written by another version of this project: use that one"
    if state["data_ids"] != [row.id for row in rows]:
        return "was trained on other pairs: use the same data"
    if state.get("data_bytes") not in (None, data_bytes(rows)):
        return "was trained on other pictures under the same names: use the same data"
    return ""


def changed_settings(state: Mapping[str, Any], config: TrainConfig) -> dict[str, tuple[Any, Any]]:
    """The settings that differ from a saved run's: name → (value there, value here). A setting that
    was added after that run had its default there.
    """
    defaults = {name: field.default for name, field in type(config).model_fields.items()}
    saved = defaults | state["config"]
    here = config.model_dump()
    return {name: (saved[name], here[name]) for name in here if saved[name] != here[name]}


def _load_optimizer(opt: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Restore an optimiser that was perhaps saved on another device: fused or not as here, and its
    moments in the weights' memory format.
    """
    groups = [{**group, "fused": opt.defaults["fused"]} for group in state["param_groups"]]
    opt.load_state_dict({**state, "param_groups": groups})
    for p, held in opt.state.items():
        held.update(
            {k: torch.empty_like(p).copy_(v) for k, v in held.items() if v.shape == p.shape}
        )


def _is_finite(net: torch.nn.Module) -> torch.Tensor:
    """Whether all weights and statistics of a network are finite, as a tensor on its device."""
    tensors = [*net.parameters(), *net.buffers()]
    return torch.stack([t.detach().isfinite().all() for t in tensors]).all()


@dataclass
class TrainingRun:
    """Everything that belongs to a run: `run.open_run` opens it, `loop.train` trains it, and
    `saving` writes it.

    folder: where it is written. config: its settings. model: the method, with its networks. live:
    the values that may change while it trains. images_seen, total_images: how far it is.
    scores: of the newest sheet of samples.
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
    precision: runtime.Precision
    longest_images: int  # of the whole training, unless a time budget ends it
    ema: dict[str, checkpoints.EMA]  # by direction; empty: no averages
    trackers: list[Any]  # callbacks requested by the settings
    fit: str  # how non-square pictures were made square
    is_aligned: bool = False  # whether the faces of the pairs lie on `faces.TEMPLATE`
    card: ModelInfo = field(default_factory=ModelInfo)  # written into every model file of the run

    images_seen: int = 0
    steps: int = 0
    saved_at: int = 0  # images seen by the newest state in the folder
    save_took_s: float = 0.0  # of the newest state that this process wrote
    seconds: float = 0.0  # of steps
    spent_s: float = 0.0  # of the time budget: steps, callbacks, samples and saves, without pauses
    images_per_second: float = 0.0
    row_start: tuple[float, int] = (0.0, 0)  # seconds and images at the last row
    # Losses since the last row of the log, times images, and their images: by loss, as one of
    # weight 0 may be missing.
    sums: dict[str, torch.Tensor] = field(default_factory=dict)
    nums: dict[str, int] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)  # of the newest sheet of samples

    def __post_init__(self) -> None:
        self.data_bytes = data_bytes(self.rows)
        self.scaler = self.precision.scaler()
        self.total_images = self.longest_images  # with a time budget, the expected number
        self.resume_path = self.folder / "resume.pt"
        self.to_photo = self.config.direction != "photo-to-sketch"
        self.last_save = time.monotonic()
        # By optimiser, as of the last step: the live values times the schedule's factor.
        self.rates = {name: self.live[name] for name in self.model.optimizers}

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
    def share_done(self) -> float:
        """The finished share of the training, from 0 to 1:
        by images, or by the time budget if that ends first.
        """
        share, budget = self.images_seen / self.longest_images, self.config.time_budget_s
        return min(1.0, max(share, self.spent_s / budget) if budget else share)

    @property
    def epoch_images(self) -> int:
        """The images of an epoch: each training picture in all its copies."""
        return len(self.data) * self.config.copies

    def spend(self, seconds: float) -> None:
        """Count the time of a step and all that followed it.

        A time budget ends training when it is spent.
        """
        self.spent_s += seconds
        self._estimate_total()

    def _estimate_total(self) -> None:
        """With a time budget: at how many images it will be spent, or was."""
        share = self.share_done
        if not self.config.time_budget_s or share == 0:
            return
        likely = round(self.images_seen / share)
        self.total_images = self.images_seen if share == 1 else max(self.images_seen + 1, likely)

    # Losses

    def add(self, losses: Mapping[str, torch.Tensor | float], num: int) -> None:
        """Add the losses of a step on `num` images; a step of your own may return numbers, or
        tensors with a graph.
        """
        for name, value in losses.items():
            total = torch.as_tensor(value).detach() * num
            self.sums[name] = self.sums[name] + total if name in self.sums else total
            self.nums[name] = self.nums.get(name, 0) + num

    def mean_losses(self) -> dict[str, float]:
        """The mean losses since the last row, read from the device;
        TrainingDiverged if one is not finite.
        """
        if not self.sums:
            return {}
        sums = torch.stack(
            [total.to(self.precision.device) for total in self.sums.values()]
        ).tolist()
        means = {name: total / self.nums[name] for name, total in zip(self.sums, sums, strict=True)}
        if wrong := [
            f"{name} became NaN or infinite"
            for name, value in means.items()
            if not math.isfinite(value)
        ]:
            # The same session may continue with another learning rate.
            self.sums = {}
            self.nums = {}
            raise self._diverged(wrong)
        return means

    def check_finite(self) -> None:
        """Raise TrainingDiverged if a loss since the last row, a weight, a batch norm's statistic,
        or an average of these is NaN or infinite. Waits for the device once.
        """
        self.mean_losses()
        averages = {f"the average of {way}": ema.net for way, ema in self.ema.items()}
        nets = self.model.nets | averages
        finite = [_is_finite(net) for net in nets.values()]
        wrong = [n for n, ok in zip(nets, torch.stack(finite).tolist(), strict=True) if not ok]
        if wrong:
            what = "weights or batch norm's statistics"
            raise self._diverged([f"{what} of {name} are NaN or infinite" for name in wrong])

    def write_row(self) -> dict[str, Any]:
        """Write a row: the mean losses since the last row, and the last step's learning rates."""
        means = self.mean_losses()
        seconds, images = self.seconds - self.row_start[0], self.images_seen - self.row_start[1]
        self.images_per_second = images / seconds if seconds > 0 else 0.0
        epoch = round(self.images_seen / self.epoch_images, 4)
        row = {"images": self.images_seen, "epoch": epoch, **means, **self.rates}
        row |= {
            "images_per_second": round(self.images_per_second, 3),
            "seconds": round(self.seconds, 2),
        }
        self.log.row(row)
        self.sums, self.nums, self.row_start = {}, {}, (self.seconds, self.images_seen)
        return row

    def _diverged(self, wrong: list[str]) -> TrainingDiverged:
        saved, how = "nothing was saved yet", "start anew"
        if self.resume_path.exists():
            saved = f"the last good state is {self.resume_path}"
            how = f"go on with --resume {self.folder}, or start anew with --resume never"
        self.log.event("diverged", images=self.images_seen, what=wrong)
        rate = next(iter(self.model.optimizers))
        what_to_do = (
            f"lower a learning rate (--set {rate}={self.live[rate] / 2:g}), or use --set "
            f"precision=float32, and {how}"
        )
        return TrainingDiverged(
            f"{', '.join(wrong)} before image {self.images_seen}: {what_to_do}; {saved}"
        )

    # What is saved

    def _parts(self) -> dict[str, Mapping[str, Any]]:
        """The parts with a state_dict: by their key in the resume file, and there by name."""
        ema = {direction: ema.net for direction, ema in self.ema.items()}
        return {"nets": self.model.nets, "optimizers": self.model.optimizers, "ema": ema}

    def state_dict(self) -> dict[str, Any]:
        """The whole state of training, as written to the resume file."""
        plain = ("method", "images_seen", "steps", "total_images", "longest_images")
        plain += ("seconds", "spent_s")
        state = {"version": VERSION, "config": self.config.model_dump()}
        state |= {"data_ids": [row.id for row in self.rows], "data_bytes": self.data_bytes}
        state |= {name: getattr(self, name) for name in plain}
        for key, parts in self._parts().items():
            state[key] = {name: part.state_dict() for name, part in parts.items()}
        state |= {"scaler": self.scaler.state_dict(), "model": self.model.state_dict()}
        state |= {"live": self.live.values(), "sums": dict(self.sums), "nums": dict(self.nums)}
        return state | {"rng": runtime.rng_state(self.precision.device)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of an interrupted run; CheckpointError if it does not fit this run."""
        if why := why_not(state, self.method, self.config, self.rows, is_named=True):
            raise checkpoints.CheckpointError(
                f"{self.resume_path}: {why}, or start a new run with --resume never"
            )
        for key, parts in self._parts().items():
            for name, part in parts.items():
                if key == "optimizers":
                    _load_optimizer(part, state[key][name])
                else:
                    part.load_state_dict(state[key][name])
        if state["scaler"]:  # empty if training was not in float16: another GPU may resume it
            self.scaler.load_state_dict(state["scaler"])
        own = dict(state["model"])
        self.steps = state.get("steps", own.pop("steps", 0))  # earlier, some methods counted them
        self.model.load_state_dict(own)
        self.live.load_state_dict(self._live_of(state))
        self.images_seen = self.saved_at = state["images_seen"]
        self.seconds = state["seconds"]
        self.spent_s = state.get("spent_s", self.seconds)
        self._estimate_total()
        self.sums = {
            name: value.to(self.precision.device) for name, value in state.get("sums", {}).items()
        }
        self.nums = dict(state.get("nums", {}))
        self.row_start = self.seconds, self.images_seen
        runtime.set_rng_state(state["rng"], self.precision.device)

    def _live_of(self, state: Mapping[str, Any]) -> dict[str, float]:
        """A saved state's live values, but for those to which this run's settings give another
        value than that run's did: the new settings apply. So does a new length to the spacing of
        the sheets of samples, unless that was set.
        """
        live = dict(state["live"])
        for name in changed_settings(state, self.config):
            live.pop("sample_every" if name == "sample_every_images" else name, None)
        length = state.get("longest_images", state["total_images"])
        usual = usual_sample_every(state["config"]["batch_size"], length)
        if not self.config.sample_every_images and live.get("sample_every") == usual:
            del live["sample_every"]
        return live
