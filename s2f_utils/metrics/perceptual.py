"""LPIPS and DISTS: distances between what image networks make of two pictures. Their weights are found or fetched."""

from __future__ import annotations

import functools
import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from s2f_utils import runtime, weights
from s2f_utils.metrics.registry import Metric, at_least, exactly, in_batches, register, stacked

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


def lpips_distance(net: str, fakes: np.ndarray, reals: np.ndarray) -> np.ndarray:
    """LPIPS 0.1, uint8 (N, H, W, 3) twice → float64 (N,); 0 is the same picture (R. Zhang et al. 2018).

    net: "alex", the one for judging, or "vgg", the one that networks are trained with.
    """
    device = runtime.pick_device()
    model = _lpips_net(net, weights.places()).to(device)
    with exactly():
        pairs = (runtime.sent(stacked(side) / 255.0, device) for side in (fakes, reals))
        return model(*pairs, normalize=True).flatten().cpu().double().numpy()


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


def dists(fakes: np.ndarray, reals: np.ndarray) -> np.ndarray:
    """DISTS, which forgives texture that lies elsewhere (Ding et al. 2020): uint8 (N, H, W, 3) twice → float64 (N,) in
    [0, 1]; 0 is the same picture.
    """
    device = runtime.pick_device()
    net = _dists_net(weights.places()).to(device)
    with exactly():
        return net(*(runtime.sent(stacked(side) / 255.0, device) for side in (fakes, reals))).cpu().double().numpy()


def _needs(*names: str, side_px: int, package: str = ""):
    def missing(height: int, width: int) -> str:
        if package and importlib.util.find_spec(package) is None:
            return f"needs a further package: pip install {package}"
        return at_least(side_px)(height, width) or weights.problem(*names)

    return missing


register(
    Metric(
        "lpips_alex", None, False, 4, "", "lpips.LPIPS(net='alex')", title="LPIPS alex", question="real",
        of_pairs=in_batches(functools.partial(lpips_distance, "alex")),
        missing=_needs("alexnet", side_px=64, package="lpips"),
    ),
    Metric(
        "lpips_vgg", None, False, 4, "", "lpips.LPIPS(net='vgg')", title="LPIPS vgg", question="real",
        of_pairs=in_batches(functools.partial(lpips_distance, "vgg")),
        missing=_needs("vgg16", side_px=32, package="lpips"),
    ),
    Metric(
        "dists", None, False, 4, "", "DISTS_pytorch.DISTS", question="real", of_pairs=in_batches(dists),
        missing=_needs("vgg16", "dists", side_px=32),
    ),
)  # fmt: skip
