"""DISTS: a distance that forgives texture that lies elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DISTS(nn.Module):
    """Structure and texture similarity of VGG features, as a distance (Ding, Ma, Wang, Simoncelli 2020).

    The keys are those of torchvision's VGG-16 ("features.0.weight") and of the published weights of texture ("alpha")
    and structure ("beta"), (1, 1475, 1, 1). Max pooling is replaced by L2 pooling under a Hann window, as published.
    """

    stages = ((0, 4), (5, 9), (10, 16), (17, 23), (24, 30))  # between them is the pooling
    channels = (3, 64, 128, 256, 512, 512)

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import vgg16

        self.features = vgg16(weights=None).features[: self.stages[-1][1]].requires_grad_(False)
        for name in ("alpha", "beta"):
            self.register_buffer(name, torch.full((1, sum(self.channels), 1, 1), 0.1))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)
        hann = torch.hann_window(5, periodic=False)[1:-1]
        kernel = torch.outer(hann, hann)
        self.register_buffer("kernel", (kernel / kernel.sum()).view(1, 1, 3, 3), persistent=False)

    def _pooled(self, x: Tensor) -> Tensor:
        kernel = self.kernel.expand(x.shape[1], 1, 3, 3)
        squared = nn.functional.conv2d(x.square(), kernel, stride=2, padding=1, groups=x.shape[1])
        return (squared + 1e-12).sqrt()

    def _maps(self, x: Tensor) -> list[Tensor]:
        maps, h = [x], (x - self.mean) / self.std
        for start, end in self.stages:
            h = self.features[start:end](self._pooled(h) if start else h)
            maps.append(h)
        return maps

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] twice → (N,) in [0, 1]; 0 is the same picture."""
        total = torch.zeros(len(fake), device=fake.device)
        weight = self.alpha.sum() + self.beta.sum()
        alphas, betas = ((part / weight).split(self.channels, dim=1) for part in (self.alpha, self.beta))
        for x, y, alpha, beta in zip(self._maps(fake), self._maps(real), alphas, betas, strict=True):
            mean_x, mean_y = x.mean((2, 3), keepdim=True), y.mean((2, 3), keepdim=True)
            texture = (2 * mean_x * mean_y + 1e-6) / (mean_x**2 + mean_y**2 + 1e-6)
            var_x, var_y = ((v - m).square().mean((2, 3), keepdim=True) for v, m in ((x, mean_x), (y, mean_y)))
            covariance = (x * y).mean((2, 3), keepdim=True) - mean_x * mean_y
            structure = (2 * covariance + 1e-6) / (var_x + var_y + 1e-6)
            total = total + (alpha * texture + beta * structure).sum((1, 2, 3))
        return 1.0 - total
