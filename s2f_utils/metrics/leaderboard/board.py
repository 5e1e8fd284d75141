"""The leaderboard: several models' saved outputs, measured by every metric beside the answers that need no model.

It is computed from the pictures alone, so that whoever has them gets the same table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from s2f_utils import metrics
from s2f_utils.data import DataError, Manifest
from s2f_utils.metrics import leaks, retrieval, structure
from s2f_utils.metrics.leaderboard.outputs import Entry
from s2f_utils.metrics.registry import check_names
from s2f_utils.metrics.scored import Scored, ScoredPairs, refuse_leaks
from s2f_utils.pictures import images

FILTERED, HAIR = "filtered", "hair"
FILTERED_SHARPNESS = 0.95


@dataclass
class Leaderboard:
    """All rows, models from the highest SSIM down, those without proof last, and what they were measured on."""

    rows: list[Scored]
    ids: list[str]
    split: str
    data: str
    size_px: int
    columns: list[str]  # metrics with a value for each image
    numbers: list[str]  # metrics of a whole set, among the rows' figures
    missing: dict[str, str]
    pictures: dict[str, Sequence[np.ndarray]] = field(repr=False, default_factory=dict)

    def row(self, key: str) -> Scored:
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
    open_league: names of models that saw other data, as a person says. allow_seen: take models that have seen pairs of
    the split, too, and mark them. say: called with what is being measured. Raises DataError when the split or the
    training split is empty, when outputs are of several sizes, when a test image is among the training images, or when
    a model has seen one.
    """
    pairs, train = manifest.split(split), manifest.split("train")
    if not pairs:
        raise DataError(f"{manifest.path}: no pairs in the split {split!r}: choose another with --split")
    if not train:
        raise DataError(f"{manifest.path}: no training pairs: the rows that need no model are made from them")
    refuse_leaks(manifest, split)
    ids = [pair.id for pair in pairs]
    models = [_model_row(entry, split, open_league, allow_seen) for entry in entries]
    _check_names(models, entries, open_league)
    outputs = {
        row.key: np.stack([images.load_rgb(entry.files[name]) for name in ids])
        for row, entry in zip(models, entries, strict=True)
    }
    scored = ScoredPairs.load(manifest, split, pairs, _size_of(outputs, manifest), direction)
    trivial, answers = scored.trivial_rows()
    outputs |= answers
    control = _filtered_faithful(models + trivial, outputs, scored)
    names, left_out = _asked(columns, patch_seeds)
    rows = [*models, control, *trivial]
    scored.measure(rows, outputs, names, patch_seeds, patch_steps, say)
    hair = Scored(key=HAIR, label="hair alone (what went in, without its face)", kind="control")
    hair.standing = leaks.Standing(leaks.own_league(len(train)), "")
    outputs[HAIR] = retrieval.without_face(scored.inputs)
    bald = dataclasses.replace(scored, truths=retrieval.without_face(scored.truths))
    bald.measure([hair], outputs, [name for name in names if metrics.METRICS[name].question == "who"])
    models.sort(key=lambda row: (not _is_proven(row), -row.mean("ssim")))
    rows = [*models, control, hair, *trivial]
    return Leaderboard(
        rows=rows,
        ids=ids,
        split=split,
        data=manifest.path.parent.name,
        size_px=scored.size_px,
        columns=[name for name in names if any(name in row.values for row in rows)],
        numbers=[name for name in names if any(name in row.figures for row in rows)],
        missing=scored.not_measured(names) | dict.fromkeys(left_out, "left out by --patch-seeds 0"),
        pictures={"input": scored.inputs, "truth": scored.truths, **outputs},
    )


def _asked(columns: Sequence[str] | None, patch_seeds: int) -> tuple[list[str], list[str]]:
    """The metrics to measure, SSIM first because rows are sorted by it, and those that a person leaves out."""
    chosen = ("ssim", *(metrics.group("all") if columns is None else columns))
    check_names(chosen)
    of_pairs = [name for name in chosen if metrics.METRICS[name].is_of_pairs]
    names = list(dict.fromkeys((*of_pairs, *metrics.group("sets"))))
    left_out = [name for name in names if metrics.METRICS[name].trains and not patch_seeds]
    return [name for name in names if name not in left_out], left_out


def _model_row(entry: Entry, split: str, open_league: Sequence[str], allow_seen: bool) -> Scored:
    key = entry.label if entry.seed is None else f"{entry.label}, seed {entry.seed}"
    standing = entry.standing
    if not allow_seen:
        standing.refuse_seen(key, split)
    if entry.name in open_league and standing.league != leaks.OPEN:
        standing = dataclasses.replace(standing, league=leaks.OPEN, why="as was said")
    return Scored(key=key, label=entry.label, seed=entry.seed, standing=standing)


def _check_names(models: Sequence[Scored], entries: Sequence[Entry], open_league: Sequence[str]) -> None:
    """DataError for two rows of one name, and for a name of the open league that no model has."""
    keys, known = [row.key for row in models], [entry.name for entry in entries]
    for key in keys:
        if keys.count(key) > 1:
            raise DataError(f"two rows would be called {key!r}: give each a name of its own, as NAME=PATH")
    if unknown := [name for name in open_league if name not in known]:
        raise DataError(f"--open {unknown[0]}: no model of this name: {', '.join(known)}")


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


def _is_proven(row: Scored) -> bool:
    """Whether it is known where a model learned, and that it has seen nothing of the split."""
    return row.standing.league != leaks.UNKNOWN and not row.standing.seen


def _filtered_faithful(rows: Sequence[Scored], outputs: dict[str, np.ndarray], scored: ScoredPairs) -> Scored:
    """The softer-than-photos answer of the highest SSIM, sharpened to the sharpness of the training photos; not one of
    a model that may have seen these pairs.
    """
    _, like = scored.training_pairs
    level = FILTERED_SHARPNESS * np.mean([structure.gradient(p) for p in like])
    soft = [r for r in rows if _is_proven(r) and np.mean([structure.gradient(p) for p in outputs[r.key]]) < level]
    truths = scored.cut(scored.truths)
    ssim = {r.key: metrics.METRICS["ssim"].measure(scored.cut(outputs[r.key]), truths).mean() for r in soft}
    source = max(soft, key=lambda r: ssim[r.key], default=None) or next(r for r in rows if r.key == "mean")
    outputs[FILTERED] = metrics.filtered(outputs[source.key], like, ratio=FILTERED_SHARPNESS)
    label = f"filtered faithful ({source.label}, sharpened, with grain)"
    standing = leaks.Standing(source.standing.league, "")
    return Scored(key=FILTERED, label=label, kind="control", standing=standing)
