"""Engines that run the stages from a picture to an answer on arrays: PyTorch, or a plugin's."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class Engine(ABC):
    """Runs stages by their names (`stages`). device: where it computes, for display."""

    name = ""
    device = "cpu"

    @abstractmethod
    def run(self, stage: str, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """The stage's outputs for its inputs, in the stage's order. Thread-safe."""

    @abstractmethod
    def has(self, stage: str) -> bool:
        """Whether there is such a stage."""

    @abstractmethod
    def takes(self, stage: str) -> list[tuple[int | str, ...]]:
        """The shape of each of a stage's inputs, without the batch; letters for free sizes."""

    @property
    @abstractmethod
    def num_bytes(self) -> int:
        """How much memory the weights take."""
