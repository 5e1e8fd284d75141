"""Scores of a model on the pairs of a split, inside of their padding, beside those of trivial
baselines.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from s2f_utils import metrics, runtime
from s2f_utils.data import DataError, Manifest, Row
from s2f_utils.data.stores import map_picture, squared
from s2f_utils.infer.translator import Translator
from s2f_utils.metrics.baselines import trivial_labels
from s2f_utils.metrics.leaks import Standing, inside, refuse_leaks, standing_of
from s2f_utils.metrics.registry import Pictures, smallest
from s2f_utils.pictures import images
from s2f_utils.weights import sha256_of

BATCH = 16
NOT_MODELS = ("input", "truth", "filtered", "hair", *metrics.TRIVIAL_ROWS)  # keys of other pictures
MAX_TRAIN_FOR_TRIVIAL = 1000


@dataclass
class Scored(metrics.SetScores):
    """A row of a table. kind: "model", "control" (filtered faithful, hair alone) or "trivial".

    Of saved outputs: name, the model's, to which `label` adds the inference mode; files: {id: PNG}.
    """

    key: str = ""
    label: str = ""
    kind: str = "model"
    seed: int | None = None
    standing: Standing = Standing()
    name: str = ""
    files: Mapping[str, Path] = field(default_factory=dict, repr=False)


@dataclass
class Evaluation:
    """The pairs of a split, and the rows of scores on them.

    missing: {metric: why it was not measured}. pictures: "input", "truth" and each row's outputs by
    its key, uint8 (N, size_px, size_px, 3). Raises DataError for a split without pairs, for a leak
    into the training photos, and for padded pictures of another size.
    """

    manifest: Manifest
    split: str
    direction: str
    size_px: int
    folder: Path = Path()
    rows: list[Scored] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    seconds_per_image: float = 0.0

    def __post_init__(self) -> None:
        self.pairs = complete(self.manifest.split(self.split), self.direction)
        if not self.pairs:
            raise DataError(
                f"{self.manifest.path}: no pairs in the split {self.split!r}: choose another with --split"
            )
        refuse_leaks(self.manifest, self.split)
        self.ids = [pair.id for pair in self.pairs]
        self.boxes = [images.read_content_box(pair.photo) for pair in self.pairs]
        made_at = self.manifest.settings.get("size_px", self.size_px)
        if any(self.boxes) and made_at != self.size_px:
            raise DataError(
                f"{self.manifest.path}: padded pictures of {made_at} px cannot be scored at {self.size_px} px:"
                f" prepare the data with --size {self.size_px}"
            )
        inputs, truths = load_pairs(self.pairs, self.size_px, self.direction)
        self.pictures |= {"input": inputs, "truth": truths}

    @property
    def columns(self) -> list[str]:
        """The metrics that were measured: those with a value for each image, then those of whole
        sets.
        """
        return [*self.rows[0].values, *self.rows[0].figures]

    def row(self, key: str) -> Scored:
        """The row of this key. KeyError if there is none."""
        return {row.key: row for row in self.rows}[key]

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
        """The mean of every metric for each value of a column of the manifest, as text; NaN, no
        value, is left out.
        """
        of_each = np.array([pair.attributes.get(attribute) or "(none)" for pair in self.pairs])
        names, rows = list(self.rows[0].values), []
        for value in np.unique(of_each):
            here = of_each == value
            for row in self.rows:
                known = {
                    name: row.values[name][here & ~np.isnan(row.values[name])] for name in names
                }
                means = (
                    f"{v.mean():.{metrics.METRICS[name].digits}f}" if len(v) else "–"
                    for name, v in known.items()
                )
                rows.append([str(value), str(here.sum()), row.label, *means])
        return _text(
            [attribute, "images", "", *(metrics.METRICS[name].heading for name in names)], rows
        )

    def cut(self, pictures: np.ndarray, pairs: Sequence[Row] = ()) -> Pictures:
        """Pictures without their padding: track B is scored on the picture itself, not on its black
        frame.

        pairs: theirs; by default those that are scored.
        """
        boxes = [images.read_content_box(pair.photo) for pair in pairs] or self.boxes
        return (
            [inside(*one) for one in zip(pictures, boxes, strict=True)] if any(boxes) else pictures
        )

    def measure(
        self,
        rows: Sequence[Scored],
        names: Sequence[str],
        *,
        truths: np.ndarray | None = None,
        seeds: int = 1,
        steps: int | None = None,
        progress: bool = True,
    ) -> None:
        """Score rows by these metrics, of pairs and of sets, and fill `missing`.

        truths: ground truth; None: the true outputs. seeds, steps: of metrics that train networks.
        """
        people = [pair.identity for pair in self.pairs]
        true = self.cut(self.pictures["truth"] if truths is None else truths)
        outputs = {row.key: self.cut(self.pictures[row.key]) for row in rows}
        of_pairs = [name for name in names if metrics.METRICS[name].of_pair]
        scores = metrics.measure_sets(outputs, metrics.Reference(true, people, seeds, steps), names)
        for row in tqdm(
            rows, "metrics of pairs", unit="row", leave=False, disable=None if progress else True
        ):
            of_set = scores[row.key]
            row.values = metrics.measure(outputs[row.key], true, of_pairs) | of_set.values
            row.figures, row.repeated = of_set.figures, of_set.repeated
        self.missing |= metrics.not_measured(names, *smallest(true), len(set(people)))

    @property
    def training_rows(self) -> list[Row]:
        """The first 1,000 training pairs, at most."""
        return complete(self.manifest.split("train"), self.direction)[:MAX_TRAIN_FOR_TRIVIAL]

    @functools.cached_property
    def training_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Their inputs and true outputs."""
        return load_pairs(self.training_rows, self.size_px, self.direction)

    def trivial_rows(self) -> list[Scored]:
        """The trivial baselines, not yet scored; none for the training split, or without training
        pairs.
        """
        if self.split == "train" or not len(self.training_pairs[0]):
            return []
        standing = Standing(f"{len(self.manifest.split('train'))}-only", "")
        self.pictures |= metrics.trivial_predictions(*self.training_pairs, self.pictures["input"])
        labels = trivial_labels(self.direction)
        return [
            Scored(key=key, label=label, kind="trivial", standing=standing)
            for key, label in labels.items()
        ]

    def write_csv(self, path: Path) -> None:
        """Write every image's values; an empty cell where it has none."""
        columns, nothing = list(self.rows[0].values), np.full(len(self.pairs), np.nan)
        with (
            runtime.atomic_path(path) as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(["row", "id", *columns])
            for row in self.rows:
                for name, *values in zip(
                    self.ids, *(row.values.get(c, nothing) for c in columns), strict=True
                ):
                    writer.writerow(
                        [row.key, name, *("" if np.isnan(v) else f"{v:.6g}" for v in values)]
                    )


def _text(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    import tabulate

    sides = ["left", *["right"] * (len(headings) - 1)]
    return tabulate.tabulate(
        rows, headings, tablefmt="plain", colalign=sides, disable_numparse=True
    )


def check_attribute(manifest: Manifest, split: str, name: str) -> None:
    """DataError where no pair of this split has a value in the manifest's column `name`."""
    known = {key for row in manifest.split(split) for key, text in row.attributes.items() if text}
    if name not in known:
        listed = ", ".join(sorted(known)) or "there are none"
        raise DataError(
            f"{manifest.path}: no column {name!r} with values: the columns of attributes are: {listed}"
        )


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
    """Translate a split, score it beside the trivial rows, and write the results into the folder
    `out`: `outputs/<mode>/<id>.png`, `per_image.csv` and, last, `metrics.json`. name: of its row,
    unless one of `NOT_MODELS`.

    Raises DataError as `Evaluation`, and when the model's training set has pairs or people of the
    split, other than the training split; allow_seen: score it nevertheless.
    """
    result = Evaluation(manifest, split, translator.direction, translator.size_px, folder=Path(out))
    standing = standing_of(translator.files, manifest, split, result.ids)
    if not allow_seen and split != "train":
        standing.refuse_seen(translator.name, split)
    name = "model" if name in NOT_MODELS else name
    began = time.monotonic()
    result.pictures[name] = _translate_all(translator, result.pictures["input"], mode, progress)
    result.seconds_per_image = (time.monotonic() - began) / len(result.pairs)
    for identity, picture in zip(result.ids, result.pictures[name], strict=True):
        images.save(result.folder / "outputs" / mode / f"{identity}.png", picture, generated=True)
    result.rows = [Scored(key=name, label=name, standing=standing), *result.trivial_rows()]
    result.measure(result.rows, metric_names, progress=progress)
    _write(result)
    return result


def _translate_all(
    translator: Translator, inputs: np.ndarray, mode: str, progress: bool
) -> np.ndarray:
    """The model's outputs for inputs, uint8 (N, H, W, 3) both."""
    outputs = []
    bar = tqdm(
        total=len(inputs),
        desc=f"translating ({mode})",
        unit="image",
        disable=not progress,
        leave=False,
    )
    with bar, torch.random.fork_rng():
        torch.manual_seed(0)  # the paper's mode draws dropout: the same scores every time
        for start in range(0, len(inputs), BATCH):
            batch = inputs[start : start + BATCH]
            outputs.append(translator.translate_batch(batch, mode=mode))
            bar.update(len(batch))
    return np.concatenate(outputs)


def _write(result: Evaluation) -> None:
    result.write_csv(result.folder / "per_image.csv")
    rows = {
        row.key: {
            "label": row.label,
            **{name: vars(interval) for name, interval in row.intervals().items()},
        }
        | row.figures
        for row in result.rows
    }
    manifest = result.manifest
    facts = {
        "data": manifest.path.resolve().parent.name,
        "split": result.split,
        "pairs_sha256": digest_of_pairs(result.pairs, result.direction),
        "num_images": len(result.pairs),
        "size_px": result.size_px,
        "fit": manifest.settings.get("fit", "stretch"),
        "direction": result.direction,
        **result.rows[0].standing.as_json(),
        "not_measured": result.missing,
        "seconds_per_image": round(result.seconds_per_image, 4),
        "rows": rows,
        "machine": runtime.machine_facts(),
    }
    runtime.write_json(result.folder / "metrics.json", facts)


def columns_of(direction: str) -> tuple[str, str]:
    """The manifest's columns of inputs and outputs. Raises DataError for inputs that a manifest
    does not have.
    """
    source, _, target = direction.partition("-to-")
    known = {"sketch": "sketch", "map": "mask", "photo": "photo"}
    if source not in known:
        raise DataError(
            f"a model that reads {source} is not scored: give one that reads sketches, maps or photos"
        )
    return known[source], known[target]


def complete(rows: Iterable[Row], direction: str) -> list[Row]:
    """Those rows of a manifest that have both pictures."""
    columns = columns_of(direction)
    return [row for row in rows if all(getattr(row, column) for column in columns)]


def load_pairs(pairs: Sequence[Row], size_px: int, direction: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and true outputs, uint8 (N, size_px, size_px, 3) each; maps in CelebAMask-HQ's
    colours. Raises DataError for a pair that lacks one.
    """
    pictures = []
    for pair, column in itertools.product(pairs, columns_of(direction)):
        path = getattr(pair, column)
        if path is None:
            raise DataError(f"pair {pair.id} has no {column}: scoring needs both")
        is_map = column == "mask"
        pictures.append(
            map_picture(path, size_px) if is_map else squared(path, images.load_rgb(path), size_px)
        )
    stacked = np.asarray(pictures, dtype=np.uint8).reshape(len(pairs), 2, size_px, size_px, 3)
    return stacked[:, 0], stacked[:, 1]


def digest_of_pairs(pairs: Iterable[Row], direction: str) -> str:
    """The SHA-256 of the ids and files of the pairs that are scored in this direction; "" where
    there are none.
    """
    scored = sorted(complete(pairs, direction), key=lambda pair: pair.id)
    paths = ([getattr(pair, column) for column in columns_of(direction)] for pair in scored)
    lines = [
        " ".join([pair.id, *map(sha256_of, both)]) for pair, both in zip(scored, paths, strict=True)
    ]
    return (
        hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest() if lines else ""
    )
