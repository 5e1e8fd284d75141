"""Restorers of aligned faces by name: GFPGAN in its published versions, and ours.

Shapes: S pixels of a restorer's square crop.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from s2f_utils import runtime, weights
from s2f_utils.infer import graphs
from s2f_utils.infer.enhance import Restorer
from s2f_utils.infer.loading import find_generator, licence_of
from s2f_utils.networks.info import FROM_DEGRADED, RESTORES, ModelInfo, UnknownNetworkError

if TYPE_CHECKING:
    import torch
    from torch import nn

AUTO = "auto"
PREFERRED = "gfpgan-1.4"  # the published one to use if its file is here


def names() -> list[str]:
    """The restorers by name: ours, and published ones that are downloaded on use."""
    published = [name for name, entry in weights.WEIGHTS.items() if entry.use == "restorer"]
    return [*weights.SHIPPED_RESTORERS, *published]


def load(restorer: str | Path = AUTO, device: str = "auto", *, engine: str = "auto") -> Restorer:
    """Load a network that restores faces.

    restorer: a name, here or on the hub ("hf:user/model"), a run folder or file of `s2f train
    restore`, a published file of GFPGAN, or a folder of `s2f export`; "auto": GFPGAN 1.4 if its
    file is on this machine, else ours, without a download. device, engine: as in `infer.load`.
    Raises FileNotFoundError, WeightsError, CheckpointError, or UnknownNetworkError for a
    network that is no restorer.
    """
    if restorer == AUTO:
        restorer = PREFERRED if weights.find(PREFERRED) else weights.RESTORER
    if opened := graphs.open_restorer(restorer, device, engine):
        return opened
    from s2f_utils.networks import checkpoints

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
    net, info = checkpoints.load_described(path)
    if info.task != RESTORES:
        raise UnknownNetworkError(
            f"{path}: is a {net.name}, which restores no faces: give one of {', '.join(names())},"
            " or a run of 's2f train restore'"
        )
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
