"""FID and KID: how far a set of outputs is from a set of true photos, by Inception's features. Sets, not pairs."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from s2f_utils import weights
from s2f_utils.metrics.registry import Pictures

if TYPE_CHECKING:
    from torch import nn

INPUT_PX = 299
ENOUGH = 2048  # FID is biased by the number of images: below this it compares with no published value


@functools.lru_cache(maxsize=1)
def _net(places: tuple[Path, ...]) -> nn.Module:
    import torch

    from s2f_utils.models.inception import FIDInception

    inception = FIDInception()
    state = torch.load(weights.get("inception"), map_location="cpu", weights_only=True)
    inception.net.load_state_dict(state)
    return inception.eval().requires_grad_(False)


def missing() -> str:
    """Why FID and KID cannot be measured here; "" when they can."""
    return weights.problem("inception")


def features(pictures: Pictures) -> np.ndarray:
    """Inception's features: uint8 (N, H, W, 3) → float64 (N, 2048).

    Pictures are resized to 299 px by Pillow's bicubic filter, which does not alias (Parmar, Zhang, Zhu 2022: other
    resizes move FID by 6 and more). Raises WeightsError when the weights are not here.
    """
    import torch

    net, rows = _net(weights.places()), []
    for start in range(0, len(pictures), 16):
        batch = [np.asarray(_resized(picture)) for picture in pictures[start : start + 16]]
        with torch.inference_mode():
            rows.append(net(torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float()).double().numpy())
    return np.concatenate(rows)


def _resized(picture: np.ndarray) -> Image.Image:
    return Image.fromarray(picture).resize((INPUT_PX, INPUT_PX), Image.Resampling.BICUBIC)


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The Fréchet distance of two normal distributions with the means and covariances of features (N, F), (M, F).

    |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½), FID's (Heusel et al. 2017). The root's trace is the sum of the singular
    values of A Bᵀ, with A and B the centred features over √(N − 1): exact, and never complex.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"features must be (N, F) and (M, F) of two pictures or more, got {a.shape} and {b.shape}")
    shift = a.mean(axis=0) - b.mean(axis=0)
    a, b = ((x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (a, b))
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(max(0.0, shift @ shift + (a**2).sum() + (b**2).sum() - 2 * root))


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The squared maximum mean discrepancy with the kernel (x·y / F + 1)³, unbiased, of features (N, F), (M, F).

    KID over all pictures at once (Bińkowski et al. 2018); its mean does not depend on their number, and it can be
    below 0. Published values are often multiplied by 1000.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"features must be (N, F) and (M, F) of two pictures or more, got {a.shape} and {b.shape}")
    aa, bb, ab = (((x @ y.T) / a.shape[1] + 1.0) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    own = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (aa, bb)]
    return float(own[0] + own[1] - 2.0 * ab.mean())


def compare(made: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """{"fid", "kid"} of `features` (N, 2048) and (M, 2048); a warning below 2,048 pictures, when no published FID
    compares.
    """
    if min(len(made), len(true)) < ENOUGH:
        warnings.warn(
            f"FID of {len(made)} and {len(true)} pictures compares with no published one: {ENOUGH:,} or more are"
            " needed; KID is the fairer of the two here",
            stacklevel=2,
        )
    return {"fid": frechet_distance(made, true), "kid": kernel_distance(made, true)}


def fid_kid(fakes: Pictures, reals: Pictures) -> dict[str, float]:
    """{"fid", "kid"} of outputs against true photos, uint8 (N, H, W, 3) and (M, H, W, 3); as `compare`."""
    return compare(features(fakes), features(reals))
