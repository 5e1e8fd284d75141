"""The engine that runs a model's stages by PyTorch."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import nn

from s2f_utils.runtime import Precision, pick_precision

# By name; a function builds its stage at the first use.
Stages = Mapping[str, nn.Module | Callable[[], nn.Module]]
# Held while a GPU answers: cuDNN's flags belong to the whole process.
GPU_FLAGS = threading.RLock()


class TorchEngine:
    """Stages run by PyTorch on one device; their networks are in place (`Precision.place`).
    `OnnxEngine` has the same methods.

    A stage that is built at its first use is built once, also by threads that ask at the same time.
    """

    name = "torch"

    def __init__(self, stages: Stages, precision: Precision | None = None) -> None:
        cpu = torch.device("cpu")
        self.precision = precision or pick_precision(cpu, "float32", "contiguous")
        self.device = str(self.precision.device)
        self.stages = dict(stages)
        self._building = threading.Lock()
        for stage in stages.values():
            if isinstance(stage, nn.Module):
                stage.to(self.precision.device)

    def has(self, stage: str) -> bool:
        """Whether there is such a stage."""
        return stage in self.stages

    def run(self, stage: str, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """The stage's outputs for its inputs, in the stage's order. Thread-safe."""
        module = self.stage(stage)
        tensors = [
            torch.from_numpy(np.require(one, requirements="CW")).to(self.precision.device)
            for one in inputs
        ]
        with torch.no_grad(), self._repeatable():
            outputs = module(*tensors)
        if not isinstance(outputs, tuple):
            outputs = (outputs,)
        return tuple(one.cpu().numpy() for one in outputs)

    @contextlib.contextmanager
    def _repeatable(self) -> Iterator[None]:
        """On a GPU: cuDNN by deterministic algorithms in full float32, one thread at a time.

        A CPU needs neither.
        """
        if self.precision.device.type == "cpu":
            yield
            return
        with (
            GPU_FLAGS,
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        ):
            yield

    def takes(self, stage: str) -> list[tuple[int | str, ...]]:
        """The shape of each of a stage's inputs, without the batch; letters for free sizes."""
        return [tuple(shape) for _, *shape in self.stage(stage).inputs.values()]

    def stage(self, stage: str) -> nn.Module:
        """One of the stages."""
        with self._building:
            built = self.stages[stage]
            if not isinstance(built, nn.Module):
                built = built().to(self.precision.device)
                self.stages[stage] = built
        return built

    @property
    def num_bytes(self) -> int:
        """How much memory the weights take."""
        built = [stage for stage in self.stages.values() if isinstance(stage, nn.Module)]
        modules = nn.ModuleList(built)
        tensors = (*modules.parameters(), *modules.buffers())
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
