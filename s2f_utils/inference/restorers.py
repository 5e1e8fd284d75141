"""Restorers of aligned faces by name: GFPGAN in its published versions, RestoreFormer, and ours; and what enlarges the
rest of a photo.

Shapes: S pixels of a restorer's square crop, H, W of a photo.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_utils import runtime, weights
from s2f_utils.extensions import extend
from s2f_utils.inference.engine import Engine, TorchEngine
from s2f_utils.inference.finding import folder_of, generator_file, terms_of
from s2f_utils.inference.loading import OPENERS
from s2f_utils.models.card import RESTORES, UnknownNetworkError
from s2f_utils.pictures import images

if TYPE_CHECKING:
    import torch
    from torch import nn

AUTO = "auto"
PREFERRED = "gfpgan-1.4"  # of the published ones, where its file is here
COLOURS_OVER = 16  # colours are kept over a sixteenth of a face's side
LEAST_SPREAD = 0.02  # standard deviation of an answer, of 2: less is a flat picture
TILE_PX, OVERLAP_PX = 256, 16  # of a photo's background


class RestoreError(RuntimeError):
    """A restorer's answer that is no picture; the message says what to do. The input is never given instead."""


def names() -> list[str]:
    """The restorers that can be used by name: our own, and published ones that are downloaded when they are used."""
    return [*weights.SHIPPED_RESTORERS, *(name for name, entry in weights.WEIGHTS.items() if entry.use == "restorer")]


@dataclass
class Restorer:
    """A network that restores faces, ready for crops; made by `load`. net: the network, where PyTorch runs it."""

    name: str
    engine: Engine
    size_px: int
    meta: dict[str, Any] = field(default_factory=dict)
    net: Any = None

    def restore(self, crop: np.ndarray, seed: int = 0) -> np.ndarray:
        """An aligned face, uint8 (S, S, 3) → restored, the same shape. seed: of the noise that detail is painted with.

        Raises RestoreError for an answer of NaN or of one colour, ValueError for another shape.
        """
        if crop.dtype != np.uint8 or crop.shape != (self.size_px, self.size_px, 3):
            raise ValueError(
                f"{self.name} takes uint8 ({self.size_px}, {self.size_px}, 3), got {crop.dtype} {crop.shape}"
            )
        x = crop / np.float32(127.5) - 1
        restored = self.engine.run("restore", crop[None], np.array([seed]))[0][0]  # float32 (S, S, 3), about [-1, 1]
        if _is_nothing(restored, x):
            raise RestoreError(
                f"{self.name}: answered with {'a flat picture' if np.isfinite(restored).all() else 'NaN'}: its file may"
                " be damaged or of another network; fetch it again, or choose another restorer"
            )
        if self.meta.get("method") == "restore":  # ours never learned to mend colours; the published ones did
            restored = with_colours_of(x, restored)
        return images.rounded(127.5 * (restored + 1))


def with_colours_of(x: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """The restored face with the coarse part of the crop x, float32 (S, S, 3) each: a change as wide as a sixteenth of
    the side, and wider, is taken back.
    """
    import cv2

    wide = len(x) / COLOURS_OVER
    return restored - cv2.GaussianBlur(restored - x, (0, 0), wide, borderType=cv2.BORDER_REFLECT_101)


def _is_nothing(restored: np.ndarray, x: np.ndarray) -> bool:
    """Whether an answer (S, S, 3) is not finite, or one colour although the crop is not."""
    if not np.isfinite(restored).all():
        return True
    spread, before = (side.clip(-1, 1).std(axis=(0, 1)).max() for side in (restored, x))
    return bool(spread < LEAST_SPREAD and before > 2 * LEAST_SPREAD)


def load(restorer: str | Path = AUTO, device: str = "auto", *, engine: str = "auto") -> Restorer:
    """A restorer by name, here or on the hub ("hf:user/model"), or a run folder or file of 's2f train restore', or a
    published file, or a folder of `s2f export`.

    "auto" is GFPGAN 1.4 where its file is on this machine, else our own; nothing is downloaded for it. Raises
    FileNotFoundError, WeightsError, CheckpointError, or UnknownNetworkError for a network that restores nothing.
    """
    if restorer == AUTO:
        restorer = PREFERRED if weights.find(PREFERRED) else weights.RESTORER
    extend("answers")
    for opener in OPENERS:
        if (opened := opener.open_restorer(restorer, device, engine)) is not None:
            return opened
    chosen = runtime.pick_device(device)
    net, meta = _network(restorer)
    if entry := weights.WEIGHTS.get(str(restorer)):
        print(f"{entry.what}; licence: {entry.licence}", file=sys.stderr)
    return restorer_of(str(restorer), net.requires_grad_(False).eval(), chosen, {**meta, **terms_of(restorer)})


def restorer_of(name: str, net: nn.Module, device: torch.device, meta: dict[str, Any] | None = None) -> Restorer:
    """A network that restores, (N, 3, S, S) in [-1, 1] → the same, S is its `size_px`, in float32."""
    from s2f_utils.inference.stages import Restored

    precision = runtime.pick_precision(device, "float32")
    stage = Restored(precision.prepare(net))
    return Restorer(name, TorchEngine({"restore": stage}, precision), stage.inputs["picture"][1], meta or {}, net)


def _network(restorer: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    from s2f_utils.models import checkpoints

    path = _file_of(restorer)
    try:
        net, meta = checkpoints.load_network(path)
    except UnknownNetworkError:
        descriptor = _by_spandrel(path) if path.suffix != ".safetensors" else None
        if descriptor is None:
            raise
        from s2f_utils.inference.stages import ThroughSpandrel

        return ThroughSpandrel(descriptor), {}
    if net.card.does != RESTORES:
        raise UnknownNetworkError(
            f"{restorer}: is a {net.name}, which restores no faces: give one of {', '.join(names())}, or a run of"
            " 's2f train restore'"
        )
    return net, meta


def _file_of(restorer: str | Path) -> Path:
    if shipped := weights.shipped(str(restorer)):
        return shipped
    if str(restorer) in names():
        return weights.get(str(restorer))
    path = folder_of(restorer)
    path = path / generator_file() if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(
            f"{restorer}: no such restorer: give a run folder, a file, hf:USER/MODEL, or one of {', '.join(names())}"
        )
    return path


def _by_spandrel(path: Path) -> Any | None:
    """What spandrel makes of a published file, None where it knows no face restorer in it."""
    from spandrel import ModelLoader, UnsupportedModelError

    from s2f_utils.models import checkpoints

    try:
        descriptor = ModelLoader().load_from_state_dict(dict(checkpoints.state_dict_of(path)))
    except UnsupportedModelError:
        return None
    return descriptor if descriptor.purpose == "FaceSR" else None


@dataclass
class Background:
    """A network that enlarges photos by two; made by `load_background`."""

    descriptor: Any
    device: torch.device

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
                large = images.to_uint8(2 * self.descriptor(0.5 + 0.5 * x).clamp(0, 1) - 1)[0]
                rows = slice((top - above) * scale, (below - above) * scale)
                columns = slice((left - before) * scale, (after - before) * scale)
                out[top * scale : below * scale, left * scale : after * scale] = large[rows, columns]
        return out


@functools.lru_cache(maxsize=1)
def load_background(device: str = "auto") -> Background:
    """Real-ESRGAN, which enlarges what is not a face. Raises WeightsError where its weights are not to be had."""
    from spandrel import ModelLoader

    from s2f_utils.models import checkpoints

    path = weights.get("realesrgan")
    descriptor = ModelLoader().load_from_state_dict(dict(checkpoints.state_dict_of(path)))
    chosen = runtime.pick_device(device)
    return Background(descriptor.to(chosen).eval(), chosen)
