"""Pictures of a data set as batches of uint8: kept on the device, or read ahead while training.

Shapes: N pairs, B pairs in a batch, S pixels of the square picture as loaded.
"""

from __future__ import annotations

import functools
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from s2f_utils.data.manifest import DataError, Row
from s2f_utils.pictures import images, masks
from s2f_utils.runtime import ready_for, sent

# what a method that learns from pairs is given → the columns of the manifest that it needs
GIVEN: dict[str, tuple[str, ...]] = {
    "sketch": ("sketch",),
    "map": ("mask",),
    "both": ("sketch", "mask"),
    "photo": (),
}


class PictureStore:
    """Pictures of one domain as uint8 batches (B, C, S, S): 3 channels of `paths`, 3 of `maps` (19-class maps, in their
    colours), or 6 of both.

    Where `resident` is set, all are decoded once and kept on the device; else anew for every batch.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        size_px: int,
        device: torch.device,
        maps: Sequence[Path] = (),
    ) -> None:
        self.paths, self.maps, self.size_px, self.device = list(paths), list(maps), size_px, device
        self.channels = 6 if paths and maps else 3
        self.resident = False
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
            return sent(self.decode(indices), self.device)
        return self._tensor.index_select(0, sent(torch.as_tensor(indices), self.device))

    def decode(self, indices: Sequence[int], progress: bool = False) -> Tensor:
        """These pictures, read from their files, on the CPU."""
        out = np.empty((len(indices), self.channels, self.size_px, self.size_px), np.uint8)
        pictures = _readers().map(self._read, indices)
        if progress:
            from tqdm.auto import tqdm

            pictures = tqdm(pictures, total=len(indices), desc="reading pictures", unit="picture", leave=False)
        for place, picture in enumerate(pictures):
            out[place] = picture.transpose(2, 0, 1)
        return torch.from_numpy(out)

    def _read(self, index: int) -> np.ndarray:
        parts = []
        if self.paths:
            parts.append(squared(self.paths[index], images.load_rgb(self.paths[index]), self.size_px))
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

    def __init__(self, sketches: PictureStore, photos: PictureStore, progress: bool) -> None:
        self.sketches, self.photos, self.device = sketches, photos, photos.device
        need = sum(len(store) * store.channels * store.size_px**2 for store in (sketches, photos))
        self.resident = need < 0.4 * free_bytes(self.device)
        for store in (sketches, photos):
            store.resident = self.resident
            store.load(progress)
        self._coming: dict[tuple[int, int], Future] = {}
        self._reader: ThreadPoolExecutor | None = None

    def batch_at(
        self, position: int, num: int, copies: int, seed: int, share: slice = slice(None)
    ) -> tuple[Tensor, Tensor]:
        """The `num` sketches and photos that follow after `position` images of a training with this seed: two uint8
        tensors (num, 3, S, S) on the device. share: those of them that are wanted here.
        """
        where = self._where(position, num, copies, seed)
        if self.resident:
            return self.sketches.batch(where[0][share]), self.photos.batch(where[1][share])
        ready = self._coming.pop((position, num), None)
        self._read_ahead(position + num, num, copies, seed, share)
        where = where[0][share], where[1][share]
        sketches, photos = ready.result() if ready else self._decode(where)
        return sent(sketches, self.device), sent(photos, self.device)

    @abstractmethod
    def _where(self, position: int, num: int, copies: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Which sketches and which photos come at this place of a training."""

    def _decode(self, where: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, Tensor]:
        return tuple(
            ready_for(store.decode(indices), self.device)
            for store, indices in zip((self.sketches, self.photos), where, strict=True)
        )

    def _read_ahead(self, position: int, num: int, copies: int, seed: int, share: slice) -> None:
        """Keep the next batches coming, in a thread of their own; what was read for another place is dropped."""
        self._reader = self._reader or ThreadPoolExecutor(1, thread_name_prefix="ahead")
        wanted = [(position + n * num, num) for n in range(self.AHEAD.get(self.device.type, 4))]
        for key in set(self._coming) - set(wanted):
            self._coming.pop(key).cancel()
        for key in wanted:
            if key not in self._coming:
                sketches, photos = self._where(*key, copies, seed)
                self._coming[key] = self._reader.submit(self._decode, (sketches[share], photos[share]))


class Pairs(Data):
    """Sketches and photos with the same index."""

    def __init__(self, pairs: Sequence[Row], sketches: PictureStore, photos: PictureStore, progress: bool) -> None:
        self.pairs = list(pairs)
        super().__init__(sketches, photos, progress)

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Sketches and photos of these pairs on the device: two uint8 tensors (B, C, S, S)."""
        return self.sketches.batch(indices), self.photos.batch(indices)

    def _where(self, position: int, num: int, copies: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        indices = indices_at(position, num, len(self), copies, seed)
        return indices, indices


class PairedData(Pairs):
    """The pairs of one split as uint8 batches (B, 3, S, S), sketches and photos with the same index.

    A set that fits is decoded once and kept on the device; a larger one is read while training. given: what stands in
    the sketch's place, a key of `GIVEN`: maps are pictures in CelebAMask-HQ's colours, "both" has six channels.
    Raises DataError where a row lacks what is needed.
    """

    def __init__(
        self,
        pairs: Sequence[Row],
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
        first, maps = ([getattr(p, what) for p in pairs] if what in GIVEN[given] else [] for what in ("sketch", "mask"))
        photos = [pair.photo for pair in pairs]
        sketches = PictureStore(photos if given == "photo" else first, size_px, device, maps)
        super().__init__(pairs, sketches, PictureStore(photos, size_px, device), progress)


class PhotoData(Data):
    """Photos alone, for a method that learns from nothing else: batches of no sketches and as many photos.

    Raises DataError where no row has a photo.
    """

    def __init__(self, rows: Sequence[Row], size_px: int, device: torch.device, *, progress: bool = False) -> None:
        paths = [row.photo for row in rows if row.photo]
        if not paths:
            raise DataError(f"there are no photos among the {len(rows)} rows: this method learns from photos")
        super().__init__(PictureStore([], size_px, device), PictureStore(paths, size_px, device), progress)

    def __len__(self) -> int:
        return len(self.photos)

    def _where(self, position: int, num: int, copies: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        return np.empty(0, np.int64), indices_at(position, num, len(self), copies, seed)


class UnpairedData(Data):
    """Sketches and photos in an order of their own each, so that a batch's are not of the same faces.

    pairs: rows with a sketch, a photo, or both. apart: of a person the sketches or the photos are used, never both
    (`unpaired_rows`). One pass shows the larger side once. Raises DataError where a side is empty.
    """

    def __init__(
        self,
        pairs: Sequence[Row],
        size_px: int,
        device: torch.device,
        *,
        apart: bool = True,
        seed: int = 0,
        progress: bool = False,
    ) -> None:
        self.sketch_rows, self.photo_rows = unpaired_rows(pairs, apart, seed)
        sides = [row.sketch for row in self.sketch_rows], [row.photo for row in self.photo_rows]
        super().__init__(*(PictureStore(side, size_px, device) for side in sides), progress)

    def __len__(self) -> int:
        return max(len(self.sketches), len(self.photos))

    def _where(self, position: int, num: int, copies: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        return tuple(
            indices_at(position, num, len(store), copies, seed, stream)
            for stream, store in enumerate((self.sketches, self.photos))
        )


def unpaired_rows(pairs: Sequence[Row], apart: bool = True, seed: int = 0) -> tuple[list[Row], list[Row]]:
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
        return masks.colour(masks.resize(masks.read(path), size_px))
    except masks.MaskError as error:
        raise DataError(f"{path}: {error}") from None


def squared(path: Path, image: np.ndarray, size_px: int) -> np.ndarray:
    """A square picture, uint8 (H, W, 3), at `size_px`. Raises DataError where it is not square, or tiny."""
    if min(image.shape[:2]) < 16:
        raise DataError(f"{path}: {image.shape[1]}x{image.shape[0]} pixels show no face: leave this pair out")
    if image.shape[0] != image.shape[1]:
        raise DataError(
            f"{path}: {image.shape[1]}x{image.shape[0]} pixels are not square, and would be squeezed: make squares with"
            f" 'python -m data_prep pairs {path.parent.parent} OUT --align face', or --fit pad or stretch"
        )
    return image if image.shape[:2] == (size_px, size_px) else images.resize(image, size_px, "stretch")


def free_bytes(device: torch.device) -> int:
    """Memory in bytes that is free on the device (for a CPU, in the machine)."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    import psutil

    return psutil.virtual_memory().available


@functools.lru_cache(maxsize=8)
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
        part = epoch_order(num_items, copies, seed, epoch, stream)[start : start + batch_size]
        parts.append(part)
        position += len(part)
        batch_size -= len(part)
    return np.concatenate(parts)
