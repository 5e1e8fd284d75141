"""Is it the same person? The cosine of two ArcFace features (Deng et al. 2019), where its weights are here."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from s2f_utils import runtime, weights
from s2f_utils.metrics.registry import Metric, as_batch, exactly, register

if TYPE_CHECKING:
    import torch
    from torch import nn

INPUT_PX = 112
PSP_CROP = (35 / 256, 32 / 256, 223 / 256, 220 / 256)  # pSp's crop of FFHQ-aligned faces: top, left, bottom, right


@functools.lru_cache(maxsize=1)
def _net(places: tuple[Path, ...]) -> nn.Module:
    import torch

    from s2f_utils import models

    return models.from_state_dict(torch.load(weights.get("arcface"), map_location="cpu", weights_only=True))


def arcface(device: torch.device) -> nn.Module:
    """The network: faces (N, 3, 112, 112) in [-1, 1] → (N, 512). Raises WeightsError when its weights are not here."""
    return _net(weights.places()).requires_grad_(False).to(device)


def crop_box(height: int, width: int) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of pSp's crop of an FFHQ-aligned face of this size."""
    return tuple(round(v * s) for v, s in zip(PSP_CROP, (height, width) * 2, strict=True))


def features(picture: np.ndarray) -> torch.Tensor:
    """ArcFace features of length 1 of an FFHQ-aligned face, cropped as pSp's identity loss does: uint8 (H, W, 3) →
    float32 (1, 512), on the CPU. Raises WeightsError when the weights are not here.
    """
    device = runtime.pick_device()
    net = arcface(device)
    top, left, bottom, right = crop_box(*picture.shape[:2])
    face = Image.fromarray(picture[top:bottom, left:right]).resize((INPUT_PX, INPUT_PX), Image.Resampling.BICUBIC)
    with exactly():
        return net(runtime.sent(as_batch(np.asarray(face)) / 127.5 - 1.0, device)).cpu()


def identity(fake: np.ndarray, real: np.ndarray) -> float:
    """The cosine of the ArcFace features of two aligned faces, in [-1, 1]; strangers are near 0."""
    return (features(fake).double() * features(real)).sum().item()


register(
    Metric(
        "identity", identity, True, 3, "", "the published IR-SE50 network", title="identity", question="who", best=1.0,
        missing=lambda height, width: weights.problem("arcface"),
    )
)  # fmt: skip
