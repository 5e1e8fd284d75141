"""The settings that every method has: a frozen pydantic model, from which each method's `Config`
derives. Defaults are the paper's; keys are those of `config.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from s2f_utils.networks.info import DIRECTIONS
from s2f_utils.runtime import ConfigError

# Common to the profiles "fast".
FAST = {"total_images": 96, "ema_half_life_images": 40.0, "num_samples": 4}
# Settings that may change when a run resumes by itself: its length, in images or in time, how often
# it reports and saves, where to, and its batch, which the advice for too little memory changes.
# When the run is named, so may its number format, and what may change while it trains
# (`TrainConfig.live_ranges`).
MAY_DIFFER = {
    "batch_size",
    "total_images",
    "epochs",
    "max_epochs",
    "time_budget_s",
    "num_samples",
    "num_snapshots",
    "log_every_images",
    "sample_every_images",
    "save_every_s",
    "tracker",
}


@dataclass(frozen=True)
class Live:
    """Marks a setting that may change during training, and the limits of its slider.

    `lambda_l1: Annotated[float, Live(0.0, 500.0)]`. log: whether the slider is logarithmic.
    only_if_set: a weight that is 0 at the start stays 0, because the run was built without what its
    loss needs.
    """

    low: float
    high: float
    log: bool = False
    only_if_set: bool = False


LearningRate = Annotated[float, Live(1e-6, 1e-2, log=True)]
LossWeight = Annotated[float, Live(0.0, 10.0)]


def need(holds: bool, message: str) -> None:
    """Raise ConfigError with what is wrong and what would be right, unless it holds."""
    if not holds:
        raise ConfigError(message)


# Weights of losses that look at parts of a face, where aligned faces have them.
LOSSES_OF_FACE_PARTS = ("lambda_components", "lambda_l2_crop")


def need_features_of_parts(config: TrainConfig) -> None:
    """What `lambda_components` needs, of methods that have it."""
    fits = config.perceptual == "efficientnet" and config.size_px >= 128
    text = (
        "lambda_components needs perceptual=efficientnet, whose features it compares, and "
        "128 px or more"
    )
    need(fits or not config.lambda_components, text)


def need_patches(disc_layers: int, size_px: int) -> None:
    """Raise ConfigError if a PatchGAN has too many layers for the picture's size."""
    most = size_px.bit_length() - 3
    need(
        disc_layers <= most,
        f"disc_layers must be at most {most} at {size_px} px, got {disc_layers}",
    )


# Settings to which methods give other defaults.
Direction = Annotated[str, Field(description="input and output domain")]
SizePx = Annotated[int, Field(ge=32, description="height and width of the networks' pictures")]
LoadSizePx = Annotated[
    int, Field(description="images are read at this size, then cropped at random to size_px")
]
BatchSize = Annotated[int, Field(ge=1, description="images a step")]
TotalImages = Annotated[
    int,
    Field(
        ge=0,
        description="length of training in images; 0: epochs * copies * number of training pairs",
    ),
]
MaxEpochs = Annotated[
    float, Field(ge=0, description="most passes over the training pairs; 0: no limit")
]
ConstantShare = Annotated[
    float,
    Field(ge=0, le=1, description="share of training before learning rates fall linearly to 0"),
]
Flip = Annotated[float, Field(ge=0, le=1, description="probability of mirroring a pair")]
RotateDeg = Annotated[
    float, Field(ge=0, description="random rotation up to this angle, either way")
]
ShiftPx = Annotated[
    float,
    Field(ge=0, description="random shift up to this many pixels, either way, along both axes"),
]
Scale = Annotated[
    float, Field(ge=0, le=0.5, description="random enlargement up to this share, either way")
]
Elastic = Annotated[
    float,
    Field(
        ge=0,
        le=0.1,
        description="random warp: spread of a 6x6 grid's shifts, a share of the width",
    ),
]
EmaHalfLifeImages = Annotated[
    float, Field(ge=0, description="half-life of the averaged generator's memory; 0: no average")
]


class TrainConfig(BaseModel):
    """What every training method has. Durations are counted in images shown to the networks."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    directions: ClassVar[tuple[str, ...]] = DIRECTIONS  # those that the method supports
    # Settings of earlier versions, with the value that every run has now.
    dropped: ClassVar[Mapping[str, Any]] = {}

    direction: Direction = "sketch-to-photo"
    size_px: SizePx = 256
    load_size_px: LoadSizePx = 286
    batch_size: BatchSize = 1
    epochs: float = Field(
        200.0, description="passes over the training pairs, unless total_images is given"
    )
    total_images: TotalImages = 0
    max_epochs: MaxEpochs = 0.0
    time_budget_s: float = Field(
        0.0, ge=0, description="training ends after this time at the latest; 0: no limit"
    )
    constant_share: ConstantShare = 0.5
    copies: int = Field(
        1, ge=1, description="uses of each pair per pass, each with a new augmentation"
    )
    flip: Flip = 0.5
    rotate_deg: RotateDeg = 0.0
    shift_px: ShiftPx = 0.0
    shear_deg: float = Field(0.0, ge=0, description="random shear up to this angle, either way")
    scale: Scale = 0.0
    elastic: Elastic = 0.0
    ema_half_life_images: EmaHalfLifeImages = 0.0
    seed: int = Field(0, ge=0, description="weights, order of the data, augmentation, dropout")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="number format of the forward passes; auto: the fastest"
    )
    log_every_images: int = Field(
        0, ge=0, description="a row of log.jsonl every so many images; 0: 200 rows a run"
    )
    sample_every_images: int = Field(
        0, ge=0, description="a sheet of samples every so many images; 0: 20 sheets a run"
    )
    num_samples: int = Field(8, ge=1, description="sketches on that sheet")
    save_every_s: float = Field(
        300.0, ge=0, description="seconds between two saves of the resume file, at most"
    )
    num_snapshots: int = Field(
        0, ge=0, description="generators saved during training, evenly spaced, besides the last"
    )
    tracker: Literal["none", "wandb", "tensorboard"] = Field(
        "none", description="where the log also goes"
    )

    @model_validator(mode="after")
    def check_common(self) -> Self:
        """Direction, sizes and length fit each other."""
        size, loaded, known = self.size_px, self.load_size_px, ", ".join(self.directions)
        need(
            self.direction in self.directions,
            f"direction must be one of {known}, got {self.direction!r}",
        )
        need(size & (size - 1) == 0, f"size_px must be a power of two from 32 on, got {size}")
        need(
            loaded >= size,
            f"load_size_px ({loaded}) must not be smaller than size_px ({size}): it is cropped",
        )
        need(self.epochs > 0 or self.total_images > 0, "epochs or total_images must be more than 0")
        return self

    @classmethod
    def create(cls, values: Mapping[str, Any]) -> Self:
        """The settings with these values; ConfigError names the first one that is impossible."""
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
        if first["type"] == "value_error":
            raise ConfigError(str(first["ctx"]["error"]))
        name = ".".join(map(str, first["loc"]))
        what = first["msg"].replace("Input should", "must", 1)
        raise ConfigError(f"{name} {what}, got {first['input']!r}")

    def unused(self) -> set[str]:
        """The settings marked `Live` without an effect beside these other settings."""
        return set()

    def live_ranges(self) -> dict[str, Live]:
        """The limits of the settings that may change during training, in their fields' order."""
        ranges, unused = {}, self.unused()
        for name, field in type(self).model_fields.items():
            for entry in field.metadata if name not in unused else ():
                if isinstance(entry, Live) and (getattr(self, name) or not entry.only_if_set):
                    ranges[name] = entry
        return ranges
