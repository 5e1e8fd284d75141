"""Restorers of aligned faces by name: GFPGAN in its published versions, RestoreFormer, and ours.

Shapes: S pixels of a restorer's square crop.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_utils import runtime, weights
from s2f_utils.extensions import studio
from s2f_utils.infer.engine import Engine
from s2f_utils.infer.finding import find_generator, terms_of
from s2f_utils.networks.card import RESTORES, UnknownNetworkError
from s2f_utils.pictures import images

if TYPE_CHECKING:
    import torch
    from torch import nn

AUTO = "auto"
PREFERRED = "gfpgan-1.4"  # the published one to use if its file is here
COLOURS_OVER = 16  # colours are kept at scales above a sixteenth of a face's side
LEAST_SPREAD = 0.02  # standard deviation of an answer in [-1, 1]: less is a flat picture


class RestoreError(RuntimeError):
    """A restorer's answer is not a picture; the message says what to do. The input is never
    returned instead.
    """


def names() -> list[str]:
    """The restorers that can be used by name: ours, and published ones that are downloaded on use."""
    return [
        *weights.SHIPPED_RESTORERS,
        *(name for name, entry in weights.WEIGHTS.items() if entry.use == "restorer"),
    ]


@dataclass
class Restorer:
    """A network that restores faces, ready for crops; made by `load`. net: the network, if PyTorch
    runs it.
    """

    name: str
    engine: Engine
    size_px: int
    meta: dict[str, Any] = field(default_factory=dict)
    net: Any = None

    def restore(self, crop: np.ndarray, seed: int = 0) -> np.ndarray:
        """An aligned face, uint8 (S, S, 3) → restored, the same shape. seed: of the noise that
        detail is made from.

        Raises RestoreError for an answer of NaN, or of one colour although the crop is not.
        """
        x = crop / np.float32(127.5) - 1
        restored = self.engine.run("restore", crop[None], np.array([seed]))[0][
            0
        ]  # float32 (S, S, 3), about [-1, 1]
        is_finite = np.isfinite(restored).all()
        spread, before = (side.clip(-1, 1).std(axis=(0, 1)).max() for side in (restored, x))
        if not is_finite or (spread < LEAST_SPREAD and before > 2 * LEAST_SPREAD):
            raise RestoreError(
                f"{self.name}: answered with {'a flat picture' if is_finite else 'NaN'}: its file may be damaged or of"
                " another network; download it again, or choose another restorer"
            )
        if (
            self.meta.get("method") == "restore"
        ):  # ours was not trained to correct colours; the published ones were
            restored = with_colours_of(x, restored)
        return images.rounded(127.5 * (restored + 1))


def with_colours_of(x: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """The restored face with the low frequencies of the crop x, float32 (S, S, 3) each: changes at
    scales of a sixteenth of the side and above are undone.
    """
    import cv2

    wide = len(x) / COLOURS_OVER
    return restored - cv2.GaussianBlur(
        restored - x, (0, 0), wide, borderType=cv2.BORDER_REFLECT_101
    )


def load(restorer: str | Path = AUTO, device: str = "auto", *, engine: str = "auto") -> Restorer:
    """A restorer by name, here or on the hub ("hf:user/model"), or a run folder or file of 's2f
    train restore', or a published file, or a folder of `s2f export`.

    "auto" is GFPGAN 1.4 if its file is on this machine, else ours, without a download. Raises
    FileNotFoundError, WeightsError, CheckpointError, or UnknownNetworkError for a network that is
    no restorer.
    """
    if restorer == AUTO:
        restorer = PREFERRED if weights.find(PREFERRED) else weights.RESTORER
    exported = studio("export.exported")
    if opened := exported and exported.open_restorer(restorer, device, engine):
        return opened
    chosen, entry = runtime.pick_device(device), weights.WEIGHTS.get(str(restorer))
    try:
        path = (
            weights.get(entry.name)
            if entry and entry.use == "restorer"
            else find_generator(restorer)
        )
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{restorer}: no such restorer: give a run folder, a file, hf:USER/MODEL, or one of {', '.join(names())}"
        ) from None
    net, meta = _network(path)
    if entry:
        print(f"{entry.what}; licence: {entry.licence}", file=sys.stderr)
    return restorer_of(
        str(restorer),
        net.requires_grad_(False).eval(),
        chosen,
        {**meta, **terms_of(restorer, path)},
    )


def restorer_of(
    name: str, net: nn.Module, device: torch.device, meta: dict[str, Any] | None = None
) -> Restorer:
    """A restorer from a network, (N, 3, S, S) in [-1, 1] → the same, S is its `size_px`, in
    float32.
    """
    from s2f_utils.infer.stages import Restored, TorchEngine

    precision = runtime.pick_precision(device, "float32")
    stage = Restored(precision.prepare(net), precision)
    return Restorer(
        name,
        TorchEngine({"restore": stage}, precision),
        stage.inputs["picture"][1],
        meta or {},
        net,
    )


def _network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network in a restorer's file, loaded by spandrel unless it is ours, and the file's
    metadata.
    """
    from s2f_utils.infer.stages import ThroughSpandrel
    from s2f_utils.networks import checkpoints

    try:
        net, meta = checkpoints.load_network(path)
    except UnknownNetworkError:
        if path.suffix == ".safetensors":
            raise
        from spandrel import ModelLoader, UnsupportedModelError

        with contextlib.suppress(UnsupportedModelError):
            descriptor = ModelLoader().load_from_state_dict(dict(checkpoints.state_dict_of(path)))
            if descriptor.purpose == "FaceSR":
                return ThroughSpandrel(descriptor), {}
        raise
    if net.card.does != RESTORES:
        raise UnknownNetworkError(
            f"{path}: is a {net.name}, which restores no faces: give one of {', '.join(names())}, or a run of"
            " 's2f train restore'"
        )
    return net, meta
