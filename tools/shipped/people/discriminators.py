"""What tells rendered faces from photos: whole faces, enlarged eyes and mouths, and colours.

Shapes: N pictures, H and W pixels; F = width of a discriminator's heads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from s2f_utils.networks import pretrained
from s2f_utils.networks.projected import COARSE, ProjectedDiscriminator

ENLARGED = 2  # times, so that features see parts at a scale nearer to their own
# left, top, right, bottom in the mean shape's frame of 128 px; the side is the left one: ear, hair
PARTS = {
    "eyes": (32, 44, 96, 76),
    "mouth": (40, 78, 88, 110),
    "hairline": (28, 4, 100, 44),
    "side": (0, 40, 40, 112),
}
OFTEN = {"eyes": 0.35, "mouth": 0.2, "hairline": 0.2, "side": 0.25}  # which part is looked at


def crop(pictures: Tensor, part: str, mirrored: bool = False) -> Tensor:
    """A part of pictures (N, 3, 128, 128), or of their mirror images, enlarged."""
    left, top, right, bottom = PARTS[part]
    pictures = pictures.flip(3) if mirrored else pictures
    cut = pictures[:, :, top:bottom, left:right]
    return F.interpolate(cut, scale_factor=ENLARGED, mode="bilinear", align_corners=False)


def conditional_logits(
    net_d: ProjectedDiscriminator, projected: Sequence[Tensor], sketch: Tensor, counts: Tensor
) -> list[Tensor]:
    """As `net_d(projected, sketch)`; the sketch has a say only where `counts` (N,) is 1."""
    found = [head(x) for head, x in zip(net_d.heads, projected, strict=True)]
    logits = [last(x) for last, x in zip(net_d.logits, found, strict=True)]
    for number, embedded in zip(COARSE, net_d.sketch(pretrained.fitted(sketch)), strict=True):
        agrees = (found[number] * embedded).sum(dim=1, keepdim=True) / math.sqrt(embedded.shape[1])
        logits[number] = logits[number] + counts.view(-1, 1, 1, 1) * agrees
    return logits


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


def discriminators() -> nn.ModuleDict:
    """Of whole faces, which also sees their codes, of each part, and of pixels."""
    found = nn.ModuleDict({"whole": ProjectedDiscriminator(width=64, sketch_channels=3)})
    for number, part in enumerate(PARTS):
        found[part] = ProjectedDiscriminator(width=48, sketch_channels=0, seed=1 + number)
    found["pixels"] = PixelDiscriminator()
    return found


def hinge_d(logits_real: Sequence[Tensor], logits_fake: Sequence[Tensor]) -> Tensor:
    """The discriminator's hinge loss, summed over heads, half of it for each side."""
    losses = [
        0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())
        for real, fake in zip(logits_real, logits_fake, strict=True)
    ]
    return torch.stack(losses).sum()


def hinge_g(logits: Sequence[Tensor]) -> Tensor:
    """The generator's: minus the mean logit of each head, summed."""
    return -torch.stack([one.mean() for one in logits]).sum()
