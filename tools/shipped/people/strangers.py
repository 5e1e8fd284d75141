"""People who do not exist, believable ones: blends of two training people who look alike.

Samples of a Gaussian have hair, walls and shadows that nobody has: ghosts of a fringe, patches on
foreheads. Between two people with like hair, light and wall there is somebody else with such hair.
Shapes: N people, K components.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

COARSE = 24  # components in which people are alike or not: hair, light, skin, wall
NUM_ALIKE = 24  # people with whom each may be blended
MOST_SHARE = 0.5  # of the other person
LOOSE = 0.2  # deviations, drawn at random, of what is added to a blend


def partners(codes: Tensor, group: Tensor, person: Tensor, may: Tensor) -> Tensor:
    """The people most alike to each: (N, NUM_ALIKE), numbers of people.

    codes: (N, K). group: (N,), only people of one group are alike. person: (N,), nobody is a
    partner of themselves. may: bool (N,), who can be a partner.
    """
    coarse, found = codes[:, :COARSE], []
    for number in torch.arange(len(codes)).split(512):
        away = torch.cdist(coarse[number], coarse)
        barred = ~may | (group[number, None] != group) | (person[number, None] == person)
        found.append(away.masked_fill(barred, torch.inf).topk(NUM_ALIKE, largest=False).indices)
    return torch.cat(found)


def blended(one: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """Blends of codes (N, K); share (N, 1): of the other, from 0 to `MOST_SHARE`.

    Coarse components lie between the two; the others, in which people are not alike, keep their
    variance.
    """
    between = torch.lerp(one, other, share)[:, :COARSE]
    fine = ((1 - share).sqrt() * one + share.sqrt() * other)[:, COARSE:]
    return torch.cat([between, fine], dim=1)


def groups_of(labels: np.ndarray) -> Tensor:
    """Within which people can be alike, by sex as seen and hair: int64 (N,)."""
    kinds = [f"{one['presents']} {one['hair_length']}" for one in labels]
    return torch.from_numpy(np.unique(kinds, return_inverse=True)[1])
