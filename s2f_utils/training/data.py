"""What a training looks at: pairs, or two sides without pairs; and a look at both sides before it begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from s2f_utils.data import DataError, Manifest, Row
from s2f_utils.data.stores import GIVEN, Data, paired_data, photo_data, unpaired_data, unpaired_rows
from s2f_utils.models.card import DIRECTIONS
from s2f_utils.pictures import images
from s2f_utils.pictures.remarks import Remark
from s2f_utils.pictures.sides import FEATURES_PX, features, problems
from s2f_utils.runtime import sent
from s2f_utils.training.augment import crop_and_flip
from s2f_utils.training.settings import TrainConfig

if TYPE_CHECKING:
    from s2f_utils.training.state import TrainingRun

LOOKED_AT = 200  # pictures of each side


def training_data(
    config: TrainConfig,
    kind: str,
    manifest: Manifest,
    rows: list[Row],
    device: torch.device,
    progress: bool,
    own_data: Callable[..., Data] | None = None,
) -> tuple[Data, Data]:
    """The pictures to train on, and those of the sheets of samples: validation pairs, where there are some.

    kind, own_data: as `Method.data` and `Method.own_data`.
    """
    chosen = manifest.split("val") or rows
    pairs = [pair for pair in chosen if pair.sketch and pair.photo]
    num = config.num_samples
    if kind == "own":
        data = own_data(manifest, rows, config.load_size_px, device, progress=progress)
        return data, own_data(manifest, spread(chosen, num), config.size_px, device)
    if kind == "photos":
        few = [row for row in manifest.split("val") if row.photo] + rows
        data = photo_data(rows, config.load_size_px, device, progress=progress)
        return data, photo_data(few[:num], config.size_px, device)
    if kind == "pairs":
        given = given_to(config)
        fit = [row for row in chosen if row.photo and all(getattr(row, what) for what in GIVEN[given])]
        data = paired_data(rows, config.load_size_px, device, given=given, progress=progress)
        return data, paired_data((fit or chosen)[:num], config.size_px, device, given=given)
    drawn, photographed = unpaired_rows(rows, config.apart, config.seed)
    data = unpaired_data(drawn, photographed, config.load_size_px, device, progress=progress)
    if pairs:
        return data, paired_data(pairs[:num], config.size_px, device)
    few = [[row for row in chosen if row.sketch] or drawn, [row for row in chosen if row.photo] or photographed]
    return data, unpaired_data(few[0][:num], few[1][:num], config.size_px, device)


def make_batch(run: TrainingRun, num: int, share: slice = slice(None)) -> tuple[Tensor, Tensor]:
    """The next `num` pictures of both domains as the networks see them: input a and target b, (num, 3, H, W) each, in
    [-1, 1]; where the method learns without pairs, sketches a and photos b, each changed at random for itself; where it
    learns from photos alone, these as both (a on the CPU, where it is `from_cpu`). share: those that are wanted here.
    """
    config = run.config
    sketches, photos = run.data.batch_at(run.images_seen, num, config.copies, config.seed, share)  # uint8, load_size_px

    def jitter(sketches: Tensor, photos: Tensor) -> tuple[Tensor, Tensor]:
        sketches, photos = crop_and_flip(sketches, photos, config.size_px, config.flip)
        return run.affine(images.to_tensor(sketches), images.to_tensor(photos), run.live["augment"])

    if run.model.data == "own":
        sketches, photos = images.to_tensor(sketches), images.to_tensor(photos)
    elif run.model.data == "pairs":
        sketches, photos = jitter(sketches, photos)
    elif run.model.data == "photos":
        sketches = photos = jitter(photos, photos[:, :0])[0]
    else:
        sketches, photos = (jitter(side, side[:, :0])[0] for side in (sketches, photos))
    a, b = (sketches, photos) if run.to_photo else (photos, sketches)
    a, b = run.precision.images(a), run.precision.images(b)
    return a, sent(b, run.precision.device)


def sample_pictures(samples: Data) -> tuple[Tensor, Tensor]:
    """The sketches and photos of a sheet of samples, uint8 (N, C, S, S) on the device; photos as both, where a method
    learns from these alone.
    """
    if samples.paired:
        return samples.batch(range(len(samples)))
    photos = samples.photos.batch(range(len(samples.photos)))
    if not len(samples.sketches):
        return photos, photos
    num = min(len(samples.sketches), len(samples.photos))
    return samples.sketches.batch(range(num)), photos[:num]


def spread(rows: Sequence[Row], num: int) -> list[Row]:
    """So many of the rows, from all over them: of neighbours, several may be of one person."""
    return [rows[place] for place in np.linspace(0, len(rows) - 1, min(num, len(rows))).round().astype(int)]


def given_to(config: TrainConfig) -> str:
    """What a method that learns from pairs turns into photos (or makes of them): a key of `stores.GIVEN`."""
    first = config.direction.partition("-to-")[0]
    return "sketch" if config.direction in DIRECTIONS else first


def pass_length(config: TrainConfig, kind: str, rows: list[Row]) -> int:
    """How many images one pass over these rows shows."""
    if kind != "piles":
        return sum(row.photo is not None for row in rows) if kind == "photos" else len(rows)
    return max(len(side) for side in unpaired_rows(rows, config.apart, config.seed))


def remarks_on_sides(data: Data) -> list[Remark]:
    """What seems wrong with the two sides, by a look at some pictures of each; DataError where they are exchanged and
    no pairs: what a pair's sides are called, is its owner's affair.
    """
    some = [store.paths[:: -(-len(store) // LOOKED_AT)] for store in (data.sketches, data.photos)]
    remarks = problems(*map(features_of, some))
    if remarks and remarks[0].code == "exchanged" and not data.paired:
        raise DataError(str(remarks[0]))
    return remarks


def features_of(paths: Sequence[Path]) -> np.ndarray:
    """`sides.features` of these pictures, (N, 28)."""
    size = (FEATURES_PX, FEATURES_PX)
    pictures = (Image.fromarray(images.load_rgb(path)).resize(size, Image.Resampling.BOX) for path in paths)
    return np.stack([features(np.asarray(picture)) for picture in pictures])
