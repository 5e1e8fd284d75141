"""Pictures of a data set as batches of uint8, on the device or prefetched. Shapes: B pairs in a
batch, S pixels.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from s2f_utils.data import DataError, Row
from s2f_utils.pictures import images, masks
from s2f_utils.runtime import to_device

# a paired method's input → the columns of the manifest that it needs
GIVEN: dict[str, tuple[str, ...]] = {
    "sketch": ("sketch",),
    "map": ("mask",),
    "both": ("sketch", "mask"),
    "photo": (),
}

# what a model reads → the manifest's column
SOURCE_COLUMNS = {"sketch": "sketch", "map": "mask", "photo": "photo"}

AHEAD = 4  # batches that are read while a GPU works
CGROUP = Path("/sys/fs/cgroup")  # where a container's limits are


class PictureStore:
    """Pictures of one domain as uint8 batches (B, C, S, S): 3 channels of `paths`, 3 of `maps`
    (19-class maps, in their colours), or 6 of both; decoded once by `load`, or anew for every
    batch.
    """

    def __init__(
        self, paths: Sequence[Path], size_px: int, device: torch.device, maps: Sequence[Path] = ()
    ) -> None:
        self.paths = list(paths)
        self.maps = list(maps)
        self.size_px = size_px
        self.device = device
        self.channels = 6 if paths and maps else 3
        self._tensor: Tensor | None = None

    def __len__(self) -> int:
        return len(self.paths or self.maps)

    def load(self, progress: bool = False) -> None:
        """Decode all pictures and keep them."""
        if len(self):
            self._tensor = self.decode(range(len(self)), progress).to(self.device)

    def batch(self, indices: Sequence[int]) -> Tensor:
        """These pictures on the device, (B, C, S, S) in [0, 255]."""
        if self._tensor is None:
            return to_device(self.decode(indices), self.device)
        return self._tensor.index_select(0, to_device(torch.as_tensor(indices), self.device))

    def decode(self, indices: Sequence[int], progress: bool = False) -> Tensor:
        """These pictures, read from their files, on the CPU."""
        out = np.empty((len(indices), self.channels, self.size_px, self.size_px), np.uint8)
        read = _readers().map(self._read, indices)
        bar = tqdm(
            read,
            "reading pictures",
            len(indices),
            leave=False,
            unit="picture",
            disable=not progress,
        )
        for place, picture in enumerate(bar):
            out[place] = picture.transpose(2, 0, 1)
        return torch.from_numpy(out)

    def _read(self, index: int) -> np.ndarray:
        parts = []
        if self.paths:
            parts.append(
                squared(self.paths[index], images.load_rgb(self.paths[index]), self.size_px)
            )
        if self.maps:
            parts.append(map_picture(self.maps[index], self.size_px))
        return np.concatenate(parts, axis=2)


@functools.lru_cache(maxsize=1)
def _readers() -> ThreadPoolExecutor:
    """The threads that decode pictures, in which Pillow releases the interpreter lock."""
    return ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="read")


class Data:
    """Sketches and photos in two stores, either of which may be empty: pairs by index, or shuffled
    apart where it is not `paired`. A set that fits is resident on the device; of a larger one a
    GPU's next batches are prefetched.
    """

    def __init__(
        self,
        sketches: PictureStore,
        photos: PictureStore,
        *,
        paired: bool = True,
        progress: bool = False,
    ) -> None:
        self.sketches = sketches
        self.photos = photos
        self.paired = paired
        self.device = photos.device
        need = sum(len(store) * store.channels * store.size_px**2 for store in (sketches, photos))
        self.resident = need < 0.4 * free_bytes(self.device)
        for store in (sketches, photos):
            if self.resident:
                store.load(progress)
        # A training on a GPU whose pictures stay on the CPU sets it as well.
        self.ahead = 0 if self.device.type == "cpu" else AHEAD
        self._prefetched: dict[tuple[int, int], Future] = {}
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="ahead")

    def __len__(self) -> int:
        """Images of one epoch: every picture of the larger side once."""
        return max(len(self.sketches), len(self.photos))

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Sketches and photos of these pairs on the device: two uint8 tensors (B, C, S, S)."""
        return self.sketches.batch(indices), self.photos.batch(indices)

    def batch_at(
        self, position: int, num: int, copies: int, seed: int, share: slice = slice(None)
    ) -> tuple[Tensor, Tensor]:
        """The `num` sketches and photos after `position` images of a training with this seed: two
        uint8 tensors (num, C, S, S) on the device. share: this rank's part of them.
        """

        def chosen(position: int) -> list[np.ndarray]:
            other = int(not self.paired and len(self.sketches) > 0)
            sides = (self.sketches, 0), (self.photos, other)
            return [
                indices_at(position, num, len(store), copies, seed, stream)[share]
                for store, stream in sides
            ]

        if self.resident:
            sketches, photos = chosen(position)
            return self.sketches.batch(sketches), self.photos.batch(photos)
        wanted = [(position + n * num, num) for n in range(1 + self.ahead)]
        before = {k: f for k, f in self._prefetched.items() if not (f.done() and f.exception())}
        self._prefetched = {
            k: before.get(k) or self._reader.submit(self._decode, *chosen(k[0])) for k in wanted
        }
        sketches, photos = self._prefetched[wanted[0]].result()
        return to_device(sketches, self.device), to_device(photos, self.device)

    def _decode(self, sketches: np.ndarray, photos: np.ndarray) -> tuple[Tensor, Tensor]:
        return self.sketches.decode(sketches), self.photos.decode(photos)


def paired_data(
    pairs: Sequence[Row],
    size_px: int,
    device: torch.device,
    *,
    given: str = "sketch",
    progress: bool = False,
) -> Data:
    """Pairs as uint8 batches:
    inputs (B, 3, S, S), or six channels of "both", and photos (B, 3, S, S).

    given: the input, a key of `GIVEN`; maps are in CelebAMask-HQ's colours. Raises DataError for
    incomplete rows.
    """
    for pair in pairs:
        lacking = [what for what in (*GIVEN[given], "photo") if getattr(pair, what) is None]
        if lacking:
            hint = "; or train cyclegan, which needs no pairs" if given == "sketch" else ""
            raise DataError(
                f"pair {pair.id} has no {lacking[0]}: this method learns from pairs; "
                f"leave it out{hint}"
            )
    first = [pair.sketch for pair in pairs] if "sketch" in GIVEN[given] else []
    maps = [pair.mask for pair in pairs] if "mask" in GIVEN[given] else []
    photos = [pair.photo for pair in pairs]
    sketches = PictureStore(photos if given == "photo" else first, size_px, device, maps)
    return Data(sketches, PictureStore(photos, size_px, device), progress=progress)


def photo_data(
    rows: Sequence[Row], size_px: int, device: torch.device, *, progress: bool = False
) -> Data:
    """Photos alone: batches of no sketches and B photos.

    Raises DataError where no row has a photo.
    """
    paths = [row.photo for row in rows if row.photo]
    if not paths:
        raise DataError(
            f"there are no photos among the {len(rows)} rows: this method learns from photos"
        )
    stores = PictureStore([], size_px, device), PictureStore(paths, size_px, device)
    return Data(*stores, paired=False, progress=progress)


def unpaired_data(
    sketches: Sequence[Row],
    photos: Sequence[Row],
    size_px: int,
    device: torch.device,
    *,
    progress: bool = False,
) -> Data:
    """The sketches of some rows and the photos of others (`unpaired_rows`),
    in an order of their own each.
    """
    sides = [row.sketch for row in sketches], [row.photo for row in photos]
    stores = [PictureStore(side, size_px, device) for side in sides]
    return Data(*stores, paired=False, progress=progress)


def unpaired_rows(
    pairs: Sequence[Row], apart: bool = True, seed: int = 0
) -> tuple[list[Row], list[Row]]:
    """The rows whose sketch, and those whose photo, a training without pairs uses. Raises DataError
    for an empty side.

    apart: nobody is in both lists, which are balanced by chance.
    """
    sides = [p for p in pairs if p.sketch], [p for p in pairs if p.photo]
    lacking = [name for name, rows in zip(("sketches", "photos"), sides, strict=True) if not rows]
    if lacking:
        raise DataError(
            f"there are no {' and no '.join(lacking)} among the {len(pairs)} training rows: "
            "cyclegan needs pictures of both sides; "
            "'python -m data_prep pairs SRC OUT --unpaired' makes such a set"
        )
    if not apart:
        return sides
    counts = [Counter(p.identity for p in rows) for rows in sides]
    order = sorted(counts[0].keys() & counts[1].keys())  # people on both sides
    np.random.default_rng(np.random.SeedSequence([seed, 2])).shuffle(order)
    totals = [
        len(rows) - sum(count[who] for who in order)
        for rows, count in zip(sides, counts, strict=True)
    ]
    side_of: dict[str, int] = {}
    for who in order:
        side_of[who] = int(totals[1] < totals[0])
        totals[side_of[who]] += counts[side_of[who]][who]
    sketches = [pair for pair in sides[0] if side_of.get(pair.identity, 0) == 0]
    photos = [pair for pair in sides[1] if side_of.get(pair.identity, 1) == 1]
    if not sketches or not photos:
        raise DataError(
            f"the {len(order)} people cannot be divided into some whose sketch is shown and "
            "others whose photo is: give more, or show both of everybody (--set apart=false)"
        )
    return sketches, photos


def map_picture(path: Path, size_px: int) -> np.ndarray:
    """A 19-class map in its colours, uint8 (S, S, 3); DataError where it is none."""
    try:
        return masks.colour(masks.resize(masks.read(path), size_px))
    except images.ImageError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise DataError(f"{path}: {reason}") from None


def squared(path: Path, image: np.ndarray, size_px: int) -> np.ndarray:
    """A square picture, uint8 (H, W, 3), at `size_px`.

    Raises DataError where it is not square, or tiny.
    """
    if min(image.shape[:2]) < 16:
        raise DataError(
            f"{path}: {image.shape[1]}x{image.shape[0]} pixels show no face: leave this pair out"
        )
    if image.shape[0] != image.shape[1]:
        raise DataError(
            f"{path}: {image.shape[1]}x{image.shape[0]} pixels are not square, and would be "
            "squeezed: make squares with"
            f" 'python -m data_prep pairs {path.parent.parent} OUT --align face', or --fit pad "
            "or stretch"
        )
    if image.shape[:2] == (size_px, size_px):
        return image
    return images.resize(image, size_px, "stretch")


def columns_of(direction: str) -> tuple[str, str]:
    """The manifest's columns of inputs and outputs. Raises DataError for inputs that a manifest
    does not have.
    """
    source, _, target = direction.partition("-to-")
    if source not in SOURCE_COLUMNS:
        raise DataError(
            f"a model that reads {source} is not scored:"
            " give one that reads sketches, maps or photos"
        )
    return SOURCE_COLUMNS[source], target


def complete(pairs: Iterable[Row], direction: str) -> list[Row]:
    """The pairs that have both pictures of this direction."""
    source, target = columns_of(direction)
    return [pair for pair in pairs if getattr(pair, source) and getattr(pair, target)]


def sha256_of_pairs(pairs: Sequence[Row], direction: str) -> str:
    """The SHA-256 of the ids and picture files of pairs that are `complete`: 64 hexadecimal digits
    that tell apart two data sets of one name.
    """
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(pair.id.encode())
        for column in columns_of(direction):
            digest.update(hashlib.sha256(getattr(pair, column).read_bytes()).digest())
    return digest.hexdigest()


def load_pairs(pairs: Sequence[Row], size_px: int, direction: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and true outputs, uint8 (N, size_px, size_px, 3) each; maps in CelebAMask-HQ's
    colours. Raises DataError for a pair that lacks one.
    """
    source, target = columns_of(direction)
    return _load_column(pairs, source, size_px), _load_column(pairs, target, size_px)


def _load_column(pairs: Sequence[Row], column: str, size_px: int) -> np.ndarray:
    pictures = np.empty((len(pairs), size_px, size_px, 3), np.uint8)
    for number, pair in enumerate(pairs):
        path = getattr(pair, column)
        if path is None:
            raise DataError(f"pair {pair.id} has no {column}: scoring needs both")
        if column == "mask":
            pictures[number] = map_picture(path, size_px)
        else:
            pictures[number] = squared(path, images.load_rgb(path), size_px)
    return pictures


def free_bytes(device: torch.device) -> int:
    """Memory in bytes that this process may use on the device: of a CPU, what is free in the
    machine and in the container, shared by the processes that torchrun has started here.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    import psutil

    free = psutil.virtual_memory().available
    with contextlib.suppress(OSError, ValueError):  # no cgroup, or one without a limit
        limit = int((CGROUP / "memory.max").read_text())
        free = min(free, limit - int((CGROUP / "memory.current").read_text()))
    return max(0, free) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


@functools.lru_cache(maxsize=8)
def epoch_order(num_items: int, copies: int, seed: int, epoch: int, stream: int = 0) -> np.ndarray:
    """The shuffled order of one epoch, with every item `copies` times, by seed,
    epoch and stream.
    """
    key = [seed, epoch, stream] if stream else [seed, epoch]
    rng = np.random.default_rng(np.random.SeedSequence(key))
    return rng.permutation(num_items * copies) % num_items


def indices_at(
    images_seen: int, batch_size: int, num_items: int, copies: int, seed: int, stream: int = 0
) -> np.ndarray:
    """Items of the batch after `images_seen` images: int64 (batch_size,), which that number alone
    decides; or (0,).
    """
    if num_items == 0:
        return np.empty(0, np.int64)
    parts, position, end = [], images_seen, images_seen + batch_size
    while position < end:
        epoch, start = divmod(position, num_items * copies)
        parts.append(
            epoch_order(num_items, copies, seed, epoch, stream)[start : start + end - position]
        )
        position += len(parts[-1])
    return np.concatenate(parts)
