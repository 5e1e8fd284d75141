"""Train-test leakage:
photos of a data set in two splits, and scored pairs among a model's training pictures.

The hash of a picture is the first 8 bytes of the SHA-256 of its file; a model's card has those of
its training set.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from s2f_utils import runtime, weights
from s2f_utils.data import DataError, Manifest, Row
from s2f_utils.data.stores import Data
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import SAME_PICTURES
from s2f_utils.pictures import duplicates, images

HASH_BYTES = 8
COLUMNS = ("sketch", "mask", "photo")
LISTED = 3  # names in a message


def refuse_leaks(manifest: Manifest, split: str) -> None:
    """Raise DataError when a photo of this split, or the photo that it was cut out of, is nearly
    the same as a training photo.
    """
    if split == "train":
        return
    pairs = [pair for pair in (*manifest.split("train"), *manifest.split(split)) if pair.photo]
    with ThreadPoolExecutor(runtime.num_cores()) as pool:
        hashes = list(pool.map(_hashes_of_photo, pairs))
    found = duplicates.find_duplicates(hashes, [pair.split for pair in pairs])
    names = []
    for pair in found:
        if pair.sure:
            names.append(f"train/{pairs[pair.first].id} = {split}/{pairs[pair.second].id}")
    if names:
        raise DataError(
            f"{manifest.path}: {len(names)} photos of the split {split!r} are among the training"
            f" photos ({_listed(names)}): scores would be too good. Make the set again with"
            " 'python -m data_prep pairs … --drop-leaks', or mend it with"
            " 'python -m data_prep doctor … --fix', and train anew what has learned from it"
        )


def _hashes_of_photo(pair: Row) -> tuple[duplicates.Hashes, ...]:
    notes = images.read_notes(pair.photo)
    photo = images.cropped(images.load_rgb(pair.photo), images.read_content_box(pair.photo))
    return duplicates.hashes_of(notes, duplicates.Hashes.of(photo))


def _listed(names: Sequence[str]) -> str:
    more = ", …" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def hash_pictures(data: Data, progress: bool = False) -> dict[str, dict[str, Any]]:
    """Number and packed hashes of the pictures that a training reads,
    by side, for `ModelInfo.pictures`.
    """
    sides = {"sketches": data.sketches.paths or data.sketches.maps, "photos": data.photos.paths}
    if sides["sketches"] == sides["photos"]:  # photos are turned into photos
        del sides["sketches"]
    pictures = {}
    for side, paths in sides.items():
        if paths:
            packed = b"".join(_hash_files(paths, progress))
            pictures[side] = {
                "num": len(paths),
                "sha256": base64.b64encode(packed).decode(),
            }
    return pictures


def _hash_files(paths: Sequence[Path | None], progress: bool = False) -> list[bytes]:
    """The hash of each file, b"" where there is none."""
    silent = not progress or len(paths) < 1000
    with ThreadPoolExecutor(runtime.num_cores()) as pool:
        hashes = pool.map(_hash_file, paths)
        return list(tqdm(hashes, "hashing pictures", len(paths), leave=False, disable=silent))


def _hash_file(path: Path | None) -> bytes:
    if path is None:
        return b""
    return hashlib.sha256(path.read_bytes()).digest()[:HASH_BYTES]


def _hashes_of_rows(rows: Sequence[Row]) -> list[set[bytes]]:
    """The hashes of each row's pictures."""
    by_column = [_hash_files([getattr(row, column) for row in rows]) for column in COLUMNS]
    return [set(hashes) - {b""} for hashes in zip(*by_column, strict=True)]


@dataclass
class TrainingSet:
    """The training data of a model and of the models that it began with.

    published: names of published weights among them. gap: why not all is known, or "".
    """

    hashes: set[bytes] = field(default_factory=set)
    data: set[str] = field(default_factory=set)
    published: set[str] = field(default_factory=set)
    gap: str = ""

    def add(self, name: str, card: Mapping[str, Any]) -> None:
        """Enter a model and its parents. card: as of `ModelInfo.training`, {} without one."""
        if card.get("data"):
            self.data.add(card["data"])
        pictures = card.get("pictures") or {}
        if name in weights.model_names():
            self.published.add(name)
            self._note(f"{name} was published without the hashes of its training pictures")
        elif pictures != SAME_PICTURES:
            self._add_hashes(name, pictures)
        for parent in card.get("parents", ()):
            self.add(parent["name"], parent)

    def _add_hashes(self, name: str, pictures: Mapping[str, Mapping[str, Any]]) -> None:
        if not pictures or any("sha256" not in side for side in pictures.values()):
            self._note(f"{name} has no hashes of its training pictures")
            return
        for side in pictures.values():
            packed = base64.b64decode(side["sha256"])
            starts = range(0, len(packed), HASH_BYTES)
            self.hashes |= {packed[start : start + HASH_BYTES] for start in starts}

    def _note(self, gap: str) -> None:
        self.gap = self.gap or gap  # the first reason is enough


def training_set(files: Sequence[Path]) -> TrainingSet:
    """The training data of the model in these files. Raises CheckpointError where one of them
    cannot be read.
    """
    training = TrainingSet()
    if not files:
        training.gap = "the model does not say which file it was loaded from"
    for path in map(Path, files):
        name = _published_name(path)
        if name or path.suffix != ".safetensors":
            training.add(name or "/".join(path.parts[-2:]), {})
        else:
            training.add("/".join(path.parts[-2:]), checkpoints.info_of(path).training())
    return training


def _published_name(path: Path) -> str:
    """The name of the published weights in this file, "" for all other files."""
    if path.parent == weights.SHIPPED_FOLDER:
        return path.stem
    if path.parent in weights.places():
        for entry in weights.WEIGHTS.values():
            if entry.file_name == path.name:
                return entry.name
    return ""


@dataclass(frozen=True)
class Contamination:
    """What a model was trained on, and which of `num` scored pairs, or of their people,
    were among it.

    trained_on: in words, for a table. known: False where no file names the training set. seen: ids.
    unknown: why the model may have seen more, or "".
    """

    trained_on: str = "unknown: its pictures do not say which model made them"
    known: bool = False
    num: int = 0
    seen: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def text(self) -> str:
        """How many of the pairs were seen, in words; "" for none."""
        return f"has seen {len(self.seen)} of {self.num}" if self.seen else ""

    @property
    def is_clean(self) -> bool:
        """Whether the training set is known, and has nothing of the split."""
        return self.known and not self.seen

    def as_json(self) -> dict[str, Any]:
        """For `metrics.json`."""
        seen = {"num": len(self.seen), "of": self.num, "pairs": self.seen, "unknown": self.unknown}
        return {"trained_on": self.trained_on, "training_known": self.known, "seen": seen}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Contamination:
        """The inverse of `as_json`; unknown for other facts."""
        if "trained_on" not in facts:
            return cls()
        seen = facts["seen"]
        return cls(
            facts["trained_on"],
            facts["training_known"],
            seen["of"],
            tuple(seen["pairs"]),
            seen["unknown"],
        )

    def refuse_seen(self, name: str, split: str) -> None:
        """Raise DataError where pairs of the split were in the training set."""
        if self.seen:
            raise DataError(
                f"{name} {self.text} pairs of the split {split!r} in its training"
                f" ({_listed(self.seen)}): scores would be too good. Train anew without them, or"
                " score it on others; --seen (in Python allow_seen=True) scores it all the same,"
                " and marks it"
            )


def contamination_of(
    files: Sequence[Path], manifest: Manifest, split: str, ids: Sequence[str]
) -> Contamination:
    """The contamination of the model in these files with the pairs of a split with these ids;
    errors as of `training_set`.
    """
    training = training_set(files)
    rows = manifest.split(split)
    people = set()
    for row, hashes in zip(rows, _hashes_of_rows(rows), strict=True):
        if hashes & training.hashes:
            people.add(row.identity)
    scored = set(ids)
    seen = tuple(row.id for row in rows if row.identity in people and row.id in scored)
    text, known = _trained_on(training, manifest.split("train"))
    return Contamination(text, known, len(ids), seen, training.gap)


def _trained_on(training: TrainingSet, train: Sequence[Row]) -> tuple[str, bool]:
    """The training set in words, and whether it is known."""
    names = ", ".join(sorted(training.data))
    if training.published:
        published = ", ".join(sorted(training.published))
        beside = f" and {names}" if names else ""
        return f"what is in {published}{beside}", True
    of_train = set().union(*_hashes_of_rows(train))
    if num_others := len(training.hashes - of_train):
        return f"{num_others:,} other pictures ({names})", True
    if training.gap:
        return f"unknown: {training.gap}", False
    return these_pairs(len(train)), True


def these_pairs(num: int) -> str:
    """The training set of what learned from the data set's own pairs alone."""
    return f"these {runtime.counted(num, 'pair')}"
