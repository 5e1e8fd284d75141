"""The table of metrics, and what they give: scores with bootstrap intervals (Efron 1979). A metric
is one function and its `@metric(...)`, in the module of its kind.

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

Pictures = Sequence[np.ndarray] | np.ndarray
Features = Callable[[Pictures], Any]

# Is it near the true photo, does it look like a photo, is it the same person?
QUESTIONS = ("faithful", "real", "who")
# What `s2f evaluate` shows without being asked.
DEFAULT_METRICS = ("ssim", "sharpness", "psnr", "mse", "l1", "l2_norm")
# "default": those. "all": of pairs. "project1": a published protocol, with its errors. "features":
# in pretrained features.
GROUPS = ("default", "all", "project1", "sets", "features")
# People who are drawn at once, in all resamples together: two thousand resamples of 70,000 people
# would be gigabytes.
DRAWN_AT_ONCE = 2**15


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


@dataclass(frozen=True)
class Interval:
    """A mean and the 95 % bootstrap interval around it; NaN, no interval, where there is one
    person.
    """

    mean: float
    low: float
    high: float

    def text(self, digits: int) -> str:
        """For tables: "0.7012 [0.6900, 0.7100]"."""
        if np.isnan(self.low):
            return f"{self.mean:.{digits}f}"
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def bootstrap_mean(
    values: np.ndarray,
    people: Sequence[str] | None = None,
    *,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """The mean of per-image values (N,) and its 95 % percentile interval over resampled people.

    people: who each image shows, (N,); None: each shows another person. A person is drawn with all
    of their images: these are alike, and drawn one by one they make the interval too narrow.
    Infinite values (the PSNR of identical pictures) make mean and interval infinite; NaN, images
    that have no value, are left out, and all are NaN when there is no other. ValueError when N is
    0, or for another number of people.
    """
    from scipy.stats import bootstrap

    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"values must be (N,) with at least one image, got shape {values.shape}")
    people = np.arange(len(values)) if people is None else np.asarray(people)
    if people.shape != values.shape:
        raise ValueError(
            f"people must have an entry for each of the {len(values)} images, got {len(people)}"
        )
    has_value = ~np.isnan(values)
    values = values[has_value]
    if not len(values) or not np.isfinite(values).all():
        mean = float(values.mean()) if len(values) else np.nan
        return Interval(mean, mean, mean)
    mean = float(values.mean())
    sums, counts = _by_person(values, people[has_value])
    if len(sums) == 1:
        return Interval(mean, np.nan, np.nan)

    def mean_over_images(sums: np.ndarray, counts: np.ndarray, axis: int) -> np.ndarray:
        return sums.sum(axis) / counts.sum(axis)

    resampled = bootstrap(
        (sums, counts),
        mean_over_images,
        paired=True,
        vectorized=True,
        n_resamples=num_resamples,
        batch=max(1, DRAWN_AT_ONCE // len(sums)),
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = resampled.confidence_interval
    return Interval(mean, float(low), float(high))


def _by_person(values: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sum of each person's values, and how many there are: (P,) each."""
    _, person = np.unique(people, return_inverse=True)
    return np.bincount(person, values), np.bincount(person)


def paired_difference(
    ours: np.ndarray, theirs: np.ndarray, people: Sequence[str] | None = None
) -> Interval:
    """Mean of `ours - theirs` over the same images (N,) and its 95 % interval: one that excludes 0
    is a difference. people: as in `bootstrap_mean`.
    """
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape:
        raise ValueError(
            f"the same images must be measured for both, got {ours.shape} and {theirs.shape}"
        )
    return bootstrap_mean(ours - theirs, people)


@dataclass
class SetScores:
    """Scores of a set of outputs by metric.

    values: float64 (N,), one for each picture. figures: one number for the whole set. people: who
    each picture shows; None: each shows another person.
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    people: Sequence[str] | None = None

    def add(self, name: str, score: float | np.ndarray) -> None:
        """Enter what the metric `name` returned for this set."""
        if isinstance(score, np.ndarray):
            self.values[name] = score
        else:
            self.figures[name] = float(score)

    def interval(self, name: str) -> Interval | None:
        """Mean and 95 % interval over people; None where no image has a value."""
        values = self.values.get(name, np.empty(0))
        if np.isnan(values).all():
            return None
        return bootstrap_mean(values, self.people)

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
        scores[key] = SetScores(people=reference.people)
        for name in chosen:
            scores[key].add(name, METRICS[name].function(made, reference))
    return scores
