"""The settings that every method has, as a frozen dataclass from which each method's settings in
`methods/` derive.

A field declared by `setting` carries its limits; `validate` adds what several settings have to do
with each other.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from s2f_utils.networks.card import DIRECTIONS
from s2f_utils.runtime import ConfigError

FAST = {
    "total_images": 240,
    "ema_half_life_images": 40.0,
    "num_samples": 4,
}  # common to the profiles "fast"
# Settings that may change when a run resumes: its length, how often it reports and saves, and where
# to.
MAY_DIFFER = {
    "total_images",
    "epochs",
    "max_epochs",
    "num_samples",
    "log_every_images",
    "sample_every_images",
    "save_every_s",
    "tracker",
}


@dataclass(frozen=True)
class Range:
    """The limits within which a live value may move, and whether a slider should be logarithmic."""

    low: float
    high: float
    log: bool = False


def need(holds: bool, message: str) -> None:
    """Raise ConfigError with what is wrong and what would be right, unless it holds."""
    if not holds:
        raise ConfigError(message)


def need_patches(disc_layers: int, size_px: int) -> None:
    """Raise ConfigError if a PatchGAN has too many layers for the picture's size."""
    most = size_px.bit_length() - 3
    need(
        disc_layers <= most,
        f"disc_layers must be at most {most} at {size_px} px, got {disc_layers}",
    )


@dataclass(frozen=True)
class Limits:
    """A setting's limits: one of the `known` words, or a number from `least` to `most` that is more
    than `above`.
    """

    least: float = -math.inf
    most: float = math.inf
    above: float = -math.inf
    known: Sequence[str] = ()

    def check(self, name: str, value: Any) -> None:
        """Raise ConfigError if the value of the setting `name` is outside the limits, or not
        finite.
        """
        if self.known:
            need(
                value in self.known, f"{name} must be one of {', '.join(self.known)}, got {value!r}"
            )
        elif not isinstance(value, str):
            wanted = f"{self.least:g} or more" if self.least > -math.inf else "a finite number"
            wanted = f"more than {self.above:g}" if self.above > -math.inf else wanted
            wanted = f"between {self.least:g} and {self.most:g}" if self.most < math.inf else wanted
            fits = math.isfinite(value) and self.least <= value <= self.most and value > self.above
            need(fits, f"{name} must be {wanted}, got {value!r}")


def setting(default: Any, least: float = -math.inf, most: float = math.inf, **limits: Any) -> Any:
    """A field of a settings class with its limits, as `Limits`; a subclass may give it another
    default.
    """
    return dataclasses.field(default=default, metadata={"limits": Limits(least, most, **limits)})


def limits_of(kind: type, name: str) -> Limits:
    """The limits of a field: those declared in the class itself or the nearest base that has any; a
    learning rate (`lr_…`) is always positive, and a loss weight (`lambda_…`) never negative.
    """
    for base in kind.__mro__:
        declared = base.__dict__.get("__dataclass_fields__", {}).get(name)
        if declared is not None and "limits" in declared.metadata:
            return declared.metadata["limits"]
    return (
        Limits(above=0)
        if name.startswith("lr_")
        else Limits(0)
        if name.startswith("lambda_")
        else Limits()
    )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What every training method has. Durations are counted in images shown to the networks."""

    directions: ClassVar[tuple[str, ...]] = DIRECTIONS  # those that the method supports

    direction: str = "sketch-to-photo"  # input and output domain
    size_px: int = 256  # height and width of the networks' pictures
    load_size_px: int = 286  # images are read at this size, then cropped at random to size_px
    batch_size: int = setting(1, 1)  # images a step
    epochs: float = 200.0  # passes over the training pairs, unless total_images is given
    total_images: int = setting(
        0, 0
    )  # length of training in images; 0: epochs * copies * number of training pairs
    max_epochs: float = setting(0.0, 0)  # most passes over the training pairs; 0: no limit
    time_budget_s: float = setting(
        0.0, 0
    )  # training ends after this time at the latest; 0: no limit
    constant_share: float = setting(
        0.5, 0, 1
    )  # share of training before the learning rate falls linearly to 0
    copies: int = setting(
        1, 1
    )  # uses of each pair per pass, each with a new augmentation (project 1: 130)
    flip: float = setting(0.5, 0, 1)  # probability of mirroring a pair
    rotate_deg: float = setting(0.0, 0)  # random rotation up to this angle, either way
    shift_px: float = setting(
        0.0, 0
    )  # random shift up to this many pixels, either way, along both axes
    shear_deg: float = setting(0.0, 0)  # random shear up to this angle, either way
    scale: float = setting(0.0, 0, 0.5)  # random enlargement up to this share, either way
    elastic: float = setting(
        0.0, 0, 0.1
    )  # random warp: spread of a 6x6 grid's shifts, a share of the width
    ema_half_life_images: float = setting(
        0.0, 0
    )  # half-life of the averaged generator's memory; 0: no average
    seed: int = setting(0, 0)  # weights, order of the data, augmentation, dropout
    precision: str = setting(
        "auto", known=("auto", "float32", "bfloat16", "float16")
    )  # auto: the fastest
    memory_format: str = setting(
        "auto", known=("auto", "channels_last", "contiguous")
    )  # auto: the faster one
    log_every_images: int = setting(
        0, 0
    )  # a row of log.jsonl every so many images; 0: 200 rows a run
    sample_every_images: int = setting(
        0, 0
    )  # a sheet of samples every so many images; 0: 20 sheets a run
    num_samples: int = setting(8, 1)  # sketches on that sheet
    save_every_s: float = setting(300.0, 0)  # seconds between two saves of the resume file, at most
    num_snapshots: int = setting(
        0, 0
    )  # generators saved during training, evenly spaced, besides the last
    tracker: str = setting(
        "none", known=("none", "wandb", "tensorboard")
    )  # where the log also goes

    def validate(self) -> None:
        """Raise ConfigError with what is wrong and what would be right, or return quietly."""
        for name, value in vars(self).items():
            limits_of(type(self), name).check(name, value)
        size, loaded, ways = self.size_px, self.load_size_px, ", ".join(self.directions)
        need(
            self.direction in self.directions,
            f"direction must be one of {ways}, got {self.direction!r}",
        )
        need(
            size >= 32 and size & (size - 1) == 0,
            f"size_px must be a power of two from 32 on, got {size}",
        )
        need(
            loaded >= size,
            f"load_size_px ({loaded}) must not be smaller than size_px ({size}): it is cropped",
        )
        need(self.epochs > 0 or self.total_images > 0, "epochs or total_images must be more than 0")
