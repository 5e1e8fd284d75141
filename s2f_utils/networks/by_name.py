"""All networks, by name; and which of them a published file holds."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping

from torch import Tensor, nn

from s2f_utils.networks.cgan_net import CGANGenerator, DenseDiscriminator
from s2f_utils.networks.gfpgan import GFPGAN
from s2f_utils.networks.info import UnknownNetworkError
from s2f_utils.networks.irse50 import IRSE50
from s2f_utils.networks.landmark_net import LandmarkNet
from s2f_utils.networks.mobile_stylegan import MobileStyleGAN, PreviewHead
from s2f_utils.networks.network import Network
from s2f_utils.networks.patchgan import PatchGAN
from s2f_utils.networks.projected_disc import ProjectedDiscriminator
from s2f_utils.networks.psp import PSP
from s2f_utils.networks.resnet import ResNet
from s2f_utils.networks.resunet import ResUNet
from s2f_utils.networks.stylegan2_disc import StyleGAN2Discriminator
from s2f_utils.networks.stylegan2_gen import StyleGAN2
from s2f_utils.networks.unet import UNet

NETWORKS: dict[str, type[Network]] = {
    "unet": UNet,
    "resnet": ResNet,
    "cgan": CGANGenerator,
    "resunet": ResUNet,
    "patchgan": PatchGAN,
    "dense": DenseDiscriminator,
    "projected": ProjectedDiscriminator,
    "irse50": IRSE50,
    "stylegan2": StyleGAN2,
    "stylegan2-disc": StyleGAN2Discriminator,
    "mobile-stylegan": MobileStyleGAN,
    "preview-head": PreviewHead,
    "psp": PSP,
    "finder": LandmarkNet,
    "gfpgan": GFPGAN,
}
MAX_CHARS = 300  # of what differs from a network


def build(name: str, **args) -> nn.Module:
    """A new network by its name in `NETWORKS`, with the arguments of its class, as plain values.

    Raises ValueError for a name or an argument that does not exist, listing those that do.
    """
    if name not in NETWORKS:
        raise ValueError(f"there is no network {name!r}: the names are {', '.join(NETWORKS)}")
    known = list(inspect.signature(NETWORKS[name]).parameters)
    unknown = sorted(set(args) - set(known))
    if unknown:
        raise ValueError(
            f"{name} has no argument {', '.join(unknown)}: it takes {', '.join(known)}"
        )
    return NETWORKS[name].build(**args)


def count_parameters(net: nn.Module) -> int:
    """The number of trainable values in a network."""
    return sum(p.numel() for p in net.parameters())


def clean_state_dict(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a state dict, freed of DataParallel's `module.` prefix (a prefix only where
    every key has it), and of the statistics that instance norm kept before PyTorch 0.4: those of a
    layer without a scale.
    """
    tensors = {key: value for key, value in state_dict.items() if isinstance(value, Tensor)}
    if tensors and all(key.startswith("module.") for key in tensors):
        tensors = {key.removeprefix("module."): value for key, value in tensors.items()}

    def is_left_over(key: str) -> bool:
        layer, _, what = key.rpartition(".")
        statistics = ("running_mean", "running_var", "num_batches_tracked")
        return what in statistics and f"{layer}.weight" not in tensors

    return {key: value for key, value in tensors.items() if not is_left_over(key)}


def from_state_dict(state_dict: Mapping[str, Tensor]) -> nn.Module:
    """Recognise a published network by the keys and shapes of its state dict, build it,
    and load it strictly.

    Returns the network on the CPU in eval mode, with `.name` and `.args` saying what it is. Raises
    UnknownNetworkError when nothing fits exactly, with the networks that it is like and the keys
    that differ.
    """
    tensors = clean_state_dict(state_dict)
    if not tensors:
        raise UnknownNetworkError(
            "no tensors in this state dict: pass the network's state_dict(), not the whole file"
        )
    shapes = {key: tuple(value.shape) for key, value in tensors.items()}
    like = []
    for name, network in NETWORKS.items():
        with contextlib.suppress(LookupError, ValueError, ZeroDivisionError):
            try:
                net = build(name, **network.args_from(shapes))
                net.load_state_dict(tensors)
                return net.eval()
            except RuntimeError as error:
                like.append(f"{name}: {' '.join(str(error).split())[:MAX_CHARS]}")
    what = f"its keys are {', '.join(shapes)}"[:MAX_CHARS]
    if like:
        what = f"it is like {' | '.join(like)}"
    raise UnknownNetworkError(
        f"this state dict of {len(tensors)} tensors is none of the generators known here; {what}"
    )
