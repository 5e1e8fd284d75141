"""FID and KID: how far a set of outputs is from a set of true photos, by Inception's features. Sets, not pairs.

Sums are in float64, on the GPU where there is one.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from s2f_utils import runtime, weights
from s2f_utils.metrics.registry import Metric, Pictures, Reference, SetScores, as_batch, exact_device, exactly, register

if TYPE_CHECKING:
    from torch import Tensor, nn

INPUT_PX = 299
BLOCK = 2048  # rows of features
ENOUGH = 2048  # FID is biased by the number of images: below this it compares with no published value


@functools.lru_cache(maxsize=1)
def _net(places: tuple[Path, ...]) -> nn.Module:
    import torch

    from s2f_utils.models.features import FIDInception

    inception = FIDInception()
    state = torch.load(weights.get("inception"), map_location="cpu", weights_only=True)
    inception.net.load_state_dict(state)
    return inception.eval().requires_grad_(False)


def features(pictures: Pictures) -> Tensor:
    """Inception's features: uint8 (N, H, W, 3) → float32 (N, 2048), on the CPU.

    Pictures are resized to 299 px by Pillow's bicubic filter, which does not alias (Parmar, Zhang, Zhu 2022: other
    resizes move FID by 6 and more). Raises WeightsError when the weights are not here.
    """
    import torch

    device = runtime.pick_device()
    net = _net(weights.places()).to(device)
    with exactly():
        return torch.cat([net(runtime.sent(as_batch(_resized(picture)), device)).cpu() for picture in pictures])


def _resized(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((INPUT_PX, INPUT_PX), Image.Resampling.BICUBIC))


def _checked(*sides: np.ndarray | Tensor) -> list[Tensor]:
    import torch

    shapes = [tuple(side.shape) for side in sides]
    if any(len(s) != 2 or s[0] < 2 or s[1] != shapes[0][1] for s in shapes):
        shown = ", ".join(map(str, shapes))
        raise ValueError(f"features must be (N, F) and (M, F) of two pictures or more, got {shown}")
    return [torch.as_tensor(side).to(exact_device(), torch.float64) for side in sides]


def _normal(features: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (F,) of features and the root R of their covariance Σ = RᵀR, (R, F) with R at most F.

    The root is the triangle of a QR decomposition, which has twice the digits that Σ would have.
    """
    import torch

    mean = features.mean(dim=0)
    return mean, torch.linalg.qr(features - mean, mode="r").R / (len(features) - 1) ** 0.5


def frechet_distance(a: np.ndarray | Tensor, b: np.ndarray | Tensor) -> float:
    """The Fréchet distance of two normal distributions with the means and covariances of features (N, F), (M, F).

    |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½), FID's (Heusel et al. 2017). With Σ = RᵀR the eigenvalues of Σ₁Σ₂ are the
    squared singular values of R₁R₂ᵀ, so that the root's trace is their sum: exact, and never complex.
    """
    import torch

    (mean_a, root_a), (mean_b, root_b) = map(_normal, _checked(a, b))
    trace_of_root = torch.linalg.svdvals(root_a @ root_b.T).sum()
    shift = (mean_a - mean_b).square().sum()
    return max(0.0, float(shift + root_a.square().sum() + root_b.square().sum() - 2.0 * trace_of_root))


def kernel_distance(a: np.ndarray | Tensor, b: np.ndarray | Tensor) -> float:
    """The squared maximum mean discrepancy with the kernel (x·y / F + 1)³, unbiased, of features (N, F), (M, F).

    KID over all pictures at once (Bińkowski et al. 2018); its mean does not depend on their number, and it can be
    below 0. Published values are often multiplied by 1000.
    """
    a, b = _checked(a, b)

    def kernel(products: Tensor) -> Tensor:
        return (products / a.shape[1] + 1.0) ** 3

    def mean_of_pairs(x: Tensor) -> float:
        """The kernel's mean over all pairs of two different rows."""
        total = sum(float(kernel(rows @ x.T).sum()) for rows in x.split(BLOCK))
        return (total - float(kernel(x.square().sum(dim=1)).sum())) / (len(x) * (len(x) - 1))

    across = sum(float(kernel(rows @ b.T).sum()) for rows in a.split(BLOCK)) / (len(a) * len(b))
    return mean_of_pairs(a) + mean_of_pairs(b) - 2.0 * across


def _of_sets(reference: Reference, names: Sequence[str]):
    """FID and KID, from the same features."""
    true = features(reference.pictures)
    distances = {"fid": frechet_distance, "kid": kernel_distance}

    def score(made: Pictures) -> SetScores:
        if "fid" in names and min(len(made), len(reference.pictures)) < ENOUGH:
            warnings.warn(
                f"FID of {len(made)} and {len(reference.pictures)} pictures compares with no published one:"
                f" {ENOUGH:,} or more are needed; KID is the fairer of the two here",
                stacklevel=2,
            )
        found = features(made)
        return SetScores(figures={name: distances[name](found, true) for name in names})

    return score


def _missing(height: int, width: int) -> str:
    return weights.problem("inception")


_SHARED = {"question": "real", "group": "sets", "of_sets": _of_sets, "missing": _missing}
register(
    Metric("fid", None, False, 1, "", "pytorch-fid's network; the closed form", title="FID", **_SHARED),
    Metric("kid", None, False, 4, "", "pytorch-fid's network; the closed form", title="KID", **_SHARED),
)
