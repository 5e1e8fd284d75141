"""Metrics of pairs in pretrained features: LPIPS, DISTS, ArcFace's identity score, and
EfficientNet's features, which nothing is trained against.
"""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from s2f_utils import runtime, weights
from s2f_utils.metrics.registry import Metric, as_batch, exactly, register

FACE_PX = 112  # what ArcFace reads
PSP_CROP = (
    35 / 256,
    32 / 256,
    223 / 256,
    220 / 256,
)  # pSp's crop of FFHQ-aligned faces: top, left, bottom, right
EFFICIENTNET = "efficientnet-lite2"


def network(name: str, device: torch.device) -> nn.Module:
    """A pretrained network of metrics and losses on a device, loaded once and frozen. Raises
    WeightsError.

    "lpips_alex", "lpips_vgg": two batches (N, 3, H, W) in [-1, 1] → (N, 1, 1, 1). "vgg19": a batch
    in [-1, 1] → five tensors of features. "dists": two batches in [0, 1] → (N,). "arcface": faces
    (N, 3, 112, 112) in [-1, 1] → (N, 512). "inception", FID's: (N, 3, 299, 299) in [0, 255] → (N,
    2048). "efficientnet-lite2": a batch in [-1, 1] → features at four strides.
    """
    if name == EFFICIENTNET:
        from s2f_utils.networks.pretrained import shared_features

        return shared_features(name, str(device))
    return _loaded(name, weights.places()).to(device)


@functools.lru_cache(maxsize=6)
def _loaded(name: str, places: tuple[Path, ...]) -> nn.Module:
    from s2f_utils import networks
    from s2f_utils.networks import features

    def state(name: str) -> dict[str, Tensor]:
        return torch.load(weights.get(name), map_location="cpu", weights_only=True)

    if name == "arcface":
        net = networks.build("irse50")
        net.load_state_dict(state("arcface"))
    elif name == "inception":
        net = features.FIDInception()
        net.net.load_state_dict(state("inception"))
    elif name.startswith("lpips"):
        import lpips

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks torchvision in an old way
            net = lpips.LPIPS(
                net=name.removeprefix("lpips_"), pnet_rand=True, verbose=False
            )  # the heads come along
        backbone = state("alexnet" if name == "lpips_alex" else "vgg16")
        keys = net.net.state_dict()  # such as "slice2.3.weight"
        net.net.load_state_dict({key: backbone[f"features.{key.split('.', 1)[1]}"] for key in keys})
    else:
        net = features.DISTS() if name == "dists" else features.VGG19Features()
        loaded = state("vgg16") | state("dists") if name == "dists" else state("vgg19")
        net.load_state_dict({key: loaded[key].detach() for key in net.state_dict()})
    return net.eval().requires_grad_(False)


def answer(name: str, *batches: Tensor, **options: bool) -> Any:
    """The output of a `network` for these batches, on the GPU where there is one, in full float32."""
    device = runtime.pick_device()
    net = network(name, device)
    with exactly():
        return net(*(runtime.to_device(batch, device) for batch in batches), **options)


def distance(name: str, fake: np.ndarray, real: np.ndarray) -> float:
    """The distance of two pictures, uint8 (H, W, 3), by a `network`; 0 for the same picture.

    name: "lpips_alex" or "lpips_vgg" (LPIPS 0.1, R. Zhang et al. 2018), or "dists" (Ding et al.
    2020), in [0, 1].
    """
    options = {} if name == "dists" else {"normalize": True}  # from [0, 1]
    return answer(name, as_batch(fake) / 255.0, as_batch(real) / 255.0, **options).item()


def crop_box(height: int, width: int) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of pSp's crop of an FFHQ-aligned face of this size."""
    return tuple(round(v * s) for v, s in zip(PSP_CROP, (height, width) * 2, strict=True))


def identity(fake: np.ndarray, real: np.ndarray) -> float:
    """The cosine of ArcFace's features (Deng et al. 2019) of two aligned faces, cropped as by pSp's
    loss: [-1, 1].
    """
    features = []
    for picture in (fake, real):
        top, left, bottom, right = crop_box(*picture.shape[:2])
        face = as_batch(picture[top:bottom, left:right], FACE_PX) / 127.5 - 1.0
        features.append(answer("arcface", face).cpu().double())
    return (features[0] * features[1]).sum().item()


def efficientnet(picture: np.ndarray) -> list[Tensor]:
    """EfficientNet-lite2's features of a picture, uint8 (H, W, 3), at 260 px: (1, C, h, w) at
    strides 4, 8, 16, 32.
    """
    from s2f_utils.networks.pretrained import BACKBONES

    return answer(EFFICIENTNET, as_batch(picture, BACKBONES[EFFICIENTNET].size_px) / 127.5 - 1)


def perceptual(fake: np.ndarray, real: np.ndarray) -> float:
    """The L1 distance of EfficientNet-lite2's features of two pictures, weighted as in the loss of
    that name.
    """
    from s2f_utils.networks.pretrained import stride_distance

    return stride_distance(efficientnet(fake), efficientnet(real)).item()


def without_efficientnet(height: int, width: int) -> str:
    """What to install for EfficientNet's features; "" for nothing."""
    try:
        from s2f_utils.networks import pretrained
    except ImportError as error:
        return runtime.what_to_install(error)
    return pretrained.missing(EFFICIENTNET)


_LPIPS = {"question": "real", "package": "lpips"}
register(
    Metric(
        "lpips_alex",
        functools.partial(distance, "lpips_alex"),
        False,
        4,
        "",
        "lpips.LPIPS(net='alex')",
        "LPIPS alex",
        min_side_px=64,
        weights=("alexnet",),
        **_LPIPS,
    ),
    Metric(
        "lpips_vgg",
        functools.partial(distance, "lpips_vgg"),
        False,
        4,
        "",
        "lpips.LPIPS(net='vgg')",
        "LPIPS vgg",
        min_side_px=32,
        weights=("vgg16",),
        **_LPIPS,
    ),
    Metric(
        "dists",
        functools.partial(distance, "dists"),
        False,
        4,
        "",
        "DISTS_pytorch.DISTS",
        question="real",
        min_side_px=32,
        weights=("vgg16", "dists"),
    ),
    Metric(
        "identity",
        identity,
        True,
        3,
        "",
        "the published IR-SE50 network",
        "identity",
        "who",
        best=1.0,
        weights=("arcface",),
    ),
    Metric(
        "perceptual",
        perceptual,
        False,
        3,
        "",
        "timm's features of tf_efficientnet_lite2",
        "Perceptual",
        "real",
        "features",
        missing=without_efficientnet,
    ),
)
