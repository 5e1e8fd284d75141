"""Distances of a set of outputs to a set of true photos, in float64: FID and KID in Inception's
features; in EfficientNet's the Fréchet distance, precision and recall.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from s2f_utils import runtime
from s2f_utils.metrics.perceptual import answer, efficientnet, without_efficientnet
from s2f_utils.metrics.registry import Metric, Pictures, Reference, SetScores, as_batch, register

INCEPTION_PX = 299
BLOCK = 2048  # rows of features, each compared with all
ENOUGH = (
    2048  # FID is biased by the number of images: below this it compares with no published value
)
NEIGHBOURS = 3  # k of Kynkäänniemi et al. 2019


def features(pictures: Pictures) -> Tensor:
    """Inception's features: uint8 (N, H, W, 3) → float32 (N, 2048), on the CPU. Raises WeightsError
    without weights.

    Pictures are resized to 299 px without aliasing (Parmar, Zhang, Zhu 2022: other resizes move FID
    by 6 and more).
    """
    return torch.cat(
        [answer("inception", as_batch(picture, INCEPTION_PX)).cpu() for picture in pictures]
    )


def pooled(pictures: Pictures) -> Tensor:
    """EfficientNet-lite2's features at stride 32, averaged over all places: uint8 (N, H, W, 3) →
    float64 (N, 352).
    """
    return torch.cat(
        [efficientnet(picture)[-1].mean(dim=(2, 3)).double().cpu() for picture in pictures]
    )


def _checked(*sides: np.ndarray | Tensor) -> list[Tensor]:
    if any(side.ndim != 2 or len(side) < 2 or side.shape[1] != sides[0].shape[1] for side in sides):
        shapes = " and ".join(str(tuple(side.shape)) for side in sides)
        raise ValueError(
            f"features must be (N, F) and (M, F) of two pictures or more, got {shapes}"
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
    return max(
        0.0, float(shift + roots[0].square().sum() + roots[1].square().sum() - 2.0 * trace_of_root)
    )


def kernel_distance(a: np.ndarray | Tensor, b: np.ndarray | Tensor) -> float:
    """The unbiased squared maximum mean discrepancy with the kernel (x·y / F + 1)³ of features (N,
    F), (M, F): KID over all pictures at once (Bińkowski et al. 2018). Published values are often
    multiplied by 1000.
    """
    a, b = _checked(a, b)

    def kernel(products: Tensor) -> Tensor:
        return (products / a.shape[1] + 1.0) ** 3

    def total(x: Tensor, y: Tensor) -> float:
        return sum(float(kernel(rows @ y.T).sum()) for rows in x.split(BLOCK))

    def mean_of_pairs(x: Tensor) -> float:
        """The kernel's mean over all pairs of two different rows."""
        return (total(x, x) - float(kernel(x.square().sum(dim=1)).sum())) / (len(x) * (len(x) - 1))

    return mean_of_pairs(a) + mean_of_pairs(b) - 2.0 * total(a, b) / (len(a) * len(b))


def held(some: np.ndarray | Tensor, others: np.ndarray | Tensor) -> float:
    """The share of features (M, F) in the manifold of others (N, F), N > 3 (Kynkäänniemi et al.
    2019, eq. 1 and 2).
    """
    if len(others) <= NEIGHBOURS or not len(some):
        raise ValueError(
            f"one picture, and {NEIGHBOURS + 1} to hold it, are needed, got {len(some)} and {len(others)}"
        )
    some, others = torch.as_tensor(some), torch.as_tensor(others)

    def apart(rows: Tensor) -> Tensor:
        return torch.cdist(
            rows, others, compute_mode="donot_use_mm_for_euclid_dist"
        )  # exact: 0 to itself

    radii = torch.cat(
        [apart(rows).kthvalue(NEIGHBOURS + 1, dim=1).values for rows in others.split(BLOCK)]
    )
    return sum(float((apart(rows) <= radii).any(dim=1).sum()) for rows in some.split(BLOCK)) / len(
        some
    )


def _of_inception(reference: Reference, names: Sequence[str]):
    """FID and KID, from the same features."""
    true = features(reference.pictures)
    distances = {"fid": frechet_distance, "kid": kernel_distance}

    def score(fakes: Pictures) -> SetScores:
        if "fid" in names and min(len(fakes), len(true)) < ENOUGH:
            warnings.warn(
                f"FID of {len(fakes)} and {len(true)} pictures compares with no published one:"
                f" {ENOUGH:,} or more are needed; KID is the fairer of the two here",
                stacklevel=2,
            )
        fake = features(fakes)
        return SetScores(figures={name: distances[name](fake, true) for name in names})

    return score


def _of_efficientnet(reference: Reference, names: Sequence[str]):
    """The Fréchet distance, precision and recall, from the same features."""
    true = pooled(reference.pictures)
    measures = {
        "frechet": frechet_distance,
        "precision": held,
        "recall": lambda fake, true: held(true, fake),
    }

    def score(fakes: Pictures) -> SetScores:
        fake = pooled(fakes)
        return SetScores(figures={name: measures[name](fake, true) for name in names})

    return score


_INCEPTION = {
    "question": "real",
    "group": "sets",
    "of_sets": _of_inception,
    "weights": ("inception",),
    "min_people": 2,
}
_TIMMS = {
    "question": "real",
    "group": "features",
    "of_sets": _of_efficientnet,
    "missing": without_efficientnet,
}
_MANIFOLD = _TIMMS | {"min_people": NEIGHBOURS + 1, "best": 1.0}
register(
    Metric(
        "fid",
        None,
        False,
        1,
        "",
        "pytorch-fid's network; the closed form",
        title="FID",
        **_INCEPTION,
    ),
    Metric(
        "kid",
        None,
        False,
        4,
        "",
        "pytorch-fid's network; the closed form",
        title="KID",
        **_INCEPTION,
    ),
    Metric(
        "frechet",
        None,
        False,
        2,
        "",
        "timm's features; the matrix root",
        title="Fréchet",
        min_people=2,
        **_TIMMS,
    ),
    Metric(
        "precision",
        None,
        True,
        3,
        "",
        "timm's features; sorted distances",
        title="Precision",
        **_MANIFOLD,
    ),
    Metric(
        "recall",
        None,
        True,
        3,
        "",
        "timm's features; sorted distances",
        title="Recall",
        **_MANIFOLD,
    ),
)
