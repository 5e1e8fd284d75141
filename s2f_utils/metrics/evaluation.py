"""Scoring a model on a split: outputs as PNG, a table per image, means with intervals beside the trivial rows."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from s2f_utils import metrics, runtime, weights
from s2f_utils.data import DataError, Manifest
from s2f_utils.inference.translator import Translator
from s2f_utils.metrics import attributes
from s2f_utils.metrics.baselines import trivial_labels
from s2f_utils.metrics.leaks import Seen, hashes_of, look, trained_on
from s2f_utils.metrics.scored import (
    ScoredPairs,
    columns_of,
    digest_of,
    digest_of_pairs,
    load_pairs,
    refuse_leaks,
    write_csv,
)
from s2f_utils.pictures import images

__all__ = ["Evaluation", "cell", "evaluate", "load_pairs"]
BATCH = 16


@dataclass
class Evaluation:
    """What was measured: for each row (model or trivial) a label, per-image values, and the numbers of whole sets."""

    folder: Path
    split: str
    ids: list[str]
    labels: dict[str, str]
    values: dict[str, dict[str, np.ndarray]]
    seconds_per_image: float
    pictures: dict[str, np.ndarray]
    missing: dict[str, str]
    direction: str
    not_pairs: int  # rows of the split with one picture only
    numbers: dict[str, dict[str, float]]  # of metrics without a value for each image
    alike: list[str]  # pairs of a training and a scored photo that may be the same: "train/… = test/…"
    attributes: list[dict[str, str]]  # of each image, as the manifest has them
    files: tuple[Path, ...]  # of the model; none where they are not known
    seen: Seen  # of the split, by the model
    repeated: dict[str, dict[str, metrics.Repeated]]  # of metrics that train networks, each repetition's values

    def intervals(self) -> dict[str, dict[str, metrics.Interval]]:
        """Mean and 95 % interval of every metric that has a value for each image, in every row."""

        def interval(row: str, name: str) -> metrics.Interval:
            if name in self.repeated[row]:
                return metrics.bootstrap_repeated(self.repeated[row][name])
            return metrics.bootstrap_mean(self.values[row][name])

        return {row: {name: interval(row, name) for name in found} for row, found in self.values.items()}

    def models(self) -> dict[str, dict[str, np.ndarray]]:
        """The values of the models' rows, without the trivial ones."""
        return {row: found for row, found in self.values.items() if row not in metrics.TRIVIAL_ROWS}

    def rows_by_attributes(self) -> tuple[list[str], list[list[str]]]:
        """SSIM and sharpness of the models for each value of all attributes of few values: headings and rows."""
        names = attributes.worth_showing(self.attributes)
        return attributes.table(self.attributes, names, self.models(), self.labels)

    def table_by(self, attribute: str = "") -> str:
        """The mean of every metric for each value of an attribute, as text, one line for each value and row; without
        an attribute `rows_by_attributes`, "" where there are none.
        """
        if not attribute:
            return attributes.as_text(*self.rows_by_attributes())
        names = tuple(next(iter(self.values.values())))
        return attributes.as_text(*attributes.table(self.attributes, [attribute], self.values, self.labels, names))

    def table(self) -> str:
        """The table as text for a terminal, five metrics side by side."""
        import tabulate

        cells = {row: {n: cell(n, i) for n, i in found.items()} for row, found in self.intervals().items()}
        for row, found in self.numbers.items():
            cells[row] |= {name: f"{value:.{metrics.METRICS[name].digits}f}" for name, value in found.items()}
        names = list(next(iter(cells.values())))
        parts = []
        for start in range(0, len(names), 5):
            few = names[start : start + 5]
            rows = [[self.labels[row], *(shown[name] for name in few)] for row, shown in cells.items()]
            headings = ["", *(metrics.METRICS[name].heading for name in few)]
            sides = ["left", *["right"] * len(few)]
            parts.append(tabulate.tabulate(rows, headings, tablefmt="plain", colalign=sides, disable_numparse=True))
        return "\n".join(parts)


def cell(name: str, interval: metrics.Interval) -> str:
    """One cell of a table: mean and interval with the metric's number of digits."""
    return interval.text(metrics.METRICS[name].digits)


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
    alike = refuse_leaks(manifest, split)
    seen = look(trained_on(translator.files), rows, hashes_of(rows), [pair.id for pair in pairs])
    if not allow_seen and split != "train":  # that the training pairs were seen, everybody expects
        seen.refuse(translator.name, split)
    scored = ScoredPairs.load(manifest, split, pairs, size_px, direction)
    out = Path(out)
    outputs: dict[str, np.ndarray] = {}
    seconds = 0.0
    for mode in modes:
        key = name if len(modes) == 1 else f"{name}, {mode}"
        began = time.monotonic()
        outputs[key] = _translate_all(translator, scored.inputs, mode, progress)
        seconds += (time.monotonic() - began) / (len(pairs) * len(modes))
        for identity, picture in zip(scored.ids, outputs[key], strict=True):
            images.save(out / "outputs" / mode / f"{identity}.png", picture, generated=True)
    labels = {key: key for key in outputs}
    trivial = scored.trivial_outputs()
    outputs |= trivial
    labels |= {key: trivial_labels(direction)[key] for key in trivial}
    scores = scored.measure(outputs, metric_names)
    result = Evaluation(
        folder=out,
        split=split,
        ids=scored.ids,
        labels=labels,
        values={row: found.values for row, found in scores.items()},
        numbers={row: {n: v for n, v in s.figures.items() if n in metric_names} for row, s in scores.items()},
        seconds_per_image=seconds,
        pictures={"input": scored.inputs, "truth": scored.truths, **outputs},
        missing=scored.not_measured(metric_names),
        direction=direction,
        not_pairs=len(rows) - len(pairs),
        alike=alike,
        attributes=[pair.attributes for pair in pairs],
        files=translator.files,
        seen=seen,
        repeated={row: found.repeated for row, found in scores.items()},
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


def _from(folder: Path, path: Path) -> str:
    """The path of a file as seen from a folder: it stays right when both move together."""
    path = path.parent.resolve() / path.name  # a link in the hub's cache keeps its name
    try:
        return Path(os.path.relpath(path, folder.resolve())).as_posix()
    except ValueError:  # another drive
        return str(path)


def _write(result: Evaluation, size_px: int, manifest: Manifest) -> None:
    names = list(next(iter(result.values.values())))
    lines = (
        [row, identity, *(f"{found[name][place]:.6g}" for name in names)]
        for row, found in result.values.items()
        for place, identity in enumerate(result.ids)
    )
    write_csv(result.folder / "per_image.csv", ["row", "id", *names], lines)
    facts: dict[str, Any] = {
        "data": manifest.path.resolve().parent.name,
        "split": result.split,
        "pairs_sha256": digest_of_pairs(manifest.split(result.split), result.direction),
        "num_images": len(result.ids),
        "size_px": size_px,
        "fit": manifest.settings.get("fit", "stretch"),
        "direction": result.direction,
        "made_by": [{"file": _from(result.folder, path), "sha256": weights.sha256_of(path)} for path in result.files],
        "outputs": {mode.name: digest_of(mode) for mode in sorted((result.folder / "outputs").iterdir())},
        "seen": result.seen.as_json(),
        "not_measured": result.missing,
        "alike_in_training": result.alike,
        "seconds_per_image": round(result.seconds_per_image, 4),
        "rows": {
            row: {"label": result.labels[row], **{n: vars(i) for n, i in found.items()}, **result.numbers[row]}
            for row, found in result.intervals().items()
        },
        "by": {
            name: attributes.means(result.attributes, name, result.models())
            for name in attributes.worth_showing(result.attributes)
        },
        "machine": runtime.machine_facts(),
    }
    runtime.write_json(result.folder / "metrics.json", facts)
