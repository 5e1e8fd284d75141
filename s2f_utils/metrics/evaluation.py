"""Scoring a model on a split: outputs as PNG, a table per image, means with intervals beside the trivial rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from s2f_utils import metrics, runtime
from s2f_utils.data import DataError, Manifest
from s2f_utils.inference.translator import Translator
from s2f_utils.metrics.leaks import Standing, standing_of
from s2f_utils.metrics.scored import (
    Scored,
    ScoredPairs,
    columns_of,
    digest_of_pairs,
    load_pairs,
    refuse_leaks,
    write_csv,
)
from s2f_utils.pictures import images

__all__ = ["Evaluation", "cell", "check_attribute", "evaluate", "load_pairs"]
BATCH = 16


@dataclass
class Evaluation:
    """What was measured: a row for each inference mode of the model and for each trivial answer."""

    folder: Path
    split: str
    direction: str
    ids: list[str]
    rows: list[Scored]
    pictures: dict[str, np.ndarray]
    missing: dict[str, str]
    seconds_per_image: float
    not_pairs: int  # rows of the split with one picture only
    attributes: list[dict[str, str]]  # of each image, as the manifest has them
    standing: Standing  # what the model's training means for its scores

    @property
    def labels(self) -> dict[str, str]:
        """{row: its label}."""
        return {row.key: row.label for row in self.rows}

    @property
    def values(self) -> dict[str, dict[str, np.ndarray]]:
        """{row: {metric: the value of each image, (N,)}}."""
        return {row.key: row.values for row in self.rows}

    @property
    def columns(self) -> list[str]:
        """The metrics that were measured: those with a value for each image, then those of whole sets."""
        first = self.rows[0]
        return [*first.values, *(name for name in first.figures if name in metrics.METRICS)]

    def intervals(self) -> dict[str, dict[str, metrics.Interval]]:
        """Mean and 95 % interval of every metric that has a value for each image, in every row."""
        return {row.key: {n: i for n in row.values if (i := row.interval(n))} for row in self.rows}

    def table(self) -> str:
        """The table as text for a terminal, five metrics side by side."""
        parts = []
        for start in range(0, len(self.columns), 5):
            few = self.columns[start : start + 5]
            rows = [[row.label, *map(row.cell, few)] for row in self.rows]
            parts.append(_text(["", *(metrics.METRICS[name].heading for name in few)], rows))
        return "\n".join(parts)

    def table_by(self, attribute: str) -> str:
        """The mean of every metric for each value of a column of the manifest, as text."""
        of_each = np.array([known.get(attribute) or "(none)" for known in self.attributes])
        names, rows = list(self.rows[0].values), []
        for value in np.unique(of_each):
            here = of_each == value
            for row in self.rows:
                means = (f"{row.values[name][here].mean():.{metrics.METRICS[name].digits}f}" for name in names)
                rows.append([str(value), str(here.sum()), row.label, *means])
        return _text([attribute, "images", "", *(metrics.METRICS[name].heading for name in names)], rows)


def _text(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    import tabulate

    sides = ["left", *["right"] * (len(headings) - 1)]
    return tabulate.tabulate(rows, headings, tablefmt="plain", colalign=sides, disable_numparse=True)


def cell(name: str, interval: metrics.Interval) -> str:
    """One cell of a table: mean and interval with the metric's number of digits."""
    return interval.text(metrics.METRICS[name].digits)


def check_attribute(manifest: Manifest, split: str, name: str) -> None:
    """DataError where no pair of this split has a value in the manifest's column `name`."""
    known = {key for row in manifest.split(split) for key, text in row.attributes.items() if text}
    if name not in known:
        listed = ", ".join(sorted(known)) or "there are none"
        raise DataError(f"{manifest.path}: no column {name!r} with values: the columns of attributes are: {listed}")


def evaluate(
    translator: Translator,
    manifest: Manifest,
    out: str | Path,
    *,
    split: str = "test",
    modes: Sequence[str] = ("deterministic",),
    metric_names: tuple[str, ...] = metrics.DEFAULT_METRICS,
    name: str = "model",
    allow_seen: bool = False,
    progress: bool = True,
) -> Evaluation:
    """Translate a split, score it beside the trivial rows, and write the results into the folder `out`.

    Writes `outputs/<mode>/<id>.png`, `per_image.csv` and `metrics.json`, the last when all else is there. Raises
    DataError when the split is empty, when one of its photos is among the training photos, or when the model has seen
    one of its pairs or people, as far as its file says, unless it is the training split; allow_seen: score it all the
    same.
    """
    direction, size_px = translator.direction, translator.size_px
    rows = manifest.split(split)
    pairs = [row for row in rows if all(getattr(row, column) for column in columns_of(direction))]
    if not pairs:
        raise DataError(f"{manifest.path}: no pairs in the split {split!r}: choose another with --split")
    refuse_leaks(manifest, split)
    standing = standing_of(translator.files, manifest, split, [pair.id for pair in pairs])
    if not allow_seen and split != "train":  # that the training pairs were seen, everybody expects
        standing.refuse_seen(translator.name, split)
    scored = ScoredPairs.load(manifest, split, pairs, size_px, direction)
    out, outputs, seconds = Path(out), {}, 0.0
    for mode in modes:
        key = name if len(modes) == 1 else f"{name}, {mode}"
        began = time.monotonic()
        outputs[key] = _translate_all(translator, scored.inputs, mode, progress)
        seconds += (time.monotonic() - began) / (len(pairs) * len(modes))
        for identity, picture in zip(scored.ids, outputs[key], strict=True):
            images.save(out / "outputs" / mode / f"{identity}.png", picture, generated=True)
    trivial, answers = scored.trivial_rows()
    table = [Scored(key=key, label=key, standing=standing) for key in outputs] + trivial
    outputs |= answers
    scored.measure(table, outputs, metric_names)
    result = Evaluation(
        folder=out,
        split=split,
        direction=direction,
        ids=scored.ids,
        rows=table,
        pictures={"input": scored.inputs, "truth": scored.truths, **outputs},
        missing=scored.not_measured(metric_names),
        seconds_per_image=seconds,
        not_pairs=len(rows) - len(pairs),
        attributes=[pair.attributes for pair in pairs],
        standing=standing,
    )
    _write(result, size_px, manifest)
    return result


def _translate_all(translator: Translator, inputs: np.ndarray, mode: str, progress: bool) -> np.ndarray:
    """What the model makes of inputs (N, H, W, 3), uint8 of the same shape: all that scoring asks of a model."""
    from tqdm.auto import tqdm

    made = []
    bar = tqdm(total=len(inputs), desc=f"translating ({mode})", unit="image", disable=not progress, leave=False)
    with bar, torch.random.fork_rng():
        torch.manual_seed(0)  # the paper's mode draws dropout: the same scores every time
        for start in range(0, len(inputs), BATCH):
            batch = inputs[start : start + BATCH]
            made.append(translator.translate_batch(batch, mode=mode))
            bar.update(len(batch))
    return np.concatenate(made)


def _write(result: Evaluation, size_px: int, manifest: Manifest) -> None:
    write_csv(result.folder / "per_image.csv", result.rows, result.ids, list(result.rows[0].values))
    rows = {
        row.key: {"label": row.label, **{n: vars(i) for n in row.values if (i := row.interval(n))}}
        | {name: row.figures[name] for name in result.columns if name in row.figures}
        for row in result.rows
    }
    facts: dict[str, Any] = {
        "data": manifest.path.resolve().parent.name,
        "split": result.split,
        "pairs_sha256": digest_of_pairs(manifest.split(result.split), result.direction),
        "num_images": len(result.ids),
        "size_px": size_px,
        "fit": manifest.settings.get("fit", "stretch"),
        "direction": result.direction,
        **result.standing.as_json(),
        "not_measured": result.missing,
        "seconds_per_image": round(result.seconds_per_image, 4),
        "rows": rows,
        "machine": runtime.machine_facts(),
    }
    runtime.write_json(result.folder / "metrics.json", facts)
