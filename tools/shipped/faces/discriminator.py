"""What tells generated faces from photos: whole faces, parts of them, and pixels. N
pictures, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from s2f_utils.networks.projected_disc import ProjectedDiscriminator

ENLARGED = 2  # times, so that features see parts at a scale nearer to their own
# left, top, right, bottom in pictures of 128 px whose eyes and mouth are aligned
PARTS = {"eyes": (32, 44, 96, 76), "mouth": (40, 78, 88, 110)}


def crop(pictures: Tensor, part: str) -> Tensor:
    """A part of pictures (N, 3, 128, 128), enlarged."""
    left, top, right, bottom = PARTS[part]
    cut = pictures[:, :, top:bottom, left:right]
    return F.interpolate(cut, scale_factor=ENLARGED, mode="bilinear", align_corners=False)


class PixelDiscriminator(nn.Sequential):
    """Patches of colours, no pretrained features: (N, 3, H, W) → logits (N, 1, H / 16, W / 16)."""

    def __init__(self, widths: Sequence[int] = (24, 48, 96, 96)) -> None:
        layers: list[nn.Module] = []
        for number, (before, width) in enumerate(zip((3, *widths), widths, strict=False)):
            conv = nn.Conv2d(before, width, 4, stride=2, padding=1, bias=number == 0)
            layers.append(spectral_norm(conv))
            if number:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.LeakyReLU(0.2))
        layers.append(spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1)))
        super().__init__(*layers)


class FacesDiscriminator(nn.ModuleDict):
    """Heads for whole faces, eyes, and mouth, and one for plain pixels."""

    def __init__(self, whole: Mapping[str, Tensor]) -> None:
        nets: dict[str, nn.Module] = {"whole": ProjectedDiscriminator(width=64, sketch_channels=0)}
        nets["whole"].load_state_dict(whole)
        for number, part in enumerate(PARTS):
            nets[part] = ProjectedDiscriminator(width=48, sketch_channels=0, seed=1 + number)
        nets["pixels"] = PixelDiscriminator()
        super().__init__(nets)

    def logits(
        self, features: Sequence[Tensor], of_part: Sequence[Tensor], part: str, pictures: Tensor
    ) -> list[Tensor]:
        """Logits of all heads for features of whole faces, for those of one part of them, and
        for the pictures themselves (N, 3, 128, 128).
        """
        whole, net_part = self["whole"], self[part]
        found = [*whole(whole.project(features)), *net_part(net_part.project(of_part))]
        return [*found, self["pixels"](pictures)]
