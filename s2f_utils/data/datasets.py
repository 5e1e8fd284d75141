"""Pairs of sketch and photo: reading `manifest.csv`, and handing out batches of uint8 pictures.

Shapes: N pairs, B pairs in a batch, S pixels of the square picture as loaded.
"""

from __future__ import annotations

import csv
import functools
import json
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from s2f_utils.pictures import images, masks

COLUMNS = ("split", "id", "identity", "sketch", "photo", "mask", "source")
SPLITS = ("train", "val", "test")
# what a method that learns from pairs is given → the columns of the manifest that it needs
GIVEN: dict[str, tuple[str, ...]] = {
    "sketch": ("sketch",),
    "map": ("mask",),
    "both": ("sketch", "mask"),
    "photo": (),
}


class DataError(ValueError):
    """A data set that cannot be used; the message says what is wrong with which file and what to do."""


@dataclass(frozen=True)
class Pair:
    """One row of a manifest; paths are absolute, None where there is no such picture."""

    split: str
    id: str
    identity: str
    sketch: Path | None
    photo: Path | None
    mask: Path | None
    source: str


@dataclass(frozen=True)
class Manifest:
    """The rows of a `manifest.csv`, its folder, and the settings that `data_prep` wrote beside it."""

    path: Path
    pairs: list[Pair]
    settings: dict[str, Any] = field(default_factory=dict)

    def split(self, name: str) -> list[Pair]:
        """The pairs of "train", "val" or "test", in the file's order."""
        return [pair for pair in self.pairs if pair.split == name]


def read_manifest(path: str | os.PathLike) -> Manifest:
    """Read a data set's `manifest.csv`, given the file or its folder.

    Raises DataError when it is missing, has other columns, is empty, names files that do not exist, or has an
    identity in two splits; FileNotFoundError when there is no such folder.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such data set: give the folder that data_prep made, or its manifest.csv")
    if path.is_dir():
        path = path / "manifest.csv"
    if not path.is_file():
        raise DataError(
            f"{path.parent}: no manifest.csv in this folder: make one with"
            f" 'python -m data_prep pairs SRC {path.parent}'"
        )
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
            rows = list(reader)
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not UTF-8: save it as UTF-8 CSV, or run data_prep again") from None
    if missing:
        raise DataError(f"{path}: column {', '.join(missing)} is missing: the columns are {', '.join(COLUMNS)}")
    pairs = [_pair(path, number, row) for number, row in enumerate(rows, start=2)]
    if not pairs:
        raise DataError(f"{path}: lists no pairs: run data_prep again on a folder with pictures")
    _check_identities(path, pairs)
    settings = path.with_name("settings.json")
    try:
        known = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    except ValueError:
        raise DataError(f"{settings}: is not JSON: run data_prep again, or delete the file") from None
    return Manifest(path, pairs, known)


def _pair(path: Path, number: int, row: dict[str, str]) -> Pair:
    if row["split"] not in SPLITS:
        raise DataError(f"{path}, line {number}: split must be one of {', '.join(SPLITS)}, got {row['split']!r}")
    files: dict[str, Path | None] = {}
    for name in ("sketch", "photo", "mask"):
        files[name] = path.parent / row[name] if row[name] else None
        if files[name] is not None and not files[name].is_file():
            raise DataError(
                f"{path}, line {number}: {name} {row[name]} does not exist: copy the pictures beside the manifest,"
                " or run data_prep again"
            )
    return Pair(row["split"], row["id"], row["identity"] or row["id"], source=row["source"], **files)


def _check_identities(path: Path, pairs: Sequence[Pair]) -> None:
    where: dict[str, str] = {}
    for pair in pairs:
        if where.setdefault(pair.identity, pair.split) != pair.split:
            raise DataError(
                f"{path}: identity {pair.identity} is in {where[pair.identity]} and in {pair.split}: results would"
                " be worth nothing; put all pictures of a person into one split"
            )


class PictureStore:
    """Pictures of one domain as uint8 batches (B, C, S, S): 3 channels of `paths`, 3 of `maps` (19-class maps, in their
    colours), or 6 of both.

    With `resident` all are decoded once and kept on the device; else anew for every batch.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        size_px: int,
        device: torch.device,
        resident: bool,
        maps: Sequence[Path] = (),
    ) -> None:
        self.paths, self.maps, self.size_px, self.device = list(paths), list(maps), size_px, device
        self.channels = 6 if paths and maps else 3
        self.resident = resident
        self._tensor: Tensor | None = None

    def __len__(self) -> int:
        return len(self.paths or self.maps)

    def load(self, progress: bool = False) -> None:
        """Decode all pictures and keep them, where they are to be resident."""
        if self.resident and len(self):
            self._tensor = self.decode(range(len(self)), progress).to(self.device)

    def batch(self, indices: Sequence[int]) -> Tensor:
        """These pictures on the device, (B, C, S, S) in [0, 255]."""
        if self._tensor is None:
            return self.decode(indices).to(self.device)
        where = torch.as_tensor(indices).to(self.device, non_blocking=self.device.type == "cuda")
        return self._tensor.index_select(0, where)

    def decode(self, indices: Sequence[int], progress: bool = False) -> Tensor:
        """These pictures, read from their files, on the CPU."""
        out = np.empty((len(indices), self.channels, self.size_px, self.size_px), np.uint8)
        found = _readers().map(self._read, indices)
        if progress:
            from tqdm.auto import tqdm

            found = tqdm(found, total=len(indices), desc="reading pictures", unit="picture", leave=False)
        for place, picture in enumerate(found):
            out[place] = picture.transpose(2, 0, 1)
        return torch.from_numpy(out)

    def _read(self, index: int) -> np.ndarray:
        parts = []
        if self.paths:
            parts.append(_fit(self.paths[index], images.load_rgb(self.paths[index]), self.size_px))
        if self.maps:
            parts.append(_map_picture(self.maps[index], self.size_px))
        return np.concatenate(parts, axis=2)


@functools.lru_cache(maxsize=1)
def _readers() -> ThreadPoolExecutor:
    """The threads that decode pictures: Pillow gives the interpreter free meanwhile."""
    return ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="read")


class Data(ABC):
    """Sketches and photos in two stores; what follows in the order of a training is read ahead where it is not kept and
    the processor has nothing better to do.
    """

    AHEAD: ClassVar[dict[str, int]] = {"cpu": 0, "cuda": 4}  # batches, where training runs on this device

    def __init__(
        self,
        sketches: Sequence[Path],
        photos: Sequence[Path],
        size_px: int,
        device: torch.device,
        progress: bool,
        maps: Sequence[Path] = (),
    ) -> None:
        self.size_px, self.device = size_px, device
        need = (len(sketches) + len(maps) + len(photos)) * 3 * size_px**2
        self.resident = need < 0.4 * free_bytes(device)
        self.sketches = PictureStore(sketches, size_px, device, self.resident, maps)
        self.photos = PictureStore(photos, size_px, device, self.resident)
        for store in (self.sketches, self.photos):
            store.load(progress)
        self._coming: dict[tuple[int, int], Future] = {}
        self._reader: ThreadPoolExecutor | None = None

    def batch_at(self, position: int, num: int, copies: int, seed: int) -> tuple[Tensor, Tensor]:
        """The `num` sketches and photos that follow after `position` images of a training with this seed: two uint8
        tensors (num, 3, S, S) on the device.
        """
        where = self._where(position, num, copies, seed)
        if self.resident:
            return self.sketches.batch(where[0]), self.photos.batch(where[1])
        ready = self._coming.pop((position, num), None)
        self._read_ahead(position + num, num, copies, seed)
        sketches, photos = ready.result() if ready else self._decode(where)
        return sketches.to(self.device), photos.to(self.device)

    @abstractmethod
    def _where(self, position: int, num: int, copies: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Which sketches and which photos come at this place of a training."""

    def _decode(self, where: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, Tensor]:
        return self.sketches.decode(where[0]), self.photos.decode(where[1])

    def _read_ahead(self, position: int, num: int, copies: int, seed: int) -> None:
        """Keep the next batches coming, in a thread of their own; what was read for another place is dropped."""
        self._reader = self._reader or ThreadPoolExecutor(1, thread_name_prefix="ahead")
        wanted = [(position + n * num, num) for n in range(self.AHEAD.get(self.device.type, 4))]
        for key in set(self._coming) - set(wanted):
            self._coming.pop(key).cancel()
        for key in wanted:
            if key not in self._coming:
                self._coming[key] = self._reader.submit(self._decode, self._where(*key, copies, seed))


class PairedData(Data):
    """The pairs of one split as uint8 batches (B, 3, S, S), sketches and photos with the same index.

    A set that fits is decoded once and kept on the device; a larger one is read while training. given: what stands in
    the sketch's place, a key of `GIVEN`: maps are pictures in CelebAMask-HQ's colours, "both" has six channels.
    Raises DataError where a row lacks what is needed.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        size_px: int,
        device: torch.device,
        *,
        given: str = "sketch",
        progress: bool = False,
    ) -> None:
        for pair in pairs:
            lacking = [what for what in (*GIVEN[given], "photo") if getattr(pair, what) is None]
            if lacking:
                hint = "; or train cyclegan, which needs no pairs" if given == "sketch" else ""
                raise DataError(
                    f"pair {pair.id} has no {lacking[0]}: this method learns from pairs; leave the row out{hint}"
                )
        self.pairs = list(pairs)
        first, maps = ([getattr(p, what) for p in pairs] if what in GIVEN[given] else [] for what in ("sketch", "mask"))
        photos = [pair.photo for pair in pairs]
        super().__init__(photos if given == "photo" else first, photos, size_px, device, progress, maps)

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Sketches and photos of these pairs on the device: two uint8 tensors (B, 3, S, S) in [0, 255]."""
        return self.sketches.batch(indices), self.photos.batch(indices)

    def _where(self, position: int, num: int, copies: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        indices = indices_at(position, num, len(self), copies, seed)
        return indices, indices


class PhotoData(Data):
    """Photos alone, for a method that learns from nothing else: batches of no sketches and as many photos.

    Raises DataError where no row has a photo.
    """

    def __init__(self, rows: Sequence[Pair], size_px: int, device: torch.device, *, progress: bool = False) -> None:
        paths = [row.photo for row in rows if row.photo]
        if not paths:
            raise DataError(f"there are no photos among the {len(rows)} rows: this method learns from photos")
        super().__init__([], paths, size_px, device, progress)

    def __len__(self) -> int:
        return len(self.photos)

    def _where(self, position: int, num: int, copies: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        return np.empty(0, np.int64), indices_at(position, num, len(self), copies, seed)


class UnpairedData(Data):
    """Sketches and photos in an order of their own each, so that a batch's are not of the same faces.

    pairs: rows with a sketch, a photo, or both. apart: of a person the sketches or the photos are used, never both
    (`split_apart`). One pass shows the larger side once. Raises DataError where a side is empty.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        size_px: int,
        device: torch.device,
        *,
        apart: bool = True,
        seed: int = 0,
        progress: bool = False,
    ) -> None:
        self.sketch_rows, self.photo_rows = unpaired_rows(pairs, apart, seed)
        sides = [row.sketch for row in self.sketch_rows], [row.photo for row in self.photo_rows]
        super().__init__(*sides, size_px, device, progress)

    def __len__(self) -> int:
        return max(len(self.sketches), len(self.photos))

    def _where(self, position: int, num: int, copies: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        return tuple(
            indices_at(position, num, len(store), copies, seed, stream)
            for stream, store in enumerate((self.sketches, self.photos))
        )


def unpaired_rows(pairs: Sequence[Pair], apart: bool = True, seed: int = 0) -> tuple[list[Pair], list[Pair]]:
    """The rows whose sketch, and those whose photo, a training without pairs sees.

    apart: of a person the sketches or the photos are used, never both, so that no face is in both lists; which of them,
    is drawn so that both sides have about as many pictures. Raises DataError where a side is empty.
    """
    drawn, photographed = [p for p in pairs if p.sketch], [p for p in pairs if p.photo]
    lacking = [side for side, rows in (("sketches", drawn), ("photos", photographed)) if not rows]
    if lacking:
        raise DataError(
            f"there are no {' and no '.join(lacking)} among the {len(pairs)} training rows: cyclegan needs pictures of"
            " both sides; 'python -m data_prep unpaired SKETCHES PHOTOS OUT' makes such a set"
        )
    if not apart:
        return drawn, photographed
    of_both = {p.identity for p in drawn} & {p.identity for p in photographed}
    order = sorted(of_both)
    np.random.default_rng(np.random.SeedSequence([seed, 2])).shuffle(order)
    counts = [Counter(p.identity for p in rows) for rows in (drawn, photographed)]
    totals = [sum(p.identity not in of_both for p in rows) for rows in (drawn, photographed)]
    kept: tuple[set[str], set[str]] = (set(), set())
    for who in order:
        side = int(totals[1] < totals[0])
        kept[side].add(who)
        totals[side] += counts[side][who]
    rows = [
        [p for p in side if p.identity in names or p.identity not in of_both]
        for side, names in zip((drawn, photographed), kept, strict=True)
    ]
    if not all(rows):
        raise DataError(
            f"the {len(order)} people cannot be divided into some whose sketch is shown and others whose photo is: give"
            " more, or show both of everybody (--set apart=false)"
        )
    return rows[0], rows[1]


def _map_picture(path: Path, size_px: int) -> np.ndarray:
    """A 19-class map in its colours, uint8 (S, S, 3); DataError where it is none."""
    try:
        return masks.colour(masks.resize(images.load_labels(path), size_px))
    except masks.MaskError as error:
        raise DataError(f"{path}: {error}") from None


def _fit(path: Path, image: np.ndarray, size_px: int) -> np.ndarray:
    if min(image.shape[:2]) < 16:
        raise DataError(f"{path}: {image.shape[1]}x{image.shape[0]} pixels show no face: leave this pair out")
    return image if image.shape[:2] == (size_px, size_px) else images.resize(image, size_px, "stretch")


def free_bytes(device: torch.device) -> int:
    """Memory in bytes that is free on the device (for a CPU, in the machine)."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    import psutil

    return psutil.virtual_memory().available


def epoch_order(num_items: int, copies: int, seed: int, epoch: int, stream: int = 0) -> np.ndarray:
    """The order of one pass: every item `copies` times, shuffled; the same for the same seed, epoch and stream."""
    key = [seed, epoch, stream] if stream else [seed, epoch]
    rng = np.random.default_rng(np.random.SeedSequence(key))
    return rng.permutation(num_items * copies) % num_items


def indices_at(
    images_seen: int, batch_size: int, num_items: int, copies: int, seed: int, stream: int = 0
) -> np.ndarray:
    """Which items the batch after `images_seen` images holds: the place in the data follows from that one number."""
    length = num_items * copies
    parts = []
    position = images_seen
    while batch_size > 0:
        epoch, start = divmod(position, length)
        part = _cached_order(num_items, copies, seed, epoch, stream)[start : start + batch_size]
        parts.append(part)
        position += len(part)
        batch_size -= len(part)
    return np.concatenate(parts)


_cached_order = functools.lru_cache(maxsize=8)(epoch_order)
