"""The table of metrics. A metric is one function and its `@metric(...)`, in the module of its kind.

Pictures are uint8 RGB (H, W, 3); several are an array (N, H, W, 3), or a list of arrays of any
sizes.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from s2f_utils import weights
from s2f_utils.metrics.bootstrap import Interval, bootstrap_mean

Pictures = Sequence[np.ndarray] | np.ndarray
Features = Callable[[Pictures], Any]

# Is it near the true photo, does it look like a photo, is it the same person?
QUESTIONS = ("faithful", "real", "who")
# What `s2f evaluate` shows without being asked.
DEFAULT_METRICS = ("ssim", "sharpness", "psnr", "mse", "l1", "l2_norm")
# "default": those. "all": of pairs. "project1": a published protocol, with its errors. "features":
# in pretrained features.
GROUPS = ("default", "all", "project1", "sets", "features")


class PictureSet:
    """Pictures of a set, and their features, which several metrics share and one computes."""

    def __init__(self, pictures: Pictures) -> None:
        self.pictures = pictures
        self._features: dict[Features, Any] = {}

    def __len__(self) -> int:
        return len(self.pictures)

    def features(self, extract: Features) -> Any:
        """The result of `extract(pictures)`, computed once."""
        if extract not in self._features:
            self._features[extract] = extract(self.pictures)
        return self._features[extract]


class Reference(PictureSet):
    """The ground truth of sets of outputs: N pictures in the outputs' order, and each one's person.

    seeds, steps: repetitions and length of metrics that train networks (None: the protocol's).
    """

    def __init__(
        self, pictures: Pictures, people: Sequence[str], seeds: int = 1, steps: int | None = None
    ) -> None:
        super().__init__(pictures)
        self.people = people
        self.seeds = seeds
        self.steps = steps


@dataclass
class SetScores:
    """Scores of a set of outputs by metric.

    values: float64 (N,), one for each picture. figures: one number for the whole set.
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, score: float | np.ndarray) -> None:
        """Enter what the metric `name` returned for this set."""
        if isinstance(score, np.ndarray):
            self.values[name] = score
        else:
            self.figures[name] = float(score)

    def interval(self, name: str) -> Interval | None:
        """Mean and 95 % interval over images; None where no image has a value."""
        values = self.values.get(name, np.empty(0))
        if np.isnan(values).all():
            return None
        return bootstrap_mean(values)

    def intervals(self) -> dict[str, Interval]:
        """The intervals of all metrics for which some image has a value."""
        intervals = {name: self.interval(name) for name in self.values}
        return {name: interval for name, interval in intervals.items() if interval}

    def mean(self, name: str) -> float:
        """The mean over the images that have a value; NaN where there are none."""
        interval = self.interval(name)
        return interval.mean if interval else float("nan")

    def cell(self, name: str) -> str:
        """A table's cell: mean and interval, the number of a metric of sets, or a dash."""
        digits = METRICS[name].digits
        if name in self.figures:
            return f"{self.figures[name]:.{digits}f}"
        interval = self.interval(name)
        return interval.text(digits) if interval else "–"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of pairs of pictures, or of sets of them; what `@metric` takes.

    function: of pairs: an output and a true picture, uint8 (H, W, 3) → float, NaN where a pair has
    no value; of sets: a `PictureSet` and a `Reference` → float or float64 (N,).
    higher_is_better: None where the best value lies between worse ones. best: the value for
    identical pictures; None: 1 where higher is better, else 0. question: one of `QUESTIONS`. group:
    one of `GROUPS`, or "". min_side_px, min_people, package, weights: what it needs; missing:
    returns what else is missing, with the way to get it, or "".
    """

    name: str
    function: Callable[..., Any]
    of: Literal["pairs", "sets"] = "pairs"
    higher_is_better: bool | None
    digits: int
    title: str = ""
    unit: str = ""
    best: float | None = None
    question: str = "faithful"
    group: str = "all"
    min_side_px: int = 0
    min_people: int = 0
    package: str = ""
    weights: Sequence[str] = ()
    missing: Callable[[], str] | None = None

    @property
    def short(self) -> str:
        """The name in text."""
        return self.title or self.name.upper().replace("_", " ")

    @property
    def heading(self) -> str:
        """The name for the head of a table, with the unit and an arrow towards better."""
        arrow = f"→ {self.best:g}"
        if self.higher_is_better is not None:
            arrow = "↑" if self.higher_is_better else "↓"
        unit = f" ({self.unit})" if self.unit else ""
        return f"{self.short}{unit} {arrow}"

    def compute(self, fake: np.ndarray, real: np.ndarray) -> float:
        """The value of one pair;
        ValueError for pictures that cannot be compared, and for a metric of sets.
        """
        if self.of == "sets":
            raise ValueError(
                f"{self.name} is a metric of sets and has no value for a pair: use measure_sets"
            )
        if fake.dtype != np.uint8 or real.dtype != np.uint8 or fake.ndim != 3 or fake.shape[2] != 3:
            raise ValueError(
                f"pictures must be uint8 (H, W, 3), got {fake.dtype} {fake.shape} and {real.dtype}"
            )
        if fake.shape != real.shape:
            raise ValueError(
                f"pictures must be of one size, got {fake.shape} and {real.shape}:"
                " resize the output"
            )
        return float(self.function(fake, real))

    def measure(self, fakes: Pictures, reals: Pictures) -> np.ndarray:
        """The value of every pair: float64 (N,). Raises ValueError as `compute` does."""
        values = [self.compute(fake, real) for fake, real in zip(fakes, reals, strict=True)]
        return np.array(values, dtype=np.float64)

    def incompatibility(self, height: int, width: int, num_people: int | None = None) -> str:
        """Why it cannot be measured here, as in `not_measured`; "" where it can."""
        if num_people is not None and num_people < self.min_people:
            return f"needs {self.min_people} people, these are {num_people}"
        if self.package and importlib.util.find_spec(self.package) is None:
            return f"needs a further package: pip install {self.package}"
        side = min(height, width)
        if side < self.min_side_px:
            return f"needs pictures of at least {self.min_side_px} px, these have {side}"
        if problem := weights.problem(*self.weights):
            return problem
        return self.missing() if self.missing else ""


METRICS: dict[str, Metric] = {}


def metric(*, name: str = "", **entry: Any) -> Callable[[Callable], Callable]:
    """Decorator: register a function as a metric. name: by default the function's; entry: the
    other fields of `Metric`. Raises ValueError for a name that is taken.
    """

    def register(function: Callable) -> Callable:
        key = name or function.__name__
        if entry.get("best") is None:
            entry["best"] = 1.0 if entry["higher_is_better"] else 0.0
        if key in METRICS:
            raise ValueError(f"there is a metric {key!r} already: choose another name")
        METRICS[key] = Metric(name=key, function=function, **entry)
        return function

    return register


def group(name: str) -> tuple[str, ...]:
    """The metrics of a group, one of `GROUPS`, by question and then as registered; the default
    ones as listed.
    """
    if name == "default":
        return DEFAULT_METRICS
    members = [metric for metric in METRICS.values() if metric.group == name]
    members.sort(key=lambda metric: QUESTIONS.index(metric.question))
    return tuple(metric.name for metric in members)


def as_batch(pictures: Pictures, side_px: int = 0) -> Tensor:
    """uint8 pictures (H, W, C) → float32 (N, C, H, W) in [0, 255]; side_px: resized to a square,
    without aliasing. Without it all must be of one size.
    """
    if side_px:
        size = (side_px, side_px)
        pictures = [Image.fromarray(p).resize(size, Image.Resampling.BICUBIC) for p in pictures]
    tensors = [torch.from_numpy(np.array(picture)).movedim(-1, 0) for picture in pictures]
    return torch.stack(tensors).float()


@contextlib.contextmanager
def full_float32(learns: bool = False) -> Iterator[None]:
    """Context of full float32 convolutions on a GPU, without gradients unless something learns."""
    with (
        torch.inference_mode(not learns),
        torch.backends.cudnn.flags(True, deterministic=True, allow_tf32=False),
    ):
        yield


def check_names(names: Sequence[str]) -> None:
    """ValueError with the known names when one is none of them."""
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise ValueError(
            f"there is no metric {', '.join(unknown)}: the metrics are {', '.join(METRICS)}"
        )


def not_measured(
    names: Sequence[str], height: int, width: int, num_people: int | None = None
) -> dict[str, str]:
    """{metric: why it cannot be measured, and the way to get it}, for the smallest picture's height
    and width and this number of people (None: enough). Raises ValueError for unknown names.
    """
    check_names(names)
    reasons = {name: METRICS[name].incompatibility(height, width, num_people) for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


def smallest(pictures: Pictures) -> tuple[int, int]:
    """The least height and the least width of pictures; (0, 0) of none."""
    if not len(pictures):
        return 0, 0
    return min(p.shape[0] for p in pictures), min(p.shape[1] for p in pictures)


def measure(fakes: Pictures, reals: Pictures, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Every metric of every pair, {name: float64 (N,)}, but for those of `not_measured`.

    fakes, reals: outputs and true pictures in one order, uint8 (N, H, W, 3), or lists of uint8 (H,
    W, 3). names: keys of `METRICS`. Raises ValueError for pictures that cannot be compared, unknown
    names, and metrics of sets.
    """
    if len(fakes) != len(reals):
        raise ValueError(
            f"as many outputs as true pictures are needed, got {len(fakes)} and {len(reals)}"
        )
    left_out = not_measured(names, *smallest(reals))
    return {name: METRICS[name].measure(fakes, reals) for name in names if name not in left_out}


def measure_sets(
    outputs: Mapping[str, Pictures], reference: Reference, names: Sequence[str]
) -> dict[str, SetScores]:
    """Scores of sets of outputs by the metrics of sets among `names`, {key: pictures} → {key:
    scores}, but for those of `not_measured`. Raises ValueError for unknown names.
    """
    left_out = not_measured(names, *smallest(reference.pictures), len(set(reference.people)))
    chosen = [name for name in names if METRICS[name].of == "sets" and name not in left_out]
    scores = {}
    for key, pictures in outputs.items():
        made = PictureSet(pictures)
        scores[key] = SetScores()
        for name in chosen:
            scores[key].add(name, METRICS[name].function(made, reference))
    return scores
