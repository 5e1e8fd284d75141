"""A generator run as its publication runs it."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from s2f_utils.inference.asking import MODES


def paper_copy(net: nn.Module) -> nn.Module:
    """A copy of a network that answers as the published test script does: batch norm takes the statistics of what it is
    given, and dropout is live (Isola et al. 2017, section 6.1.1).

    Raises ValueError for a network that has neither.
    """
    if not any(isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d | nn.Dropout) for module in net.modules()):
        raise ValueError(f"mode paper is for pix2pix: a {net.name or 'network'} has one way to answer")
    twin = copy.deepcopy(net).eval()
    twin.__dict__.pop("forward", None)  # `Precision.prepare`'s, which would run the original
    for module in twin.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = module.running_var = None  # without them, eval mode takes the batch's own
        elif isinstance(module, nn.Dropout):
            module.train()
    return twin


@torch.no_grad()
def generate(net: nn.Module, x: Tensor, mode: str = "deterministic") -> Tensor:
    """Run a generator on images (N, C, H, W) in [-1, 1]; returns (N, 3, H, W) in [-1, 1], the network as it was.

    "deterministic": eval mode, the same answer every time. "paper": as `paper_copy`, image by image, so answers vary.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    if mode == "paper":
        return OneByOne(paper_copy(net))(x)
    if not net.training:
        return net(x)
    net.eval()
    try:
        return net(x)
    finally:
        net.train()


class OneByOne(nn.Module):
    """A network that answers images (N, C, H, W) each in a pass of its own."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.net(one) for one in x.split(1)])
