"""Networks that restore aligned faces: GFPGAN in its published versions, RestoreFormer, CodeFormer, and our own.

Shapes: S pixels of a restorer's square crop, H, W of a photo.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from s2f_utils import models, runtime, weights
from s2f_utils.models import checkpoints
from s2f_utils.models.about import RESTORES, About
from s2f_utils.models.network import Network
from s2f_utils.pictures import images

AUTO = "auto"
PREFERRED = "gfpgan-1.4"  # of the published ones, where its file is here
PUBLISHED_PX = 512
TILE_PX, OVERLAP_PX = 256, 16  # of a photo's background
COLOURS_OVER = 16  # colours are kept over a sixteenth of a face's side
_SEEDED = threading.Lock()  # over torch's one generator
LEAST_SPREAD = 0.02  # standard deviation of an answer, of 2: less is a flat picture


class RestoreError(RuntimeError):
    """A restorer's answer that is no picture; the message says what to do. The input is never given instead."""


@dataclass
class Restorer:
    """A network that restores faces, ready for crops; made by `load`."""

    name: str
    net: nn.Module
    precision: runtime.Precision
    size_px: int
    meta: dict[str, Any] = field(default_factory=dict)

    def restore(self, crop: np.ndarray, seed: int = 0) -> np.ndarray:
        """An aligned face, uint8 (S, S, 3) → restored, the same shape. seed: of the noise that detail is painted with.

        Half precision that ends in nothing (NaN, or a flat picture: GFPGAN is known for it) is done again in float32.
        Raises RestoreError where that fails, too, ValueError for another shape.
        """
        if crop.dtype != np.uint8 or crop.shape != (self.size_px, self.size_px, 3):
            raise ValueError(
                f"{self.name} takes uint8 ({self.size_px}, {self.size_px}, 3), got {crop.dtype} {crop.shape}"
            )
        x = images.to_tensor(crop).to(self.precision.device)
        made = self._run(x, seed, half=True)
        if _is_nothing(made, x) and self.precision.dtype != torch.float32:
            made = self._run(x, seed, half=False)
        if _is_nothing(made, x):
            raise RestoreError(
                f"{self.name}: answered with {'a flat picture' if torch.isfinite(made).all() else 'NaN'}: its file may"
                " be damaged or of another network; fetch it again, or choose another restorer"
            )
        made = with_colours_of(x, made) if self.keeps_colours else made
        return images.to_uint8(made.clamp(-1, 1))[0]

    @property
    def keeps_colours(self) -> bool:
        """Whether colours and brightness, over wide places, are the crop's. Ours never learned to mend them, so that
        a change of theirs is a mistake; the published ones learned it.
        """
        return self.meta.get("method") == "restore"

    @torch.inference_mode()
    def _run(self, x: Tensor, seed: int, half: bool) -> Tensor:
        """(1, 3, S, S) in [-1, 1] → the same, float32; torch's own generators stay as they are."""
        with _SEEDED, torch.random.fork_rng(range(torch.cuda.device_count())):  # a seed is one for all devices
            torch.manual_seed(seed)
            if not half:  # past the wrapper that `Precision.prepare` puts around it
                return type(self.net).forward(self.net, x, randomize_noise=True).float()
            return self.net(x, randomize_noise=True).float()


def with_colours_of(given: Tensor, made: Tensor) -> Tensor:
    """The answer with what was given in place of its coarse part, (1, 3, S, S) each, on the CPU as on the GPU: a change
    as wide as a sixteenth of the side, and wider, is taken back.
    """
    import cv2

    change = (made - given)[0].permute(1, 2, 0).cpu().numpy()
    coarse = cv2.GaussianBlur(change, (0, 0), given.shape[-1] / COLOURS_OVER, borderType=cv2.BORDER_REFLECT_101)
    return made - torch.from_numpy(coarse).permute(2, 0, 1).to(made)


def _is_nothing(made: Tensor, given: Tensor) -> bool:
    """Whether an answer (1, 3, S, S) is not finite, or one colour although what was given is not."""
    if not torch.isfinite(made).all():
        return True
    spread, before = (side.clamp(-1, 1).std(dim=(2, 3)).max() for side in (made, given))
    return bool(spread < LEAST_SPREAD and before > 2 * LEAST_SPREAD)


class ThroughSpandrel(Network):
    """RestoreFormer or CodeFormer as spandrel loads them: (N, 3, 512, 512) in [-1, 1] → the same."""

    ABOUT = About(RESTORES, size_px=PUBLISHED_PX)
    args: ClassVar[dict[str, Any]] = {}
    name = "spandrel"

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.net = descriptor.model
        self.__dict__["descriptor"] = descriptor

    def forward(self, x: Tensor, randomize_noise: bool = False) -> Tensor:
        return 2 * self.descriptor(0.5 + 0.5 * x) - 1  # spandrel's models take and give [0, 1]


def names() -> list[str]:
    """The restorers that can be used by name: our own, and published ones that are downloaded when they are used."""
    return [*weights.SHIPPED_RESTORERS, *(name for name, entry in weights.WEIGHTS.items() if entry.use == "restorer")]


def load(restorer: str | Path = AUTO, device: str = "auto", precision: str = "float32") -> Restorer:
    """A restorer by name, or a run folder or file of 's2f train restore', or a published file.

    "auto" is GFPGAN 1.4 where its file is on this machine, else our own; nothing is downloaded for it. Raises
    FileNotFoundError, WeightsError, CheckpointError, or UnknownNetworkError for a network that restores nothing.
    """
    if restorer == AUTO:
        restorer = PREFERRED if weights.find(PREFERRED) else weights.RESTORER
    chosen = runtime.pick_precision(runtime.pick_device(device), precision)
    if str(restorer) == "codeformer":
        _need_codeformer()
    net, meta = _network(restorer)
    if entry := weights.WEIGHTS.get(str(restorer)):
        print(f"{entry.what}; licence: {entry.licence}", file=sys.stderr)
    if net.about.does != RESTORES:
        raise models.UnknownNetworkError(
            f"{restorer}: is a {net.name}, which restores no faces: give one of {', '.join(names())}, or a run of"
            " 's2f train restore'"
        )
    net = chosen.prepare(net.requires_grad_(False).eval())
    return Restorer(str(restorer), net, chosen, net.about.size_px, dict(meta))


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
    path = Path(restorer)
    path = path / "generator.safetensors" if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(
            f"{restorer}: no such restorer: give a run folder, a file, or one of {', '.join(names())}"
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
