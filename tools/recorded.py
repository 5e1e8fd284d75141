"""A training step as a CUDA graph: where a step is thousands of small kernels, starting them is
what takes its time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class Recorded:
    """A step as a CUDA graph, recorded once and repeated with other inputs; random numbers go on
    being drawn.
    """

    def __init__(self, step: Callable[..., dict[str, Tensor]], inputs: tuple[Tensor, ...]) -> None:
        self.inputs = [x.clone() for x in inputs]
        self.graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        with torch.cuda.graph(self.graph):
            self.losses = step(*self.inputs)

    def __call__(self, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
        for mine, theirs in zip(self.inputs, inputs, strict=True):
            mine.copy_(theirs)
        self.graph.replay()
        return {name: value.clone() for name, value in self.losses.items()}
