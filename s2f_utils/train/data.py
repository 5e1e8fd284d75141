"""What a run learns from: pairs, or two unpaired domains, and their batches, moved at random on the
device, a sketch and its photo alike.

All draws come from torch's global CPU generator, whose state is in the resume file.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_utils.data import DataError, Manifest, Row
from s2f_utils.data.stores import (
    AHEAD,
    GIVEN,
    Data,
    paired_data,
    photo_data,
    unpaired_data,
    unpaired_rows,
)
from s2f_utils.methods.method import Batch
from s2f_utils.methods.settings import LOSSES_OF_FACE_PARTS, TrainConfig
from s2f_utils.networks.info import DIRECTIONS
from s2f_utils.pictures import images
from s2f_utils.runtime import ConfigError, distributed, to_device
from s2f_utils.train.config import Resolved, find_method

if TYPE_CHECKING:
    from s2f_utils.methods.method import Method
    from s2f_utils.train.state import TrainingRun


def training_rows(manifest: Manifest, config: TrainConfig) -> list[Row]:
    """The rows to train on. Raises DataError where there are none, ConfigError for a batch that the
    processes cannot share, and for losses at parts of a face where the faces are not aligned.
    """
    rows, ranks = manifest.split("train"), distributed.world_size()
    if not rows:
        raise DataError(f"{manifest.path}: no training pairs: split must be 'train' for some rows")
    if config.batch_size % ranks:
        raise ConfigError(
            f"batch_size must be a multiple of the {ranks} processes, got {config.batch_size}"
        )
    of_parts = [name for name in LOSSES_OF_FACE_PARTS if getattr(config, name, 0)]
    if of_parts and manifest.settings.get("align", "face") != "face":
        raise ConfigError(
            f"{' and '.join(of_parts)}: cut parts out where aligned faces have them, and the faces"
            f" of {manifest.path.parent} are not aligned: make the set again with --align face, or"
            " set it to 0"
        )
    return rows


def length(resolved: Resolved, rows: Sequence[Row]) -> int:
    """The number of images to train for, unless a time budget ends it."""
    config, data, num = resolved.config, find_method(resolved.method).data, len(rows)
    if data == "photos":
        num = sum(row.photo is not None for row in rows)
    elif data == "unpaired":
        num = max(map(len, unpaired_rows(rows, config.apart, config.seed)))
    total = config.total_images or max(1, round(config.epochs * config.copies * num))
    return min(total, max(1, round(config.max_epochs * num))) if config.max_epochs else total


def training_data(
    config: TrainConfig,
    method: type[Method],
    manifest: Manifest,
    rows: list[Row],
    device: torch.device,
    progress: bool,
) -> tuple[Data, Data]:
    """The pictures to train on, and those of the sheets of samples: validation pairs, if there are
    any. device: that of the training.
    """
    if method.from_cpu and device.type != "cpu":
        on_cpu = torch.device("cpu")
        data, samples = training_data(config, method, manifest, rows, on_cpu, progress)
        data.ahead = AHEAD  # the GPU must not wait
        return data, samples
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
    affine = PairedAffine(
        config.rotate_deg, config.shift_px, config.shear_deg, config.scale, config.elastic
    )
    # uint8, load_size_px
    sketches, photos = run.data.batch_at(run.images_seen, num, config.copies, config.seed, share)

    def jitter(sketches: Tensor, photos: Tensor) -> tuple[Tensor, Tensor]:
        sketches, photos = crop_and_flip(sketches, photos, config.size_px, config.flip)
        return affine(images.to_tensor(sketches), images.to_tensor(photos), run.live["augment"])

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


def crop_and_flip(
    sketches: Tensor, photos: Tensor, size_px: int, flip: float = 0.5
) -> tuple[Tensor, Tensor]:
    """pix2pix's jitter:
    cut a random square of `size_px` out of each pair, and mirror it with probability `flip`.

    Two tensors (B, C, S, S) of any type; returns two of (B, C, size_px, size_px). Source: Isola et
    al. 2017, 6.2.
    """
    num, _, height, width = photos.shape
    if min(height, width) < size_px:
        raise ValueError(
            f"pictures of {width}x{height} are too small for a crop of {size_px}: raise "
            "load_size_px"
        )
    tops = distributed.randint(0, height - size_px + 1, num).tolist()
    lefts = distributed.randint(0, width - size_px + 1, num).tolist()
    mirrored = (distributed.rand(num) < flip).tolist()

    def cut(picture: Tensor, top: int, left: int, mirror: bool) -> Tensor:
        part = picture[:, top : top + size_px, left : left + size_px]
        return part.flip(-1) if mirror else part

    sides = ([*map(cut, side, tops, lefts, mirrored)] for side in (sketches, photos))
    return tuple(map(torch.stack, sides))


@functools.lru_cache(4)
def _random_affine(rotate_deg: float, shift: float, shear_deg: float, scale: float) -> Any:
    """kornia's transformation with these limits; it draws for a batch and applies what it drew."""
    from kornia.augmentation import RandomAffine

    return RandomAffine(
        rotate_deg,
        (shift, shift),
        (1 - scale, 1 + scale) if scale else None,
        shear_deg or None,
        padding_mode="reflection",
        p=1.0,
    )


class PairedAffine:
    """Random rotation, shift, shear, scaling and elastic warp, the same for a sketch and its photo,
    in one pass (bicubic with a warp, so that photos stay sharp). Edges are reflected.

    `rotate_deg`, `shift_px`, `shear_deg` and `scale` (a share): the largest values, either way.
    `elastic`: the standard deviation of a 6x6 grid's shifts, a share of the width (Simard et al.
    2003).
    """

    def __init__(
        self,
        rotate_deg: float,
        shift_px: float,
        shear_deg: float,
        scale: float = 0.0,
        elastic: float = 0.0,
    ) -> None:
        self.limits = (rotate_deg, shift_px, shear_deg, scale, elastic)

    def __call__(
        self, sketches: Tensor, photos: Tensor, strength: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Two float tensors (B, C, S, S) → two of the same shape;
        `strength` scales the limits, 0 changes nothing.
        """
        if strength == 0 or not any(self.limits):
            return sketches, photos
        rotate, shift, shear, scale, elastic = (strength * limit for limit in self.limits)
        affine = _random_affine(rotate, shift / photos.shape[-1], shear, scale)
        both = torch.cat([sketches, photos], dim=1)
        # Of the global batch, of which this rank takes its share.
        total = len(both) * distributed.world_size()
        params = affine.forward_parameters((total, *both.shape[1:]))
        shape = params.pop("forward_input_shape")  # all others have a row for each picture
        params = {name: distributed.local_rows(rows) for name, rows in params.items()}
        params["forward_input_shape"] = shape
        both = _bent(both, affine, params, elastic) if elastic else affine(both, params=params)
        return both[:, : sketches.shape[1]], both[:, sketches.shape[1] :]


def _bent(both: Tensor, affine: Any, params: dict[str, Tensor], elastic: float) -> Tensor:
    """The affine transformation and the elastic warp in one pass."""
    from kornia.geometry.conversions import normalize_homography

    num, _, height, width = both.shape
    here = torch.empty(num, 1, 1, 1)  # on the CPU: a GPU would have to synchronise
    matrix = affine.compute_transformation(here, params, affine.flags)  # old pixel → new pixel
    back = torch.linalg.inv(normalize_homography(matrix, (height, width), (height, width)))
    grid = F.affine_grid(
        to_device(back[:, :2].float(), both.device), (num, 1, height, width), align_corners=True
    )
    shifts = to_device(2 * elastic * distributed.randn(num, 2, 6, 6), both.device)
    grid = grid + F.interpolate(
        shifts, size=(height, width), mode="bicubic", align_corners=True
    ).permute(0, 2, 3, 1)
    return F.grid_sample(
        both, grid, mode="bicubic", padding_mode="reflection", align_corners=True
    ).clamp(-1, 1)
