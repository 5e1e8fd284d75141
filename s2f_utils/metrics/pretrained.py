"""Metrics in the features of EfficientNet-lite2, which nothing is trained against: how far pairs are apart, how far a
set of outputs is from a set of true photos, and how much of each set the other holds.

Pictures are seen at 260 px, the network's own size. Its weights come as a package: nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from s2f_utils import runtime
from s2f_utils.metrics.distribution import frechet_distance
from s2f_utils.metrics.registry import Metric, Pictures, Reference, SetScores, as_batch, exactly, register

if TYPE_CHECKING:
    from torch import Tensor

FEATURES = "efficientnet-lite2"
BLOCK = 256  # rows of features, each compared with all
NEIGHBOURS = 3  # k of Kynkäänniemi et al. 2019


def _features(picture: np.ndarray) -> list[Tensor]:
    """uint8 (H, W, 3), at 260 px by Pillow's bicubic filter → the features at four strides, (1, C, h, w) each."""
    from s2f_utils.models.pretrained import BACKBONES, shared_features

    device, side = runtime.pick_device(), BACKBONES[FEATURES].size_px
    net = shared_features(FEATURES, str(device))
    resized = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))
    with exactly():
        return net(runtime.sent(as_batch(resized) / 127.5 - 1, device))


def pooled(pictures: Pictures) -> np.ndarray:
    """The averages over all places of the features at stride 32: uint8 (H, W, 3) each, N of them → float64 (N, 352)."""
    rows = [_features(picture)[-1].mean(dim=(2, 3)) for picture in pictures]
    return np.concatenate([row.double().cpu().numpy() for row in rows])


def perceptual(fake: np.ndarray, real: np.ndarray) -> float:
    """The L1 distance of the features of two pictures, uint8 (H, W, 3), its strides weighted as in the loss of that
    name; 0 is the same picture.
    """
    from s2f_utils.models.pretrained import stride_distance

    return stride_distance(_features(fake), _features(real)).item()


def held(some: np.ndarray, others: np.ndarray) -> float:
    """The share of features (M, F) that lie in the manifold of others (N, F), N > 3: within the distance of one of them
    to its third nearest neighbour among them (Kynkäänniemi et al. 2019, eq. 1 and 2).
    """
    import torch

    if len(others) <= NEIGHBOURS or not len(some):
        raise ValueError(f"one picture, and {NEIGHBOURS + 1} to hold it, are needed, got {len(some)} and {len(others)}")
    some, others = torch.from_numpy(some), torch.from_numpy(others)
    radii = torch.cat([_apart(block, others).kthvalue(NEIGHBOURS + 1, dim=1).values for block in others.split(BLOCK)])
    return sum(float((_apart(block, others) <= radii).any(dim=1).sum()) for block in some.split(BLOCK)) / len(some)


def _apart(some: Tensor, others: Tensor) -> Tensor:
    """The distance of each to each, exact: 0 to itself. (A, F), (B, F) → (A, B)."""
    import torch

    return torch.cdist(some, others, compute_mode="donot_use_mm_for_euclid_dist")


def _of_sets(reference: Reference, names: Sequence[str]):
    """The true photos' features, found once."""
    true = pooled(reference.pictures)

    def score(pictures: Pictures) -> SetScores:
        made = pooled(pictures)
        numbers = {
            "frechet": lambda: frechet_distance(made, true),
            "precision": lambda: held(made, true),
            "recall": lambda: held(true, made),
        }
        return SetScores(figures={name: numbers[name]() for name in names})

    return score


def _missing(height: int, width: int) -> str:
    try:
        from s2f_utils.models import pretrained
    except ImportError as error:
        return runtime.what_to_install(error)
    return pretrained.missing(FEATURES)


_SETS = {"question": "real", "group": "features", "of_sets": _of_sets, "missing": _missing}
_NEIGHBOURS = _SETS | {"min_people": NEIGHBOURS + 1, "best": 1.0}
register(
    Metric(
        "perceptual", perceptual, False, 3, "", "timm's features of tf_efficientnet_lite2", title="Perceptual",
        question="real", group="features", missing=_missing,
    ),
    Metric("frechet", None, False, 2, "", "timm's features; the matrix root", title="Fréchet", min_people=2, **_SETS),
    Metric("precision", None, True, 3, "", "timm's features; sorted distances", title="Precision", **_NEIGHBOURS),
    Metric("recall", None, True, 3, "", "timm's features; sorted distances", title="Recall", **_NEIGHBOURS),
)  # fmt: skip
