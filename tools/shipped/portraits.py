"""Open portraits, or portraits of one's own, with their landmarks and labels, to train from."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_prep.fetch.open_portraits import CREDITS, read_credits
from data_prep.files import TABLES
from data_prep.make.portraits import (
    LABELS,
    POINTS,
    Portrait,
    PortraitFile,
    image_files,
    read_labels,
    read_points,
)
from data_prep.messages import printable
from s2f_utils.data import SPLITS, DataError
from s2f_utils.pictures import mesh

# Of the open portraits, by the first 16 digits of the original's SHA-256; points in whole eighths
# of a pixel, each as the step from the one before, (164, 2, N), which makes the file small; people
# as the bits of 128 × 128 masks.
OPEN_POINTS = TABLES / "open_portrait_points.npz"
OPEN_PEOPLE = TABLES / "open_portrait_people.npz"
OPEN_LABELS = TABLES / "open_portrait_labels.csv"
OPEN_PER_PX, KEY_DIGITS, OPEN_MASK_PX = 8, 16, 128
VAL_SHARE, TEST_SHARE = 0.035, 0.17  # of portraits that no label puts into a split, as of ours
# label → how much rarer looks are drawn more often: weight = share to the power of minus this
EVENED = {
    "beard": 0.5,
    "glasses": 0.35,
    "hair_length": 0.35,
    "hair_texture": 0.4,
    "mouth": 1.0,
    "age": 0.5,
    "presents": 0.6,
    "skin": 0.5,
}
MOST_OFTEN = 6.0  # times as often as the mean


def portraits_in(
    folder: Path, points: Path | None = None, labels: Path | None = None
) -> list[PortraitFile]:
    """The portraits in a folder, by name, that have points; one that `download open-portraits`
    filled needs no more.

    points: an .npz file, as of `read_points`; labels: a CSV file, as of `read_labels`; None: those
    of data_prep, as far as names are the same. Portraits without a split get one by chance, those
    with the same label `person` the same. Raises DataError.
    """
    if points is None and labels is None and (folder / CREDITS).is_file():
        return _open_portraits(folder)
    paths = image_files(folder)
    try:
        places, people = read_points(points or POINTS)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{printable(points)}: holds no points: make it with tools.shipped.found_points"
        ) from error
    known = read_labels(labels or LABELS)
    names = [name for name in paths if name in places]
    if not names:
        raise DataError(
            f"{printable(folder)}: none of its {len(paths)} pictures has points in"
            f" {printable(points or POINTS)}: find them with tools.shipped.found_points"
        )
    entries = []
    for name in names:
        own = dict(known.get(name, {}))
        split = own.pop("split", "")
        if split not in ("", *SPLITS):
            raise DataError(
                f"{printable(labels)}: {name}: split must be one of {', '.join(SPLITS)},"
                f" got {split!r}"
            )
        entry = PortraitFile(name, paths[name], places[name], split, own, people.get(name))
        entries.append(entry)
    return _with_splits(entries)


def person_of(entry: PortraitFile) -> str:
    """Who it is, where labels say that somebody is there more than once."""
    return entry.labels.get("person") or entry.name


def _with_splits(entries: Sequence[PortraitFile]) -> list[PortraitFile]:
    everybody = list(dict.fromkeys(person_of(entry) for entry in entries))
    order = np.random.default_rng(0).permutation(len(everybody))
    split_of = {}
    for place, n in enumerate(order):
        split_of[everybody[n]] = _split_at(place / len(everybody))
    for entry in entries:
        if entry.split:
            split_of[person_of(entry)] = entry.split
    return [replace(entry, split=entry.split or split_of[person_of(entry)]) for entry in entries]


def _split_at(share: float) -> str:
    if share < TEST_SHARE:
        return "test"
    return "val" if share < TEST_SHARE + VAL_SHARE else "train"


def _open_portraits(folder: Path) -> list[PortraitFile]:
    """The open portraits that are in a folder, named by set and file, as its list of credits says
    which they are.
    """
    with np.load(OPEN_POINTS) as arrays:
        steps = arrays["steps"].astype(np.int32)
        numbers = {key.decode(): n for n, key in enumerate(arrays["sha256"].tolist())}
    with np.load(OPEN_PEOPLE) as arrays:
        bits = arrays["people"]
    points = (steps.cumsum(axis=0) / OPEN_PER_PX).transpose(2, 0, 1)  # (N, 164, 2)
    people = np.unpackbits(bits, axis=1).reshape(-1, OPEN_MASK_PX, OPEN_MASK_PX).astype(bool)
    with open(OPEN_LABELS, newline="", encoding="utf-8") as file:
        known = {row.pop("sha256"): row for row in csv.DictReader(file)}
    entries = []
    for row in read_credits(folder):
        key, path = row["original_sha256"][:KEY_DIGITS], folder / row["file"]
        if key in numbers and path.is_file():
            n, own = numbers[key], dict(known[key])
            name, split = str(Path(row["file"]).with_suffix("")), own.pop("split")
            entries.append(PortraitFile(name, path, points[n], split, own, people[n]))
    if not entries:
        raise DataError(
            f"{printable(folder)}: none of the files in {CREDITS} is there: download them again"
        )
    return entries


def evened(
    entries: Sequence[PortraitFile],
    powers: Mapping[str, float] = EVENED,
    most: float = MOST_OFTEN,
) -> np.ndarray:
    """How often each is to be drawn, so that rare looks are seen: (N,), sums to 1."""
    weights = np.ones(len(entries))
    for label, power in powers.items():
        values = np.array([entry.labels.get(label, "") for entry in entries])
        _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
        weights *= (counts[places] / len(values)) ** -power
    weights = np.minimum(weights / weights.mean(), most)
    return weights / weights.sum()


def mirrored(portrait: Portrait) -> Portrait:
    """The portrait as a mirror shows it."""
    last = portrait.photo.shape[1] - 1
    points = (portrait.points * [-1, 1] + [last, 0])[mesh.mirror()].astype(np.float32)
    lines = {
        name: tuple(line * [-1, 1] + [last, 0] for line in own)
        for name, own in portrait.lines.items()
    }
    flipped = {
        name: np.ascontiguousarray(getattr(portrait, name)[:, ::-1])
        for name in ("photo", "person", "hair")
    }
    return replace(portrait, points=points, lines=lines, **flipped)
