"""Pairs of sketch and photo: reading `manifest.csv`, and handing out batches of uint8 pictures.

Shapes: N pairs, B pairs in a batch, S pixels of the square picture as loaded.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s2f_utils import images

COLUMNS = ("split", "id", "identity", "sketch", "photo", "mask", "source")
SPLITS = ("train", "val", "test")


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


class PairedData:
    """The pairs of one split as uint8 batches (B, 3, S, S), sketches and photos with the same index.

    A set that fits is decoded once and kept on the device; a larger one is decoded anew for every batch.
    """

    def __init__(self, pairs: Sequence[Pair], size_px: int, device: torch.device, *, progress: bool = False) -> None:
        for pair in pairs:
            if pair.sketch is None or pair.photo is None:
                lacking = "sketch" if pair.sketch is None else "photo"
                raise DataError(f"pair {pair.id} has no {lacking}: this method learns from pairs; leave the row out")
        self.pairs = list(pairs)
        self.size_px = size_px
        self.device = device
        need = 2 * len(self.pairs) * 3 * size_px**2
        self.resident = need < 0.4 * free_bytes(device)
        self._tensors: tuple[Tensor, Tensor] | None = None
        if self.resident and self.pairs:
            sketches, photos = self._decode(range(len(self.pairs)), progress)
            self._tensors = (sketches.to(device), photos.to(device))

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Sketches and photos of these pairs on the device: two uint8 tensors (B, 3, S, S) in [0, 255]."""
        if self._tensors is None:
            sketches, photos = self._decode(indices)
            return sketches.to(self.device), photos.to(self.device)
        where = torch.as_tensor(indices).to(self.device, non_blocking=self.device.type == "cuda")
        return self._tensors[0].index_select(0, where), self._tensors[1].index_select(0, where)

    def _decode(self, indices: Sequence[int], progress: bool = False) -> tuple[Tensor, Tensor]:
        def read(index: int) -> np.ndarray:
            pair = self.pairs[index]
            both = [_fit(path, images.load_rgb(path), self.size_px) for path in (pair.sketch, pair.photo)]
            return np.stack(both)

        out = np.empty((2, len(indices), 3, self.size_px, self.size_px), np.uint8)
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            found = pool.map(read, indices)
            if progress:
                from tqdm.auto import tqdm

                found = tqdm(found, total=len(indices), desc="reading pairs", unit="pair", leave=False)
            for place, both in enumerate(found):
                out[:, place] = both.transpose(0, 3, 1, 2)
        return torch.from_numpy(out[0]), torch.from_numpy(out[1])


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


def epoch_order(num_items: int, copies: int, seed: int, epoch: int) -> np.ndarray:
    """The order of one pass: every item `copies` times, shuffled; the same for the same seed and epoch."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, epoch]))
    return rng.permutation(num_items * copies) % num_items


def indices_at(images_seen: int, batch_size: int, num_items: int, copies: int, seed: int) -> np.ndarray:
    """Which items the batch after `images_seen` images holds: the place in the data follows from that one number."""
    length = num_items * copies
    parts = []
    position = images_seen
    while batch_size > 0:
        epoch, start = divmod(position, length)
        part = _cached_order(num_items, copies, seed, epoch)[start : start + batch_size]
        parts.append(part)
        position += len(part)
        batch_size -= len(part)
    return np.concatenate(parts)


_orders: dict[tuple[int, int, int, int], np.ndarray] = {}


def _cached_order(*key: int) -> np.ndarray:
    if key not in _orders:
        if len(_orders) > 3:
            _orders.clear()
        _orders[key] = epoch_order(*key)
    return _orders[key]
