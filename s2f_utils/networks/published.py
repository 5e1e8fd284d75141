"""Published networks that losses and scores look through, each loaded once for a device."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from s2f_utils import runtime, weights

# pSp's crop of FFHQ-aligned faces: top, left, bottom, right, as shares of the sides.
PSP_CROP = (35 / 256, 32 / 256, 223 / 256, 220 / 256)
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


def crop_box(height: int, width: int) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of pSp's crop of an FFHQ-aligned face of this size."""
    top, left, bottom, right = PSP_CROP
    return round(top * height), round(left * width), round(bottom * height), round(right * width)
