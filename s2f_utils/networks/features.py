"""Networks that losses and scores look through: VGG-19's features, DISTS, and the Inception of FID
and KID.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn


def _know_imagenet(net: nn.Module) -> None:
    """Give a network the mean and the deviation of ImageNet's pictures, (1, 3, 1, 1)."""
    net.register_buffer(
        "mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False
    )
    net.register_buffer(
        "std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False
    )


class VGG19Features(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] → what conv1_2, conv2_2, conv3_4, conv4_4 and conv5_4
    answer, before the ReLU: (N, 64 to 512, H/1 to H/16, W/1 to W/16).

    The keys are those of torchvision's VGG-19 ("features.0.weight"). Source: Simonyan and Zisserman
    2015; the layers are those of GFPGAN's perceptual loss.
    """

    LAYERS = (2, 7, 16, 25, 34)

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import vgg19

        self.features = vgg19(weights=None).features[: self.LAYERS[-1] + 1].requires_grad_(False)
        for module in self.features:
            if isinstance(module, nn.ReLU):
                module.inplace = False  # what is answered is from before it
        _know_imagenet(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        x, found = (0.5 + 0.5 * x - self.mean) / self.std, []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.LAYERS:
                found.append(x)
        return found


class DISTS(nn.Module):
    """Structure and texture similarity of VGG features, as a distance
    (Ding, Ma, Wang, Simoncelli 2020).

    The keys are those of torchvision's VGG-16 ("features.0.weight") and of the published weights of
    texture ("alpha") and structure ("beta"), (1, 1475, 1, 1). Max pooling is replaced by L2 pooling
    under a Hann window, as published.
    """

    stages = ((0, 4), (5, 9), (10, 16), (17, 23), (24, 30))  # between them is the pooling
    channels = (3, 64, 128, 256, 512, 512)

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import vgg16

        self.features = vgg16(weights=None).features[: self.stages[-1][1]].requires_grad_(False)
        for name in ("alpha", "beta"):
            self.register_buffer(name, torch.full((1, sum(self.channels), 1, 1), 0.1))
        _know_imagenet(self)
        hann = torch.hann_window(5, periodic=False)[1:-1]
        kernel = torch.outer(hann, hann)
        self.register_buffer("kernel", (kernel / kernel.sum()).view(1, 1, 3, 3), persistent=False)

    def _maps(self, x: Tensor) -> list[Tensor]:
        maps, h = [x], (x - self.mean) / self.std
        for start, end in self.stages:
            if start:
                kernel, groups = self.kernel.expand(h.shape[1], 1, 3, 3), h.shape[1]
                h = (
                    nn.functional.conv2d(h.square(), kernel, stride=2, padding=1, groups=groups)
                    + 1e-12
                ).sqrt()
            h = self.features[start:end](h)
            maps.append(h)
        return maps

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] twice → (N,) in [0, 1]; 0 is the same picture."""
        total = torch.zeros(len(fake), device=fake.device)
        weight = self.alpha.sum() + self.beta.sum()
        alphas, betas = (
            (part / weight).split(self.channels, dim=1) for part in (self.alpha, self.beta)
        )
        for x, y, alpha, beta in zip(
            self._maps(fake), self._maps(real), alphas, betas, strict=True
        ):
            mean_x, mean_y = x.mean((2, 3), keepdim=True), y.mean((2, 3), keepdim=True)
            texture = (2 * mean_x * mean_y + 1e-6) / (mean_x**2 + mean_y**2 + 1e-6)
            var_x, var_y = (
                (v - m).square().mean((2, 3), keepdim=True) for v, m in ((x, mean_x), (y, mean_y))
            )
            covariance = (x * y).mean((2, 3), keepdim=True) - mean_x * mean_y
            structure = (2 * covariance + 1e-6) / (var_x + var_y + 1e-6)
            total = total + (alpha * texture + beta * structure).sum((1, 2, 3))
        return 1.0 - total


class FIDInception(nn.Module):
    """The Inception that FID was defined with: TensorFlow's of 2015-12-05, as ported by
    torch-fidelity and pytorch-fid.

    torchvision's network with 1008 classes and piq's blocks, whose pooling leaves the padding out
    of its means, and the last of which takes a maximum. uint8 values in [0, 255] as float (N, 3,
    299, 299) → the last pool's features (N, 2048).
    """

    def __init__(self) -> None:
        super().__init__()
        # Its blocks alone, for its whole network fetches its weights by itself.
        from piq.feature_extractors import fid_inception as fid
        from torchvision.models import inception_v3

        with warnings.catch_warnings():
            # The weights come from a file: how they would be drawn does not matter.
            warnings.simplefilter("ignore")
            self.net = inception_v3(
                weights=None, num_classes=1008, aux_logits=False, init_weights=False
            )
        for place, width, pooled in (("b", 192, 32), ("c", 256, 64), ("d", 288, 64)):
            setattr(self.net, f"Mixed_5{place}", fid.FIDInceptionA(width, pool_features=pooled))
        for place, width in (("b", 128), ("c", 160), ("d", 160), ("e", 192)):
            setattr(self.net, f"Mixed_6{place}", fid.FIDInceptionC(768, channels_7x7=width))
        self.net.Mixed_7b, self.net.Mixed_7c = fid.FIDInceptionE1(1280), fid.FIDInceptionE2(2048)

    def forward(self, x: Tensor) -> Tensor:
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
