"""What runs the stages from a picture to an answer, arrays in and out: PyTorch, or an engine of another package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import nn

    from s2f_utils import runtime


class EngineError(ValueError):
    """A model that an engine cannot run; the message says why."""


class Engine(ABC):
    """Runs stages by their names (`stages`). device: where it computes, as a person reads it."""

    name = ""
    device = "cpu"

    @abstractmethod
    def run(self, stage: str, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """The stage's outputs for its inputs, in the order that it says. Threads may call it at once."""

    @abstractmethod
    def has(self, stage: str) -> bool:
        """Whether there is such a stage."""

    @abstractmethod
    def takes(self, stage: str) -> list[tuple[int | str, ...]]:
        """The shape of each of a stage's inputs, without the batch; letters for what may be of any size."""

    @property
    @abstractmethod
    def num_bytes(self) -> int:
        """How much memory the weights take."""


class TorchEngine(Engine):
    """Stages run by PyTorch on one device; their networks are prepared already (`Precision.prepare`).

    stages: modules, or functions that make one when it is needed for the first time.
    """

    name = "torch"

    def __init__(
        self, stages: Mapping[str, nn.Module | Callable[[], nn.Module]], precision: runtime.Precision | None = None
    ) -> None:
        import torch

        from s2f_utils import runtime

        self.precision = precision or runtime.pick_precision(torch.device("cpu"), "float32", "contiguous")
        self.device = str(self.precision.device)
        self.stages = dict(stages)
        for one in stages.values():
            if isinstance(one, torch.nn.Module):
                one.to(self.precision.device)

    def has(self, stage: str) -> bool:
        return stage in self.stages

    def run(self, stage: str, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        import torch

        tensors = [torch.from_numpy(np.require(one, requirements="CW")).to(self.precision.device) for one in inputs]
        with torch.no_grad():
            outputs = self.stage(stage)(*tensors)
        return tuple(one.cpu().numpy() for one in (outputs if isinstance(outputs, tuple) else (outputs,)))

    def takes(self, stage: str) -> list[tuple[int | str, ...]]:
        return [tuple(shape) for _, *shape in self.stage(stage).inputs.values()]

    def stage(self, stage: str) -> nn.Module:
        """One of the stages."""
        import torch

        if not isinstance(self.stages[stage], torch.nn.Module):
            self.stages[stage] = self.stages[stage]().to(self.precision.device)
        return self.stages[stage]

    @property
    def num_bytes(self) -> int:
        import torch

        made = torch.nn.ModuleList(one for one in self.stages.values() if isinstance(one, torch.nn.Module))
        return sum(t.numel() * t.element_size() for t in (*made.parameters(), *made.buffers()))
