"""VGG-19's features, which perceptual losses compare."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class VGG19Features(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] → what conv1_2, conv2_2, conv3_4, conv4_4 and conv5_4 answer, before the ReLU:
    (N, 64 to 512, H/1 to H/16, W/1 to W/16).

    The keys are those of torchvision's VGG-19 ("features.0.weight"). Source: Simonyan and Zisserman 2015; the layers
    are those of GFPGAN's perceptual loss.
    """

    LAYERS = (2, 7, 16, 25, 34)

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import vgg19

        self.features = vgg19(weights=None).features[: self.LAYERS[-1] + 1].requires_grad_(False)
        for module in self.features:
            if isinstance(module, nn.ReLU):
                module.inplace = False  # what is answered is from before it
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        x, found = (0.5 + 0.5 * x - self.mean) / self.std, []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.LAYERS:
                found.append(x)
        return found
