"""Stages run by PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from s2f_utils import runtime
from s2f_utils.inference.engine import Engine


class TorchEngine(Engine):
    """Stages on a device; their networks are prepared already (`Precision.prepare`). A stage may be what makes it, when
    it is asked for the first time.
    """

    name = "torch"

    def __init__(
        self, stages: Mapping[str, nn.Module | Callable[[], nn.Module]], precision: runtime.Precision | None = None
    ) -> None:
        self.precision = precision or runtime.pick_precision(torch.device("cpu"), "float32", "contiguous")
        self.made = {name: one for name, one in stages.items() if not isinstance(one, nn.Module)}
        self.stages = {name: one.to(self.precision.device) for name, one in stages.items() if name not in self.made}
        self.device = str(self.precision.device)

    def has(self, stage: str) -> bool:
        """As `Engine.has`."""
        return stage in self.stages or stage in self.made

    @torch.no_grad()
    def run(self, stage: str, *given: np.ndarray) -> tuple[np.ndarray, ...]:
        """As `Engine.run`."""
        tensors = [torch.from_numpy(np.require(one, requirements="CW")).to(self.precision.device) for one in given]
        made = self.stage(stage)(*tensors)
        return tuple(one.cpu().numpy() for one in (made if isinstance(made, tuple) else (made,)))

    def takes(self, stage: str) -> list[tuple[int | str, ...]]:
        """As `Engine.takes`."""
        return [tuple(shape) for _, *shape in self.stage(stage).inputs.values()]

    def stage(self, stage: str) -> nn.Module:
        """One of the stages."""
        if stage not in self.stages:
            self.stages[stage] = self.made[stage]().to(self.precision.device)
        return self.stages[stage]

    @property
    def num_bytes(self) -> int:
        """As `Engine.num_bytes`."""
        held = {id(t): t for stage in self.stages.values() for t in (*stage.parameters(), *stage.buffers())}
        return sum(t.numel() * t.element_size() for t in held.values())
