"""Restorers of aligned faces by name: GFPGAN in its published versions, and ours.

Shapes: S pixels of a restorer's square crop.
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_utils import runtime, weights
from s2f_utils.extensions import contributed
from s2f_utils.infer.engine import Engine
from s2f_utils.infer.finding import find_generator, licence_of
from s2f_utils.networks.info import FROM_DEGRADED, RESTORES, ModelInfo, UnknownNetworkError
from s2f_utils.pictures import images

if TYPE_CHECKING:
    import torch
    from torch import nn

AUTO = "auto"
PREFERRED = "gfpgan-1.4"  # the published one to use if its file is here
COLOURS_OVER = 16  # colours are kept at scales above a sixteenth of a face's side
LEAST_SPREAD = 0.02  # standard deviation of an answer in [-1, 1]: less is a flat picture


def names() -> list[str]:
    """The restorers by name: ours, and published ones that are downloaded on use."""
    published = [name for name, entry in weights.WEIGHTS.items() if entry.use == "restorer"]
    return [*weights.SHIPPED_RESTORERS, *published]


@dataclass
class Restorer:
    """A network that restores faces, ready for crops; made by `load`.
    net: the network, if PyTorch runs it.
    """

    engine: Engine
    info: ModelInfo
    net: Any = None

    @property
    def size_px(self) -> int:
        """S."""
        return self.info.size_px

    def restore(self, crop: np.ndarray, seed: int = 0) -> np.ndarray:
        """An aligned face, uint8 (S, S, 3) → restored, the same shape. seed: of the noise that
        detail is made from.

        Raises ValueError for an answer of NaN, or of one colour although the crop is not: the input
        is never returned instead.
        """
        x = crop / np.float32(127.5) - 1
        (batch,) = self.engine.run("restore", crop[None], np.array([seed]))
        restored = batch[0]  # float32 (S, S, 3), about [-1, 1]
        self._check(x, restored)
        if self.info.method == "restore":
            # Ours was not trained to correct colours; the published ones were.
            restored = with_colours_of(x, restored)
        return images.rounded(127.5 * (restored + 1))

    def _check(self, x: np.ndarray, restored: np.ndarray) -> None:
        problem = ""
        if not np.isfinite(restored).all():
            problem = "NaN"
        elif _spread(restored) < LEAST_SPREAD and _spread(x) > 2 * LEAST_SPREAD:
            problem = "a flat picture"
        if problem:
            raise ValueError(
                f"{self.info.name}: answered with {problem}: its file may be damaged or of another"
                " network; download it again, or choose another restorer"
            )


def _spread(face: np.ndarray) -> float:
    """The largest standard deviation of a channel, of a face (S, S, 3) in [-1, 1]."""
    return float(face.clip(-1, 1).std(axis=(0, 1)).max())


def with_colours_of(x: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """The restored face with the low frequencies of the crop x, float32 (S, S, 3) each: changes at
    scales of a sixteenth of the side and above are undone.
    """
    import cv2

    change = restored - x
    sigma = len(x) / COLOURS_OVER
    slow = cv2.GaussianBlur(change, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return restored - slow


def load(restorer: str | Path = AUTO, device: str = "auto", *, engine: str = "auto") -> Restorer:
    """A restorer by name, here or on the hub ("hf:user/model"), or a run folder or file of 's2f
    train restore', or a published file of GFPGAN, or a folder of `s2f export`.

    "auto" is GFPGAN 1.4 if its file is on this machine, else ours, without a download. Raises
    FileNotFoundError, WeightsError, CheckpointError, or UnknownNetworkError for a network that is
    no restorer.
    """
    if restorer == AUTO:
        restorer = PREFERRED if weights.find(PREFERRED) else weights.RESTORER
    open_restorer = contributed("tools").get("open_restorer")
    if opened := open_restorer and open_restorer(restorer, device, engine):
        return opened
    chosen, entry = runtime.pick_device(device), weights.WEIGHTS.get(str(restorer))
    try:
        if entry and entry.use == "restorer":
            path = weights.get(entry.name)
        else:
            path = find_generator(restorer)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{restorer}: no such restorer: give a run folder, a file, hf:USER/MODEL, or one of"
            f" {', '.join(names())}"
        ) from None
    net, info = _network(path)
    if entry:
        print(f"{entry.what}; licence: {entry.licence}", file=sys.stderr)
    info = dataclasses.replace(info, name=str(restorer), licence=licence_of(restorer))
    return restorer_of(net.requires_grad_(False).eval(), chosen, info)


def restorer_of(net: nn.Module, device: torch.device, info: ModelInfo) -> Restorer:
    """A restorer from a network, (N, 3, S, S) in [-1, 1] → the same, in float32; S and the rest of
    its description are in `info`.
    """
    from s2f_utils.infer.stages import Restored
    from s2f_utils.infer.torch_engine import TorchEngine

    precision = runtime.pick_precision(device, "float32")
    stage = Restored(precision.place(net), precision)
    info = dataclasses.replace(info, direction=FROM_DEGRADED, size_px=stage.inputs["picture"][1])
    return Restorer(TorchEngine({"restore": stage}, precision), info, net)


def _network(path: Path) -> tuple[nn.Module, ModelInfo]:
    """The network in a restorer's file, and its description."""
    from s2f_utils.networks import checkpoints

    net, meta = checkpoints.load_network(path)
    if net.info.task != RESTORES:
        raise UnknownNetworkError(
            f"{path}: is a {net.name}, which restores no faces: give one of {', '.join(names())},"
            " or a run of 's2f train restore'"
        )
    if meta:
        return net, checkpoints.info_of(path)
    return net, dataclasses.replace(net.info, network=net.name, args=net.args)
