"""Restorers of aligned faces by name: GFPGAN in its published versions, RestoreFormer, CodeFormer, and our own."""

from __future__ import annotations

from pathlib import Path

from s2f_studio.engines import choice as engines
from s2f_studio.engines.exported import has_graphs, is_exported, restorer_parts
from s2f_utils import weights
from s2f_utils.inference.engine import EngineError
from s2f_utils.inference.restorer import RestoreError, Restorer, names

__all__ = ["AUTO", "RestoreError", "Restorer", "load", "names"]
AUTO = "auto"
PREFERRED = "gfpgan-1.4"  # of the published ones, where its file is here


def load(
    restorer: str | Path = AUTO, device: str = "auto", precision: str = "float32", *, engine: str = "auto"
) -> Restorer:
    """A restorer by name, here or on the hub ("hf:user/model"), or a run folder or file of 's2f train restore', or a
    published file, or a folder of `s2f export`.

    "auto" is GFPGAN 1.4 where its file is on this machine, else our own; nothing is downloaded for it. Raises
    FileNotFoundError, WeightsError, CheckpointError, or UnknownNetworkError for a network that restores nothing.
    """
    if restorer == AUTO:
        restorer = PREFERRED if weights.find(PREFERRED) else weights.RESTORER
    comes_along = has_graphs(restorer)
    wanted = engines.chosen(engines.ONNX if is_exported(restorer) else engine, device, has_graphs=comes_along)
    if wanted == engines.ONNX:
        if not (is_exported(restorer) or comes_along):
            raise EngineError(f"{restorer}: has no graphs: write them with 's2f export {restorer} FOLDER'")
        return Restorer(*restorer_parts(restorer))
    from s2f_utils.inference import restoring

    return restoring.load(restorer, device, precision)
