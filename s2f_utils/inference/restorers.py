"""Restorers of aligned faces by name: GFPGAN in its published versions, RestoreFormer, CodeFormer, and our own."""

from __future__ import annotations

from pathlib import Path

from s2f_utils import weights
from s2f_utils.extensions import extend
from s2f_utils.inference import doors
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
    extend("answers")
    for opener in doors.OPENERS:
        if (found := opener.open_restorer(restorer, device, engine)) is not None:
            return found
    from s2f_utils.inference import restoring

    return restoring.load(restorer, device, precision)
