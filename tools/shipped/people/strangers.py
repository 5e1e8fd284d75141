"""People who do not exist, believable ones: blends of two training people who look alike.

Samples of a Gaussian have hair, walls and shadows that nobody has: ghosts of a fringe, patches on
foreheads. Between two people with like hair, light and wall there is somebody else with such hair.
Shapes: N people, K components, J coordinates, the code's and the shape's, P strangers.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from s2f_studio.faces.people import STEP
from tools.shipped.people import readouts, running
from tools.shipped.people.appearance import POWERS
from tools.shipped.people.known import Everybody

COARSE = 24  # components in which people are alike or not: hair, light, skin, wall
NUM_ALIKE = 24  # people with whom each may be blended
MOST_SHARE = 0.5  # of the other person
LOOSE = 0.2  # deviations, drawn at random, of what is added to a blend
NUM_SHIPPED = 768
LEAST_SHARE = 0.2  # among shipped ones: none is a training person
# Normal draws are about 11 out, the root of how many coordinates there are; photos of people who
# are much farther out than that have stains and shadows.
MOST_FAR = 12.0
MOST_VIVID, MOST_UNEVEN = 0.45, 0.3  # of the wall's, and between the cheeks, of 2


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


def suitable(people: Everybody) -> np.ndarray:
    """Who may be blended: training people without a hat, with even light, before no vivid wall."""
    wall = readouts.wall_colours(people.photos)
    left, right = readouts.cheek_sides(people.photos)
    uneven = np.abs(left - right).max(axis=1)
    is_plain = (np.ptp(wall, axis=1) <= MOST_VIVID) & (uneven <= MOST_UNEVEN)
    return people.training & ~(people.levels["hat"] > 0) & is_plain


def groups_of(labels: np.ndarray) -> Tensor:
    """Within which people can be alike, by sex as seen and hair: int64 (N,)."""
    kinds = [f"{one['presents']} {one['hair_length']}" for one in labels]
    return torch.from_numpy(np.unique(kinds, return_inverse=True)[1])


def shipped(people: Everybody, num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Strangers' deviations, int8 (P, J), in `STEP`; and the root of training people's covariance
    (J, J), symmetric, by which they are divided. num: of the components.
    """
    middle, root = spread(people, num)
    return steps(blends_of(people, num, NUM_SHIPPED, seed), middle, root), root


def blends_of(people: Everybody, num: int, how_many: int, seed: int = 0) -> np.ndarray:
    """Blends of suitable people, in balance: float64 (how_many, J)."""
    may = np.flatnonzero(suitable(people))
    labels = people.labels[may]
    coordinates = torch.from_numpy(_coordinates(people, num)[may])
    person = torch.from_numpy(np.array([int(one["person"]) for one in labels]))
    everyone = torch.ones(len(may), dtype=torch.bool)
    alike = partners(coordinates[:, :num], groups_of(labels), person, everyone)
    torch.manual_seed(seed)
    one = torch.multinomial(running.balanced(labels, POWERS), how_many, replacement=True)
    other = alike[one, torch.randint(NUM_ALIKE, one.shape)]
    share = LEAST_SHARE + (MOST_SHARE - LEAST_SHARE) * torch.rand(how_many, 1)
    return blended(coordinates[one], coordinates[other], share.double()).numpy()


def steps(blends: np.ndarray, middle: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Their deviations from training people's middle (J,), by their root, in `STEP`: int8, the most
    usual first. Nobody is farther out than `MOST_FAR`.
    """
    deviations = np.linalg.solve(root, (blends - middle).T).T
    far = np.linalg.norm(deviations, axis=1)
    deviations *= np.minimum(1, MOST_FAR / far)[:, None]
    deviations = deviations[far.argsort(kind="stable")]
    return np.clip(np.round(deviations / STEP), -127, 127).astype(np.int8)


def _coordinates(people: Everybody, num: int) -> np.ndarray:
    return np.concatenate([people.codes[:, :num], people.shapes], axis=1)


def spread(people: Everybody, num: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean of training people (J,), and the symmetric root of their covariance (J, J)."""
    chosen = people.training & ~people.painted
    weight = running.balanced(people.labels[chosen], POWERS).numpy()
    everybody = _coordinates(people, num)[chosen]
    middle = np.average(everybody, axis=0, weights=weight)
    return middle, symmetric_root(np.cov(everybody.T, aweights=weight))


def symmetric_root(square: np.ndarray) -> np.ndarray:
    """The symmetric root of a positive definite matrix."""
    values, vectors = np.linalg.eigh(square)
    return (vectors * np.sqrt(np.maximum(values, 1e-8))) @ vectors.T


def nearest_root(covariance: np.ndarray, people: np.ndarray) -> np.ndarray:
    """A root of a covariance (J, J) that moves people as little as can be (optimal transport
    between Gaussians: Olkin and Pukelsheim 1982). people: (J, J), the root that `shipped` found.
    """
    return np.linalg.solve(people, symmetric_root(people @ covariance @ people))
