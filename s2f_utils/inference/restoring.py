"""Restorers that PyTorch runs, and what enlarges the rest of a photo.

Shapes: S pixels of a restorer's square crop, H, W of a photo.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from s2f_utils import models, runtime, weights
from s2f_utils.inference.engine_torch import TorchEngine
from s2f_utils.inference.finding import folder_of
from s2f_utils.inference.loading import terms_of
from s2f_utils.inference.restorer import Restorer, names
from s2f_utils.inference.stages.restore import Restored
from s2f_utils.models import checkpoints
from s2f_utils.models.card import RESTORES, ModelCard
from s2f_utils.models.network import Network
from s2f_utils.pictures import images

PUBLISHED_PX = 512
TILE_PX, OVERLAP_PX = 256, 16  # of a photo's background


class ThroughSpandrel(Network):
    """RestoreFormer or CodeFormer as spandrel loads them: (N, 3, 512, 512) in [-1, 1] → the same."""

    CARD = ModelCard(RESTORES, size_px=PUBLISHED_PX)
    args: ClassVar[dict[str, Any]] = {}
    name = "spandrel"

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.net = descriptor.model
        self.__dict__["descriptor"] = descriptor

    def forward(self, x: Tensor, randomize_noise: bool = False) -> Tensor:
        return 2 * self.descriptor(0.5 + 0.5 * x) - 1  # spandrel's models take and give [0, 1]


def load(restorer: str | Path, device: str, precision: str) -> Restorer:
    """As `restorers.load`, of all that PyTorch runs."""
    chosen = runtime.pick_precision(runtime.pick_device(device), precision)
    if str(restorer) == "codeformer":
        _need_codeformer()
    net, meta = _network(restorer)
    if entry := weights.WEIGHTS.get(str(restorer)):
        print(f"{entry.what}; licence: {entry.licence}", file=sys.stderr)
    if net.card.does != RESTORES:
        raise models.UnknownNetworkError(
            f"{restorer}: is a {net.name}, which restores no faces: give one of {', '.join(names())}, or a run of"
            " 's2f train restore'"
        )
    return restorer_of(str(restorer), net.requires_grad_(False).eval(), chosen, {**meta, **terms_of(restorer)})


def restorer_of(
    name: str, net: nn.Module, precision: runtime.Precision, meta: dict[str, Any] | None = None
) -> Restorer:
    """A network that restores, (N, 3, S, S) in [-1, 1] → the same, S is its `size_px`, in this precision, and again in
    float32 where that ends in nothing.
    """
    stages = {"restore": Restored(precision.prepare(net))}
    if precision.dtype != torch.float32:
        stages["again"] = Restored(net, plain=True)
    size_px = stages["restore"].inputs["picture"][1]
    return Restorer(name, TorchEngine(stages, precision), size_px, meta or {}, net)


def _network(restorer: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    path = _file_of(restorer)
    try:
        return checkpoints.load_network(path)
    except models.UnknownNetworkError:
        if path.suffix == ".safetensors":
            raise
        found = _by_spandrel(path)
        if found is None:
            raise
        return ThroughSpandrel(found), {}


def _file_of(restorer: str | Path) -> Path:
    if shipped := weights.shipped(str(restorer)):
        return shipped
    if str(restorer) in weights.WEIGHTS and weights.WEIGHTS[str(restorer)].use == "restorer":
        return weights.get(str(restorer))
    path = folder_of(restorer)
    path = path / "generator.safetensors" if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(
            f"{restorer}: no such restorer: give a run folder, a file, hf:USER/MODEL, or one of {', '.join(names())}"
        )
    return path


def _need_codeformer() -> None:
    """Raise CheckpointError where the package with CodeFormer's code is not installed."""
    if importlib.util.find_spec("spandrel_extra_arches") is None:
        raise checkpoints.CheckpointError(
            "CodeFormer needs a further package, whose code is for non-commercial use: pip install"
            " spandrel-extra-arches"
        )


def _by_spandrel(path: Path) -> Any | None:
    """What spandrel makes of a published file, None where it knows no face restorer in it."""
    from spandrel import ModelLoader, UnsupportedModelError

    try:  # CodeFormer's code has other terms than spandrel, and is a package of its own
        import spandrel_extra_arches
    except ImportError:
        pass
    else:
        spandrel_extra_arches.install(ignore_duplicates=True)
    tensors = dict(checkpoints.state_dict_of(path))
    try:
        found = ModelLoader().load_from_state_dict(tensors)
    except UnsupportedModelError:
        if "position_emb" in tensors and any(key.startswith("fuse_convs_dict") for key in tensors):
            _need_codeformer()
        return None
    return found if found.purpose == "FaceSR" else None


@dataclass
class Background:
    """A network that enlarges photos by two; made by `load_background`."""

    descriptor: Any
    device: torch.device

    @torch.inference_mode()
    def enlarge(self, photo: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3) → uint8 (U·H, U·W, 3), tile by tile, U being the network's own (2 for Real-ESRGAN x2)."""
        scale = self.descriptor.scale
        height, width = photo.shape[:2]
        out = np.zeros((height * scale, width * scale, 3), np.uint8)
        for top in range(0, height, TILE_PX):
            for left in range(0, width, TILE_PX):
                above, before = max(0, top - OVERLAP_PX), max(0, left - OVERLAP_PX)
                below, after = min(height, top + TILE_PX), min(width, left + TILE_PX)
                tile = photo[above : min(height, below + OVERLAP_PX), before : min(width, after + OVERLAP_PX)]
                x = images.to_tensor(tile).to(self.device)
                made = images.to_uint8(2 * self.descriptor(0.5 + 0.5 * x).clamp(0, 1) - 1)[0]
                rows = slice((top - above) * scale, (below - above) * scale)
                columns = slice((left - before) * scale, (after - before) * scale)
                out[top * scale : below * scale, left * scale : after * scale] = made[rows, columns]
        return out


@functools.lru_cache(maxsize=1)
def load_background(device: str = "auto") -> Background:
    """Real-ESRGAN, which enlarges what is not a face. Raises WeightsError where its weights are not to be had."""
    from spandrel import ModelLoader

    path = weights.get("realesrgan")
    found = ModelLoader().load_from_state_dict(dict(checkpoints.state_dict_of(path)))
    chosen = runtime.pick_device(device)
    return Background(found.to(chosen).eval(), chosen)
