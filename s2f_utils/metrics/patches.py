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
from s2f_utils.metrics.bootstrap import Repeated
from s2f_utils.metrics.registry import Metric, Pictures, Reference, SetScores, exactly, register

PATCH_PX = 64
NUM_FOLDS = 5
MIN_PEOPLE = 10  # of a table: with fewer, a fold has one
NUM_STEPS = 600
PATCHES_AN_IMAGE = 16
BATCH = 32  # of each kind
LEARNING_RATE = 2e-3


@dataclass(frozen=True)
class PatchTest:
    """The area under the ROC curve, in [0, 1]: mean over folds, each fold's, and each output's part
    of it.

    per_image: float64 (N,), NaN without a value. fold_of: int (N,), the fold, and the network, of
    every output.
    """

    auc: float
    per_image: np.ndarray
    folds: tuple[float, ...]
    fold_of: np.ndarray


def patch_test(
    fakes: Pictures,
    reals: Pictures,
    fake_identities: Sequence[str],
    real_identities: Sequence[str] | None = None,
    *,
    seed: int = 0,
    num_steps: int = NUM_STEPS,
) -> PatchTest:
    """Train five small networks on the patches of four fifths of the people each, and test them on
    the others.

    fakes, reals: uint8 (N, H, W, 3) and (M, H, W, 3), at least 64 px. fake_identities,
    real_identities: N and M people (None: the same as the fakes'). The same seed gives the same
    result on the same machine. Raises ValueError for pictures that are too small, and for fewer
    than five people.
    """
    whose = (
        list(fake_identities),
        list(fake_identities if real_identities is None else real_identities),
    )
    for pictures, who in zip((fakes, reals), whose, strict=True):
        if small := [
            p.shape for p in pictures if p.dtype != np.uint8 or min(p.shape[:2]) < PATCH_PX
        ]:
            raise ValueError(
                f"pictures must be uint8 (H, W, 3) of at least {PATCH_PX} px, got {small[0]}"
            )
        if len(pictures) != len(who):
            raise ValueError(
                f"every picture needs an identity: {len(pictures)} pictures, {len(who)} identities"
            )
    people = sorted({*whose[0], *whose[1]})
    if len(people) < NUM_FOLDS:
        raise ValueError(f"the patch test needs {NUM_FOLDS} people or more, got {len(people)}")
    shuffled = np.random.default_rng(seed).permutation(people).tolist()
    fold_of = {person: place % NUM_FOLDS for place, person in enumerate(shuffled)}
    tensors = [
        [torch.from_numpy(np.ascontiguousarray(p)).permute(2, 0, 1) for p in side]
        for side in (fakes, reals)
    ]
    folds = [np.array([fold_of[person] for person in who]) for who in whose]
    per_image, areas = np.full(len(fakes), np.nan), []
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), exactly(learns=True):
        for fold in range(NUM_FOLDS):
            held = [np.flatnonzero(f == fold) for f in folds]
            if not all(len(h) for h in held) or not all((f != fold).any() for f in folds):
                continue
            torch.manual_seed(1000 * seed + fold)
            sides = [
                [t[n] for n in np.flatnonzero(f != fold)]
                for t, f in zip(tensors, folds, strict=True)
            ]
            net = _trained(sides, num_steps, runtime.pick_device())
            logits = [
                _logits(net, [side[n] for n in h]) for side, h in zip(tensors, held, strict=True)
            ]
            per_image[held[0]] = _beaten(*logits)
            areas.append(float(per_image[held[0]].mean()))
    if not areas:
        raise ValueError("no fold has outputs and true photos of people that are not in the others")
    return PatchTest(float(np.mean(areas)), per_image, tuple(areas), folds[0])


def _network() -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))


def _patches(pictures: Sequence[Tensor], which: Tensor) -> Tensor:
    """A patch at a random place of each picture of `which`: float32 (len(which), 3, 64, 64) in [-1,
    1].
    """
    cuts = []
    for n, (down, across) in zip(which.tolist(), torch.rand(len(which), 2).tolist(), strict=True):
        height, width = pictures[n].shape[1:]
        top, left = int(down * (height - PATCH_PX + 1)), int(across * (width - PATCH_PX + 1))
        cuts.append(pictures[n][:, top : top + PATCH_PX, left : left + PATCH_PX])
    patches = torch.stack(cuts).float() / 127.5 - 1.0
    return patches.contiguous(memory_format=torch.channels_last)


def _trained(sides: Sequence[Sequence[Tensor]], num_steps: int, device: torch.device) -> nn.Module:
    """A network trained to classify patches of the first pictures as 1, and those of the second as
    0.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    net = _network().train().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=num_steps)
    labels = torch.cat([torch.ones(BATCH, 1), torch.zeros(BATCH, 1)]).to(device)
    for _ in range(num_steps):
        batch = torch.cat(
            [_patches(pictures, torch.randint(0, len(pictures), (BATCH,))) for pictures in sides]
        )
        loss = binary_cross_entropy_with_logits(net(runtime.to_device(batch, device)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def _logits(net: nn.Module, pictures: Sequence[Tensor]) -> np.ndarray:
    """float64 (N, PATCHES_AN_IMAGE), of patches at random places of each picture."""
    device = next(net.parameters()).device
    with torch.inference_mode():
        cut = (_patches(pictures, torch.full((PATCHES_AN_IMAGE,), n)) for n in range(len(pictures)))
        rows = [net(runtime.to_device(patches, device)).flatten() for patches in cut]
        return torch.stack(rows).cpu().double().numpy()


def _beaten(fake_logits: np.ndarray, real_logits: np.ndarray) -> np.ndarray:
    """Every output's part of the area under the ROC curve (Mann and Whitney 1947; ties count half):
    float64 (N,).
    """
    real = np.sort(real_logits.ravel())
    below, up_to = (np.searchsorted(real, fake_logits, side) for side in ("left", "right"))
    return (below + 0.5 * (up_to - below)).mean(axis=1) / len(real)


def _of_sets(reference: Reference, names: Sequence[str]):
    """The patch test with each seed: a value for every picture."""
    true, people, num_steps = reference.pictures, reference.people, reference.steps or NUM_STEPS

    def score(fakes: Pictures) -> SetScores:
        tests = [
            patch_test(fakes, true, people, seed=seed, num_steps=num_steps)
            for seed in range(reference.seeds)
        ]
        repeated = Repeated(
            np.stack([test.per_image for test in tests]), np.stack([test.fold_of for test in tests])
        )
        return SetScores(
            {"patch_auc": repeated.values.mean(axis=0)}, repeated={"patch_auc": repeated}
        )

    return score


register(
    Metric(
        "patch_auc",
        None,
        None,
        3,
        "",
        "its own definition (docs/metrics.md)",
        title="patch AUC",
        question="real",
        group="sets",
        best=0.5,
        of_sets=_of_sets,
        min_side_px=PATCH_PX,
        min_people=MIN_PEOPLE,
    )
)
