"""Random transformations of whole batches on the device, the same for a sketch and its photo.

All draws come from torch's global CPU generator, whose state is in the resume file.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_utils.runtime import distributed, to_device


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

    `rotate_deg`, `shift_px`, `shear_deg` and `scale` (a share): the largest values, either way; 20,
    5 and 5 in project
    1. `elastic`: the standard deviation of a 6x6 grid's shifts, a share of the width (Simard et al.
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
