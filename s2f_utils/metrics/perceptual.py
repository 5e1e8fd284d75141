"""LPIPS and DISTS: distances between what image networks make of two pictures. Their weights are found or fetched."""

from __future__ import annotations

import functools
import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from s2f_utils import runtime, weights
from s2f_utils.metrics.registry import Metric, as_batch, at_least, exactly, register

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from s2f_utils.models.features import DISTS

BACKBONES = {"alex": "alexnet", "vgg": "vgg16"}


def _load(name: str) -> dict[str, Tensor]:
    import torch

    return torch.load(weights.get(name), map_location="cpu", weights_only=True)


@functools.lru_cache(maxsize=4)
def _lpips_net(net: str, places: tuple[Path, ...]) -> nn.Module:
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks torchvision in an old way
        model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)  # the heads are in the package
    own = _load(BACKBONES[net])
    slices = {key: own[f"features.{key.split('.', 1)[1]}"] for key in model.net.state_dict()}  # "slice2.3.weight"
    model.net.load_state_dict(slices)
    return model.eval()


def lpips_net(net: str, device: torch.device) -> nn.Module:
    """LPIPS as a loss: two batches (N, 3, H, W) in [-1, 1] → (N, 1, 1, 1); net: "alex" or "vgg".

    Raises WeightsError where its weights are neither here nor to be had.
    """
    return _lpips_net(net, weights.places()).requires_grad_(False).to(device)


def lpips_distance(net: str, fake: np.ndarray, real: np.ndarray) -> float:
    """LPIPS 0.1 of two pictures, uint8 (H, W, 3); 0 is the same picture (R. Zhang et al. 2018).

    net: "alex", the one for judging, or "vgg", the one that networks are trained with.
    """
    device = runtime.pick_device()
    model = _lpips_net(net, weights.places()).to(device)
    with exactly():
        pair = (runtime.sent(as_batch(picture) / 255.0, device) for picture in (fake, real))
        return model(*pair, normalize=True).item()


@functools.lru_cache(maxsize=2)
def _vgg19_net(places: tuple[Path, ...]) -> nn.Module:
    from s2f_utils.models.features import VGG19Features

    net, own = VGG19Features(), _load("vgg19")
    net.load_state_dict({key: own[key] for key in net.state_dict()})
    return net.eval()


def vgg19(device: torch.device) -> nn.Module:
    """VGG-19's features, for a loss: (N, 3, H, W) in [-1, 1] → five tensors.

    Raises WeightsError where its weights are neither here nor to be had.
    """
    return _vgg19_net(weights.places()).requires_grad_(False).to(device)


@functools.lru_cache(maxsize=2)
def _dists_net(places: tuple[Path, ...]) -> DISTS:
    from s2f_utils.models.features import DISTS

    net, own = DISTS(), _load("dists")
    vgg = {key: value for key, value in _load("vgg16").items() if key in net.state_dict()}
    net.load_state_dict({**vgg, **{key: own[key].detach() for key in ("alpha", "beta")}})
    return net.eval()


def dists(fake: np.ndarray, real: np.ndarray) -> float:
    """DISTS, which forgives texture that lies elsewhere (Ding et al. 2020), of two pictures, uint8 (H, W, 3), in
    [0, 1]; 0 is the same picture.
    """
    device = runtime.pick_device()
    net = _dists_net(weights.places()).to(device)
    with exactly():
        return net(*(runtime.sent(as_batch(picture) / 255.0, device) for picture in (fake, real))).item()


def _needs(*names: str, side_px: int, package: str = ""):
    def missing(height: int, width: int) -> str:
        if package and importlib.util.find_spec(package) is None:
            return f"needs a further package: pip install {package}"
        return at_least(side_px)(height, width) or weights.problem(*names)

    return missing


register(
    Metric(
        "lpips_alex", functools.partial(lpips_distance, "alex"), False, 4, "", "lpips.LPIPS(net='alex')",
        title="LPIPS alex", question="real", missing=_needs("alexnet", side_px=64, package="lpips"),
    ),
    Metric(
        "lpips_vgg", functools.partial(lpips_distance, "vgg"), False, 4, "", "lpips.LPIPS(net='vgg')",
        title="LPIPS vgg", question="real", missing=_needs("vgg16", side_px=32, package="lpips"),
    ),
    Metric(
        "dists", dists, False, 4, "", "DISTS_pytorch.DISTS", question="real",
        missing=_needs("vgg16", "dists", side_px=32),
    ),
)  # fmt: skip
