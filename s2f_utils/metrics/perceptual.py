"""Metrics of pairs in pretrained features: LPIPS, DISTS, ArcFace's identity score, and
EfficientNet's features, which nothing is trained against.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s2f_utils import runtime
from s2f_utils.metrics.registry import Pictures, as_batch, full_float32, metric
from s2f_utils.networks.published import EFFICIENTNET, crop_box, network

FACE_PX = 112  # ArcFace's input
BATCH = 32  # pictures whose features are computed at once


def answer(name: str, *batches: Tensor, **options: bool) -> Any:
    """The output of a `network` for these batches, in full float32, on the GPU if there is one."""
    device = runtime.pick_device()
    net = network(name, device)
    with full_float32():
        return net(*(runtime.to_device(batch, device) for batch in batches), **options)


@metric(
    title="LPIPS alex",
    question="real",
    higher_is_better=False,
    digits=4,
    min_side_px=64,
    package="lpips",
    weights=("alexnet",),
)
def lpips_alex(fake: np.ndarray, real: np.ndarray) -> float:
    """LPIPS 0.1 in AlexNet's features (R. Zhang et al. 2018), in [0, 1]; 0 for the same picture."""
    return _distance("lpips_alex", fake, real, normalize=True)


@metric(
    title="LPIPS vgg",
    question="real",
    higher_is_better=False,
    digits=4,
    min_side_px=32,
    package="lpips",
    weights=("vgg16",),
)
def lpips_vgg(fake: np.ndarray, real: np.ndarray) -> float:
    """LPIPS 0.1 in VGG16's features (R. Zhang et al. 2018), in [0, 1]; 0 for the same picture."""
    return _distance("lpips_vgg", fake, real, normalize=True)


@metric(
    question="real", higher_is_better=False, digits=4, min_side_px=32, weights=("vgg16", "dists")
)
def dists(fake: np.ndarray, real: np.ndarray) -> float:
    """Structure and texture distance in VGG16's features (Ding et al. 2020), in [0, 1]."""
    return _distance("dists", fake, real)


def _distance(name: str, fake: np.ndarray, real: np.ndarray, **options: bool) -> float:
    """By a `network` of two pictures in [0, 1]; LPIPS shifts them itself with `normalize`."""
    return answer(name, as_batch([fake]) / 255.0, as_batch([real]) / 255.0, **options).item()


@metric(title="identity", question="who", higher_is_better=True, digits=3, weights=("arcface",))
def identity(fake: np.ndarray, real: np.ndarray) -> float:
    """The cosine of ArcFace's features (Deng et al. 2019) of two aligned faces, cropped as by pSp's
    loss: [-1, 1].
    """
    features = []
    for picture in (fake, real):
        top, left, bottom, right = crop_box(*picture.shape[:2])
        face = as_batch([picture[top:bottom, left:right]], FACE_PX) / 127.5 - 1.0
        features.append(answer("arcface", face).cpu().double())
    return (features[0] * features[1]).sum().item()


def efficientnet(pictures: Pictures) -> list[Tensor]:
    """EfficientNet-lite2's features of pictures, uint8 (H, W, 3), at 260 px: (N, C, h, w) at
    strides 4, 8, 16, 32.
    """
    from s2f_utils.networks.pretrained import BACKBONES

    return answer(EFFICIENTNET, as_batch(pictures, BACKBONES[EFFICIENTNET].size_px) / 127.5 - 1)


def in_batches(extract: Callable[[Pictures], Tensor], pictures: Pictures) -> Tensor:
    """The features of `extract` of all pictures, `BATCH` at once: (N, F), on the CPU."""
    starts = range(0, len(pictures), BATCH)
    return torch.cat([extract(pictures[start : start + BATCH]).cpu() for start in starts])


def efficientnet_problem() -> str:
    """What to install for EfficientNet's features; "" for nothing."""
    try:
        from s2f_utils.networks import pretrained
    except ImportError as error:
        return runtime.what_to_install(error)
    return pretrained.missing(EFFICIENTNET)


@metric(
    title="Perceptual",
    question="real",
    group="features",
    higher_is_better=False,
    digits=3,
    missing=efficientnet_problem,
)
def perceptual(fake: np.ndarray, real: np.ndarray) -> float:
    """The L1 distance of EfficientNet-lite2's features of two pictures,
    weighted as in the loss of that name.
    """
    from s2f_utils.networks.pretrained import stride_distance

    return stride_distance(efficientnet([fake]), efficientnet([real])).item()
