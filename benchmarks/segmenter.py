"""A small network that reads the 19-class map from a drawn face, to see whether a made face has the map it was asked
for. Trained anew on drawn faces where its weights are not kept; it scores itself on others.

Shapes: N faces, S pixels.
"""

from __future__ import annotations

from pathlib import Path

import common  # noqa: F401  (puts the clone first)
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils.data import Manifest, Row
from s2f_utils.pictures import images, masks

WIDTH = 48
DILATIONS = (1, 1, 2, 4, 8, 16, 1)  # at full size, each place sees the whole face (Yu and Koltun 2016)
LEAST_AREA = 0.005  # classes that fill less of the pictures are not scored


def network() -> nn.Sequential:
    """Photos (N, 3, S, S) in [-1, 1] → logits (N, 19, S, S)."""
    layers: list[nn.Module] = []
    for n, dilation in enumerate(DILATIONS):
        conv = nn.Conv2d(3 if n == 0 else WIDTH, WIDTH, 3, padding=dilation, dilation=dilation, bias=False)
        layers += [conv, nn.BatchNorm2d(WIDTH), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(WIDTH, len(masks.CLASSES), 1))


def load_photos(pairs: list[Row], size_px: int) -> np.ndarray:
    """uint8 (N, S, S, 3)"""
    return np.stack([images.resize(images.load_rgb(pair.photo), size_px) for pair in pairs])


def load_faces(pairs: list[Row], size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Photos uint8 (N, S, S, 3) and maps uint8 (N, S, S)."""
    return load_photos(pairs, size_px), np.stack([masks.resize(images.load_labels(p.mask), size_px) for p in pairs])


def trained(manifest: Manifest, size_px: int, kept: Path, *, steps: int = 3_000, batch: int = 16) -> nn.Module:
    """The network, from its file, or trained on the training split and written there."""
    torch.manual_seed(0)
    net = network()
    if kept.is_file():
        net.load_state_dict(torch.load(kept, weights_only=True))
        return net.eval()
    photos, labels = load_faces(manifest.split("train")[:8_000], size_px)
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 4e-3, steps)
    net.to(memory_format=torch.channels_last)
    for _ in range(steps):
        chosen = torch.randint(len(photos), (batch,)).numpy()
        x = images.to_tensor(photos[chosen]).contiguous(memory_format=torch.channels_last)
        x = x + 0.05 * torch.randn_like(x) * torch.rand(batch, 1, 1, 1)  # made faces are less clean
        loss = F.cross_entropy(net(x), torch.from_numpy(labels[chosen]).long())
        opt.zero_grad()
        loss.backward()
        opt.step()
        schedule.step()
    kept.parent.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), kept)
    return net.eval()


@torch.inference_mode()
def read(net: nn.Module, photos: np.ndarray) -> np.ndarray:
    """The maps that the network sees: uint8 (N, S, S, 3) → (N, S, S)."""
    found: list[Tensor] = [net(images.to_tensor(photos[n : n + 32])).argmax(1) for n in range(0, len(photos), 32)]
    return torch.cat(found).numpy().astype(np.uint8)


@torch.inference_mode()
def features(net: nn.Sequential, photos: np.ndarray) -> np.ndarray:
    """The network's last features, mean and spread over a grid of 4 by 4: uint8 (N, S, S, 3) → float (N, 1536)."""
    found = []
    for start in range(0, len(photos), 32):
        x = net[:-1](images.to_tensor(photos[start : start + 32]))
        mean = F.adaptive_avg_pool2d(x, 4)
        spread = (F.adaptive_avg_pool2d(x.square(), 4) - mean.square()).clamp_min(0).sqrt()
        found.append(torch.cat([mean, spread], 1).flatten(1))
    return torch.cat(found).double().numpy()


def mean_iou(found: np.ndarray, wanted: np.ndarray) -> tuple[float, dict[str, float]]:
    """Mean intersection over union of the classes that fill `LEAST_AREA` of the wanted maps, and each class's."""
    each = {}
    for label, name in enumerate(masks.CLASSES):
        there = wanted == label
        if there.mean() >= LEAST_AREA:
            seen = found == label
            each[name] = float((seen & there).sum() / (seen | there).sum())
    return float(np.mean(list(each.values()))), each
