"""Scores of a model on the pairs of a split, inside of their padding,
beside those of trivial baselines.
"""

from __future__ import annotations

import csv
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from s2f_utils import metrics, runtime
from s2f_utils.data import DataError, Manifest, Row, copies_in, shown_copy
from s2f_utils.data.stores import complete, load_pairs, sha256_of_pairs
from s2f_utils.infer.translator import Translator
from s2f_utils.metrics.baselines import trivial_labels, trivial_prediction
from s2f_utils.metrics.registry import Pictures, smallest
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import images

BATCH = 16
NOT_MODELS = ("filtered", "hair", *metrics.TRIVIAL_ROWS)  # keys of other rows
MAX_TRAIN_FOR_TRIVIAL = 1000
METRICS_A_LINE = 5  # in the table for a terminal


@dataclass
class Scored(metrics.SetScores):
    """A row of a table, with its pictures.

    load: reads or computes its pictures, uint8 (N, size_px, size_px, 3), at each call: a table
    never holds those of two rows. kind: "model", "control" (filtered faithful, hair alone) or
    "trivial". trained_on: the names of data sets, "" where unknown. name: the model's; `label` adds
    the inference mode. files: {id: PNG} of saved outputs.
    """

    key: str = ""
    label: str = ""
    kind: str = "model"
    seed: int | None = None
    trained_on: str = ""
    name: str = ""
    files: Mapping[str, Path] = field(default_factory=dict, repr=False)
    load: Callable[[], np.ndarray] | None = field(default=None, repr=False)


@dataclass
class Evaluation:
    """The pairs of a split, and the rows of scores on them.

    inputs, truths: uint8 (N, size_px, size_px, 3). missing: {metric: why it was not measured}.
    Raises DataError for a split without pairs, for photos of it that are known to be in training,
    and for padded pictures of another size.
    """

    manifest: Manifest
    split: str
    direction: str
    size_px: int
    folder: Path = Path()
    rows: list[Scored] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    seconds_per_image: float = 0.0

    def __post_init__(self) -> None:
        rows = self.manifest.split(self.split)
        self.pairs = complete(rows, self.direction)
        if not self.pairs:
            what = f"{self.manifest.path}: no pairs in the split {self.split!r}"
            if rows:
                raise DataError(f"{what}: its pictures have no partners to be compared with")
            raise DataError(f"{what}: choose another with --split")
        _refuse_leaks(self.manifest, self.split)
        self.ids = [pair.id for pair in self.pairs]
        self.boxes = [images.read_content_box(pair.photo) for pair in self.pairs]
        prepared_px = self.manifest.settings.get("size_px") or self.size_px
        if any(self.boxes) and prepared_px != self.size_px:
            raise DataError(
                f"{self.manifest.path}: padded pictures of {prepared_px} px cannot be scored at"
                f" {self.size_px} px: prepare the data with --size {self.size_px}"
            )
        self.inputs, self.truths = load_pairs(self.pairs, self.size_px, self.direction)

    @property
    def data(self) -> str:
        """The data set's name."""
        return self.manifest.path.resolve().parent.name

    @property
    def people(self) -> list[str]:
        """Who each pair shows."""
        return [pair.identity for pair in self.pairs]

    @property
    def columns(self) -> list[str]:
        """The metrics that were measured:
        those with a value for each image, then those of whole sets.
        """
        return [*self.rows[0].values, *self.rows[0].figures]

    def row(self, key: str) -> Scored:
        """The row of this key. KeyError if there is none."""
        return {row.key: row for row in self.rows}[key]

    def table(self) -> str:
        """The table as text for a terminal, five metrics side by side."""
        parts = []
        for start in range(0, len(self.columns), METRICS_A_LINE):
            names = self.columns[start : start + METRICS_A_LINE]
            rows = []
            for row in self.rows:
                rows.append([row.label, *[row.cell(name) for name in names]])
            parts.append(_text(["", *_headings(names)], rows))
        return "\n".join(parts)

    def table_by(self, attribute: str) -> str:
        """The mean of every metric for each value of a column of the manifest, as text; NaN, no
        value, is left out.
        """
        of_pairs = np.array([pair.attributes.get(attribute) or "(none)" for pair in self.pairs])
        names = list(self.rows[0].values)
        rows = []
        for value in np.unique(of_pairs):
            here = of_pairs == value
            for row in self.rows:
                means = [_mean_cell(name, row.values[name][here]) for name in names]
                rows.append([str(value), str(here.sum()), row.label, *means])
        return _text([attribute, "images", "", *_headings(names)], rows)

    def cut(self, pictures: np.ndarray, pairs: Sequence[Row] = ()) -> Pictures:
        """Pictures without their padding:
        track B is scored on the picture itself, not on its black frame.

        pairs: theirs; by default those that are scored.
        """
        boxes = [images.read_content_box(pair.photo) for pair in pairs] or self.boxes
        if not any(boxes):
            return pictures
        sides = zip(pictures, boxes, strict=True)
        return [images.cropped(picture, box) for picture, box in sides]

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
        people = self.people
        true = self.cut(self.truths if truths is None else truths)
        reference = metrics.Reference(true, people, seeds, steps)
        of_pairs = [name for name in names if metrics.METRICS[name].of == "pairs"]
        silent = None if progress else True
        for row in tqdm(rows, "metrics", unit="row", leave=False, disable=silent):
            outputs = self.cut(row.load())
            of_set = metrics.measure_sets({row.key: outputs}, reference, names)[row.key]
            row.values = metrics.measure(outputs, true, of_pairs) | of_set.values
            row.figures = of_set.figures
            row.people = people
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
        """The trivial baselines, not yet scored;
        none for the training split, or without training pairs.
        """
        if self.split == "train" or not self.training_rows:
            return []
        rows = []
        for key, label in trivial_labels(self.direction).items():
            load = functools.partial(
                trivial_prediction, key, *self.training_pairs, test_inputs=self.inputs
            )
            rows.append(
                Scored(key=key, label=label, kind="trivial", trained_on=self.data, load=load)
            )
        return rows

    def write_csv(self, path: Path) -> None:
        """Write every image's values; an empty cell where it has none."""
        columns = list(self.rows[0].values)
        nothing = np.full(len(self.pairs), np.nan)
        with (
            runtime.atomic_path(path) as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(["row", "id", *columns])
            for row in self.rows:
                values = [row.values.get(name, nothing) for name in columns]
                for number, name in enumerate(self.ids):
                    cells = [_csv_cell(of_metric[number]) for of_metric in values]
                    writer.writerow([row.key, name, *cells])


def _refuse_leaks(manifest: Manifest, split: str) -> None:
    """Raise DataError where the making of the set found photos of this split in training, and left
    them there. (An identity in two splits is refused when a manifest is read.)
    """
    settings = manifest.settings
    if split == "train" or settings.get("drop_leaks"):
        return
    leaks = [ids for ids in copies_in(settings) if ids.keys() == {"train", split}]
    if leaks:
        raise DataError(
            f"{manifest.path}: {len(leaks)} photos of the split {split!r} are among the training"
            f" photos (such as {shown_copy(leaks[0])}): scores would be too good. Make the set"
            " again with 'python -m data_prep pairs … --drop-leaks', or mend it with 'python -m"
            " data_prep doctor … --fix', and train anew what has learned from it"
        )


def _csv_cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"


def _headings(names: Sequence[str]) -> list[str]:
    return [metrics.METRICS[name].heading for name in names]


def _mean_cell(name: str, values: np.ndarray) -> str:
    """The mean of the values that are none of NaN, or a dash."""
    values = values[~np.isnan(values)]
    return f"{values.mean():.{metrics.METRICS[name].digits}f}" if len(values) else "–"


def _text(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    import tabulate

    sides = ["left", *["right"] * (len(headings) - 1)]
    return tabulate.tabulate(
        rows, headings, tablefmt="plain", colalign=sides, disable_numparse=True
    )


def check_attribute(manifest: Manifest, split: str, name: str) -> None:
    """DataError where no pair of this split has a value in the manifest's column `name`."""
    known = set()
    for row in manifest.split(split):
        known |= {key for key, text in row.attributes.items() if text}
    if name not in known:
        listed = ", ".join(sorted(known)) or "there are none"
        raise DataError(
            f"{manifest.path}: no column {name!r} with values:"
            f" the columns of attributes are: {listed}"
        )


def evaluate(
    translator: Translator,
    manifest: Manifest,
    out: str | Path,
    *,
    split: str = "test",
    mode: str = "deterministic",
    metric_names: Sequence[str] = metrics.DEFAULT_METRICS,
    name: str = "model",
    progress: bool = True,
) -> Evaluation:
    """Translate a split, score it beside the trivial rows, and write the results into the folder
    `out`: `outputs/<mode>/<id>.png`, `per_image.csv` and, last, `metrics.json`.

    split: "train", "val" or "test". mode: of the answers, as in a `Request`. metric_names: keys of
    `METRICS`. name: of the model's row, "model" where it is one of `NOT_MODELS`. Raises DataError
    as `Evaluation`, and for ids that are no names of files.
    """
    info = translator.info
    result = Evaluation(manifest, split, info.direction, info.size_px, folder=Path(out))
    name = "model" if name in NOT_MODELS else name
    folder = result.folder / "outputs" / mode
    files = {pair_id: output_file(folder, pair_id) for pair_id in result.ids}
    seconds = _translate(translator, result.inputs, list(files.values()), mode, progress)
    result.seconds_per_image = seconds / len(result.pairs)
    model = Scored(key=name, label=name, trained_on=sets_in(translator.files), files=files)
    model.load = functools.partial(load_outputs, files)
    result.rows = [model, *result.trivial_rows()]
    result.measure(result.rows, metric_names, progress=progress)
    _write(result)
    return result


def sets_in(files: Sequence[Path]) -> str:
    """The names of the data sets that a model in these files was trained on, "" where they do not
    say it; published weights stand for theirs. Raises CheckpointError for an unreadable file.
    """
    names: set[str] = set()
    for path in files:
        known = [path.stem]
        if path.suffix == ".safetensors":
            known = checkpoints.info_of(path).trained_on
        if not known:
            return ""
        names.update(known)
    return ", ".join(sorted(names))


def output_file(folder: Path, pair_id: str) -> Path:
    """The PNG of a pair's output in a folder. Raises DataError for an id, such as "../x", whose
    file would lie outside of it.
    """
    path = folder / f"{pair_id}.png"
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(
            f"id {pair_id!r} would name a file outside of {folder}: give the pair another id"
        )
    return path


def load_outputs(files: Mapping[str, Path]) -> np.ndarray:
    """Saved outputs of one size, {id: PNG}: uint8 (N, H, W, 3)."""
    return np.stack([images.load_rgb(path) for path in files.values()])


def _translate(
    translator: Translator, inputs: np.ndarray, files: Sequence[Path], mode: str, progress: bool
) -> float:
    """Save the model's outputs for inputs, uint8 (N, H, W, 3), as these files; returns the seconds
    that the model took, without what writing the files took.
    """
    seconds = 0.0
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
            began = time.monotonic()
            outputs = translator.translate_batch(batch, mode=mode)
            seconds += time.monotonic() - began
            for path, picture in zip(files[start : start + BATCH], outputs, strict=True):
                images.save(path, picture, generated=True)
            bar.update(len(batch))
    return seconds


def _write(result: Evaluation) -> None:
    result.write_csv(result.folder / "per_image.csv")
    rows = {}
    for row in result.rows:
        intervals = {name: vars(interval) for name, interval in row.intervals().items()}
        rows[row.key] = {"label": row.label} | intervals | row.figures
    manifest = result.manifest
    facts = {
        "data": result.data,
        "pictures_sha256": sha256_of_pairs(result.pairs, result.direction),
        "split": result.split,
        "num_images": len(result.pairs),
        "num_people": len(set(result.people)),
        "size_px": result.size_px,
        "fit": manifest.settings.get("fit", "stretch"),
        "direction": result.direction,
        "trained_on": result.rows[0].trained_on,
        "not_measured": result.missing,
        "seconds_per_image": round(result.seconds_per_image, 4),
        "rows": rows,
        "machine": runtime.machine_facts(),
    }
    runtime.write_json(result.folder / "metrics.json", facts)
