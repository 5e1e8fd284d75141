"""Is it the same person? The cosine of two ArcFace features (Deng et al. 2019), where its weights are here."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from s2f_utils import runtime, weights
from s2f_utils.metrics.registry import Metric, Pictures, exactly, register

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


def features(pictures: Pictures) -> np.ndarray:
    """ArcFace features of length 1 of FFHQ-aligned faces, cropped as pSp's identity loss does: uint8 (N, H, W, 3) →
    float32 (N, 512). Raises WeightsError when the weights are not here.
    """
    import torch

    device = runtime.pick_device()
    net, rows = arcface(device), []
    for picture in pictures:
        top, left, bottom, right = crop_box(*picture.shape[:2])
        face = Image.fromarray(picture[top:bottom, left:right]).resize((INPUT_PX, INPUT_PX), Image.Resampling.BICUBIC)
        rows.append(torch.from_numpy(np.array(face)).permute(2, 0, 1).float() / 127.5 - 1.0)
    with exactly():
        blocks = (runtime.sent(torch.stack(rows[n : n + 16]), device) for n in range(0, len(rows), 16))
        return torch.cat([net(block) for block in blocks]).cpu().numpy()


def identity(fakes: Pictures, reals: Pictures) -> np.ndarray:
    """Cosines of the ArcFace features of aligned faces, float64 (N,) in [-1, 1]; strangers are near 0."""
    return (features(fakes).astype(np.float64) * features(reals)).sum(axis=1)


register(
    Metric(
        "identity", None, True, 3, "", "the published IR-SE50 network", title="identity", question="who", best=1.0,
        of_pairs=identity, missing=lambda height, width: weights.problem("arcface"),
    )
)  # fmt: skip
