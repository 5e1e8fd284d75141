"""Random transformations of whole batches on the device, the same for a sketch and its photo.

All draws come from torch's global CPU generator, whose state is in the resume file.
"""

from __future__ import annotations

import torch
from torch import Tensor


def crop_and_flip(sketches: Tensor, photos: Tensor, size_px: int, flip: float = 0.5) -> tuple[Tensor, Tensor]:
    """pix2pix's jitter: cut a random square of `size_px` out of each pair, and mirror it with probability `flip`.

    Two tensors (B, C, S, S) of any type; returns two of (B, C, size_px, size_px). Source: Isola et al. 2017, 6.2.
    """
    num, _, height, width = photos.shape
    if min(height, width) < size_px:
        raise ValueError(f"pictures of {width}x{height} are too small for a crop of {size_px}: raise load_size_px")
    tops = torch.randint(0, height - size_px + 1, (num,)).tolist()
    lefts = torch.randint(0, width - size_px + 1, (num,)).tolist()
    mirrored = (torch.rand(num) < flip).tolist()
    out = []
    for batch in (sketches, photos):
        cut = []
        for picture, top, left, mirror in zip(batch, tops, lefts, mirrored, strict=True):
            part = picture[:, top : top + size_px, left : left + size_px]
            cut.append(part.flip(-1) if mirror else part)
        out.append(torch.stack(cut))
    return out[0], out[1]


class PairedAffine:
    """Rotation, shift and shear, drawn anew for every pair and applied to sketch and photo alike.

    `rotate_deg`, `shift_px` and `shear_deg` are the largest values, either way; edges are continued by reflection.
    Project 1's offline copies had 20, 5 and 5. Done by kornia in one pass over sketch and photo as six channels.
    """

    def __init__(self, rotate_deg: float, shift_px: float, shear_deg: float) -> None:
        self.limits = (rotate_deg, shift_px, shear_deg)
        self._transform = None
        self._made_for: tuple[float, int] | None = None

    def __call__(self, sketches: Tensor, photos: Tensor, strength: float = 1.0) -> tuple[Tensor, Tensor]:
        """Two float tensors (B, C, S, S) → two of the same shape; `strength` scales the limits, 0 changes nothing."""
        if strength == 0 or not any(self.limits):
            return sketches, photos
        size = photos.shape[-1]
        if self._made_for != (strength, size):
            from kornia.augmentation import RandomAffine

            rotate, shift, shear = (strength * limit for limit in self.limits)
            self._transform = RandomAffine(
                rotate, translate=(shift / size,) * 2, shear=shear or None, padding_mode="reflection", p=1.0
            )
            self._made_for = (strength, size)
        channels = sketches.shape[1]
        both = self._transform(torch.cat([sketches, photos], dim=1))
        return both[:, :channels], both[:, channels:]
