"""FID and KID: how far a set of outputs is from a set of true photos, by Inception's features. Sets, not pairs.

Features (N, F) come in blocks of rows. Nothing as large as N x N is made, so that 30,000 pictures fit: FID keeps F x F
of them, KID the features themselves in float32. Sums are taken in float64, on the GPU where there is one.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from s2f_utils import runtime, weights
from s2f_utils.metrics.registry import Metric, Pictures, Reference, SetScores, exact_device, exactly, register

if TYPE_CHECKING:
    from torch import Tensor, nn

INPUT_PX = 299
BATCH = 16  # pictures that the network sees at once
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


def features(pictures: Pictures) -> Iterator[Tensor]:
    """Inception's features: uint8 (N, H, W, 3) → blocks of float32 (B, 2048), B at most 2,048, on the CPU.

    Pictures are resized to 299 px by Pillow's bicubic filter, which does not alias (Parmar, Zhang, Zhu 2022: other
    resizes move FID by 6 and more). Raises WeightsError when the weights are not here.
    """
    import torch

    device = runtime.pick_device()
    net, rows = _net(weights.places()).to(device), []
    for start in range(0, len(pictures), BATCH):
        batch = np.stack([_resized(picture) for picture in pictures[start : start + BATCH]])
        with exactly():
            rows.append(net(runtime.sent(torch.from_numpy(batch), device).permute(0, 3, 1, 2).float()).cpu())
        if len(rows) * BATCH >= BLOCK or start + BATCH >= len(pictures):
            yield torch.cat(rows)
            rows = []


def _resized(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((INPUT_PX, INPUT_PX), Image.Resampling.BICUBIC))


class Normal:
    """The normal distribution of features that come block by block: their number, mean (F,) and covariance.

    The covariance is kept as its root (R, F), R at most F, with rootᵀ root = (num − 1) Σ: the triangle of a QR
    decomposition, which has twice the digits that Σ would have.
    """

    def __init__(self, blocks: Iterable[Tensor]) -> None:
        self.num = 0
        for block in blocks:
            self._add(block)

    def _add(self, block: Tensor) -> None:
        """Take in features (B, F), by Chan, Golub and LeVeque's update of sums of squares (1979)."""
        import torch

        block = block.to(exact_device(), torch.float64)
        num, mean = len(block), block.mean(dim=0)
        rows = block - mean
        if self.num:
            total, shift = self.num + num, mean - self.mean
            rows = torch.cat([self.root, rows, (self.num * num / total) ** 0.5 * shift[None]])
            num, mean = total, self.mean + shift * (num / total)
        self.num, self.mean, self.root = num, mean, torch.linalg.qr(rows, mode="r").R

    def distance(self, other: Normal) -> float:
        """The Fréchet distance: |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½), FID's (Heusel et al. 2017).

        With Σ = RᵀR the eigenvalues of Σ₁Σ₂ are the squared singular values of R₁R₂ᵀ, so that the root's trace is
        their sum: of a matrix of F x F at most, exact, and never complex. Raises ValueError for sets of one picture.
        """
        import torch

        if min(self.num, other.num) < 2:
            raise ValueError(f"a set needs two pictures or more, got {self.num} and {other.num}")
        one, two = (normal.root / (normal.num - 1) ** 0.5 for normal in (self, other))
        trace_of_root = torch.linalg.svdvals(one @ two.T).sum()
        shift = (self.mean - other.mean).square().sum()
        return max(0.0, float(shift + one.square().sum() + two.square().sum() - 2.0 * trace_of_root))


def _checked(*sides: np.ndarray | Tensor) -> Iterator[Tensor]:
    import torch

    shapes = [tuple(side.shape) for side in sides]
    if any(len(s) != 2 or s[0] < 2 or s[1] != shapes[0][1] for s in shapes):
        shown = ", ".join(map(str, shapes))
        raise ValueError(f"features must be (N, F) and (M, F) of two pictures or more, got {shown}")
    return (torch.from_numpy(np.ascontiguousarray(side)) for side in sides)


def frechet_distance(a: np.ndarray | Tensor, b: np.ndarray | Tensor) -> float:
    """The Fréchet distance of two normal distributions with the means and covariances of features (N, F), (M, F)."""
    a, b = _checked(a, b)
    return Normal(a.split(BLOCK)).distance(Normal(b.split(BLOCK)))


def kernel_distance(a: np.ndarray | Tensor, b: np.ndarray | Tensor) -> float:
    """The squared maximum mean discrepancy with the kernel (x·y / F + 1)³, unbiased, of features (N, F), (M, F).

    KID over all pictures at once (Bińkowski et al. 2018); its mean does not depend on their number, and it can be
    below 0. Published values are often multiplied by 1000.
    """
    a, b = _checked(a, b)
    across = sum(float(_kernel(x, y).sum()) for x in a.split(BLOCK) for y in b.split(BLOCK))
    return _mean_kernel(a) + _mean_kernel(b) - 2.0 * across / (len(a) * len(b))


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    """Features (A, F), (B, F) → (A, B)."""
    import torch

    x, y = (side.to(exact_device(), torch.float64) for side in (x, y))
    return (x @ y.T / x.shape[1] + 1.0) ** 3


def _mean_kernel(features: Tensor) -> float:
    """The kernel's mean over all pairs of two different rows."""
    blocks, total = features.split(BLOCK), 0.0
    for place, block in enumerate(blocks):
        within = _kernel(block, block)
        total += float(within.sum() - within.trace())
        total += 2.0 * sum(float(_kernel(block, other).sum()) for other in blocks[place + 1 :])
    return total / (len(features) * (len(features) - 1))


def _of_sets(reference: Reference, names: Sequence[str]):
    """FID, which needs no more than a normal distribution of each set, and KID, which needs the features."""
    import torch

    def prepared(pictures: Pictures) -> tuple[Normal | None, Tensor | None]:
        if "kid" not in names:
            return Normal(features(pictures)), None
        found = torch.cat(list(features(pictures)))
        return Normal(found.split(BLOCK)) if "fid" in names else None, found

    true_normal, true = prepared(reference.pictures)

    def score(made: Pictures) -> SetScores:
        if "fid" in names and min(len(made), len(reference.pictures)) < ENOUGH:
            warnings.warn(
                f"FID of {len(made)} and {len(reference.pictures)} pictures compares with no published one:"
                f" {ENOUGH:,} or more are needed; KID is the fairer of the two here",
                stacklevel=2,
            )
        normal, found = prepared(made)
        numbers = {"fid": lambda: normal.distance(true_normal), "kid": lambda: kernel_distance(found, true)}
        return SetScores(figures={name: numbers[name]() for name in names})

    return score


def _missing(height: int, width: int) -> str:
    return weights.problem("inception")


_SHARED = {"question": "real", "group": "sets", "of_sets": _of_sets, "missing": _missing}
register(
    Metric("fid", None, False, 1, "", "pytorch-fid's network; the closed form", title="FID", **_SHARED),
    Metric("kid", None, False, 4, "", "pytorch-fid's network; the closed form", title="KID", **_SHARED),
)
