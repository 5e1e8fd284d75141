"""The patch test: the area under the ROC curve of small networks that classify patches as output or
true photo, for people outside of their training set. It is 0.5 for indistinguishable patches, and 1
for separable ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from s2f_utils import runtime
from s2f_utils.metrics.registry import Pictures, PictureSet, Reference, full_float32, metric

PATCH_PX = 64
NUM_FOLDS = 5
MIN_PEOPLE = 10  # of a table: with fewer, a fold has one
NUM_STEPS = 600
PATCHES_AN_IMAGE = 16
BATCH = 32  # of each kind
LEARNING_RATE = 2e-3


@dataclass(frozen=True)
class PatchTest:
    """The area under the ROC curve, in [0, 1]:
    mean over folds, each fold's, and each output's part of it.

    per_image: float64 (N,), NaN without a value.
    """

    auc: float
    per_image: np.ndarray
    folds: tuple[float, ...]


def patch_test(
    fakes: Pictures,
    reals: Pictures,
    fake_identities: Sequence[str],
    real_identities: Sequence[str] | None = None,
    *,
    seed: int = 0,
    num_steps: int = NUM_STEPS,
) -> PatchTest:
    """Train five small networks on the patches of four fifths of the people each,
    and test them on the others.

    fakes, reals: uint8 (N, H, W, 3) and (M, H, W, 3), at least 64 px. fake_identities,
    real_identities: N and M people (None: the same as the fakes'). The same seed gives the same
    result on the same machine. Raises ValueError for pictures that are too small, and for fewer
    than five people.
    """
    if real_identities is None:
        real_identities = fake_identities
    _check(fakes, fake_identities)
    _check(reals, real_identities)
    fold_of_person = _folds([*fake_identities, *real_identities], seed)
    fake_folds = np.array([fold_of_person[person] for person in fake_identities])
    real_folds = np.array([fold_of_person[person] for person in real_identities])
    fake_tensors = [_tensor(picture) for picture in fakes]
    real_tensors = [_tensor(picture) for picture in reals]
    per_image = np.full(len(fakes), np.nan)
    areas = []
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), full_float32(learns=True):
        for fold in range(NUM_FOLDS):
            train_fakes, test_fakes = _divided(fake_tensors, fake_folds == fold)
            train_reals, test_reals = _divided(real_tensors, real_folds == fold)
            if not (train_fakes and test_fakes and train_reals and test_reals):
                continue
            torch.manual_seed(1000 * seed + fold)
            net = _trained((train_fakes, train_reals), num_steps, runtime.pick_device())
            values = _beaten(_logits(net, test_fakes), _logits(net, test_reals))
            per_image[fake_folds == fold] = values
            areas.append(float(values.mean()))
    if not areas:
        raise ValueError("no fold has outputs and true photos of people that are not in the others")
    return PatchTest(float(np.mean(areas)), per_image, tuple(areas))


def _check(pictures: Pictures, identities: Sequence[str]) -> None:
    for picture in pictures:
        if picture.dtype != np.uint8 or min(picture.shape[:2]) < PATCH_PX:
            raise ValueError(
                f"pictures must be uint8 (H, W, 3) of at least {PATCH_PX} px, got {picture.shape}"
            )
    if len(pictures) != len(identities):
        raise ValueError(
            f"every picture needs an identity: {len(pictures)} pictures,"
            f" {len(identities)} identities"
        )


def _folds(identities: Sequence[str], seed: int) -> dict[str, int]:
    """The fold of every person, drawn by chance."""
    people = sorted(set(identities))
    if len(people) < NUM_FOLDS:
        raise ValueError(f"the patch test needs {NUM_FOLDS} people or more, got {len(people)}")
    shuffled = np.random.default_rng(seed).permutation(people).tolist()
    return {person: place % NUM_FOLDS for place, person in enumerate(shuffled)}


def _tensor(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def _divided(pictures: Sequence[Tensor], in_test: np.ndarray) -> tuple[list[Tensor], list[Tensor]]:
    """Those for training, and those for testing."""
    train = [pictures[n] for n in np.flatnonzero(~in_test)]
    return train, [pictures[n] for n in np.flatnonzero(in_test)]


def _network() -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))


def _patches(pictures: Sequence[Tensor], which: Tensor) -> Tensor:
    """A patch at a random place of each picture of `which`:
    float32 (len(which), 3, 64, 64) in [-1, 1].
    """
    cuts = []
    for n, (down, across) in zip(which.tolist(), torch.rand(len(which), 2).tolist(), strict=True):
        height, width = pictures[n].shape[1:]
        top, left = int(down * (height - PATCH_PX + 1)), int(across * (width - PATCH_PX + 1))
        cuts.append(pictures[n][:, top : top + PATCH_PX, left : left + PATCH_PX])
    patches = torch.stack(cuts).float() / 127.5 - 1.0
    return patches.contiguous(memory_format=torch.channels_last)


def _random_patches(pictures: Sequence[Tensor]) -> Tensor:
    return _patches(pictures, torch.randint(0, len(pictures), (BATCH,)))


def _trained(sides: Sequence[Sequence[Tensor]], num_steps: int, device: torch.device) -> nn.Module:
    """A network trained to classify patches of the first pictures as 1,
    and those of the second as 0.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    net = _network().train().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=num_steps)
    labels = torch.cat([torch.ones(BATCH, 1), torch.zeros(BATCH, 1)]).to(device)
    for _ in range(num_steps):
        batch = torch.cat([_random_patches(pictures) for pictures in sides])
        loss = binary_cross_entropy_with_logits(net(runtime.to_device(batch, device)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def _logits(net: nn.Module, pictures: Sequence[Tensor]) -> np.ndarray:
    """float64 (N, PATCHES_AN_IMAGE), of patches at random places of each picture."""
    device = next(net.parameters()).device
    rows = []
    with torch.inference_mode():
        for number in range(len(pictures)):
            patches = _patches(pictures, torch.full((PATCHES_AN_IMAGE,), number))
            rows.append(net(runtime.to_device(patches, device)).flatten())
        return torch.stack(rows).cpu().double().numpy()


def _beaten(fake_logits: np.ndarray, real_logits: np.ndarray) -> np.ndarray:
    """Every output's part of the area under the ROC curve
    (Mann and Whitney 1947; ties count half): float64 (N,).
    """
    real = np.sort(real_logits.ravel())
    below = np.searchsorted(real, fake_logits, "left")
    up_to = np.searchsorted(real, fake_logits, "right")
    return (below + 0.5 * (up_to - below)).mean(axis=1) / len(real)


@metric(
    of="sets",
    title="patch AUC",
    question="real",
    group="sets",
    higher_is_better=None,
    digits=3,
    best=0.5,
    min_side_px=PATCH_PX,
    min_people=MIN_PEOPLE,
)
def patch_auc(outputs: PictureSet, reference: Reference) -> np.ndarray:
    """The mean of `patch_test` over the reference's seeds: a value for every picture."""
    num_steps = reference.steps or NUM_STEPS
    sides = (outputs.pictures, reference.pictures, reference.people)
    tests = [patch_test(*sides, seed=seed, num_steps=num_steps) for seed in range(reference.seeds)]
    return np.mean([test.per_image for test in tests], axis=0)
