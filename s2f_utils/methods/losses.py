"""Losses on tensors, each named after its paper;
all take logits or images and return a scalar tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_utils.networks.network import grey_of
from s2f_utils.networks.published import crop_box, network
from s2f_utils.pictures.faces.geometry import TEMPLATE
from s2f_utils.runtime import to_device


def adversarial_loss(logits: Tensor, is_real: bool, kind: str = "vanilla") -> Tensor:
    """The mean loss of a discriminator's logits, of any shape, against "all real" (or "all fake");
    a scalar ≥ 0.

    "vanilla": the cross entropy of Goodfellow et al. 2014, the generator's part not saturating
    (pix2pix). "sigmoid": the same in two steps, as small projects write it; where it rounds to 0 or
    1, no gradient is left. "lsgan": the squared distance to 1 or 0 of Mao et al. 2017 (CycleGAN).
    "hinge": the discriminator's part of Lim and Ye 2017.
    """
    logits = logits.float()  # also of networks in 16 bits
    target = torch.ones_like(logits) if is_real else torch.zeros_like(logits)
    if kind == "vanilla":
        return F.binary_cross_entropy_with_logits(logits, target)
    if kind == "sigmoid":
        return F.binary_cross_entropy(torch.sigmoid(logits), target)
    if kind == "lsgan":
        return F.mse_loss(logits, target)
    if kind == "hinge":
        return F.relu(1 - logits).mean() if is_real else F.relu(1 + logits).mean()
    raise ValueError(f"kind must be one of vanilla, sigmoid, lsgan, hinge, got {kind!r}")


def discriminator_loss(logits_real: Tensor, logits_fake: Tensor, kind: str = "vanilla") -> Tensor:
    """The discriminator's loss on real and fake logits;
    half of the sum, as in pix2pix, which slows it down.
    """
    return 0.5 * (
        adversarial_loss(logits_real, True, kind) + adversarial_loss(logits_fake, False, kind)
    )


def generator_loss(logits: Tensor, kind: str = "vanilla") -> Tensor:
    """The generator's adversarial loss: `adversarial_loss` as real, but minus the mean logit for
    "hinge".
    """
    if kind == "hinge":
        return -logits.float().mean()
    return adversarial_loss(logits, True, kind)


def logistic_loss_d(logits_real: Tensor, logits_fake: Tensor) -> Tensor:
    """The discriminator's logistic loss, not halved, as in StyleGAN2: softplus(-real) +
    softplus(fake); a scalar ≥ 0.
    """
    return F.softplus(-logits_real.float()).mean() + F.softplus(logits_fake.float()).mean()


def logistic_loss_g(logits_fake: Tensor) -> Tensor:
    """The generator's logistic loss, which does not saturate: softplus(-fake); a scalar ≥ 0."""
    return F.softplus(-logits_fake.float()).mean()


def l1_loss(fake: Tensor, real: Tensor) -> Tensor:
    """Mean absolute difference of two image batches (N, C, H, W): Isola et al. 2017, eq. 3."""
    return F.l1_loss(fake.float(), real.float())


def ssim_loss(fake: Tensor, real: Tensor) -> Tensor:
    """(1 - SSIM) / 2 of the grey pictures, a scalar from 0 to 1; two batches (N, 3, H, W) in [-1,
    1], H, W ≥ 11.

    Gaussian window of sigma 1.5 over 11 pixels, as in the metric, without the borders: Wang et al.
    2004.
    """
    values = ssim_map(*(0.5 + 0.5 * grey_of(side) for side in (fake, real)), window_px=11)[
        ..., 5:-5, 5:-5
    ]
    return ((1 - values) / 2).clamp(0, 1).mean()


def ssim_map(one: Tensor, other: Tensor, window_px: int) -> Tensor:
    """SSIM at every pixel (Wang et al. 2004), float32 (N, C, H, W) in [0, 1] twice → the same
    shape; sigma is 1.5, edges are mirrored. As kornia's `ssim`, which synchronises with the GPU.
    """
    from kornia.filters import filter2d_separable, get_gaussian_kernel1d

    window = to_device(get_gaussian_kernel1d(window_px, 1.5), one.device)

    def mean(x: Tensor) -> Tensor:
        return filter2d_separable(x, window, window)

    mean_one, mean_other = mean(one), mean(other)
    squared_one, squared_other, product = mean_one**2, mean_other**2, mean_one * mean_other
    spread_one, spread_other = mean(one**2) - squared_one, mean(other**2) - squared_other
    together = mean(one * other) - product
    above = (2.0 * product + 0.01**2) * (2.0 * together + 0.03**2)
    return above / (
        (squared_one + squared_other + 0.01**2) * (spread_one + spread_other + 0.03**2) + 1e-12
    )


def discriminator_feature_distance(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """The distance of a discriminator's features of fake and real pictures, each place's scaled to
    length 1, averaged over layers; a scalar ≥ 0. As LPIPS (R. Zhang et al. 2018, eq. 1) without its
    learned weights.
    """
    distances = [
        (F.normalize(f.float(), dim=1) - F.normalize(r.detach().float(), dim=1))
        .square()
        .sum(1)
        .mean()
        for f, r in zip(fake, real, strict=True)
    ]
    return torch.stack(distances).mean()


def style_norm(styles: Tensor, mean: Tensor) -> Tensor:
    """pSp's regularisation: the mean length of all styles' difference to the mean style, (N, L, D)
    → a scalar ≥ 0.
    """
    return (styles - mean).flatten(1).norm(dim=1).mean()


def perceptual_loss(fake: Tensor, real: Tensor) -> Tensor:
    """The L1 distance of two batches (N, 3, H, W) in [-1, 1] in the features of EfficientNet-lite0,
    a scalar ≥ 0 (after Johnson et al. 2016). Raises ImportError if the network is not installed.
    """
    from s2f_utils.networks.pretrained import features_of, stride_distance

    with torch.no_grad():
        target = features_of(real.float())
    return stride_distance(features_of(fake.float()), target).mean()


def feature_distance(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """GFPGAN's perceptual loss: the L1 distance of VGG-19's features of two batches, (N, C_i, h_i,
    w_i) of five layers, the first two a tenth; a scalar ≥ 0 (Johnson et al. 2016; Wang et al. 2021,
    eq. 2).
    """
    layers = zip((0.1, 0.1, 1.0, 1.0, 1.0), fake, real, strict=True)
    return sum(weight * F.l1_loss(f.float(), r.detach().float()) for weight, f, r in layers)


def style_distance(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """GFPGAN's style loss: the same distance of the features' Gram matrices (Gatys et al. 2016)."""
    return feature_distance(
        [gram(f.float()) for f in fake], [gram(r.detach().float()) for r in real]
    )


def gram(features: Tensor) -> Tensor:
    """The Gram matrices of a layer's channels: (N, C, H, W) → (N, C, C), divided by C·H·W."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / features[0].numel()


def inner_face(pictures: Tensor) -> Tensor:
    """What lies between brows and chin of aligned faces: (B, C, S, S) → (B, C, 5 S/8, S/2)."""
    side = pictures.shape[-1]
    x, y = np.rint(side * (TEMPLATE.mean(axis=0) - (1 / 4, 5 / 16))).astype(int).tolist()
    return pictures[..., y : y + 5 * side // 8, x : x + side // 2]


def component_loss(fake_b: Tensor, b: Tensor) -> Tensor:
    """`perceptual_loss` at both eyes and at the mouth of aligned faces, (B, 3, S, S) in [-1, 1], S
    a multiple of 128.

    What GFPGAN's component losses look at, by pretrained features in place of three more
    discriminators.
    """
    unit = b.shape[-1] // 8
    # centres (x, y), shares of the side
    eyes = TEMPLATE[:2]
    mouth = TEMPLATE[3:].mean(axis=0, keepdims=True)
    losses = []
    for centres, width in ((eyes, 2), (mouth, 3)):  # in eighths of the side; each 2 high
        corners = 8 * unit * centres - unit * np.array([width / 2, 1])
        left_top = np.rint(corners).astype(int).tolist()
        crops = [
            photos[..., y : y + 2 * unit, x : x + width * unit]
            for photos in (fake_b, b)
            for x, y in left_top
        ]
        fake, real = torch.cat(crops).chunk(2)
        losses.append(perceptual_loss(fake, real))
    return torch.stack(losses).mean()


def pyramid_loss(levels: list[Tensor], photos: Tensor) -> Tensor:
    """The L1 losses of the U-Net's pictures, (B, 3, s, s) from 8 px to S, summed;
    photos: (B, 3, S, S).
    """
    small = partial(F.interpolate, photos, mode="bilinear", align_corners=False, antialias=True)
    return sum(l1_loss(level, small(size=level.shape[-2:])) for level in levels)


def identity_loss(fake: Tensor, real: Tensor) -> Tensor:
    """One minus the cosine of both faces' ArcFace features, a scalar; two batches (B, 3, H, W) of
    aligned faces, which are cropped and resized as in pSp. Raises WeightsError if the weights are
    missing.
    """
    top, left, bottom, right = crop_box(*fake.shape[2:])
    net = network("arcface", fake.device)
    sides = (fake, real.detach())  # no gradient goes through the real faces
    ours, true = (
        net(F.adaptive_avg_pool2d(side[:, :, top:bottom, left:right], 112)) for side in sides
    )
    return 1 - (ours * true).sum(1).mean()
