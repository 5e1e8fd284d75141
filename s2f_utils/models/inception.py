"""The Inception network of FID and KID."""

from __future__ import annotations

import functools
import warnings

import torch
from torch import nn


class FIDInception(nn.Module):
    """The Inception that FID was defined with: TensorFlow's of 2015-12-05, as ported by torch-fidelity and pytorch-fid.

    torchvision's network with 1008 classes, whose pooling leaves the padding out of its means, and whose last block
    takes a maximum. uint8 values in [0, 255] as float (N, 3, 299, 299) → the last pool's features (N, 2048).
    """

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import inception_v3

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the weights come from a file: how they would be drawn does not matter
            self.net = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
        for name, module in self.net.named_children():
            if name.startswith("Mixed_"):
                kind = "last" if name == "Mixed_7c" else type(module).__name__
                if kind in _BLOCKS:
                    module._forward = functools.partial(_BLOCKS[kind], module)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (x - 128.0) / 128.0
        net = self.net
        for name in ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"):
            x = getattr(net, name)(x)
        x = net.Conv2d_4a_3x3(net.Conv2d_3b_1x1(nn.functional.max_pool2d(x, 3, 2)))
        x = nn.functional.max_pool2d(x, 3, 2)
        for name, block in net.named_children():
            if name.startswith("Mixed_"):
                x = block(x)
        return x.mean((2, 3))


def _mean_pool(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def _max_pool(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.max_pool2d(x, 3, 1, 1)


def _block_a(module, x: torch.Tensor) -> list[torch.Tensor]:
    small = module.branch5x5_2(module.branch5x5_1(x))
    double = module.branch3x3dbl_3(module.branch3x3dbl_2(module.branch3x3dbl_1(x)))
    return [module.branch1x1(x), small, double, module.branch_pool(_mean_pool(x))]


def _block_c(module, x: torch.Tensor) -> list[torch.Tensor]:
    seven = module.branch7x7_3(module.branch7x7_2(module.branch7x7_1(x)))
    double = x
    for number in range(1, 6):
        double = getattr(module, f"branch7x7dbl_{number}")(double)
    return [module.branch1x1(x), seven, double, module.branch_pool(_mean_pool(x))]


def _block_e(module, x: torch.Tensor, pool=_mean_pool) -> list[torch.Tensor]:
    three = module.branch3x3_1(x)
    double = module.branch3x3dbl_2(module.branch3x3dbl_1(x))
    return [
        module.branch1x1(x),
        torch.cat([module.branch3x3_2a(three), module.branch3x3_2b(three)], 1),
        torch.cat([module.branch3x3dbl_3a(double), module.branch3x3dbl_3b(double)], 1),
        module.branch_pool(pool(x)),
    ]


_BLOCKS = {
    "InceptionA": _block_a,
    "InceptionC": _block_c,
    "InceptionE": _block_e,
    "last": functools.partial(_block_e, pool=_max_pool),
}
