"""What is scored: the pairs of a split at one size, inside of their padding, and the trivial answers for them."""

from __future__ import annotations

import csv
import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2f_utils import metrics, runtime
from s2f_utils.data import DataError, Manifest, Row
from s2f_utils.data.stores import squared
from s2f_utils.metrics import leaks
from s2f_utils.metrics.baselines import trivial_labels
from s2f_utils.metrics.registry import Pictures, smallest
from s2f_utils.pictures import duplicates, images, masks
from s2f_utils.weights import sha256_of

MAX_TRAIN_FOR_TRIVIAL = 1000


@dataclass
class Scored(metrics.SetScores):
    """One line of a table: the scores of a model, or of an answer that needs none.

    kind: "model", "control" (filtered faithful, hair alone) or "trivial". standing: what its training means for them.
    """

    key: str = ""
    label: str = ""
    kind: str = "model"
    seed: int | None = None
    standing: leaks.Standing = leaks.Standing()


@dataclass
class ScoredPairs:
    """Pairs of a split: inputs and true outputs, uint8 (N, size_px, size_px, 3), and where their padding is.

    boxes: (left, top, width, height) of each picture's content, None where it has no padding.
    """

    manifest: Manifest
    split: str
    direction: str
    size_px: int
    pairs: Sequence[Row]
    inputs: np.ndarray
    truths: np.ndarray
    boxes: list[tuple[int, int, int, int] | None]

    @classmethod
    def load(cls, manifest: Manifest, split: str, pairs: Sequence[Row], size_px: int, direction: str) -> ScoredPairs:
        """Read the pictures. Raises DataError for a pair that lacks one, and when padded pictures were resized."""
        inputs, truths = load_pairs(pairs, size_px, direction)
        boxes = [images.read_content_box(pair.photo) for pair in pairs]
        made_at = manifest.settings.get("size_px", size_px)
        if any(boxes) and made_at != size_px:
            raise DataError(
                f"{manifest.path}: padded pictures of {made_at} px cannot be scored at {size_px} px:"
                f" prepare the data with --size {size_px}"
            )
        return cls(manifest, split, direction, size_px, pairs, inputs, truths, boxes)

    @property
    def ids(self) -> list[str]:
        """The names of the pairs."""
        return [pair.id for pair in self.pairs]

    def cut(self, pictures: np.ndarray) -> Pictures:
        """Pictures without their padding: track B is scored on the picture itself, not on its black frame."""
        if not any(self.boxes):
            return pictures
        return [_inside(p, box) for p, box in zip(pictures, self.boxes, strict=True)]

    def reference(self, seeds: int = 1, steps: int | None = None) -> metrics.Reference:
        """The true outputs, for metrics of sets."""
        people = [pair.identity for pair in self.pairs]
        return metrics.Reference(self.cut(self.truths), people, seeds, steps)

    def measure(
        self,
        rows: Sequence[Scored],
        outputs: Mapping[str, np.ndarray],
        names: Sequence[str],
        seeds: int = 1,
        steps: int | None = None,
        say: Callable[[str], object] = lambda text: None,
    ) -> None:
        """Fill every row with what these metrics, of pairs and of sets, find of its outputs.

        seeds, steps: of metrics that train networks. say: called with what is being measured.
        """
        made, truths = {row.key: self.cut(outputs[row.key]) for row in rows}, self.cut(self.truths)
        of_pairs = [name for name in names if metrics.METRICS[name].is_of_pairs]
        for row in rows:
            say(f"{row.key}: {len(of_pairs)} metrics of pairs")
            row.values = metrics.measure(made[row.key], truths, of_pairs)
        scores = metrics.measure_sets(made, self.reference(seeds, steps), names, say)
        for row in rows:
            found = scores[row.key]
            row.values, row.figures, row.repeated = row.values | found.values, found.figures, found.repeated

    def not_measured(self, names: Sequence[str]) -> dict[str, str]:
        """{metric: why it cannot be measured here} of those that cannot."""
        num_people = len({pair.identity for pair in self.pairs})
        return metrics.not_measured(names, *smallest(self.cut(self.truths)), num_people)

    @functools.cached_property
    def training_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and true outputs of at most 1,000 training pairs."""
        columns = columns_of(self.direction)
        train = [pair for pair in self.manifest.split("train") if all(getattr(pair, name) for name in columns)]
        return load_pairs(train[:MAX_TRAIN_FOR_TRIVIAL], self.size_px, self.direction)

    def trivial_rows(self) -> tuple[list[Scored], dict[str, np.ndarray]]:
        """The rows that need no model, and their pictures; none for the training split, or without training pairs."""
        if self.split == "train" or not len(self.training_pairs[0]):
            return [], {}
        labels = trivial_labels(self.direction)
        standing = leaks.Standing(leaks.own_league(len(self.manifest.split("train"))), "")
        outputs = metrics.trivial_predictions(*self.training_pairs, self.inputs)
        return [Scored(key=key, label=labels[key], kind="trivial", standing=standing) for key in outputs], outputs


def load_pairs(pairs: Sequence[Row], size_px: int, direction: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and true outputs of these pairs at `size_px`: two uint8 arrays (N, size_px, size_px, 3); maps are pictures
    in CelebAMask-HQ's colours.
    """
    columns = columns_of(direction)
    both = []
    for pair in pairs:
        if lacking := [name for name in columns if getattr(pair, name) is None]:
            raise DataError(f"pair {pair.id} has no {lacking[0]}: scoring needs both")
        both.append([_shown(getattr(pair, name), name, size_px) for name in columns])
    stacked = np.asarray(both, dtype=np.uint8).reshape(len(both), 2, size_px, size_px, 3)
    return stacked[:, 0], stacked[:, 1]


def columns_of(direction: str) -> tuple[str, str]:
    """The manifest's columns of inputs and outputs. Raises DataError for inputs that a manifest does not have."""
    given, _, made = direction.partition("-to-")
    known = {"sketch": "sketch", "map": "mask", "photo": "photo"}
    if given not in known:
        raise DataError(f"a model that reads {given} is not scored: give one that reads sketches, maps or photos")
    return known[given], known[made]


def _shown(path: Path, column: str, size_px: int) -> np.ndarray:
    if column == "mask":
        return masks.colour(masks.resize(masks.read(path), size_px))
    return squared(path, images.load_rgb(path), size_px)


def _inside(picture: np.ndarray, box: tuple[int, int, int, int] | None) -> np.ndarray:
    return picture if box is None else picture[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]


def refuse_leaks(manifest: Manifest, split: str) -> None:
    """DataError when a photo of this split is, the same or nearly, among the training photos, which would make every
    score too good: as they lie there, or by what they were cut out of, which data_prep notes in their files. That
    nobody is in two splits is checked when a manifest is read.
    """
    if split == "train":
        return
    pairs = [pair for name in ("train", split) for pair in manifest.split(name) if pair.photo]
    with ThreadPoolExecutor(runtime.num_cores()) as pool:
        prints = list(pool.map(_prints, pairs))
    twins = [twin for twin in duplicates.find_twins(prints, [pair.split for pair in pairs]) if twin.sure]
    if twins:
        named = [f"train/{pairs[twin.first].id} = {split}/{pairs[twin.second].id}" for twin in twins]
        raise DataError(
            f"{manifest.path}: {len(named)} photos of the split {split!r} are among the training photos"
            f" ({', '.join(named[:3])}{', …' if len(named) > 3 else ''}): scores would be too good. Make the set again"
            " with 'python -m data_prep pairs … --drop-leaks', or mend it with 'python -m data_prep doctor … --fix',"
            " and train anew what has learned from it"
        )


def _prints(pair: Row) -> tuple[duplicates.Print, ...]:
    photo = _inside(images.load_rgb(pair.photo), images.read_content_box(pair.photo))
    return duplicates.prints_of(images.read_notes(pair.photo), duplicates.Print.of(photo))


def digest_of_pairs(pairs: Iterable[Row], direction: str) -> str:
    """The SHA-256 of the pairs that are scored in this direction, ids and files, by which a split is known again
    whatever its folder is called; "" where there are none.
    """
    digest, columns, any_there = hashlib.sha256(), columns_of(direction), False
    for pair in sorted(pairs, key=lambda pair: pair.id):
        paths = [getattr(pair, column) for column in columns]
        if all(paths):
            any_there = True
            digest.update(" ".join([pair.id, *map(sha256_of, paths)]).encode() + b"\n")
    return digest.hexdigest() if any_there else ""


def write_csv(path: Path, rows: Sequence[Scored], ids: Sequence[str], columns: Sequence[str]) -> None:
    """Write every image's values, complete or not at all; nothing where an image has none."""
    nothing = np.full(len(ids), np.nan)
    with runtime.atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "id", *columns])
        for row in rows:
            for name, *values in zip(ids, *(row.values.get(column, nothing) for column in columns), strict=True):
                writer.writerow([row.key, name, *("" if np.isnan(v) else f"{v:.6g}" for v in values)])
