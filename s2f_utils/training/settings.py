"""The settings that every method has, as a frozen dataclass, and what values they may have.

A method's own settings derive from `TrainConfig`, in its file (`methods/`), and add to `validate`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from s2f_utils.models.card import DIRECTIONS
from s2f_utils.runtime import ConfigError

BEST = ("ssim", "psnr")  # scores of a sheet of samples by which a generator may be kept
INPUT_TONE = ("input_brightness", "input_contrast", "input_lines")  # settings that change the input alone
FAST = {"total_images": 240, "ema_half_life_images": 40.0, "num_samples": 4}  # what profiles "fast" have in common
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
    "on_divergence",
    "tracker",
    "track_checkpoints",
}


def need(holds: bool, message: str) -> None:
    """Raise ConfigError with what is wrong and what would be right, unless it holds."""
    if not holds:
        raise ConfigError(message)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What every training method has. Durations are counted in images shown to the networks."""

    directions: ClassVar[tuple[str, ...]] = DIRECTIONS  # those in which the method can go

    direction: str = "sketch-to-photo"  # which domain goes in and which comes out
    size_px: int = 256  # height and width of what the networks see
    load_size_px: int = 286  # images are read at this size, then cropped at random to size_px
    batch_size: int = 1  # images a step
    epochs: float = 200.0  # passes over the training pairs, unless total_images is given
    total_images: int = 0  # length of training in images; 0: epochs * copies * number of training pairs
    max_epochs: float = 0.0  # training is cut to so many passes over the training pairs; 0: no limit
    time_budget_s: float = 0.0  # training is planned shorter where this machine needs longer for it; 0: no limit
    constant_share: float = 0.5  # share of training before the learning rate falls linearly to 0
    copies: int = 1  # how often a pass shows each pair, each time transformed anew (project 1: 130)
    flip: float = 0.5  # probability of mirroring a pair
    rotate_deg: float = 0.0  # random rotation up to this angle, either way
    shift_px: float = 0.0  # random shift up to this many pixels, either way, along both axes
    shear_deg: float = 0.0  # random shear up to this angle, either way
    scale: float = 0.0  # random enlargement up to this share, either way
    elastic: float = 0.0  # random bending: standard deviation of a 6x6 grid's shifts, a share of the width
    input_brightness: float = 0.0  # random brightness of the input alone, up to this share, either way
    input_contrast: float = 0.0  # random contrast of the input alone, about its mean, up to this share, either way
    input_lines: float = 0.0  # random strength of a drawing's lines, its paper left, up to this share, either way
    ema_half_life_images: float = 0.0  # half-life of the averaged generator's memory; 0: no average
    seed: int = 0  # weights, order of the data, augmentation, dropout
    precision: str = "auto"  # auto, float32, bfloat16, float16
    memory_format: str = "auto"  # auto, channels_last, contiguous
    log_every_images: int = 0  # a row of log.jsonl every so many images; 0: 200 rows a run
    sample_every_images: int = 0  # a sheet of samples every so many images; 0: 20 sheets a run
    num_samples: int = 8  # sketches on that sheet
    save_every_s: float = 300.0  # seconds between two saves of the resume file
    num_snapshots: int = 0  # generators kept along the way, evenly spread, beside the last
    keep_last: int = 1  # resume files that are kept: the newest, and those before it
    keep_best: str = ""  # ssim or psnr: the generator whose sheet of validation pairs scored best is kept, too
    # Gradients of the parts are added up, and each network makes one step, after the last part: a generator meets the
    # discriminator as it was before the batch, and what makes several steps a batch (disc_steps, R1) makes one of them.
    accumulate: int = 1  # parts in which a batch goes through the networks, one after the other, to save memory
    on_divergence: str = "stop"  # or back: to the last good state with half the learning rates, three times at most
    tracker: str = "none"  # or wandb (Weights & Biases), or tensorboard: where the log also goes
    track_checkpoints: bool = False  # the saved generators go to Weights & Biases, too

    def validate(self) -> None:
        """Raise ConfigError with what is wrong and what would be right, or return quietly."""
        size = self.size_px
        ways = ", ".join(self.directions)
        need(self.direction in self.directions, f"direction must be one of {ways}, got {self.direction!r}")
        need(size >= 32 and size & (size - 1) == 0, f"size_px must be a power of two from 32 on, got {size}")
        need(
            self.load_size_px >= size,
            f"load_size_px ({self.load_size_px}) must not be smaller than size_px ({size}): the crop is taken from it",
        )
        self.at_least(1, "batch_size", "copies", "num_samples", "keep_last", "accumulate")
        self.shares("constant_share", "flip")
        need(self.epochs > 0 or self.total_images > 0, "epochs or total_images must be more than 0")
        for name, value in vars(self).items():
            need(not isinstance(value, float) or math.isfinite(value), f"{name} must be a finite number, got {value}")
        self.at_least(0, "seed", "rotate_deg", "shear_deg", "num_snapshots")
        need(0 <= self.scale < 0.5, f"scale must be from 0 to less than 0.5, got {self.scale}")
        need(0 <= self.elastic <= 0.1, f"elastic must be from 0 to 0.1, got {self.elastic}")
        for name in INPUT_TONE:
            need(0 <= getattr(self, name) < 1, f"{name} must be from 0 to less than 1, got {getattr(self, name)}")
        need(
            self.input_lines == 0 or self.direction == "sketch-to-photo",
            f"input_lines must be 0 with {self.direction}: it is about drawings; input_contrast is for photos",
        )
        need(0 <= self.shift_px < size, f"shift_px must be from 0 to less than size_px ({size}), got {self.shift_px}")
        self.one_of("precision", "auto", "float32", "bfloat16", "float16")
        self.one_of("memory_format", "auto", "channels_last", "contiguous")
        best = ("", *BEST)
        need(self.keep_best in best, f"keep_best must be {' or '.join(map(repr, best))}, got {self.keep_best!r}")
        need(
            self.on_divergence in ("stop", "back"),
            f"on_divergence must be 'stop' or 'back', got {self.on_divergence!r}",
        )
        self.one_of("tracker", "none", "wandb", "tensorboard")
        self.at_least(0, "total_images", "log_every_images", "sample_every_images", "save_every_s")
        self.at_least(0, "max_epochs", "time_budget_s", "ema_half_life_images")
        self.above_0(*(name for name in vars(self) if name.startswith("lr_")))
        self.at_least(0, *(name for name in vars(self) if name.startswith("lambda_")))

    def at_least(self, least: int, *names: str) -> None:
        """Raise ConfigError where one of these settings is less."""
        for name in names:
            need(getattr(self, name) >= least, f"{name} must be {least} or more, got {getattr(self, name)}")

    def above_0(self, *names: str) -> None:
        """Raise ConfigError where one of these settings is not."""
        for name in names:
            need(getattr(self, name) > 0, f"{name} must be more than 0, got {getattr(self, name)}")

    def shares(self, *names: str) -> None:
        """Raise ConfigError where one of these settings is not from 0 to 1."""
        for name in names:
            need(0 <= getattr(self, name) <= 1, f"{name} must be between 0 and 1, got {getattr(self, name)}")

    def one_of(self, name: str, *known: str) -> None:
        """Raise ConfigError where this setting is none of the known words."""
        value: Any = getattr(self, name)
        need(value in known, f"{name} must be {', '.join(known[:-1])} or {known[-1]}, got {value!r}")


def need_patches(disc_layers: int, size_px: int) -> None:
    """Raise ConfigError where a PatchGAN has so many layers that no patches are left of a picture."""
    most = size_px.bit_length() - 3
    need(
        disc_layers <= most,
        f"disc_layers must be at most {most} at {size_px} px, so that some patches are left, got {disc_layers}",
    )
