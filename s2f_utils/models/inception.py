"""The Inception network of FID and KID."""

from __future__ import annotations

import warnings

import torch
from torch import nn


class FIDInception(nn.Module):
    """The Inception that FID was defined with: TensorFlow's of 2015-12-05, as ported by torch-fidelity and pytorch-fid.

    torchvision's network with 1008 classes and piq's blocks, whose pooling leaves the padding out of its means, and the
    last of which takes a maximum. uint8 values in [0, 255] as float (N, 3, 299, 299) → the last pool's features
    (N, 2048).
    """

    def __init__(self) -> None:
        super().__init__()
        from piq.feature_extractors import fid_inception as fid  # its whole network fetches its weights by itself
        from torchvision.models import inception_v3

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the weights come from a file: how they would be drawn does not matter
            self.net = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
        for place, width, pooled in (("b", 192, 32), ("c", 256, 64), ("d", 288, 64)):
            setattr(self.net, f"Mixed_5{place}", fid.FIDInceptionA(width, pool_features=pooled))
        for place, width in (("b", 128), ("c", 160), ("d", 160), ("e", 192)):
            setattr(self.net, f"Mixed_6{place}", fid.FIDInceptionC(768, channels_7x7=width))
        self.net.Mixed_7b, self.net.Mixed_7c = fid.FIDInceptionE1(1280), fid.FIDInceptionE2(2048)

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
