"""What the trainings share: state that survives a stop, curves, sheets, balance, measures."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from s2f_utils.metrics.distribution import frechet_distance, manifold_coverage
from s2f_utils.networks.pretrained import features_of, stride_distance

JUDGE = "efficientnet-lite2"  # features that no training sees
DIVISIONS = 10
MOST_OFTEN = 6.0  # times the mean weight of a person


def read_people(folder: Path) -> dict[str, np.ndarray]:
    """The columns of all parts that `tools.shipped.people` wrote; "labels" are dictionaries."""
    parts = [np.load(path) for path in sorted(folder.glob("people-?.npz"))]
    people = {name: np.concatenate([part[name] for part in parts]) for name in parts[0].files}
    people["labels"] = np.array([json.loads(one) for one in people["labels"]])
    return people


def balanced(labels: Sequence[Mapping[str, str]], powers: Mapping[str, float]) -> Tensor:
    """How often each person is shown: rare looks more often, by share to the power of minus
    `powers`.

    Returns float64 (N,), of mean 1.
    """
    weight = np.ones(len(labels))
    for label, power in powers.items():
        values = np.array([one.get(label, "") for one in labels])
        shares = {value: float((values == value).mean()) for value in set(values)}
        weight *= np.array([shares[value] ** -power for value in values])
    weight = np.minimum(weight / weight.mean(), MOST_OFTEN)
    return torch.from_numpy(weight / weight.mean())


def pixels(uint8: np.ndarray | Tensor) -> Tensor:
    """uint8 (N, H, W, 3) → float32 (N, 3, H, W) in [-1, 1]."""
    return torch.as_tensor(uint8).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def judged(pictures: Tensor) -> Tensor:
    """The judge's features of pictures (N, 3, H, W), averaged over all places: float64 (N, F)."""
    found = [features_of(some, JUDGE)[-1].mean(dim=(2, 3)) for some in pictures.split(32)]
    return torch.cat(found).double()


def distance(fake: Sequence[Tensor], real: Sequence[Tensor], some: slice) -> Tensor:
    """Mean distance of features of some of a batch, a scalar."""
    return stride_distance([x[some] for x in fake], [x[some] for x in real]).mean()


def halves(generated: Tensor, photos: Tensor) -> dict[str, float]:
    """Fréchet distance, precision and recall of generated pictures against photos, over those of
    photos.

    generated (N, F), photos (M, F), M ≥ 2 N: features. Each is the mean over divisions of the
    photos in two halves, of which one is compared in place of the generated pictures.
    """
    ours, true = np.zeros(3), np.zeros(3)
    for seed in range(DIVISIONS):
        order = np.random.default_rng(seed).permutation(len(photos))[: 2 * len(generated)]
        first, other = photos[order[::2]], photos[order[1::2]]
        for sums, some in ((ours, generated), (true, first)):
            sums[0] += frechet_distance(some, other)
            sums[1] += manifold_coverage(some, other)
            sums[2] += manifold_coverage(other, some)
    ratio, precision, recall = ours / true
    return {"frechet_ratio": float(ratio), "precision": float(precision), "recall": float(recall)}


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a training's state, complete or not at all."""
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        torch.save(dict(state), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def note(path: Path, row: Mapping[str, float]) -> None:
    """Add a row to a curve."""
    is_new = not path.exists()
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if is_new:
            writer.writeheader()
        writer.writerow({name: round(value, 4) for name, value in row.items()})


def save_sheet(path: Path, rows: Sequence[Tensor]) -> None:
    """Save rows of pictures (N, 3, H, W) in [-1, 1] as one picture."""
    sheet = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    sheet = (127.5 * (sheet.clamp(-1, 1) + 1)).round().byte().permute(1, 2, 0)
    partial = path.with_suffix(".partial.png")
    Image.fromarray(sheet.numpy()).save(partial)
    partial.replace(path)


@torch.no_grad()
def follow(ema: nn.Module, net: nn.Module, step: int, decay: float = 0.998) -> None:
    """Move the running average of a network's weights towards them; at the beginning faster."""
    share = 1 - min(decay, (1 + step) / (20 + step))
    for mean, now in zip(ema.state_dict().values(), net.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(now.to(mean.dtype), share)
        else:
            mean.copy_(now)
