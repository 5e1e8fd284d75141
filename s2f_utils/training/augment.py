"""Random transformations of whole batches on the device, the same for a sketch and its photo.

All draws come from torch's global CPU generator, whose state is in the resume file.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_utils.runtime import distributed, sent


def crop_and_flip(sketches: Tensor, photos: Tensor, size_px: int, flip: float = 0.5) -> tuple[Tensor, Tensor]:
    """pix2pix's jitter: cut a random square of `size_px` out of each pair, and mirror it with probability `flip`.

    Two tensors (B, C, S, S) of any type; returns two of (B, C, size_px, size_px). Source: Isola et al. 2017, 6.2.
    """
    num, _, height, width = photos.shape
    if min(height, width) < size_px:
        raise ValueError(f"pictures of {width}x{height} are too small for a crop of {size_px}: raise load_size_px")
    tops = distributed.randint(0, height - size_px + 1, num).tolist()
    lefts = distributed.randint(0, width - size_px + 1, num).tolist()
    mirrored = (distributed.rand(num) < flip).tolist()
    out = []
    for batch in (sketches, photos):
        cut = []
        for picture, top, left, mirror in zip(batch, tops, lefts, mirrored, strict=True):
            part = picture[:, top : top + size_px, left : left + size_px]
            cut.append(part.flip(-1) if mirror else part)
        out.append(torch.stack(cut))
    return out[0], out[1]


class PairedAffine:
    """Rotation, shift, shear, enlargement and bending, drawn anew for every pair, applied to sketch and photo alike.

    `rotate_deg`, `shift_px`, `shear_deg` and `scale` (a share) are the largest values, either way; `elastic` is the
    standard deviation of the shifts of a 6x6 grid, a share of the width, between which the picture is bent smoothly
    (Simard et al. 2003). Edges are continued by reflection. Project 1's offline copies had 20, 5 and 5. kornia draws
    and applies the affine part in one pass over sketch and photo as six channels; with bending it is one pass, too,
    bicubic, so that the photo stays sharp.
    """

    def __init__(
        self, rotate_deg: float, shift_px: float, shear_deg: float, scale: float = 0.0, elastic: float = 0.0
    ) -> None:
        self.limits = (rotate_deg, shift_px, shear_deg, scale)
        self.elastic = elastic
        self._transform = None
        self._made_for: tuple[float, int] | None = None

    def __call__(self, sketches: Tensor, photos: Tensor, strength: float = 1.0) -> tuple[Tensor, Tensor]:
        """Two float tensors (B, C, S, S) → two of the same shape; `strength` scales the limits, 0 changes nothing."""
        if strength == 0 or not any((*self.limits, self.elastic)):
            return sketches, photos
        size = photos.shape[-1]
        if self._made_for != (strength, size):
            from kornia.augmentation import RandomAffine

            rotate, shift, shear, scale = (strength * limit for limit in self.limits)
            self._transform = RandomAffine(
                rotate,
                translate=(shift / size,) * 2,
                shear=shear or None,
                scale=(1 - scale, 1 + scale) if scale else None,
                padding_mode="reflection",
                p=1.0,
            )
            self._made_for = (strength, size)
        channels = sketches.shape[1]
        both = torch.cat([sketches, photos], dim=1)
        both = (
            self._bent(both, strength * self.elastic)
            if self.elastic
            else self._transform(both, params=self._drawn(both))
        )
        return both[:, :channels], both[:, channels:]

    def _drawn(self, both: Tensor) -> dict[str, Tensor]:
        """kornia's draws for these pictures: those of the whole batch, of which this rank takes its own."""
        total = len(both) * distributed.world_size()
        params = self._transform.forward_parameters((total, *both.shape[1:]))
        return {name: distributed.local_rows(value) if len(value) == total else value for name, value in params.items()}

    def _bent(self, both: Tensor, elastic: float) -> Tensor:
        """The affine part and the bending in one pass."""
        from kornia.geometry.conversions import normalize_homography

        num, _, height, width = both.shape
        params = self._drawn(both)
        here = torch.empty(num, 1, 1, 1)  # on the CPU: a GPU would be waited for
        matrix = self._transform.compute_transformation(here, params, self._transform.flags)  # old pixel → new pixel
        back = torch.linalg.inv(normalize_homography(matrix, (height, width), (height, width)))
        grid = F.affine_grid(sent(back[:, :2].float(), both.device), (num, 1, height, width), align_corners=True)
        shifts = sent(2 * elastic * distributed.randn(num, 2, 6, 6), both.device)
        bend = F.interpolate(shifts, size=(height, width), mode="bicubic", align_corners=True)
        grid = grid + bend.permute(0, 2, 3, 1)
        return F.grid_sample(both, grid, mode="bicubic", padding_mode="reflection", align_corners=True).clamp(-1, 1)
