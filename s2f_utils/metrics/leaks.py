"""Train-test leakage: photos of a data set in two splits, and scored pairs among a model's training
pictures.

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

import numpy as np
from tqdm.auto import tqdm

from s2f_utils import runtime, weights
from s2f_utils.data import DataError, Manifest, Row
from s2f_utils.data.stores import Data
from s2f_utils.networks import checkpoints
from s2f_utils.networks.card import SAME_PICTURES
from s2f_utils.pictures import duplicates, images

OPEN, UNKNOWN = "open", "unknown"
HASH_BYTES = 8


def refuse_leaks(manifest: Manifest, split: str) -> None:
    """Raise DataError when a photo of this split, or what it was cut out of, is nearly the same as
    a training photo.
    """
    if split == "train":
        return
    pairs = [pair for name in ("train", split) for pair in manifest.split(name) if pair.photo]
    with ThreadPoolExecutor(runtime.num_cores()) as pool:
        prints = list(pool.map(_prints, pairs))
    twins = duplicates.find_twins(prints, [pair.split for pair in pairs])
    if twins := [twin for twin in twins if twin.sure]:
        named = [
            f"train/{pairs[twin.first].id} = {split}/{pairs[twin.second].id}" for twin in twins
        ]
        raise DataError(
            f"{manifest.path}: {len(named)} photos of the split {split!r} are among the training photos"
            f" ({_few(named)}): scores would be too good. Make the set again"
            " with 'python -m data_prep pairs … --drop-leaks', or mend it with 'python -m data_prep doctor … --fix',"
            " and train anew what has learned from it"
        )


def _prints(pair: Row) -> tuple[duplicates.Print, ...]:
    photo = inside(images.load_rgb(pair.photo), images.read_content_box(pair.photo))
    return duplicates.prints_of(images.read_notes(pair.photo), duplicates.Print.of(photo))


def inside(picture: np.ndarray, box: tuple[int, int, int, int] | None) -> np.ndarray:
    """A picture without its padding. box: left, top, width and height of its content; None: all of
    it.
    """
    return picture if box is None else picture[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def hash_pictures(data: Data, progress: bool = False) -> dict[str, dict[str, Any]]:
    """Number and packed hashes of the pictures that a training reads, by side, for
    `ModelCard.pictures`.
    """
    sides = {"sketches": data.sketches.paths or data.sketches.maps, "photos": data.photos.paths}
    if sides["sketches"] == sides["photos"]:  # photos are turned into photos
        del sides["sketches"]
    return {
        side: {
            "num": len(paths),
            "sha256": base64.b64encode(b"".join(_hashes(paths, progress))).decode(),
        }
        for side, paths in sides.items()
        if paths
    }


def _hashes(paths: Sequence[Path | None], progress: bool = False) -> list[bytes]:
    """The hash of each file, b"" where there is none."""
    with ThreadPoolExecutor(runtime.num_cores()) as pool:
        hashes = pool.map(
            lambda path: hashlib.sha256(path.read_bytes()).digest()[:HASH_BYTES] if path else b"",
            paths,
        )
        silent = not progress or len(paths) < 1000
        return list(tqdm(hashes, "hashing pictures", len(paths), leave=False, disable=silent))


def _hashes_of(rows: Sequence[Row]) -> list[set[bytes]]:
    """The hashes of each row's pictures."""
    columns = (
        _hashes([getattr(row, column) for row in rows]) for column in ("sketch", "mask", "photo")
    )
    return [set(hashes) - {b""} for hashes in zip(*columns, strict=True)]


@dataclass
class TrainedOn:
    """Training data of a model and its parents. published: named weights among them. gap: why not
    all is known.
    """

    hashes: set[bytes] = field(default_factory=set)
    data: set[str] = field(default_factory=set)
    published: set[str] = field(default_factory=set)
    gap: str = ""


def trained_on(files: Sequence[Path]) -> TrainedOn:
    """What the model in these files was trained on. Raises CheckpointError where one of them cannot
    be read.
    """
    model, cards = (
        TrainedOn(gap="" if files else "the model does not say which file it was loaded from"),
        [],
    )
    for path in map(Path, files):
        name = _published_name(path)
        has_card = not name and path.suffix == ".safetensors"
        cards.append(
            (
                name or "/".join(path.parts[-2:]),
                checkpoints.card_of(path).training() if has_card else {},
            )
        )
    while cards:
        (name, card), *cards = cards
        cards = [(parent["name"], parent) for parent in card.get("parents", ())] + cards
        model.data |= {card.get("data", "")} - {""}
        pictures = card.get("pictures")
        if name in weights.model_names():
            model.published.add(name)
            model.gap = (
                model.gap or f"{name} was published without the hashes of its training pictures"
            )
        elif not pictures or (
            pictures != SAME_PICTURES and not all("sha256" in one for one in pictures.values())
        ):
            model.gap = model.gap or f"{name} has no hashes of its training pictures"
        elif pictures != SAME_PICTURES:
            packed = b"".join(base64.b64decode(side["sha256"]) for side in pictures.values())
            model.hashes |= {
                packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)
            }
    return model


def _published_name(path: Path) -> str:
    """The name of the published weights in this file, "" for all other files."""
    if path.parent == weights.SHIPPED_FOLDER:
        return path.stem
    entries = weights.WEIGHTS.values() if path.parent in weights.places() else ()
    return next((entry.name for entry in entries if entry.file_name == path.name), "")


@dataclass(frozen=True)
class Standing:
    """A model's league and why; `seen`: which of `num` scored pairs, or of their people, were in
    its training set.

    unknown: why it may have seen more, "" where its whole training set is known.
    """

    league: str = UNKNOWN
    why: str = "its pictures do not say which model made them"
    num: int = 0
    seen: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def text(self) -> str:
        """What was seen, in words; "" where nothing is known to have been seen."""
        return f"has seen {len(self.seen)} of {self.num}" if self.seen else ""

    @property
    def is_proven(self) -> bool:
        """Whether the training set is known, and has nothing of the split."""
        return self.league != UNKNOWN and not self.seen

    def as_json(self) -> dict[str, Any]:
        """For `metrics.json`."""
        seen = {"num": len(self.seen), "of": self.num, "pairs": self.seen, "unknown": self.unknown}
        return {"league": self.league, "league_because": self.why, "seen": seen}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Standing:
        """What `as_json` wrote, or an unknown standing."""
        if "league" not in facts:
            return cls()
        seen = facts["seen"]
        return cls(
            facts["league"],
            facts["league_because"],
            seen["of"],
            tuple(seen["pairs"]),
            seen["unknown"],
        )

    def refuse_seen(self, name: str, split: str) -> None:
        """Raise DataError where pairs of the split were in the training set."""
        if self.seen:
            raise DataError(
                f"{name} {self.text} pairs of the split {split!r} in its training ({_few(self.seen)}): scores would be"
                " too good. Train anew without them, or score it on others; --seen (in Python allow_seen=True) scores"
                " it all the same, and marks it"
            )


def standing_of(
    files: Sequence[Path], manifest: Manifest, split: str, ids: Sequence[str]
) -> Standing:
    """The standing of the model in these files on the pairs of a split with these ids; errors as in
    `trained_on`.
    """
    model, rows, train = trained_on(files), manifest.split(split), manifest.split("train")
    people = {
        row.identity
        for row, hashes in zip(rows, _hashes_of(rows), strict=True)
        if hashes & model.hashes
    }
    seen = tuple(row.id for row in rows if row.identity in people and row.id in set(ids))
    sets, league, why = ", ".join(sorted(model.data)), f"{len(train)}-only", ""
    if model.published:
        names = ", ".join(sorted(model.published))
        league, why = OPEN, f"it learned from what is in {names}{f' and {sets}' if sets else ''}"
    elif others := len(model.hashes - set().union(*_hashes_of(train))):
        league, why = (
            OPEN,
            f"{others:,} pictures that it learned from ({sets}) are not among these training pairs",
        )
    elif model.gap:
        league, why = UNKNOWN, model.gap
    return Standing(league, why, len(ids), seen, model.gap)
