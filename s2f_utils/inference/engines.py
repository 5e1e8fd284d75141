"""Which engine runs a model's stages."""

from __future__ import annotations

from s2f_utils import weights
from s2f_utils.inference.engine import Engine


def of_finder(path=None) -> Engine:
    """The landmark finder that comes along, on the CPU. Raises WeightsError where its file is not there, or damaged."""
    from s2f_utils.inference.engine_torch import TorchEngine
    from s2f_utils.inference.stages.look import Look
    from s2f_utils.models import checkpoints

    path = weights.shipped(weights.FINDER)
    try:
        return TorchEngine({"look": Look(checkpoints.load_network(path)[0].requires_grad_(False))})
    except (FileNotFoundError, checkpoints.CheckpointError):
        raise weights.WeightsError(
            f"{path.name}, which finds the face in a drawing, is not there, or damaged: install the package again"
        ) from None
