"""Metrics of pairs in pretrained features: LPIPS, DISTS, ArcFace's identity score, and
EfficientNet's features, which nothing is trained against.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from s2f_utils import runtime, weights
from s2f_utils.metrics.registry import Pictures, as_batch, full_float32, metric

FACE_PX = 112  # ArcFace's input
# pSp's crop of FFHQ-aligned faces: top, left, bottom, right, as shares of the sides.
PSP_CROP = (35 / 256, 32 / 256, 223 / 256, 220 / 256)
BATCH = 32  # pictures whose features are computed at once
EFFICIENTNET = "efficientnet-lite2"


def network(name: str, device: torch.device) -> nn.Module:
    """A pretrained network of metrics and losses on a device, loaded once and frozen.

    Raises WeightsError.

    "lpips_alex", "lpips_vgg": two batches (N, 3, H, W) in [-1, 1] → (N, 1, 1, 1). "vgg19": a batch
    in [-1, 1] → five tensors of features. "dists": two batches in [0, 1] → (N,). "arcface": faces
    (N, 3, 112, 112) in [-1, 1] → (N, 512). "inception", FID's: (N, 3, 299, 299) in [0, 255] → (N,
    2048). "efficientnet-lite2": a batch in [-1, 1] → features at four strides.
    """
    if name == EFFICIENTNET:
        from s2f_utils.networks.pretrained import shared_features

        return shared_features(name, runtime.full_name(device))
    return _loaded(name, runtime.full_name(device), weights.places())


@functools.lru_cache(maxsize=6)
def _loaded(name: str, device: str, places: tuple[Path, ...]) -> nn.Module:
    """One copy for each device: a shared network that moved would fail in another thread."""
    # The weights that are drawn before the published ones are loaded must not move the generator of
    # a training: a resumed one loads its networks at another time.
    with torch.random.fork_rng(devices=[]):
        net = _published(name)
    return net.eval().requires_grad_(False).to(device)


def _published(name: str) -> nn.Module:
    """A network of `network` with its published weights, on the CPU."""
    from s2f_utils import networks
    from s2f_utils.networks import features

    if name == "arcface":
        net = networks.build("irse50")
        net.load_state_dict(_state("arcface"))
    elif name == "inception":
        net = features.FIDInception()
        net.net.load_state_dict(_state("inception"))
    elif name == "lpips_alex":
        net = _lpips("alex", _state("alexnet"))
    elif name == "lpips_vgg":
        net = _lpips("vgg", _state("vgg16"))
    elif name == "dists":
        net = _filled(features.DISTS(), _state("vgg16") | _state("dists"))
    else:
        net = _filled(features.VGG19Features(), _state("vgg19"))
    return net


def _state(name: str) -> dict[str, Tensor]:
    return torch.load(weights.get(name), map_location="cpu", weights_only=True)


def _filled(net: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    """The network with the part of a state that it has."""
    net.load_state_dict({key: state[key].detach() for key in net.state_dict()})
    return net


def _lpips(backbone: str, state: dict[str, Tensor]) -> nn.Module:
    """The authors' network and heads, with a backbone's weights from torchvision's file."""
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses a deprecated argument of torchvision
        net = lpips.LPIPS(net=backbone, pnet_rand=True, verbose=False)
    renamed = {}
    for key in net.net.state_dict():
        layer = key.split(".", 1)[1]  # "slice2.3.weight" → "3.weight"
        renamed[key] = state[f"features.{layer}"]
    net.net.load_state_dict(renamed)
    return net


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


def crop_box(height: int, width: int) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of pSp's crop of an FFHQ-aligned face of this size."""
    top, left, bottom, right = PSP_CROP
    return round(top * height), round(left * width), round(bottom * height), round(right * width)


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
