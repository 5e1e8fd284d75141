"""What random numbers mean to begin with: principal components of the training photos.

A generator learns faster, and leaves nobody out, where some of its random numbers are known to
belong to a photo (Bojanowski et al. 2018, "Optimizing the latent space of generative networks").
Here z is a photo's coordinates on the first principal components, each divided by its standard
deviation, so that over people z is near to the normal distribution that is drawn from afterwards.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_utils.networks.stylegan2_gen import StyleGAN2
from tools.shipped import running

SIDE_PX = 64
FACE_AT, FACE_PX = (0.5, 0.58), 0.24  # middle of the face (x, y) and its reach, of a side
FACE_WEIGHT = 2.0  # beside 1 for the rest
INVERTED, PASSES, RATE = 4_000, 60, 1.0


class Codes:
    """Pictures → z, along principal components.

    mean: float32 (3 · 64 · 64,), the mean photo. scaled: float32 (3 · 64 · 64, N), pixels → z.
    """

    def __init__(self, mean: Tensor, scaled: Tensor) -> None:
        self.mean, self.scaled = mean, scaled
        self.weight = face_weight().repeat(3).sqrt()

    @classmethod
    def of_photos(cls, photos: Tensor, often: Tensor, num: int) -> Codes:
        """The first `num` components of photos and their mirror images.

        photos: uint8 (N, 128, 128, 3). often: float64 (N,), how often each is shown.
        """
        rows = torch.cat([cls.small(some) for some in photos.split(256)])
        mirrored = rows.view(-1, 3, SIDE_PX, SIDE_PX).flip(3).flatten(1)
        rows = torch.cat([rows, mirrored])
        share = (often.float() / often.float().sum()).repeat(2) / 2
        mean = share @ rows
        rows = (rows - mean) * face_weight().repeat(3).sqrt() * share.sqrt()[:, None]
        variances, sides = torch.linalg.eigh(rows @ rows.T)  # smaller than that of the pixels
        return cls(mean, rows.T @ (sides[:, -num:] / variances[-num:]).flip(1))

    @staticmethod
    def small(photos: Tensor) -> Tensor:
        """uint8 (N, 128, 128, 3) → float32 (N, 3 · 64 · 64) in [-1, 1]."""
        return F.adaptive_avg_pool2d(running.pixels(photos), SIDE_PX).flatten(1)

    def of(self, pictures: Tensor) -> Tensor:
        """z (N, num) of pictures (N, 3, 128, 128) in [-1, 1]."""
        rows = F.adaptive_avg_pool2d(pictures.float(), SIDE_PX).flatten(1)
        return ((rows - self.mean) * self.weight) @ self.scaled


def face_weight() -> Tensor:
    """The weight of each pixel, (64 · 64,): more in the face."""
    place = (np.arange(SIDE_PX) + 0.5) / SIDE_PX
    down, right = np.meshgrid(place, place, indexing="ij")
    far = (right - FACE_AT[0]) ** 2 + (down - FACE_AT[1]) ** 2
    return torch.from_numpy(1 + FACE_WEIGHT * np.exp(-far / (2 * FACE_PX**2))).float().flatten()


def fit_mapping(net: StyleGAN2, codes: Codes) -> float:
    """Learn the mapping anew, so that a face's z are its own coordinates.

    Faces of the generator are made, their z computed, and the mapping learns to give back their
    styles: a regression, no photo is needed. Returns the share of the styles' variance that is
    found.
    """
    styles, z = [], []
    with torch.no_grad():
        for _ in range(INVERTED // 50):
            some = net.map(torch.randn(50, net.style_dim))
            with torch.autocast("cpu", torch.bfloat16):
                made = net(some, input_is_latent=True)
            styles.append(some)
            z.append(codes.of(made.float().clamp(-1, 1)))
    styles, z = torch.cat(styles), torch.cat(z)
    mapping = copy.deepcopy(net.style)
    opt = torch.optim.Adam(mapping.parameters(), RATE, fused=True)
    variance = styles.var(dim=0).mean()
    for number in range(PASSES):
        for group in opt.param_groups:
            group["lr"] = RATE * (1 - number / PASSES)
        losses = []
        for some in torch.randperm(len(z)).split(100):
            loss = F.mse_loss(mapping(z[some]), styles[some]) / variance
            opt.zero_grad(set_to_none=True)
            loss.backward()
            opt.step()
            losses.append(float(loss.detach()))
    net.style.load_state_dict(mapping.state_dict())
    return 1 - float(np.mean(losses))
