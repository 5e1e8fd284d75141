"""The leaderboard: several models' saved outputs, measured by every metric beside the answers that need no model.

It is computed from the pictures alone, so that whoever has them gets the same table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from s2f_utils import metrics
from s2f_utils.data import DataError, Manifest
from s2f_utils.metrics import leaks, retrieval, structure
from s2f_utils.metrics.baselines import trivial_labels
from s2f_utils.metrics.leaderboard.outputs import Entry
from s2f_utils.metrics.registry import check_names
from s2f_utils.metrics.scored import ScoredPairs, refuse_leaks
from s2f_utils.pictures import images

FILTERED, HAIR = "filtered", "hair"
FILTERED_SHARPNESS = 0.95


@dataclass
class Row:
    """One line of the table.

    kind: "model", "control" (filtered faithful, hair alone) or "trivial". why: what puts it into its league.
    values: {column: float64 (N,)}, one value an image. details: what is not a mean over images: FID and KID, the power
    spectrum by octave, the patch test by fold and seed. seen: of the split, by a model.
    """

    key: str
    label: str
    kind: str
    league: str = ""
    why: str = ""
    seed: int | None = None
    values: dict[str, np.ndarray] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    seen: leaks.Seen | None = None
    repeated: dict[str, metrics.Repeated] = field(default_factory=dict)  # of metrics that train networks

    @property
    def shown(self) -> str:
        """The label, and what the model has seen of the split."""
        return f"{self.label} ({self.seen.text})" if self.seen and self.seen.text else self.label

    @property
    def is_proven(self) -> bool:
        """Whether it is known where it learned, and that it has seen nothing of the split."""
        return self.league != leaks.UNKNOWN and not (self.seen and self.seen.text)

    def mean(self, column: str) -> float:
        """The mean over the images that have a value; NaN where the column was not measured."""
        interval = self.interval(column)
        return interval.mean if interval else float("nan")

    def interval(self, column: str) -> metrics.Interval | None:
        """The 95 % interval over images, and over networks of a metric that trains them; None where not measured."""
        if column in self.repeated:
            return metrics.bootstrap_repeated(self.repeated[column])
        found = self.values.get(column, np.empty(0))
        return None if np.isnan(found).all() else metrics.bootstrap_mean(found)

    def minus(self, other: Row, column: str) -> metrics.Interval:
        """The mean difference to another row on the same images, and its 95 % interval."""
        if column in self.repeated:
            return metrics.bootstrap_repeated(self.repeated[column] - other.repeated[column])
        return metrics.paired_difference(self.values[column], other.values[column])


@dataclass
class Leaderboard:
    """All rows, models from the highest SSIM down, those without proof last, and what they were measured on."""

    rows: list[Row]
    ids: list[str]
    split: str
    data: str
    size_px: int
    columns: list[str]  # metrics with a value for each image
    numbers: list[str]  # metrics of a whole set, among the rows' details
    missing: dict[str, str]
    pictures: dict[str, Sequence[np.ndarray]] = field(repr=False, default_factory=dict)

    def row(self, key: str) -> Row:
        """The row of this key. KeyError if there is none."""
        return {row.key: row for row in self.rows}[key]


def build(
    entries: Sequence[Entry],
    manifest: Manifest,
    *,
    split: str = "test",
    columns: Sequence[str] | None = None,
    patch_seeds: int = 1,
    patch_steps: int | None = None,
    direction: str = "sketch-to-photo",
    open_league: Sequence[str] = (),
    allow_seen: bool = False,
    say: Callable[[str], object] = lambda text: None,
) -> Leaderboard:
    """Measure entries, trivial rows and controls on a split.

    columns: metrics of pairs, SSIM in any case (None: all that compare models); those of sets are always measured.
    patch_seeds: how often the patch test is repeated (0: left out). patch_steps: its length; None: the protocol's.
    open_league: names of models that saw other data, as a person says; that one did not, only its files can prove.
    allow_seen: take models that have seen pairs of the split, too, and mark them. say: called with what is being
    measured. Raises DataError when the split or the training split is empty, when outputs are of several sizes, when a
    test image is among the training images, or when a model has seen one.
    """
    pairs, train = manifest.split(split), manifest.split("train")
    if not pairs:
        raise DataError(f"{manifest.path}: no pairs in the split {split!r}: choose another with --split")
    if not train:
        raise DataError(f"{manifest.path}: no training pairs: the rows that need no model are made from them")
    refuse_leaks(manifest, split)
    own = leaks.own_league(len(train))
    rows, outputs = _model_rows(entries, manifest, split, open_league, allow_seen)
    scored = ScoredPairs.load(manifest, split, pairs, _size_of(outputs, manifest), direction)
    for key, pictures in scored.trivial_outputs().items():
        rows.append(Row(key, trivial_labels(direction)[key], "trivial", own))
        outputs[key] = pictures
    rows.append(_filtered_faithful(rows, outputs, scored))
    names, left_out = _asked(columns, patch_seeds)
    scores = scored.measure(outputs, names, patch_seeds, patch_steps, say)
    rows.append(Row(HAIR, "hair alone (what went in, without its face)", "control", own))
    outputs[HAIR] = retrieval.without_face(scored.inputs)
    scores[HAIR] = _of_hair(outputs[HAIR], scored, names)
    for row in rows:
        found = scores[row.key]
        row.values, row.details, row.repeated = found.values, found.figures, found.repeated
    order = {"model": 0, "control": 1, "trivial": 2}
    rows.sort(key=lambda r: (order[r.kind], *((not r.is_proven, -r.mean("ssim")) if r.kind == "model" else ())))
    return Leaderboard(
        rows=rows,
        ids=scored.ids,
        split=split,
        data=manifest.path.parent.name,
        size_px=scored.size_px,
        columns=[name for name in names if any(name in row.values for row in rows)],
        numbers=[name for name in names if any(name in row.details for row in rows)],
        missing=scored.not_measured(names) | dict.fromkeys(left_out, "left out by --patch-seeds 0"),
        pictures={"input": scored.inputs, "truth": scored.truths, **outputs},
    )


def _asked(columns: Sequence[str] | None, patch_seeds: int) -> tuple[list[str], list[str]]:
    """The metrics to measure, SSIM first because rows and galleries are sorted by it, and those that a person leaves
    out.
    """
    chosen = ("ssim", *(metrics.group("all") if columns is None else columns))
    check_names(chosen)
    of_pairs = [name for name in chosen if metrics.METRICS[name].is_of_pairs]
    names = list(dict.fromkeys((*of_pairs, *metrics.group("sets"))))
    left_out = [name for name in names if metrics.METRICS[name].trains and not patch_seeds]
    return [name for name in names if name not in left_out], left_out


def _model_rows(
    entries: Sequence[Entry], manifest: Manifest, split: str, open_league: Sequence[str], allow_seen: bool
) -> tuple[list[Row], dict[str, np.ndarray]]:
    """A row for each entry, and its pictures by the row's key."""
    known = [entry.name for entry in entries]
    if unknown := [name for name in open_league if name not in known]:
        raise DataError(f"--open {unknown[0]}: no model of this name: {', '.join(known)}")
    here = manifest.split(split)
    hashes, train = leaks.hashes_of(here), leaks.hashes_of(manifest.split("train"))
    ids = [pair.id for pair in here]
    rows, outputs = [], {}
    for entry in entries:
        key = entry.label if entry.seed is None else f"{entry.label}, seed {entry.seed}"
        if key in outputs:
            raise DataError(f"two rows would be called {key!r}: give each a name of its own, as NAME=PATH")
        model = leaks.trained_on(entry.models, entry.unknown)
        seen = leaks.look(model, here, hashes, ids)
        if not allow_seen:
            seen.refuse(key, split)
        league, why = leaks.league_of(model, train)
        if entry.name in open_league and league != leaks.OPEN:
            league, why = leaks.OPEN, "as was said"
        rows.append(Row(key, entry.label, "model", league, why, entry.seed, seen=seen))
        outputs[key] = np.stack([images.load_rgb(entry.files[name]) for name in ids])
    return rows, outputs


def _size_of(outputs: Mapping[str, np.ndarray], manifest: Manifest) -> int:
    """The side of all outputs in pixels; the data set's where there are none."""
    by_size: dict[tuple[int, ...], list[str]] = {}
    for key, pictures in outputs.items():
        by_size.setdefault(pictures.shape[1:3], []).append(key)
    if not by_size:
        return int(manifest.settings.get("size_px", 256))
    size_px = next(iter(by_size))[0]
    if set(by_size) != {(size_px, size_px)}:
        shown = "; ".join(f"{w}x{h}: {', '.join(keys)}" for (h, w), keys in sorted(by_size.items()))
        raise DataError(f"outputs are of several sizes: a table compares squares of one: score them apart ({shown})")
    return size_px


def _filtered_faithful(rows: Sequence[Row], outputs: dict[str, np.ndarray], scored: ScoredPairs) -> Row:
    """The softer-than-photos answer of the highest SSIM, sharpened to the sharpness of the training photos; not one of
    a model that may have seen these pairs.
    """
    _, like = scored.training_pairs
    level = np.mean([structure.gradient(p) for p in like])
    known = [r for r in rows if r.is_proven]
    soft = [r for r in known if np.mean([structure.gradient(p) for p in outputs[r.key]]) < FILTERED_SHARPNESS * level]
    truths = scored.cut(scored.truths)
    ssim = {r.key: metrics.METRICS["ssim"].measure(scored.cut(outputs[r.key]), truths).mean() for r in soft}
    source = max(soft, key=lambda r: ssim[r.key], default=None) or next(r for r in rows if r.key == "mean")
    outputs[FILTERED] = metrics.filtered(outputs[source.key], like, ratio=FILTERED_SHARPNESS)
    return Row(FILTERED, f"filtered faithful ({source.label}, sharpened, with grain)", "control", source.league)


def _of_hair(pictures: np.ndarray, scored: ScoredPairs, names: Sequence[str]) -> metrics.SetScores:
    """What the inputs without their faces find among the true photos without theirs: for the question "who" alone."""
    bald = dataclasses.replace(scored, truths=retrieval.without_face(scored.truths))
    names = [name for name in names if metrics.METRICS[name].question == "who"]
    return metrics.measure_sets({HAIR: scored.cut(pictures)}, bald.reference(), names)[HAIR]
