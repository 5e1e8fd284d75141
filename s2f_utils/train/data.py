"""Training data: pairs, or two unpaired domains."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from s2f_utils.data import Manifest, Row
from s2f_utils.data.stores import GIVEN, Data, paired_data, photo_data, unpaired_data, unpaired_rows
from s2f_utils.methods.config import TrainConfig
from s2f_utils.methods.method import Batch
from s2f_utils.networks.info import DIRECTIONS
from s2f_utils.pictures import images
from s2f_utils.runtime import to_device
from s2f_utils.train.augment import crop_and_flip

if TYPE_CHECKING:
    from s2f_utils.methods.method import Method
    from s2f_utils.train.state import TrainingRun


def training_data(
    config: TrainConfig,
    method: type[Method],
    manifest: Manifest,
    rows: list[Row],
    device: torch.device,
    progress: bool,
) -> tuple[Data, Data]:
    """The pictures to train on, and those of the sheets of samples:
    validation pairs, if there are any.
    """
    val = manifest.split("val")
    chosen = val or rows
    num = config.num_samples
    if method.data == "unpaired":
        return _data_without_pairs(config, rows, chosen, device, progress)
    if method.data == "custom":
        read = partial(method.read_data, manifest)
        places = np.linspace(0, len(chosen) - 1, min(num, len(chosen))).round()
        shown = [chosen[int(place)] for place in places]  # neighbours may show the same person
    elif method.data == "photos":
        read = photo_data
        shown = [row for row in (*val, *rows) if row.photo]
    else:
        given = "sketch"  # both of these directions learn from pairs of a sketch and a photo
        if config.direction not in DIRECTIONS:
            given = config.direction.partition("-to-")[0]
        read = partial(paired_data, given=given)
        shown = [row for row in chosen if _is_whole(row, given)] or chosen
    data = read(rows, config.load_size_px, device, progress=progress)
    return data, read(shown[:num], config.size_px, device)


def _data_without_pairs(
    config: TrainConfig, rows: list[Row], chosen: list[Row], device: torch.device, progress: bool
) -> tuple[Data, Data]:
    """As `training_data`, for a method that learns without pairs.

    chosen: rows for the samples; pairs among them are preferred, as they have a ground truth.
    """
    num, size_px = config.num_samples, config.size_px
    sketches, photos = unpaired_rows(rows, config.apart, config.seed)
    data = unpaired_data(sketches, photos, config.load_size_px, device, progress=progress)
    pairs = [row for row in chosen if row.sketch and row.photo]
    if pairs:
        return data, paired_data(pairs[:num], size_px, device)
    sketches = [row for row in chosen if row.sketch] or sketches
    photos = [row for row in chosen if row.photo] or photos
    return data, unpaired_data(sketches[:num], photos[:num], size_px, device)


def _is_whole(row: Row, given: str) -> bool:
    """Whether a row has a photo and all that an input of this kind, a key of `GIVEN`, needs."""
    needed = (*GIVEN[given], "photo")
    return all(getattr(row, what) for what in needed)


def make_batch(run: TrainingRun, num: int, share: slice = slice(None)) -> Batch:
    """The next `num` pictures as the networks see them: input a and target b, (num, 3, H, W) each,
    in [-1, 1]; for unpaired data sketches a and photos b, for photos alone these as both (a on the
    CPU if the method is `from_cpu`). share: this rank's part of the batch.
    """
    config, kind = run.config, run.model.data
    # uint8, load_size_px
    sketches, photos = run.data.batch_at(run.images_seen, num, config.copies, config.seed, share)

    def jitter(sketches: Tensor, photos: Tensor) -> tuple[Tensor, Tensor]:
        sketches, photos = crop_and_flip(sketches, photos, config.size_px, config.flip)
        return run.affine(images.to_tensor(sketches), images.to_tensor(photos), run.live["augment"])

    if kind == "custom":
        sketches, photos = images.to_tensor(sketches), images.to_tensor(photos)
    elif kind == "pairs":
        sketches, photos = jitter(sketches, photos)
    elif kind == "photos":
        sketches = photos = jitter(photos, photos[:, :0])[0]
    else:
        sketches, photos = (jitter(side, side[:, :0])[0] for side in (sketches, photos))
    a, b = (sketches, photos) if run.to_photo else (photos, sketches)
    b = to_device(run.precision.images(b), run.precision.device)
    return Batch(run.precision.images(a), b)


def sample_pictures(samples: Data) -> tuple[Tensor, Tensor]:
    """The sketches and photos of a sheet of samples, uint8 (N, C, S, S) on the device,
    or photos as both.
    """
    if samples.paired:
        return samples.batch(range(len(samples)))
    photos = samples.photos.batch(range(len(samples.photos)))
    if not len(samples.sketches):
        return photos, photos
    num = min(len(samples.sketches), len(samples.photos))
    return samples.sketches.batch(range(num)), photos[:num]
