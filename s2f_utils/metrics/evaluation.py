"""Scoring a model on a split: outputs as PNG, a table per image, means with intervals beside the trivial rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from s2f_utils import metrics, runtime
from s2f_utils.data import DataError, Manifest
from s2f_utils.inference.translator import Translator
from s2f_utils.metrics.leaks import Standing, standing_of
from s2f_utils.metrics.scored import Scored, ScoredSplit, digest_of_pairs, load_pairs
from s2f_utils.pictures import images

__all__ = ["Evaluation", "cell", "check_attribute", "evaluate", "load_pairs"]
BATCH = 16


@dataclass
class Evaluation(ScoredSplit):
    """What was measured: a row for the model and for each trivial answer.

    standing: what the model's training means for its scores.
    """

    folder: Path = Path()
    standing: Standing = Standing()
    seconds_per_image: float = 0.0

    @property
    def labels(self) -> dict[str, str]:
        """{row: its label}."""
        return {row.key: row.label for row in self.rows}

    def intervals(self) -> dict[str, dict[str, metrics.Interval]]:
        """Mean and 95 % interval of every metric that has a value for each image, in every row."""
        return {row.key: row.intervals() for row in self.rows}

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
        of_each = np.array([pair.attributes.get(attribute) or "(none)" for pair in self.pairs])
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
    mode: str = "deterministic",
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
    result = Evaluation(manifest, split, translator.direction, translator.size_px, folder=Path(out))
    result.standing = standing_of(translator.files, manifest, split, result.ids)
    if not allow_seen and split != "train":  # that the training pairs were seen, everybody expects
        result.standing.refuse_seen(translator.name, split)
    began = time.monotonic()
    result.pictures[name] = _translate_all(translator, result.pictures["input"], mode, progress)
    result.seconds_per_image = (time.monotonic() - began) / len(result.pairs)
    for identity, picture in zip(result.ids, result.pictures[name], strict=True):
        images.save(result.folder / "outputs" / mode / f"{identity}.png", picture, generated=True)
    result.rows = [Scored(key=name, label=name, standing=result.standing), *result.trivial_rows()]
    result.measure(result.rows, metric_names)
    _write(result)
    return result


def _translate_all(translator: Translator, inputs: np.ndarray, mode: str, progress: bool) -> np.ndarray:
    """The model's outputs for inputs (N, H, W, 3), uint8 of the same shape: all that scoring asks of a model."""
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


def _write(result: Evaluation) -> None:
    result.write_csv(result.folder / "per_image.csv")
    rows = {
        row.key: {"label": row.label, **{name: vars(interval) for name, interval in row.intervals().items()}}
        | {name: row.figures[name] for name in result.columns if name in row.figures}
        for row in result.rows
    }
    manifest, split = result.manifest, result.split
    facts = {
        "data": manifest.path.resolve().parent.name,
        "split": split,
        "pairs_sha256": digest_of_pairs(manifest.split(split), result.direction),
        "num_images": len(result.pairs),
        "size_px": result.size_px,
        "fit": manifest.settings.get("fit", "stretch"),
        "direction": result.direction,
        **result.standing.as_json(),
        "not_measured": result.missing,
        "seconds_per_image": round(result.seconds_per_image, 4),
        "rows": rows,
        "machine": runtime.machine_facts(),
    }
    runtime.write_json(result.folder / "metrics.json", facts)
