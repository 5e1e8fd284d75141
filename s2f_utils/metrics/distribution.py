"""Distances of a set of outputs to a set of true photos, in float64: FID and KID in Inception's
features; in EfficientNet's the Fréchet distance, precision and recall.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from s2f_utils import runtime
from s2f_utils.metrics.perceptual import (
    answer,
    efficientnet,
    efficientnet_problem,
    in_batches,
)
from s2f_utils.metrics.registry import Pictures, PictureSet, Reference, as_batch, metric

INCEPTION_PX = 299
BLOCK = 2048  # rows of features, each compared with all
ENOUGH = 2048  # with fewer images, FID is biased too far to compare with published values
NEIGHBOURS = 3  # k of Kynkäänniemi et al. 2019


def inception_features(pictures: Pictures) -> Tensor:
    """Inception's features: uint8 (N, H, W, 3) → float32 (N, 2048), on the CPU.

    Raises WeightsError without weights.

    Pictures are resized to 299 px without aliasing (Parmar, Zhang, Zhu 2022: other resizes move FID
    by 6 and more).
    """
    return in_batches(_inception, pictures)


def _inception(pictures: Pictures) -> Tensor:
    return answer("inception", as_batch(pictures, INCEPTION_PX))


def pooled(pictures: Pictures) -> Tensor:
    """EfficientNet-lite2's features at stride 32, averaged over all places: uint8 (N, H, W, 3) →
    float64 (N, 352).
    """
    return in_batches(_pooled, pictures)


def _pooled(pictures: Pictures) -> Tensor:
    return efficientnet(pictures)[-1].mean(dim=(2, 3)).double()


def _checked(*sides: np.ndarray | Tensor) -> list[Tensor]:
    num_features = sides[0].shape[-1]
    for side in sides:
        if side.ndim != 2 or len(side) < 2 or side.shape[1] != num_features:
            raise ValueError(
                "features must be (N, F) and (M, F) of two pictures or more,"
                f" got {tuple(side.shape)} beside (…, {num_features})"
            )
    device = runtime.pick_device()
    exact = "cpu" if device.type == "mps" else device  # Apple's has no float64
    return [torch.as_tensor(side).to(exact, torch.float64) for side in sides]


def frechet_distance(a: np.ndarray | Tensor, b: np.ndarray | Tensor) -> float:
    """|μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½) of features (N, F), (M, F): FID's (Heusel et al. 2017).

    With Σ = RᵀR, R of a QR decomposition of the centred features, the eigenvalues of Σ₁Σ₂ are the
    squared singular values of R₁R₂ᵀ, so that the root's trace is their sum: exact, and never
    complex.
    """
    sides = _checked(a, b)
    means = [side.mean(dim=0) for side in sides]
    centred = [side - mean for side, mean in zip(sides, means, strict=True)]
    roots = [torch.linalg.qr(side, mode="r").R / (len(side) - 1) ** 0.5 for side in centred]
    trace_of_root = torch.linalg.svdvals(roots[0] @ roots[1].T).sum()
    shift = (means[0] - means[1]).square().sum()
    traces = [root.square().sum() for root in roots]
    return max(0.0, float(shift + traces[0] + traces[1] - 2.0 * trace_of_root))


def kernel_distance(a: np.ndarray | Tensor, b: np.ndarray | Tensor) -> float:
    """The unbiased squared maximum mean discrepancy with the kernel (x·y / F + 1)³ of features (N,
    F), (M, F): KID over all pictures at once (Bińkowski et al. 2018). Published values are often
    multiplied by 1000.
    """
    a, b = _checked(a, b)
    between = _sum_of_kernels(a, b) / (len(a) * len(b))
    return _mean_of_kernels(a) + _mean_of_kernels(b) - 2.0 * between


def _kernel(products: Tensor, num_features: int) -> Tensor:
    return (products / num_features + 1.0) ** 3


def _sum_of_kernels(x: Tensor, y: Tensor) -> float:
    """Over all pairs of a row of x and one of y, `BLOCK` rows at once."""
    total = 0.0
    for rows in x.split(BLOCK):
        total += float(_kernel(rows @ y.T, x.shape[1]).sum())
    return total


def _mean_of_kernels(x: Tensor) -> float:
    """Over all pairs of two different rows."""
    with_itself = float(_kernel(x.square().sum(dim=1), x.shape[1]).sum())
    return (_sum_of_kernels(x, x) - with_itself) / (len(x) * (len(x) - 1))


def manifold_coverage(some: np.ndarray | Tensor, others: np.ndarray | Tensor) -> float:
    """The share of features (M, F) in the manifold of others (N, F), N > 3 (Kynkäänniemi et al.
    2019, eq. 1 and 2): precision of outputs in true pictures, recall the other way round.
    """
    if len(others) <= NEIGHBOURS or not len(some):
        raise ValueError(
            f"one picture, and a manifold of {NEIGHBOURS + 1}, are needed,"
            f" got {len(some)} and {len(others)}"
        )
    some, others = torch.as_tensor(some), torch.as_tensor(others)
    radii = torch.cat([_radii(rows, others) for rows in others.split(BLOCK)])
    num_covered = 0
    for rows in some.split(BLOCK):
        num_covered += int((_distances(rows, others) <= radii).any(dim=1).sum())
    return num_covered / len(some)


def _radii(rows: Tensor, others: Tensor) -> Tensor:
    """The distance of each row, itself one of the others, to its third nearest neighbour."""
    return _distances(rows, others).kthvalue(NEIGHBOURS + 1, dim=1).values


def _distances(rows: Tensor, others: Tensor) -> Tensor:
    # By differences, not by products: 0 between equal rows.
    return torch.cdist(rows, others, compute_mode="donot_use_mm_for_euclid_dist")


@metric(
    of="sets",
    title="FID",
    question="real",
    group="sets",
    higher_is_better=False,
    digits=1,
    weights=("inception",),
    min_people=2,
)
def fid(outputs: PictureSet, reference: Reference) -> float:
    """The Fréchet distance in Inception's features (Heusel et al. 2017)."""
    if min(len(outputs), len(reference)) < ENOUGH:
        warnings.warn(
            f"FID of {len(outputs)} and {len(reference)} pictures compares with no published one:"
            f" {ENOUGH:,} or more are needed; KID is the fairer of the two here",
            stacklevel=2,
        )
    return frechet_distance(
        outputs.features(inception_features), reference.features(inception_features)
    )


@metric(
    of="sets",
    title="KID",
    question="real",
    group="sets",
    higher_is_better=False,
    digits=4,
    weights=("inception",),
    min_people=2,
)
def kid(outputs: PictureSet, reference: Reference) -> float:
    """The kernel distance in Inception's features (Bińkowski et al. 2018)."""
    return kernel_distance(
        outputs.features(inception_features), reference.features(inception_features)
    )


@metric(
    of="sets",
    title="Fréchet",
    question="real",
    group="features",
    higher_is_better=False,
    digits=2,
    min_people=2,
    missing=efficientnet_problem,
)
def frechet(outputs: PictureSet, reference: Reference) -> float:
    """The Fréchet distance in EfficientNet's features."""
    return frechet_distance(outputs.features(pooled), reference.features(pooled))


@metric(
    of="sets",
    title="Precision",
    question="real",
    group="features",
    higher_is_better=True,
    digits=3,
    min_people=NEIGHBOURS + 1,
    missing=efficientnet_problem,
)
def precision(outputs: PictureSet, reference: Reference) -> float:
    """The share of outputs in the manifold of true pictures, in EfficientNet's features."""
    return manifold_coverage(outputs.features(pooled), reference.features(pooled))


@metric(
    of="sets",
    title="Recall",
    question="real",
    group="features",
    higher_is_better=True,
    digits=3,
    min_people=NEIGHBOURS + 1,
    missing=efficientnet_problem,
)
def recall(outputs: PictureSet, reference: Reference) -> float:
    """The share of true pictures in the manifold of outputs, in EfficientNet's features."""
    return manifold_coverage(reference.features(pooled), outputs.features(pooled))
