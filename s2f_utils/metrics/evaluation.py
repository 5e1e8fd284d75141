"""Scoring a model on a split: outputs as PNG, a table per image, means with intervals beside the trivial rows."""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from s2f_utils import metrics, runtime
from s2f_utils.data.datasets import DataError, Manifest, Pair
from s2f_utils.inference.translator import Translator
from s2f_utils.pictures import duplicates, images, masks

MAX_TRAIN_FOR_TRIVIAL = 1000


@dataclass
class Evaluation:
    """What was measured: for each row (model or trivial) a label and per-image values of each metric."""

    folder: Path
    split: str
    ids: list[str]
    labels: dict[str, str]
    values: dict[str, dict[str, np.ndarray]]
    seconds_per_image: float
    pictures: dict[str, np.ndarray]
    missing: dict[str, str] = field(default_factory=dict)
    direction: str = "sketch-to-photo"
    not_pairs: int = 0  # rows of the split with one picture only

    def intervals(self) -> dict[str, dict[str, metrics.Interval]]:
        """Mean and 95 % interval of every metric in every row."""
        return {
            row: {name: metrics.bootstrap_mean(v) for name, v in found.items()} for row, found in self.values.items()
        }

    def table(self) -> str:
        """The table as text for a terminal, five metrics side by side."""
        rows = self.intervals()
        names = list(next(iter(rows.values())))
        width = max(len(self.labels[row]) for row in rows) + 2
        lines = []
        for start in range(0, len(names), 5):
            few = names[start : start + 5]
            lines.append(" " * width + "".join(f"{metrics.METRICS[name].heading:>30}" for name in few))
            for row, found in rows.items():
                lines.append(self.labels[row].ljust(width) + "".join(f"{cell(n, found[n]):>30}" for n in few))
        return "\n".join(lines)


def cell(name: str, interval: metrics.Interval) -> str:
    """One cell of a table: mean and interval with the metric's number of digits."""
    digits = metrics.METRICS[name].digits
    return f"{interval.mean:.{digits}f} [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def load_pairs(pairs: Sequence[Pair], size_px: int, direction: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and true outputs of these pairs at `size_px`: two uint8 arrays (N, size_px, size_px, 3); maps are pictures
    in CelebAMask-HQ's colours.
    """
    columns = _columns(direction)
    both = []
    for pair in pairs:
        if lacking := [name for name in columns if getattr(pair, name) is None]:
            raise DataError(f"pair {pair.id} has no {lacking[0]}: scoring needs both")
        both.append([_shown(getattr(pair, name), name, size_px) for name in columns])
    stacked = np.asarray(both, dtype=np.uint8).reshape(len(both), 2, size_px, size_px, 3)
    return stacked[:, 0], stacked[:, 1]


def _columns(direction: str) -> tuple[str, str]:
    """The manifest's columns of inputs and outputs."""
    given, _, made = direction.partition("-to-")
    known = {"sketch": "sketch", "map": "mask", "photo": "photo"}
    if given not in known:
        raise DataError(f"a model that reads {given} is not scored: give one that reads sketches, maps or photos")
    return known[given], known[made]


def _shown(path: Path, column: str, size_px: int) -> np.ndarray:
    if column == "mask":
        return masks.resize_picture(masks.colour(images.load_labels(path)), size_px)
    return images.resize(images.load_rgb(path), size_px)


def evaluate(
    translator: Translator,
    manifest: Manifest,
    out: str | Path,
    *,
    split: str = "test",
    modes: Sequence[str] = ("deterministic",),
    metric_names: tuple[str, ...] = metrics.DEFAULT_METRICS,
    name: str = "model",
    progress: bool = True,
) -> Evaluation:
    """Translate a split, score it beside the trivial rows, and write the results into the folder `out`.

    Writes `outputs/<mode>/<id>.png`, `per_image.csv` and `metrics.json`, the last when all else is there. Raises
    DataError when the split is empty, or when one of its photos is among the training photos.
    """
    rows = manifest.split(split)
    pairs = [row for row in rows if all(getattr(row, name) for name in _columns(translator.direction))]
    if not pairs:
        raise DataError(f"{manifest.path}: no pairs in the split {split!r}: choose another with --split")
    refuse_leaks(manifest, split)
    inputs, truths = load_pairs(pairs, translator.size_px, translator.direction)
    out = Path(out)
    ids = [pair.id for pair in pairs]
    outputs: dict[str, np.ndarray] = {}
    labels: dict[str, str] = {}
    seconds = 0.0
    for mode in modes:
        began = time.monotonic()
        with torch.random.fork_rng():
            torch.manual_seed(0)  # the paper's mode draws dropout: the same scores every time
            made = _translate_all(translator, inputs, mode, f"translating ({mode})", progress)
        seconds += (time.monotonic() - began) / (len(pairs) * len(modes))
        key = name if len(modes) == 1 else f"{name}, {mode}"
        outputs[key], labels[key] = made, key
        for identity, picture in zip(ids, made, strict=True):
            images.save(out / "outputs" / mode / f"{identity}.png", picture, generated=True)

    trivial = trivial_outputs(manifest, split, inputs, translator.size_px, translator.direction)
    outputs |= trivial
    labels |= {key: label for key, label in trivial_labels(translator.direction).items() if key in trivial}
    boxes = [images.read_content_box(pair.photo) for pair in pairs]
    cut_truths = inside_padding(truths, boxes, translator.size_px, manifest)
    values = {
        row: metrics.measure(inside_padding(made, boxes, translator.size_px, manifest), cut_truths, metric_names)
        for row, made in outputs.items()
    }
    result = Evaluation(out, split, ids, labels, values, seconds, {"input": inputs, "truth": truths, **outputs})
    result.missing = metrics.not_measured(metric_names, *cut_truths[0].shape[:2])
    result.direction, result.not_pairs = translator.direction, len(rows) - len(pairs)
    _write(result, translator, manifest)
    return result


def inside_padding(
    pictures: np.ndarray, boxes: Sequence[tuple[int, int, int, int] | None], size_px: int, manifest: Manifest
) -> np.ndarray | list[np.ndarray]:
    """The pictures without their padding: track B is scored on the picture itself, not on its black frame.

    boxes: (left, top, width, height) of each picture's content, None where it has no padding. Raises DataError when the
    pictures were resized after padding.
    """
    if not any(boxes):
        return pictures
    if manifest.settings.get("size_px", size_px) != size_px:
        raise DataError(
            f"{manifest.path}: padded pictures of {manifest.settings['size_px']} px cannot be scored at {size_px} px:"
            f" prepare the data with --size {size_px}"
        )
    return [
        p if box is None else p[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
        for p, box in zip(pictures, boxes, strict=True)
    ]


def trivial_outputs(
    manifest: Manifest, split: str, inputs: np.ndarray, size_px: int, direction: str
) -> dict[str, np.ndarray]:
    """The trivial rows for a split's inputs, learned from at most 1,000 training pairs; {} for the training split."""
    columns = _columns(direction)
    train = [pair for pair in manifest.split("train") if all(getattr(pair, name) for name in columns)]
    train = train[:MAX_TRAIN_FOR_TRIVIAL]
    if not train or split == "train":
        return {}
    return metrics.trivial_predictions(*load_pairs(train, size_px, direction), inputs)


def refuse_leaks(manifest: Manifest, split: str) -> None:
    """DataError when a photo of this split is, the same or nearly, among the training photos, which would make every
    score too good. That nobody is in two splits is checked when a manifest is read.
    """
    if split == "train":
        return
    pairs = [pair for name in ("train", split) for pair in manifest.split(name) if pair.photo]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        hashes = list(pool.map(lambda pair: duplicates.perceptual_hash(_photo(pair)), pairs))
    twins = duplicates.find_twins(hashes, lambda n: _photo(pairs[n]), [pair.split for pair in pairs])
    sure = [f"train/{pairs[twin.first].id} = {split}/{pairs[twin.second].id}" for twin in twins if twin.sure]
    if sure:
        raise DataError(
            f"{manifest.path}: {len(sure)} photos of the split {split!r} are among the training photos"
            f" ({', '.join(sure[:3])}{', …' if len(sure) > 3 else ''}): scores would be too good. Make the set again"
            " with 'python -m data_prep pairs … --drop-leaks', or mend it with 'python -m data_prep doctor … --fix'"
        )


def _photo(pair: Pair) -> np.ndarray:
    picture, box = images.load_rgb(pair.photo), images.read_content_box(pair.photo)
    return picture if box is None else picture[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]


def trivial_labels(direction: str) -> dict[str, str]:
    """The trivial rows' labels; for photo → sketch the two domains are swapped."""
    if direction != "photo-to-sketch":
        given = direction.partition("-to-")[0]
        return {key: label.replace("sketch", given) for key, label in metrics.TRIVIAL_ROWS.items()}
    return {
        "sketch": "the photo itself",
        "mean": "mean of the training sketches",
        "nearest": "sketch of the nearest training photo",
        "ridge": "ridge regression of sketches on photos",
    }


def _translate_all(translator: Translator, inputs: np.ndarray, mode: str, what: str, progress: bool) -> np.ndarray:
    from tqdm.auto import tqdm

    made = []
    with tqdm(total=len(inputs), desc=what, unit="image", disable=not progress, leave=False) as bar:
        for start in range(0, len(inputs), 16):
            batch = inputs[start : start + 16]
            made.append(translator.translate_batch(batch, mode=mode))
            bar.update(len(batch))
    return np.concatenate(made)


def _write(result: Evaluation, translator: Translator, manifest: Manifest) -> None:
    names = list(next(iter(result.values.values())))
    with (
        runtime.atomic_path(result.folder / "per_image.csv") as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["row", "id", *names])
        for row, found in result.values.items():
            for place, identity in enumerate(result.ids):
                writer.writerow([row, identity, *(f"{found[name][place]:.6g}" for name in names)])
    facts: dict[str, Any] = {
        "split": result.split,
        "num_images": len(result.ids),
        "size_px": translator.size_px,
        "fit": manifest.settings.get("fit", "stretch"),
        "direction": translator.direction,
        "not_measured": result.missing,
        "seconds_per_image": round(result.seconds_per_image, 4),
        "rows": {
            row: {"label": result.labels[row], **{n: vars(i) for n, i in found.items()}}
            for row, found in result.intervals().items()
        },
        "machine": runtime.machine_facts(),
    }
    with runtime.atomic_path(result.folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
