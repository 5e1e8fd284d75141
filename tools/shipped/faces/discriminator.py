"""What tells generated faces from photos: whole faces, how much they vary, and parts of them.

Shapes: N pictures, in groups of `GROUP`; H and W pixels; F = width of a discriminator's heads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from s2f_utils.networks.projected import COARSE, ProjectedDiscriminator

GROUP = 8
ENLARGED = 2  # times, so that features see parts at a scale nearer to their own
# left, top, right, bottom in pictures of 128 px whose eyes and mouth are aligned
PARTS = {"eyes": (32, 44, 96, 76), "mouth": (40, 78, 88, 110)}
KEPT = 0.99  # of the running mean of photos' variety, in each step


def crop(pictures: Tensor, part: str) -> Tensor:
    """A part of pictures (N, 3, 128, 128), enlarged."""
    left, top, right, bottom = PARTS[part]
    cut = pictures[:, :, top:bottom, left:right]
    return F.interpolate(cut, scale_factor=ENLARGED, mode="bilinear", align_corners=False)


class Variety(nn.Module):
    """A logit for each group of pictures, by how much they differ (Karras et al. 2018, section 3).

    The standard deviation of each projected feature over a group, averaged over places, on a log
    scale and relative to what photos have: a generator that leaves people out is seen here, and
    nowhere else.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(COARSE) * width))
        self.logit = spectral_norm(nn.Linear(len(COARSE) * width, 1))

    def forward(self, projected: Sequence[Tensor], is_real: bool) -> Tensor:
        """Features as `ProjectedDiscriminator.project` makes them → logits (N / GROUP, 1)."""
        found = []
        for number in COARSE:
            x = projected[number]
            groups = x.reshape(-1, GROUP, *x.shape[1:])
            found.append(groups.std(dim=1).mean(dim=(2, 3)))
        varied = torch.cat(found, dim=1).add(1e-4).log()
        if is_real and self.training:
            with torch.no_grad():
                self.mean.lerp_(varied.mean(dim=0), 1 - KEPT if self.mean.any() else 1.0)
        return self.logit(5 * (varied - self.mean))


class FacesDiscriminator(nn.ModuleDict):
    """Heads for whole faces, their variety, eyes, and mouth."""

    def __init__(self, whole: Mapping[str, Tensor]) -> None:
        nets: dict[str, nn.Module] = {"whole": ProjectedDiscriminator(width=64, sketch_channels=0)}
        nets["whole"].load_state_dict(whole)
        nets["variety"] = Variety(64)
        for number, part in enumerate(PARTS):
            nets[part] = ProjectedDiscriminator(width=48, sketch_channels=0, seed=1 + number)
        super().__init__(nets)

    def logits(
        self, features: Sequence[Tensor], of_part: Sequence[Tensor], part: str, is_real: bool
    ) -> list[Tensor]:
        """Logits of all heads for features of whole faces and of one part of them."""
        projected = self["whole"].project(features)
        net_part = self[part]
        whole = self["whole"](projected)
        variety = self["variety"](projected, is_real)
        return [*whole, variety, *net_part(net_part.project(of_part))]
