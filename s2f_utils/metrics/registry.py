"""The table of metrics: definitions, requirements, reference implementations. Pictures are uint8
RGB (H, W, 3); a set of them is an array (N, H, W, 3) or a list of arrays of any sizes.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from tqdm.auto import tqdm

from s2f_utils import weights
from s2f_utils.metrics.bootstrap import Interval, Repeated, bootstrap_mean, bootstrap_repeated

Pictures = Sequence[np.ndarray] | np.ndarray
QUESTIONS = (
    "faithful",
    "real",
    "who",
)  # is it near the true photo, does it look like a photo, is it the same person
GROUPS = ("all", "project1", "sets", "features")


@dataclass(frozen=True)
class Reference:
    """The ground truth of sets of outputs: N pictures, in the outputs' order, and the person in
    each.

    seeds, steps: repetitions and length of metrics that train networks (None: the protocol's).
    """

    pictures: Pictures
    people: Sequence[str]
    seeds: int = 1
    steps: int | None = None


@dataclass
class SetScores:
    """Scores of a set of outputs by metric: values of each picture, float64 (N,), or one figure of
    the whole set.

    repeated: of metrics that train networks, each training's values; those in `values` are their
    means.
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    repeated: dict[str, Repeated] = field(default_factory=dict)

    def interval(self, name: str) -> Interval | None:
        """Mean and 95 % interval, over images and a metric's own networks; None where no image has
        a value.
        """
        values = self.values.get(name, np.empty(0))
        if np.isnan(values).all():
            return None
        return (
            bootstrap_repeated(self.repeated[name])
            if name in self.repeated
            else bootstrap_mean(values)
        )

    def intervals(self) -> dict[str, Interval]:
        """The intervals of all metrics for which some image has a value."""
        return {name: interval for name in self.values if (interval := self.interval(name))}

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


@dataclass(frozen=True)
class Metric:
    """A metric of pairs of pictures, or of sets of them.

    of_pair: an output and a true picture, uint8 (H, W, 3) → float; NaN where a pair has no value.
    of_sets: a reference and the names of metrics → a function that scores a set of outputs; metrics
    may share one. best: the value for identical pictures. higher_is_better: None where the best
    value lies between worse ones. question: one of `QUESTIONS`. group: one of `GROUPS`, "" for
    none. min_side_px, min_people, package, weights: what it needs; missing: (height, width) → what
    else is missing, with the way to get it.
    """

    name: str
    of_pair: Callable[[np.ndarray, np.ndarray], float] | None
    higher_is_better: bool | None
    digits: int
    unit: str
    agrees_with: str
    title: str = ""
    question: str = "faithful"
    group: str = "all"
    best: float = 0.0
    of_sets: Callable[[Reference, Sequence[str]], Callable[[Pictures], SetScores]] | None = None
    missing: Callable[[int, int], str] | None = None
    min_side_px: int = 0
    min_people: int = 0
    package: str = ""
    weights: Sequence[str] = ()

    @property
    def short(self) -> str:
        """The name in text."""
        return self.title or self.name.upper().replace("_", " ")

    @property
    def heading(self) -> str:
        """The name for the head of a table, with the unit and an arrow towards better."""
        arrow = {True: "↑", False: "↓", None: f"→ {self.best:g}"}[self.higher_is_better]
        return f"{self.short}{f' ({self.unit})' if self.unit else ''} {arrow}"

    def compute(self, fake: np.ndarray, real: np.ndarray) -> float:
        """The value of one pair; ValueError for pictures that cannot be compared, and for a metric
        of sets.
        """
        if not self.of_pair:
            raise ValueError(
                f"{self.name} is a metric of sets and has no value for a pair: use measure_sets"
            )
        if fake.dtype != np.uint8 or real.dtype != np.uint8 or fake.ndim != 3 or fake.shape[2] != 3:
            raise ValueError(
                f"pictures must be uint8 (H, W, 3), got {fake.dtype} {fake.shape} and {real.dtype}"
            )
        if fake.shape != real.shape:
            raise ValueError(
                f"pictures must be of one size, got {fake.shape} and {real.shape}: resize the output"
            )
        return float(self.of_pair(fake, real))

    def why_not(self, height: int, width: int, num_people: int | None = None) -> str:
        """Why it cannot be measured here, as `not_measured` says it; "" where it can."""
        if num_people is not None and num_people < self.min_people:
            return f"needs {self.min_people} people, these are {num_people}"
        if self.package and importlib.util.find_spec(self.package) is None:
            return f"needs a further package: pip install {self.package}"
        if min(height, width) < self.min_side_px:
            return (
                f"needs pictures of at least {self.min_side_px} px, these have {min(height, width)}"
            )
        return weights.problem(*self.weights) or (
            self.missing(height, width) if self.missing else ""
        )

    def measure(self, fakes: Pictures, reals: Pictures) -> np.ndarray:
        """The value of every pair: float64 (N,). Raises ValueError as `compute` does."""
        return np.array(
            [self.compute(fake, real) for fake, real in zip(fakes, reals, strict=True)],
            dtype=np.float64,
        )


METRICS: dict[str, Metric] = {}


def register(*metrics: Metric) -> None:
    """Add metrics to the table. Raises ValueError for a name that is taken."""
    for metric in metrics:
        if metric.name in METRICS:
            raise ValueError(f"there is a metric {metric.name!r} already: choose another name")
        METRICS[metric.name] = metric


def group(name: str) -> tuple[str, ...]:
    """The metrics of a group, in the order of the tables: by question, then as registered.

    "all": of pairs; "project1": a published protocol with its errors; "sets"; "features": in
    pretrained features.
    """
    members = [metric for metric in METRICS.values() if metric.group == name]
    return tuple(
        metric.name
        for metric in sorted(members, key=lambda metric: QUESTIONS.index(metric.question))
    )


def as_batch(picture: np.ndarray, side_px: int = 0) -> torch.Tensor:
    """uint8 (H, W, C) → float32 (1, C, H, W) in [0, 255]; side_px: resized to a square, without
    aliasing.
    """
    if side_px:
        picture = Image.fromarray(picture).resize((side_px, side_px), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(picture)).movedim(-1, 0)[None].float()


@contextlib.contextmanager
def exactly(learns: bool = False) -> Iterator[None]:
    """Context of full float32 convolutions on a GPU, without gradients unless something learns."""
    with (
        torch.inference_mode(not learns),
        torch.backends.cudnn.flags(True, deterministic=True, allow_tf32=False),
    ):
        yield


def check_names(names: Sequence[str]) -> None:
    """ValueError with the known names when one is none of them."""
    if unknown := [name for name in names if name not in METRICS]:
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
    return {
        name: why for name in names if (why := METRICS[name].why_not(height, width, num_people))
    }


def smallest(pictures: Pictures) -> tuple[int, int]:
    """The least height and the least width of pictures; (0, 0) of none."""
    return tuple(min((picture.shape[axis] for picture in pictures), default=0) for axis in (0, 1))


def measure(fakes: Pictures, reals: Pictures, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Every metric of every pair, {name: float64 (N,)}, but for those of `not_measured`.

    Raises ValueError for pictures that cannot be compared, unknown names, and metrics of sets.
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
    """Scores of sets of outputs by the metrics with `of_sets`, {key: pictures} → {key: scores}, but
    for those of `not_measured`; the reference's features are computed once. Raises ValueError for
    unknown names.
    """
    left_out = not_measured(names, *smallest(reference.pictures), len(set(reference.people)))
    asked: dict[Callable, list[str]] = {}
    for name in names:
        if METRICS[name].of_sets and name not in left_out:
            asked.setdefault(METRICS[name].of_sets, []).append(name)
    scores = {key: SetScores() for key in outputs}
    for of_sets, chosen in asked.items():
        score = of_sets(reference, chosen)
        for key, pictures in tqdm(
            outputs.items(), ", ".join(chosen), unit="row", leave=False, disable=None
        ):
            new = score(pictures)
            scores[key].values |= new.values
            scores[key].repeated |= new.repeated
            scores[key].figures |= {name: float(figure) for name, figure in new.figures.items()}
    return scores
